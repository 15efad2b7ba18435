"""``robotoff serve``: the API in one process, or in several that share one listening socket.

The parent of several only watches: a child that dies is replaced, at once the first time and more slowly when it keeps
dying; SIGTERM lets each child finish its requests. Children that lose their parent stop by themselves.
"""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

from robotoff_core.config import Config
from robotoff_core.plugins.registry import PluginsError

from .serving import STOP, on_signals, run

__all__ = ["serve_one", "supervise"]

log = logging.getLogger("robotoff.serve")
CANNOT_SERVE = 3
"""The exit code of a child that failed before it served: another one would fail too."""
SOON = 5.0
"""A child that dies within so many seconds of its start is not replaced at once."""
LONGEST_WAIT = 30.0
STOP_MARGIN = 10.0
"""Seconds beyond the requests' own time to finish, after which a child that does not stop is killed."""


def serve_one(
    config: Config, listener: socket.socket, ready: Callable[[], None] | None = None, *, supervised: bool = False
) -> None:
    """Serve in this process until SIGINT or SIGTERM, or, when *supervised*, until its parent is gone."""
    from robotoff_core.jobs.process import connect
    from robotoff_core.runtime import Runtime

    parent = os.getppid()

    async def serve() -> None:
        stop = asyncio.Event()
        on_signals(stop.set)
        watching = asyncio.create_task(_watch_parent(parent, stop)) if supervised else None
        await run(runtime, listener, stop, ready)
        if watching is not None:
            watching.cancel()

    runtime = Runtime.open(config, isolated=True)
    transport = connect(runtime)
    try:
        asyncio.run(serve())
    finally:
        transport.close()
        runtime.close()


def supervise(config: Config, listener: socket.socket, processes: int, ready: Callable[[], None]) -> int:
    """Keep *processes* children serving on *listener* until SIGINT or SIGTERM; returns the exit code.

    The children are forked before anything is opened or any thread runs, and so share this process's memory.
    """
    children: dict[int, float] = {}
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    wait = 0.0
    next_start = time.monotonic()
    ready()
    while not stopping:
        while len(children) < processes and time.monotonic() >= next_start and not stopping:
            children[_fork(config, listener)] = time.monotonic()
        ended = [(pid, _code(status), time.monotonic() - children.pop(pid)) for pid, status in _ended(children)]
        if any(code == CANNOT_SERVE for _, code, _ in ended):
            _stop_all(children)
            return 1
        for pid, code, lived in ended:
            wait = 0.0 if lived > SOON else min(max(1.0, wait * 2), LONGEST_WAIT)
            next_start = time.monotonic() + wait
            log.error("server process ended, another starts in %.0f s", wait, extra={"pid": pid, "code": code})
        time.sleep(0.1)
    return _stop_all(children)


def _fork(config: Config, listener: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = CANNOT_SERVE

    def ready() -> None:
        nonlocal code
        code = 1

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        serve_one(config, listener, ready, supervised=True)
        code = 0
    except PluginsError as error:
        log.error("strict: plugins in trouble: %s", error)
    except BaseException:  # the child must never go on as a second parent
        log.exception("server process failed")
    finally:
        os._exit(code)


def _ended(children: dict[int, float]) -> list[tuple[int, int]]:
    found = []
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            found.append((pid, status))
    return found


def _code(status: int) -> int:
    return os.waitstatus_to_exitcode(status)


def _stop_all(children: dict[int, float]) -> int:
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP + STOP_MARGIN
    clean = True
    while children:
        for pid, status in _ended(children):
            del children[pid]
            clean &= _code(status) in (0, -signal.SIGTERM)  # the latter before it served anything
        if children and time.monotonic() > deadline:
            clean = False
            for pid in children:
                log.error("server process does not stop and is killed", extra={"pid": pid})
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return 0 if clean else 1


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(2)
    log.error("the parent process is gone; stopping")
    stop.set()
