"""``robotoff config``: each value with where it came from; and whether all of it is right."""

import json
from typing import Any

import click
from attrs import evolve

from ..config import Config
from .common import configuration

__all__ = ["config"]


@click.group()
def config() -> None:
    """Show or check the configuration."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Print every value and where it came from. Secrets are masked."""
    rows = configuration(ctx).shown()
    if as_json:
        click.echo(json.dumps({row.key: {"value": row.value, "origin": str(row.origin)} for row in rows}, indent=2))
        return
    texts = [(row.key, json.dumps(row.value, ensure_ascii=False), str(row.origin)) for row in rows]
    widths = [max(len(text[column]) for text in texts) for column in (0, 1)]
    for key, value, origin in texts:
        click.echo(f"{key:<{widths[0]}}  {value:<{min(widths[1], 40)}}  {origin}")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check the configuration, the plugins' settings included.

    Exit code 2 when the configuration is wrong, 1 when a plugin it names is missing or its settings are wrong.
    """
    problems = plugin_problems(configuration(ctx))
    if as_json:
        click.echo(json.dumps({"ok": not problems, "problems": problems}, indent=2))
    else:
        for problem in problems:
            click.echo(f"{problem['where']}: plugin {problem['plugin']}: {problem['reason']}. {problem['next_step']}")
        if not problems:
            click.echo("The configuration is right.")
    if problems:
        ctx.exit(1)


def plugin_problems(config: Config) -> list[dict[str, Any]]:
    """What the configuration says wrongly about plugins."""
    from ..plugins.records import State
    from ..plugins.registry import load_plugins

    records = load_plugins(evolve(config, strict=False)).records
    return [
        {
            "plugin": record.slug,
            "state": str(record.state),
            "where": record.decided_by,
            "reason": record.reason,
            "next_step": record.next_step,
        }
        for record in records
        if record.state in (State.MISSING, State.MISCONFIGURED)
    ]
