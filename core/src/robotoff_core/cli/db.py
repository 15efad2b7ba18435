"""``robotoff db``: bring the tables of core and plugins up to date, or tell where they stand."""

import json
from typing import TYPE_CHECKING

import click
from attrs import evolve
from sqlalchemy.exc import SQLAlchemyError

from ..config import Config
from ..store.migrations import Standing, histories, standing, upgrade
from .common import configuration

if TYPE_CHECKING:
    from ..plugins.contributions import Migrations

__all__ = ["db"]


@click.group()
def db() -> None:
    """Upgrade, inspect or check the database."""


def _plugin_migrations(config: Config) -> "dict[str, Migrations]":
    from ..plugins.registry import load_plugins

    # no check of pending migrations here: they are what this command is for
    return dict(load_plugins(evolve(config, strict=False)).migrations)


def _standings(config: Config) -> list[Standing]:
    try:
        return [standing(config.database, history) for history in histories(_plugin_migrations(config))]
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise _unreachable(error) from None


def _unreachable(error: SQLAlchemyError) -> click.ClickException:
    reason = str(getattr(error, "orig", None) or error).strip()
    return click.ClickException(f"the database does not answer: {reason}. Check the setting `database`.")


@db.command("upgrade")
@click.pass_context
def upgrade_(ctx: click.Context) -> None:
    """Apply the pending migrations of core and of every enabled plugin. May be run again at any time."""
    config = configuration(ctx)
    try:
        applied = upgrade(config.database, _plugin_migrations(config))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise _unreachable(error) from None
    for slug, revisions in applied.items():
        click.echo(f"{slug}: {'applied ' + ', '.join(revisions) if revisions else 'up to date'}")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Tell the revision of each history and what is pending."""
    found = _standings(configuration(ctx))
    if as_json:
        rows = [
            {"history": one.slug, "current": one.current, "head": one.head, "pending": one.pending} for one in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for one in found:
        click.echo(f"{one.slug}: {_sentence(one)}")


@db.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Say nothing but "up to date", or tell what is not and leave with exit code 1."""
    behind = [one for one in _standings(configuration(ctx)) if not one.ready]
    if behind:
        raise click.ClickException("; ".join(f"{one.slug}: {_sentence(one)}" for one in behind))
    click.echo("up to date")


def _sentence(one: Standing) -> str:
    if one.unknown:
        return f"at revision {one.current}, which this version does not know; install the newer version again"
    if one.pending:
        return f"at {one.current or 'nothing'}, pending {', '.join(one.pending)}; run `robotoff db upgrade`"
    return f"at {one.current}, up to date"
