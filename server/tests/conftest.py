"""A server with the paint plugin, on a socket, with a detector of blocking calls around it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_kit import BrokenPlugin, PaintPlugin, product, runtime_in

from robotoff_core.runtime import Runtime
from robotoff_server.testing import Client, Served, forbid_blocking


@pytest.fixture
def paint() -> PaintPlugin:
    return PaintPlugin()


@pytest.fixture
def server_database() -> str | None:
    """The database's URL: a file unless a module says otherwise."""
    return None


@pytest.fixture
def runtime(tmp_path: Path, paint: PaintPlugin, server_database: str | None) -> Iterator[Runtime]:
    opened = runtime_in(tmp_path, paint, BrokenPlugin(), database=server_database)
    product(opened)
    yield opened
    opened.close()


@pytest.fixture
def api(runtime: Runtime) -> Iterator[Client]:
    with Served(runtime) as served, forbid_blocking():
        yield served.client
