"""``robotoff plugins``: what runs, what does not and why; starting a new one; putting a tripped component back."""

import json
import logging
from pathlib import Path

import click
from attrs import evolve

from ..config import Config
from ..plugins.records import PluginRecord
from ..plugins.registry import Registry, load_plugins
from .common import configuration

__all__ = ["plugins"]


@click.group()
def plugins() -> None:
    """List, inspect, check, create or reset plugins."""


def current(config: Config) -> Registry:
    """The registry as the running processes see it: loaded now, with what they tripped. Never strict: it must show."""
    from ..plugins.breaker import read_trips
    from ..plugins.pending import pending_migrations

    logger = logging.getLogger("robotoff.plugins")
    level = logger.level
    logger.setLevel(logging.ERROR)  # the listing itself tells
    try:
        registry = load_plugins(evolve(config, strict=False), pending=pending_migrations)
    finally:
        logger.setLevel(level)
    return registry.with_trips(read_trips(config))


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List every plugin with its state. With --strict, exit code 1 when one is in trouble."""
    config = configuration(ctx)
    records = current(config).records
    if as_json:
        click.echo(json.dumps([record.detailed() for record in records], indent=2, ensure_ascii=False))
    elif not records:
        click.echo("No plugin is installed. `robotoff plugins new SLUG` starts one.")
    else:
        _table(records)
    if config.strict and any(record.state.is_trouble for record in records):
        ctx.exit(1)


def _table(records: tuple[PluginRecord, ...]) -> None:
    rows = [("plugin", "version", "state", "quality", "decided by", "title")]
    rows += [
        (one.slug, one.version or "-", one.status, one.quality or "-", one.decided_by, one.title or one.distribution)
        for one in records
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:5], widths, strict=True)]
        click.echo("  ".join([*cells, row[5]]).rstrip())
    for one in records:
        if one.state.is_trouble:
            click.echo(f"\n{one.slug} is {one.state}: {one.reason}.\n  Next: {one.next_step}")


@plugins.command()
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, slug: str, as_json: bool) -> None:
    """Tell all about one plugin: types, components, state and reason, and the traceback when it failed."""
    record = _record(current(configuration(ctx)), slug)
    if as_json:
        click.echo(json.dumps({**record.detailed(), "traceback": record.traceback}, indent=2, ensure_ascii=False))
        return
    lines = [
        ("plugin", f"{record.slug} {record.version}  {record.title}".rstrip()),
        ("package", record.distribution),
        ("state", record.status),
        ("decided by", record.decided_by),
        ("reason", record.reason),
        ("next step", record.next_step),
        ("quality", record.quality),
        ("owns", ", ".join(spec.name for spec in record.owns)),
        ("produces", ", ".join(record.produces)),
        ("reads", ", ".join(record.reads)),
    ]
    for name, value in lines:
        if value:
            click.echo(f"{name + ':':<12}{value}")
    for part in record.components:
        version = f" version {part.version}" if part.version else ""
        reason = f": {part.reason}" if part.reason else ""
        click.echo(f"  {part.kind:<10} {part.name}{version}  {part.state}{reason}")
    if record.traceback:
        click.echo(f"\n{record.traceback.rstrip()}")


def _record(registry: Registry, slug: str) -> PluginRecord:
    try:
        return registry.record(slug)
    except KeyError:
        known = ", ".join(record.slug for record in registry.records) or "none"
        raise click.ClickException(f"no plugin {slug} is installed or configured (known: {known})") from None


@plugins.command()
@click.argument("slugs", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, slugs: tuple[str, ...], as_json: bool) -> None:
    """Load all plugins (or only report SLUGS) and tell what is wrong. Exit code 1 when anything is."""
    registry = current(configuration(ctx))
    records = [_record(registry, slug) for slug in slugs] if slugs else list(registry.records)
    trouble = [record for record in records if record.state.is_trouble]
    if as_json:
        click.echo(json.dumps([record.detailed() for record in trouble], indent=2, ensure_ascii=False))
    else:
        for record in trouble:
            click.echo(f"{record.slug} is {record.state}: {record.reason}.\n  Next: {record.next_step}")
        if not trouble:
            click.echo(f"{len(records)} plugin{'' if len(records) == 1 else 's'} checked: all is well.")
    if trouble:
        ctx.exit(1)


@plugins.command()
@click.argument("slug")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to create robotoff_plugin_SLUG in (default: here).",
)
@click.option("--title", default="", help="What the plugin finds, in a few words.")
def new(slug: str, into: Path, title: str) -> None:
    """Start a plugin: a folder with packaging, an OCR rule, its examples and its tests."""
    from ..plugins.scaffold import ScaffoldError, create

    try:
        created = create(slug, into, title)
    except ScaffoldError as error:
        raise click.ClickException(str(error)) from None
    for path in created:
        click.echo(f"created {path}")
    folder = into / f"robotoff_plugin_{slug}"
    click.echo(f"\nNext: pip install -e {folder} && robotoff plugins show {slug} && pytest {folder}")


@plugins.command()
@click.argument("component")
@click.pass_context
def reset(ctx: click.Context, component: str) -> None:
    """Put the tripped COMPONENT back to work (a plugin's slug: all of its components)."""
    from ..plugins.breaker import reset_trips

    done = reset_trips(configuration(ctx), component)
    if not done:
        raise click.ClickException(f"nothing called {component} is tripped; `robotoff plugins list` shows what is")
    for trip in done:
        click.echo(f"{trip.component} works again (it was tripped: {trip.reason})")
