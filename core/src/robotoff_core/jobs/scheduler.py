"""The scheduler: periodic tasks whose rows say when they run, so that N processes never run one twice.

A task that was missed while nothing ran is caught up once. Each due task runs in a thread of its own under a lease that
is renewed while it runs; when its process dies, another process takes over after the lease.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from ..store import Store
from .transport import Transport
from .worker import owner_name, utc_now

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["SWEEP_INTERVAL", "Periodic", "Scheduler", "sweep"]

log = logging.getLogger("robotoff.jobs.scheduler")

Periodic = tuple[float, "Callable[[Runtime], str | None]"]
"""A periodic task: seconds between the end of a run and the next, and what to do; the returned text is the outcome."""

SWEEP_INTERVAL = 10.0
"""Seconds between two looks for jobs that were lost."""

_LEASE = 30.0
_TICK = 1.0
_REPUBLISH = 100


def sweep(store: Store, transport: Transport | None, now: datetime) -> str:
    """Bring back what was lost: running jobs whose worker died fail or are tried again, and waiting jobs whose message
    never arrived are published again. Returns what was done, in words."""
    with store.write() as tx:
        expired = tx.jobs.expired(now)
        for job in expired:
            tx.jobs.fail(job, f"the lease of {job.owner} ran out: the worker died or hung", now)
    for job in expired:
        log.warning("job %s (%s): the lease of %s ran out", job.id, job.kind, job.owner)
    outcome = f"{len(expired)} leases ran out"
    if transport is None:
        return outcome
    with store.read() as tx:
        due = tx.jobs.due(now, _REPUBLISH)
    try:
        # messages are mere wake-up calls: while some wait already, more of them say nothing new
        published = len(due) if due and transport.waiting() == 0 and transport.publish(due) else 0
    except ConnectionError as error:
        return f"{outcome}; {error}"
    return f"{outcome}, {published} jobs published again"


class Scheduler:
    """Runs *tasks* (name -> (seconds, callable)) when their rows say so, and the sweep of lost jobs with them."""

    def __init__(
        self,
        store: Store,
        runtime: "Runtime",
        tasks: Mapping[str, Periodic],
        *,
        transport: Transport | None = None,
        now: Callable[[], datetime] = utc_now,
        lease: float = _LEASE,
    ) -> None:
        self.owner = owner_name()
        self._store = store
        self._runtime = runtime
        self._tasks: dict[str, Periodic] = {
            "sweep_jobs": (SWEEP_INTERVAL, lambda _: sweep(store, transport, now())),
            **tasks,
        }
        self._now = now
        self._lease = lease
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[str, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look after the tasks in a thread until :meth:`stop`."""
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self._thread.start()

    def stop(self, grace: float = 10.0) -> None:
        """Begin no further task and wait at most *grace* seconds for the running ones."""
        self._stop.set()
        deadline = time.monotonic() + grace
        for thread in [self._thread, *self._running.values()]:
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def declare(self) -> None:
        """Make the rows of the tasks, and follow changed intervals."""
        with self._store.write() as tx:
            tx.schedules.declare({name: seconds for name, (seconds, _) in self._tasks.items()}, self._now())

    def run_due(self) -> list[str]:
        """Run the tasks that are due, one after the other, in this thread; returns their names."""
        return [name for name in self._due() if self._claim(name) and self._run(name)]

    def _loop(self) -> None:
        declared = False
        while not self._stop.is_set():
            try:
                if not declared:
                    self.declare()
                    declared = True
                for name in self._due():
                    if name not in self._running and self._claim(name):
                        thread = threading.Thread(target=self._run, args=(name,), name=f"task-{name}", daemon=True)
                        self._running[name] = thread
                        thread.start()
                self._renew()
            except SQLAlchemyError as error:
                log.warning("the schedules cannot be read or written: %s", error)
            self._stop.wait(_TICK)

    def _due(self) -> list[str]:
        now = self._now()
        with self._store.read() as tx:
            rows = tx.schedules.all()
        return [row.name for row in rows if row.name in self._tasks and not row.paused and row.next_run <= now]

    def _claim(self, name: str) -> bool:
        with self._store.write() as tx:
            return tx.schedules.claim(name, self.owner, self._now(), self._lease)

    def _renew(self) -> None:
        for name in list(self._running):
            with self._store.write() as tx:
                held = tx.schedules.renew(name, self.owner, self._now(), self._lease)
            if not held and name in self._running:
                log.warning("the lease of the periodic task %s is lost", name)

    def _run(self, name: str) -> bool:
        started = self._now()
        try:
            outcome = self._tasks[name][1](self._runtime) or "ok"
        except Exception as error:  # one task's failure is recorded and concerns no other
            log.warning("the periodic task %s failed", name, exc_info=True)
            outcome = f"failed: {type(error).__name__}: {error}"
        try:
            with self._store.write() as tx:
                tx.schedules.record(name, self.owner, started, self._now(), outcome)
        except SQLAlchemyError:
            log.exception("the outcome of the periodic task %s could not be recorded", name)
        finally:
            self._running.pop(name, None)
        return True
