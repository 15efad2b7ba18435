"""Whether a plugin's own tables are up to date; asked when plugins load."""

from typing import TYPE_CHECKING

from .contributions import Migrations

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["pending_migrations"]


def pending_migrations(config: "Config", slug: str, migrations: Migrations) -> tuple[str, ...]:
    """The revisions of plugin *slug* that the database of *config* has not seen. Opens the database only for plugins
    that own tables."""
    from ..store.migrations import pending_revisions

    return pending_revisions(config.database, slug, migrations)
