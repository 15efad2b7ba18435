"""The jobs of one process: how `robotoff worker`, `serve` and `up` put transport, worker and scheduler together."""

import threading
from typing import TYPE_CHECKING

from .scheduler import Scheduler
from .transport import Transport
from .worker import Worker

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["connect", "make_scheduler", "make_worker", "run_worker"]

STEP = 0.5
"""Seconds; how late a signal may be noticed."""


def connect(runtime: "Runtime") -> Transport:
    """The transport of *runtime*'s configuration; from now on its committed jobs are published there."""
    transport = Transport(file=runtime.config.var / "huey.db", redis=runtime.config.redis)
    runtime.store.publish = transport.publish
    return transport


def make_worker(runtime: "Runtime", transport: Transport | None, *, threads: int | None = None) -> Worker:
    """A worker with the engine's handlers; *threads* defaults to ``jobs.workers``."""
    from ..engine.handlers import HANDLERS

    return Worker(
        runtime.store,
        HANDLERS,
        runtime,
        transport=transport,
        threads=threads or runtime.config.jobs.workers,
        lease=runtime.config.jobs.lease,
        plugins=runtime.registry.enabled_plugins,
    )


def make_scheduler(runtime: "Runtime", transport: Transport | None) -> Scheduler:
    """A scheduler with the engine's periodic tasks."""
    from ..engine.handlers import TASKS

    return Scheduler(runtime.store, runtime, TASKS, transport=transport)


def run_worker(
    runtime: "Runtime", stop: threading.Event, *, threads: int | None = None, scheduler: bool = True
) -> bool:
    """Work until *stop* is set, then end gracefully. Returns whether every running job could be finished."""
    transport = connect(runtime)
    worker = make_worker(runtime, transport, threads=threads)
    periodic = make_scheduler(runtime, transport) if scheduler else None
    worker.start()
    if periodic is not None:
        periodic.start()
    try:
        # In steps: a signal that comes just before the wait begins would otherwise be handled only after it.
        while not stop.wait(STEP):
            pass
    finally:
        finished = worker.stop()
        if periodic is not None:
            periodic.stop()
        transport.close()
    return finished
