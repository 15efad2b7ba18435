"""Migrations: one alembic history for core, one for each plugin that owns tables, each with its own version table.

Nothing migrates at start: ``robotoff db upgrade`` does, and ``robotoff up`` on its own embedded database. Rules of a
new revision of core, in ``versions/``:

- *Expand, then contract*: a release only adds (tables, nullable or defaulted columns, indexes); what the previous
  release still reads or writes is removed one release later. So old and new processes run side by side in a roll-out.
- Each revision is a transaction of its own. Indexes on large tables are built with ``postgresql_concurrently=True``
  inside ``op.get_context().autocommit_block()``.
- No downgrade: a step back is a restore, or a further revision.
"""

import fcntl
import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from attrs import frozen
from sqlalchemy import Connection, text

from ..engine import WRITE, create_engine, database_url, make_parent

if TYPE_CHECKING:
    from ...plugins.contributions import Migrations

__all__ = ["CORE", "History", "Standing", "histories", "pending_revisions", "standing", "upgrade"]

CORE = "core"
"""The name of core's own history; no plugin can have this slug."""

_ONE = Lock()
_LOCK = 0x726F626F746F6666
"""The key of PostgreSQL's advisory lock that one migrating process holds."""


@frozen
class History:
    """One line of revisions: whose (``slug``), and the folder of its files."""

    slug: str
    folder: Path

    @property
    def version_table(self) -> str:
        """The table that remembers where this history stands."""
        return f"{self.slug.replace('-', '_')}_alembic_version"

    def script(self) -> ScriptDirectory:
        """The revisions. Raises :class:`ValueError` when the folder has none."""
        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        script = ScriptDirectory.from_config(config)
        heads = script.get_heads()
        if len(heads) != 1:
            raise ValueError(
                f"the migrations of {self.slug} in {self.folder} have {len(heads)} heads instead of one; "
                "give each revision file the previous one as its down_revision"
            )
        return script


@frozen
class Standing:
    """Where a history stands in one database: the revision there, the newest one we have, and those in between.

    ``unknown`` says that the database is at a revision we do not have: it was migrated by a newer release.
    """

    slug: str
    current: str | None
    head: str
    pending: tuple[str, ...]
    unknown: bool = False

    @property
    def ready(self) -> bool:
        """Whether the tables are as this release wants them."""
        return not self.pending and not self.unknown


def histories(plugins: Mapping[str, "Migrations"] | None = None) -> list[History]:
    """Core's history, then those of *plugins* by slug.

    Raises :class:`ValueError` when a plugin names a package that does not exist.
    """
    found = [History(CORE, Path(__file__).parent / "versions")]
    found += [_plugin_history(slug, migrations) for slug, migrations in sorted((plugins or {}).items())]
    return found


def _plugin_history(slug: str, migrations: "Migrations") -> History:
    if slug == CORE:
        raise ValueError(f"the slug {CORE!r} belongs to core's own migrations; rename the plugin")
    try:
        spec = importlib.util.find_spec(migrations.package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"plugin {slug} says that its migrations are in the package {migrations.package}, which does not exist; "
            "correct Migrations(package=...)"
        )
    return History(slug, Path(next(iter(spec.submodule_search_locations))))


def standing(url: str, history: History) -> Standing:
    """Where *history* stands in the database *url*. A database that does not exist yet is not created."""
    parsed = database_url(url)
    if parsed.drivername.startswith("sqlite") and not Path(str(parsed.database)).exists():
        return _compare(history, None)
    with _connection(url, write=False) as connection, connection.begin():
        context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
        heads = context.get_current_heads()
    return _compare(history, heads[0] if heads else None)


def _compare(history: History, current: str | None) -> Standing:
    script = history.script()
    head = script.get_current_head() or ""
    known = [revision.revision for revision in script.walk_revisions()]  # newest first
    if current is not None and current not in known:
        return Standing(history.slug, current, head, (), unknown=True)
    newer = known if current is None else known[: known.index(current)]
    return Standing(history.slug, current, head, tuple(reversed(newer)))


def pending_revisions(url: str, slug: str, migrations: "Migrations") -> tuple[str, ...]:
    """The revisions of a plugin's history that *url* lacks, oldest first; empty when its tables are up to date.

    Raises :class:`ValueError` when the history cannot be read or the database is ahead of it.
    """
    found = standing(url, _plugin_history(slug, migrations))
    if found.unknown:
        raise ValueError(
            f"the tables of plugin {slug} are at revision {found.current}, which the installed version does not know; "
            "install the newer version again"
        )
    return found.pending


def upgrade(url: str, plugins: Mapping[str, "Migrations"] | None = None) -> dict[str, tuple[str, ...]]:
    """Bring core's tables and those of *plugins* to their newest revision; returns the revisions applied, by slug.

    One process migrates at a time; a second one waits and then finds nothing to do. Raises :class:`ValueError` when
    the database is ahead of us.
    """
    make_parent(database_url(url))
    applied: dict[str, tuple[str, ...]] = {}
    for history in histories(plugins):
        # alembic's `op` is one per process
        with _ONE, _connection(url, write=True) as connection, _alone(url, connection):
            context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
            with connection.begin():
                heads = context.get_current_heads()
            before = _compare(history, heads[0] if heads else None)
            if before.unknown:
                raise ValueError(
                    f"the tables of {history.slug} are at revision {before.current}, which this version does not know; "
                    "install the newer version again"
                )
            if before.pending:
                _run(connection, history)
            applied[history.slug] = before.pending
    return applied


def _run(connection: Connection, history: History) -> None:
    script = history.script()

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(
            connection=connection,
            version_table=history.version_table,
            transactional_ddl=True,
            transaction_per_migration=True,
        )
        with environment.begin_transaction():
            environment.run_migrations()


@contextmanager
def _connection(url: str, *, write: bool) -> Iterator[Connection]:
    engine = create_engine(url, pool_size=1, statement_timeout=0)
    try:
        with engine.connect().execution_options(**{WRITE: write}) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _alone(url: str, connection: Connection) -> Iterator[None]:
    """Hold the lock of migrating: PostgreSQL's advisory one, or the kernel's on the folder of SQLite's file."""
    if connection.dialect.name != "postgresql":
        folder = os.open(Path(str(database_url(url).database)).parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
        return
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()  # the lock belongs to the session and stays
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()
