"""The transport: ids there and back over SQLite and Redis, JSON only, and quiet trouble when it is away."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from robotoff_core.jobs.transport import JsonSerializer, Transport
from robotoff_core.testing.services import Redis, ServiceMissing


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.redis)])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    made = Transport(file=tmp_path / "deep" / "huey.db", redis=url)
    yield made
    made.close()


def test_ids_arrive_in_order(transport: Transport) -> None:
    assert transport.publish([3, 1, 2])
    assert transport.waiting() == 3
    assert [transport.receive(5 if left else 0.1) for left in (3, 2, 1, 0)] == [3, 1, 2, None]
    assert transport.waiting() == 0
    transport.close()
    assert transport.publish([4])
    assert transport.receive(10) == 4


def test_making_a_transport_opens_nothing(tmp_path: Path) -> None:
    Transport(file=tmp_path / "x" / "huey.db").close()
    assert list(tmp_path.iterdir()) == []


def test_messages_are_json_and_hold_the_id_only(tmp_path: Path) -> None:
    transport = Transport(file=tmp_path / "huey.db")
    transport.publish([42])
    with sqlite3.connect(tmp_path / "huey.db") as connection:
        (data,) = connection.execute("SELECT data FROM task").fetchone()
    message = JsonSerializer().deserialize(bytes(data))
    assert (message.args, message.kwargs) == ([42], {})
    assert b"pickle" not in bytes(data)
    assert bytes(data).startswith(b"{")
    transport.close()


@pytest.mark.parametrize("data", [b"\x80\x04nonsense", b"{}", b'{"name": "os.system", "id": "1"}', b'["x"]', b"7"])
def test_foreign_messages_are_dropped(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    transport = Transport(file=tmp_path / "huey.db")
    transport.waiting()
    with sqlite3.connect(tmp_path / "huey.db") as connection:
        connection.execute("INSERT INTO task (queue, data, priority) VALUES ('robotoff', ?, 9)", (data,))
    transport.publish([5])
    assert transport.receive(10) == 5
    assert "not ours" in caplog.text
    transport.close()


@pytest.mark.redis
def test_a_lost_redis_costs_nothing_but_a_warning(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    try:
        server = Redis.start()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    transport = Transport(file=tmp_path / "huey.db", redis=server.url)
    assert transport.publish([1])
    server.stop()
    with caplog.at_level(logging.WARNING):
        assert not transport.publish([2])
    assert "could not be published" in caplog.text
    with pytest.raises(ConnectionError, match="transport is away"):
        transport.receive(0.1)
    with pytest.raises(ConnectionError, match="transport is away"):
        transport.waiting()
    server.run()
    assert transport.publish([3])
    assert transport.receive(10) == 3
    server.stop()
    transport.close()
