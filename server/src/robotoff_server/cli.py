"""The server's commands, which ``robotoff`` finds by entry point: ``up`` and ``serve``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robotoff_core.cli.common import UsageFailure, configuration
from robotoff_core.config import Layer

if TYPE_CHECKING:
    from robotoff_core.config import Config

__all__ = ["serve", "up"]

LEVELS = ["debug", "info", "warning", "error"]

DEMO: dict[str, Any] = {
    "accounts.demo.password": "demo",
    # One computer cannot vote from three addresses; the page lets its visitor be several.
    "answers.distinct_voters": "device",
}
"""What a demonstration sets where the configuration says nothing."""


def _address_options(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option("--host", help="Address to listen on (default: server.host)."),
        click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: server.port)."),
        click.option("--log-level", type=click.Choice(LEVELS), help="Least severe log lines that are written."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--demo", is_flag=True, help="Load products with drawn labels, and an account demo (password demo).")
@click.option("--var", type=click.Path(path_type=Path, file_okay=False), help="Folder of all data (default: ./var).")
@_address_options
@click.pass_context
def up(
    ctx: click.Context, demo: bool, var: Path | None, host: str | None, port: int | None, log_level: str | None
) -> None:
    """Run everything here, in the foreground: API, start page, jobs and plugins, on an embedded database.

    A second start keeps the data. Ctrl+C stops.
    """
    given = {"var": var, "server.host": host, "server.port": port}
    config = configuration(ctx, given)
    if demo:
        unset = {key: value for key, value in DEMO.items() if _unset(config, key)}
        config = configuration(ctx, {**given, **unset})
    from . import logs
    from .lock import RunningError
    from .serving import PortTakenError
    from .up import bring_up

    logs.set_up(log_level or "warning")
    _check(config)
    try:
        bring_up(config, demo=demo, say=_say)
    except (RunningError, PortTakenError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except PermissionError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}. Name another folder with --var.") from None


@click.command()
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@_address_options
@click.pass_context
def serve(ctx: click.Context, processes: int, host: str | None, port: int | None, log_level: str | None) -> None:
    """Serve the API and the start page. Jobs are run by `robotoff worker`.

    SIGTERM stops gracefully: running requests are finished.
    """
    config = configuration(ctx, {"server.host": host, "server.port": port})
    from robotoff_core.cli.database import require_database

    from . import logs
    from .processes import serve_one, supervise
    from .serving import PortTakenError, address, listen

    logs.set_up(log_level or "info")
    _check(config)
    require_database(config)
    try:
        listener = listen(config.server.host, config.server.port)
    except PortTakenError as error:
        raise click.ClickException(str(error)) from None

    def ready() -> None:
        _say(f"Serving {address(listener)}")

    if processes == 1:
        serve_one(config, listener, ready)
    else:
        sys.exit(supervise(config, listener, processes, ready))


def _check(config: "Config") -> None:
    """What only the server reads of the configuration; wrong values end the command before anything is opened."""
    from .identity import networks

    try:
        networks(config.server.trusted_proxies)
    except ValueError as error:
        raise UsageFailure(f"{error} ({config.origin('server.trusted_proxies')})") from None


def _unset(config: "Config", key: str) -> bool:
    """Whether nothing but the default says what *key* is."""
    table = key.rpartition(".")[0] if key.startswith("accounts.") else key
    return config.origin(table).layer is Layer.DEFAULT


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
