"""The child of :mod:`robotoff_core.jobs.host`: loads the plugins, then runs components as the parent asks.

It knows configuration, plugins and text; it never opens the database. It ends when the parent closes the connection.
"""

import mmap
import os
import pickle
import signal
import socket
import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ..engine.runner import METHODS, Failure, Predicted, Runner
from .frames import (
    CORE_DEADLINE,
    GRACE,
    MAX_EXTENSION,
    NOBODY,
    START_DEADLINE,
    Status,
    UnsendableError,
    packed,
    receive,
    send,
    send_packed,
)

if TYPE_CHECKING:
    from ..taxonomy import Taxonomies, Taxonomy

__all__ = ["main"]


class _Progress:
    """Tells the parent who runs. Also sets an alarm, whose default action ends the process even inside one regular
    expression: should the parent die while a component hangs, no orphan keeps spinning."""

    def __init__(self, memory: mmap.mmap, names: Sequence[str]) -> None:
        self._memory = memory
        self._names = tuple(names)
        self._index = {name: number for number, name in enumerate(names, 1)}
        self._now = Status(NOBODY, monotonic())
        self._limit = CORE_DEADLINE

    def begin(self, whole: float | None, each: float) -> None:
        """A call begins: *whole* or *each* as the parent counts them."""
        self._limit = whole if whole is not None else each
        self._now = Status(NOBODY, monotonic())
        self.switch(NOBODY)

    def end(self) -> None:
        """The components are done; what remains is core's."""
        self.switch(NOBODY)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def enter(self, name: str) -> None:
        """A component is called."""
        self.switch(self._index.get(name, NOBODY))

    @property
    def component(self) -> str:
        """Who runs now; "" for core."""
        return self._names[self._now.current - 1] if self._now.current != NOBODY else ""

    def switch(self, index: int) -> int:
        """From now on *index* runs; returns who ran before."""
        before, now = self._now, monotonic()
        spent, slowest, seconds = before.spent, before.slowest, before.seconds
        if before.current != NOBODY:
            took = now - before.entered
            spent += took
            if took > seconds:
                slowest, seconds = before.current, took
        self._now = Status(index, now, spent, slowest, seconds)
        self._now.write(self._memory)
        limit = CORE_DEADLINE if index == NOBODY else self._limit * (1 + MAX_EXTENSION)
        signal.setitimer(signal.ITIMER_REAL, limit + GRACE)
        return before.current


class _WatchedTaxonomies:
    """Loading a taxonomy is core's work: its time does not count for the component that asked first."""

    def __init__(self, taxonomies: "Taxonomies", progress: _Progress) -> None:
        self._taxonomies = taxonomies
        self._progress = progress

    def get(self, name: str) -> "Taxonomy":
        before = self._progress.switch(NOBODY)
        try:
            return self._taxonomies.get(name)
        finally:
            self._progress.switch(before)


def _serve(connection: socket.socket, memory: mmap.mmap) -> None:
    """The child's life: load the plugins, then answer calls until the parent closes the connection."""
    from ..plugins.registry import load_plugins
    from ..taxonomy import Taxonomies

    sys.path[:], config, plugins = receive(connection, None)
    chosen = evolve(config, strict=False, plugins=evolve(config.plugins, enabled=tuple(plugins), disabled=()))
    registry = load_plugins(chosen)
    names = [part.name for record in registry.records for part in record.components]
    progress = _Progress(memory, names)
    taxonomies: Any = _WatchedTaxonomies(Taxonomies(config.taxonomies, config.var / "taxonomies"), progress)
    runner = Runner(registry, taxonomies, progress.enter)
    send(connection, tuple(names), START_DEADLINE)
    while True:
        try:
            (method, arguments, keywords), whole, each = receive(connection, None)
        except EOFError:
            return
        progress.begin(whole, each)
        reply = _reply(runner, progress, method, arguments, keywords)
        progress.end()
        _send_reply(connection, reply)


def _reply(
    runner: Runner, progress: _Progress, method: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[str, Any]:
    if method not in METHODS:
        return "raised", TypeError(f"the component process has no method {method}")
    try:
        return "returned", getattr(runner, method)(*arguments, **keywords)
    except Exception as error:  # noqa: BLE001 - handed over to the parent, which raises it there
        return "raised", error
    except BaseException as error:  # noqa: BLE001 - sys.exit inside a component must not look like a finished call
        return "left", (progress.component, f"it raised {type(error).__name__}: {error}")


def _send_reply(connection: socket.socket, reply: tuple[str, Any]) -> None:
    """Send *reply*; what cannot be pickled is the fault of whoever made it."""
    try:
        data = packed(reply)
        if reply[0] == "raised":
            pickle.loads(data)  # noqa: S301 - our own bytes: some exceptions pickle but do not come back
    except Exception as error:  # noqa: BLE001 - any class may refuse
        data = packed(_repaired(reply, error))
    send_packed(connection, data, CORE_DEADLINE)


def _repaired(reply: tuple[str, Any], error: Exception) -> tuple[str, Any]:
    status, value = reply
    if isinstance(value, Predicted):
        kept, failures = [], list(value.failures)
        for run in value.runs:
            trouble = _pickling_error(run)
            if trouble is None:
                kept.append(run)
            else:
                reason = f"it returned values that are no JSON values: {trouble}"
                failures.append(Failure(run.key.component, run.plugin, "wrong type", reason))
        return status, evolve(value, runs=tuple(kept), failures=tuple(failures))
    if status == "raised":
        return status, UnsendableError(f"{type(value).__name__}: {value}")
    if isinstance(value, list):
        return status, [one if _pickling_error(one) is None else _unsendable(error) for one in value]
    return status, _unsendable(error)


def _unsendable(error: Exception) -> Failure:
    return Failure("", "", "wrong type", f"it returned values that cannot leave its process: {error}")


def _pickling_error(value: Any) -> Exception | None:
    try:
        packed(value)
    except Exception as error:  # noqa: BLE001 - any class may refuse
        return error
    return None


def main(arguments: Sequence[str]) -> None:
    """The child's entry: the numbers of the inherited socket and shared memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's interrupt is for the parent, which then closes us
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    connection = socket.socket(fileno=int(arguments[0]))
    with mmap.mmap(int(arguments[1]), mmap.PAGESIZE) as memory:
        os.close(int(arguments[1]))
        _serve(connection, memory)


if __name__ == "__main__":
    main(sys.argv[1:])
