"""What commands that work with the database check first."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["require_database"]


def require_database(config: "Config") -> None:
    """Make sure that the tables are there and current. An embedded database that is not there yet is made; nothing else
    migrates without being told to.

    Ends the process with exit code 1 and the next step otherwise.
    """
    from ..store.migrations import histories, standing, upgrade

    found = standing(config.database, histories()[0])
    if found.ready:
        return
    if found.current is None and config.database.startswith("sqlite"):
        upgrade(config.database)
        return
    if found.unknown:
        raise click.ClickException("the database was made by a newer version; install that version again")
    raise click.ClickException("the database is not up to date; run `robotoff db upgrade` first")
