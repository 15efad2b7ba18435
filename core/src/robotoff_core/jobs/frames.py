"""What parent and child of the component process say to each other: pickled frames, and a shared status."""

import mmap
import pickle
import select
import socket
import struct
from time import monotonic
from typing import Any

from attrs import frozen

__all__ = [
    "CORE_DEADLINE",
    "GRACE",
    "MAX_EXTENSION",
    "NOBODY",
    "START_DEADLINE",
    "Status",
    "UnsendableError",
    "packed",
    "readable",
    "receive",
    "send",
    "send_packed",
]

START_DEADLINE = 60.0
"""Seconds for the child to import the plugins and say that it is ready."""
CORE_DEADLINE = 60.0
"""Seconds for core's own work inside a call: decoding a document, loading a taxonomy."""
GRACE = 5.0
"""Seconds after a deadline at which the child's own alarm ends it, should the parent be gone."""
MAX_EXTENSION = 5
"""By how many of its length a deadline is extended at most while the child waits for a processor."""
NOBODY = 0
"""The index of core itself; components count from 1."""

_LENGTH = struct.Struct("<Q")
_STATUS = struct.Struct("<qddqd")


class UnsendableError(RuntimeError):
    """An error that cannot be sent to another process; it carries the original's class and text."""


@frozen
class Status:
    """Who runs in the child, as it writes it into the shared memory.

    ``current``: the component's index, since ``entered`` (monotonic clock, the same in both processes). ``spent``:
    seconds of all components of this call before it. ``slowest``: the one that took longest of those, in ``seconds``.
    """

    current: int
    entered: float
    spent: float = 0.0
    slowest: int = NOBODY
    seconds: float = 0.0

    def write(self, memory: mmap.mmap) -> None:
        """Put it into *memory*; cheap enough for every component."""
        memory[: _STATUS.size] = _STATUS.pack(self.current, self.entered, self.spent, self.slowest, self.seconds)

    @classmethod
    def read(cls, memory: mmap.mmap) -> "Status":
        """What the other process wrote last."""
        return cls(*_STATUS.unpack_from(memory))


def packed(value: Any) -> bytes:
    """*value* as the content of a frame. Raises whatever its classes raise when they cannot be pickled."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def send(connection: socket.socket, value: Any, seconds: float) -> None:
    """Send *value*; raises :class:`TimeoutError` when the other side does not read it within *seconds*."""
    send_packed(connection, packed(value), seconds)


def send_packed(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Send what :func:`packed` made."""
    connection.settimeout(seconds)
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def receive(connection: socket.socket, until: float | None) -> Any:
    """The next frame. Raises :class:`EOFError` when the other side is gone, :class:`TimeoutError` after *until*."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, until))
    return pickle.loads(_exactly(connection, length, until))  # noqa: S301 - the socket pair is private to the two


def _exactly(connection: socket.socket, size: int, until: float | None) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        connection.settimeout(None if until is None else max(until - monotonic(), 0.001))
        count = connection.recv_into(view[done:])
        if count == 0:
            raise EOFError("the other process closed the connection")
        done += count
    return bytes(data)


def readable(connection: socket.socket, seconds: float) -> bool:
    """Whether something can be read within *seconds*."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(max(seconds, 0.0) * 1000))
