"""The wake-up call: huey carries job ids from those who enqueue to those who work, and nothing else.

The ledger is the truth; a message that is lost, doubled or late changes when a job starts, never whether. Workers look
into the ledger by themselves too, so that everything goes on, a little slower, while the transport is away.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from huey import PriorityRedisHuey, SqliteHuey
from huey.api import Huey
from huey.exceptions import HueyException
from huey.registry import Message
from huey.serializer import Serializer
from redis import ConnectionPool, RedisError

__all__ = ["JsonSerializer", "Transport"]

log = logging.getLogger("robotoff.jobs.transport")

QUEUE = "robotoff"
_POLL = 0.05
_TIMEOUT = 5.0
_AWAY = (RedisError, sqlite3.Error, OSError)


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Huey's messages as JSON, so that reading the queue can never run code."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data._asdict() if isinstance(data, Message) else data).encode()

    def _deserialize(self, data: bytes) -> Any:
        loaded = json.loads(data)
        return Message(**loaded) if isinstance(loaded, dict) and "name" in loaded else loaded


def run_job(job_id: int) -> None:
    """The one task that messages name. Workers take the id from the message; huey never calls this."""
    raise TypeError(f"job {job_id} runs in `robotoff worker`, not in huey's own consumer")


class Transport:
    """Publishes job ids and receives them: over Redis where there is one, else through a SQLite file of its own."""

    def __init__(self, *, file: Path, redis: str = "") -> None:
        """*redis*: its URL, or "" for *file*. Nothing is opened yet."""
        self._file = file
        self._redis = redis
        self._lock = Lock()
        self._huey: Huey | None = None
        self._task: Any = None

    def _open(self) -> Huey:
        with self._lock:
            if self._huey is None:
                common: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
                if self._redis:
                    pool = ConnectionPool.from_url(
                        self._redis, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, health_check_interval=30
                    )
                    huey = PriorityRedisHuey(QUEUE, connection_pool=pool, read_timeout=1, **common)
                else:
                    self._file.parent.mkdir(parents=True, exist_ok=True)
                    # what the disk loses the sweeper publishes again
                    huey = SqliteHuey(QUEUE, filename=str(self._file), fsync=False, cache_mb=1, **common)
                self._task = huey.task(name="run_job")(run_job)
                self._huey = huey
        return self._huey

    def publish(self, job_ids: Sequence[int]) -> bool:
        """Tell the workers of *job_ids*. When that fails it is logged and ``False`` is returned: the jobs stand in the
        ledger, and the workers find them there."""
        try:
            huey = self._open()
            for job_id in job_ids:
                huey.enqueue(self._task.s(job_id))
        except _AWAY as error:
            log.warning("the jobs %s are in the ledger but could not be published: %s", list(job_ids)[:20], error)
            return False
        return True

    def receive(self, timeout: float) -> int | None:
        """The next job id, waiting at most about *timeout* seconds; ``None`` for none.

        Raises :class:`ConnectionError` while the transport is away.
        """
        deadline = time.monotonic() + timeout
        try:
            huey = self._open()
            while True:
                task = self._next(huey)
                if task is not None:
                    return int(task.args[0])
                if time.monotonic() >= deadline:
                    return None
                if not self._redis:  # Redis has waited already
                    time.sleep(_POLL)
        except _AWAY as error:
            raise ConnectionError(f"the job transport is away: {error}") from None

    @staticmethod
    def _next(huey: Huey) -> Any:
        try:
            return huey.dequeue()
        except (HueyException, ValueError, TypeError, AttributeError) as error:
            log.warning("a message that is not ours was dropped from the queue: %s", error)
            return None

    def waiting(self) -> int:
        """How many messages wait. Raises :class:`ConnectionError` while the transport is away."""
        try:
            return int(self._open().pending_count())
        except _AWAY as error:
            raise ConnectionError(f"the job transport is away: {error}") from None

    def close(self) -> None:
        """Close the connections; the transport may be used again."""
        with self._lock:
            huey, self._huey = self._huey, None
        if huey is None:
            return
        if self._redis:
            huey.storage.pool.disconnect()
        else:
            huey.storage.close()
