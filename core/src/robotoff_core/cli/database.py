"""What commands on the database share: tables that are current, the runtime, and naming a product."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from .common import UsageFailure, configuration

if TYPE_CHECKING:
    from ..config import Config
    from ..model.ids import ProductId
    from ..runtime import Runtime

__all__ = ["opened", "product_named", "require_database", "require_server_type"]


def require_database(config: "Config", *, embedded: Literal["made", "migrated", "expected"] = "made") -> None:
    """Make sure that the tables are there and current.

    An *embedded* database (SQLite) that is not there yet is ``made``; ``migrated``: an older one is upgraded too;
    ``expected``: neither. No other database is ever migrated without being told to.

    Ends the process with exit code 1 and the next step otherwise.
    """
    from sqlalchemy.exc import OperationalError

    from ..store.migrations import histories, standing, upgrade

    try:
        found = standing(config.database, histories()[0])
        may_upgrade = embedded == "migrated" or (embedded == "made" and found.current is None)
        if may_upgrade and config.database.startswith("sqlite") and not found.ready and not found.unknown:
            upgrade(config.database)
            return
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except OperationalError as error:
        reason = str(error.orig or error).strip()
        raise click.ClickException(f"the database does not answer: {reason}. Check the setting `database`.") from None
    if found.unknown:
        raise click.ClickException("the database was made by a newer version; install that version again")
    if not found.ready:
        raise click.ClickException("the database is not up to date; run `robotoff db upgrade` first")


@contextmanager
def opened(ctx: click.Context) -> Iterator["Runtime"]:
    """The runtime of the configuration, on a database that is ready; components run in this process."""
    from ..runtime import Runtime

    config = configuration(ctx)
    require_database(config)
    runtime = Runtime.open(config)
    try:
        yield runtime
    finally:
        runtime.close()


def product_named(barcode: str, server_type: str) -> "ProductId":
    """The product that a command names. Ends the process with exit code 2 for an unknown *server_type*."""
    from ..model.ids import ProductId, normalize_barcode

    require_server_type(server_type)
    return ProductId(normalize_barcode(barcode), server_type)


def require_server_type(name: str) -> None:
    """End the process with exit code 2 unless *name* is a server type."""
    from ..model.ids import SERVER_TYPES

    if name not in SERVER_TYPES:
        raise UsageFailure(f"--server-type {name}: one of {', '.join(SERVER_TYPES)}")
