"""Connections: SQLite for the embedded run, PostgreSQL through psycopg2 for deployments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..config import ConfigError

__all__ = ["WRITE", "create_engine", "database_url", "make_parent"]

WRITE = "robotoff_write"
"""The execution option of a connection that is going to write: SQLite then takes the write lock at BEGIN."""

BUSY_TIMEOUT = 15.0
"""Seconds that a SQLite writer waits for another one."""

STATEMENT_TIMEOUT = 60.0
"""Seconds after which PostgreSQL stops a statement; migrations lift it."""


def database_url(url: str) -> URL:
    """*url* parsed and checked. ``postgres://`` and ``postgresql://`` mean psycopg2; ``sqlite:///relative.db``,
    ``sqlite:////absolute.db``.

    Raises :class:`ValueError` that says what is wrong, without the password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError(
            "the setting `database` is not a database URL; write sqlite:///path/to/file.db or "
            "postgresql://user:password@host/name"
        ) from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg2"):
        return parsed.set(drivername="postgresql+psycopg2")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError(
                "the setting `database` names no file; several processes and threads share the database, so it "
                "cannot live in memory: write sqlite:///path/to/file.db"
            )
        return parsed.set(drivername="sqlite+pysqlite")
    raise ValueError(
        f"the setting `database` names the unsupported kind {parsed.drivername!r}; use sqlite or postgresql"
    )


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def create_engine(url: str, *, pool_size: int = 10, statement_timeout: float = STATEMENT_TIMEOUT) -> Engine:
    """An engine for *url*; nothing is opened yet. Raises :class:`ValueError` for a URL we do not serve.

    *statement_timeout* (seconds, 0 for none) counts on PostgreSQL only.
    """
    parsed = database_url(url)
    json: dict[str, Callable[[Any], Any]] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
    if parsed.drivername == "sqlite+pysqlite":
        engine = sqlalchemy.create_engine(
            parsed, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}, **json
        )
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    # a client's own zone would colour what we read
    options = f"-c timezone=UTC -c statement_timeout={int(statement_timeout * 1000)} -c lock_timeout=30000"
    return sqlalchemy.create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=30,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 10, "options": options, "application_name": "robotoff"},
        **json,
    )


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # we say BEGIN ourselves (below): the driver's own begins are late and break savepoints
    connection.isolation_level = None
    cursor = connection.cursor()
    # WAL lets readers go on while one writes; it is a property of the file, so this is a no-op after the first time
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _sqlite_begin(connection: sqlalchemy.Connection) -> None:
    # a writer takes the lock at once: upgrading a read transaction later fails instead of waiting
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def make_parent(url: URL) -> None:
    """Create the folder of an embedded database's file. Raises :class:`~robotoff_core.config.ConfigError`."""
    if url.drivername.startswith("sqlite") and url.database:
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the folder {folder} cannot be created ({error.strerror}). Correct the setting `var` or `database`."
            ) from None
