"""``robotoff``: finds a command by name and imports only what it needs.

Core's commands stand in a table. Other packages add theirs through the entry point group ``robotoff.commands``
(``serve`` and ``up`` come from robotoff-server); plugins have ``robotoff <slug> <name>``.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..config import ConfigError
from ..strict import Text
from .common import GlobalOptions, configuration

if TYPE_CHECKING:
    from ..plugins.contributions import Command

__all__ = ["COMMANDS", "cli", "main"]

GROUP = "robotoff.commands"

COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("robotoff_core.cli.bench:bench", "Measure predictors against bare JSON decoding."),
    "config": ("robotoff_core.cli.config:config", "Show or check the configuration."),
    "db": ("robotoff_core.cli.db:db", "Upgrade, inspect or check the database."),
    "import": ("robotoff_core.cli.import_cmd:import_", "Load products, images, predictions or insights in bulk."),
    "jobs": ("robotoff_core.cli.jobs:jobs", "Inspect and replay jobs; pause and resume periodic tasks."),
    "plugins": ("robotoff_core.cli.plugins:plugins", "List, inspect, check, create or reset plugins."),
    "predict": ("robotoff_core.cli.predict:predict", "Run the predictors over OCR files or texts."),
    "refresh": ("robotoff_core.cli.refresh:refresh", "Import a product's predictions again."),
    "why": ("robotoff_core.cli.why:why", "Tell what was predicted for a product, and what became of it."),
    "worker": ("robotoff_core.cli.worker:worker", "Run the workers of the job queue."),
}
"""Core's commands: name -> (module:attribute, help line). Nothing is imported until the command is called."""


class LazyGroup(click.Group):
    """A group whose commands are looked up by name: core's table, then other packages, then plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_entry_points()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        target, found = COMMANDS.get(name), _entry_points().get(name)
        if target is not None:
            module, _, attribute = target[0].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        if found is not None:
            return _foreign(found)
        return _plugin_group(ctx, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name][1] if name in COMMANDS else _provider(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _foreign(entry: EntryPoint) -> click.Command:
    """The command that another package provides."""
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise click.ClickException(f"{entry.value}: {error}. Repair or upgrade the package that provides it.") from None
    if not isinstance(found, click.Command):
        raise click.ClickException(f"{entry.value} is not a command. Repair or upgrade the package that provides it.")
    return found


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in COMMANDS}


def _provider(name: str) -> str:
    distribution = _entry_points()[name].dist
    return f"From {distribution.name}." if distribution is not None else ""


def _plugin_group(ctx: click.Context, slug: str) -> click.Command | None:
    """The commands of plugin *slug*, or ``None`` when no such plugin is installed."""
    from ..plugins.discovery import discover

    if slug not in discover():
        return None
    from attrs import evolve

    from ..plugins.registry import load_plugins

    config = configuration(ctx)
    registry = load_plugins(evolve(config, strict=False))
    record = registry.record(slug)
    if not record.state.runs:
        text = f"plugin {slug} is {record.state}: {record.reason}. {record.next_step}".rstrip()
        raise click.ClickException(text)
    group = click.Group(slug, help=f"Commands of plugin {slug}: {record.title}")
    for registered in registry.commands:
        if registered.plugin == slug:
            group.add_command(_plugin_command(slug, registered.component))
    return group


def _plugin_command(slug: str, command: "Command") -> click.Command:
    def run(arguments: tuple[str, ...]) -> None:
        try:
            code = command.run(list(arguments))
            if not isinstance(code, int):
                raise TypeError(f"it returned a {type(code).__name__} instead of an exit code")
        except (KeyboardInterrupt, BrokenPipeError):
            raise
        except BaseException as error:  # noqa: BLE001 - the plugin's own code, which may raise or exit
            message = f"plugin {slug}: command {command.name} raised {type(error).__name__}: {error}"
            raise click.ClickException(message) from None
        sys.exit(code)

    return click.Command(
        command.name,
        callback=run,
        help=command.help,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )


@click.group(
    cls=LazyGroup,
    epilog="`robotoff <slug> <name>` runs a plugin's command; `robotoff plugins list` tells the slugs.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration file (default: robotoff.toml).")
@click.option("--set", "values", multiple=True, metavar="KEY=VALUE", help="Override one value: --set server.port=5501.")
@click.option("--strict", is_flag=True, help="Stop when any plugin is in trouble.")
@click.version_option(__version__, package_name="robotoff-core", prog_name="robotoff")
@click.pass_context
def cli(ctx: click.Context, file: Path | None, values: tuple[str, ...], strict: bool) -> None:
    """Robotoff's insight engine: photos in, questions asked, edits out."""
    overrides: dict[str, Any] = {}
    for pair in values:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--set {pair}: write KEY=VALUE, such as --set server.port=5501")
        overrides[key.strip()] = Text(value)
    if strict:
        overrides["strict"] = True
    ctx.obj = GlobalOptions(file, overrides)


def main(run: Callable[..., Any] = cli) -> None:
    """The console script. Errors that speak to the operator end without a traceback."""
    from ..plugins.registry import PluginsError

    try:
        run(prog_name="robotoff")
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except PluginsError as error:
        click.echo(f"Error: strict: plugins in trouble:\n{error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
