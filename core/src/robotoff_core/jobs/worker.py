"""Workers: threads that claim jobs from the ledger and run their handlers.

A message of the transport, the end of another job, or a look into the ledger every second wakes them; what runs next is
always the ledger's decision. One thread is kept for those who wait: with two or more, the first takes the lane ``high``
only, so that bulk work can never occupy all of them.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from ..store import Store
from ..store.records import Job, JobState, Lane
from .handlers import GiveUpError, Handlers, ParkError
from .transport import Transport

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["Worker", "owner_name", "utc_now"]

log = logging.getLogger("robotoff.jobs.worker")

ALL_LANES = (Lane.HIGH, Lane.MODEL, Lane.LOW)
LOOK = 1.0
"""Seconds between two looks into the ledger without being woken."""

PAUSE = 2.0
"""Seconds to wait when the database or the transport does not answer."""


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def owner_name() -> str:
    """A name for this process's leases that no other process, now or later, has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class Worker:
    """The working threads of one process.

    *plugins*: the enabled ones; jobs of others, and of kinds without a handler, are parked. *lease*: seconds after
    which another worker may take over from a process that died; renewed three times in it.
    """

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        runtime: "Runtime",
        *,
        transport: Transport | None = None,
        threads: int = 2,
        lease: float = 60.0,
        plugins: Collection[str] | None = None,
        lanes: Sequence[Lane] = ALL_LANES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.owner = owner_name()
        self._store = store
        self._handlers = handlers
        self._runtime = runtime
        self._transport = transport
        self._lanes = tuple(lanes)
        self._count = threads
        self._lease = lease
        self._plugins = plugins
        self._now = now
        self._stop = threading.Event()
        self._wake = threading.Condition()
        self._idle = 0
        self._listening = threading.Event()
        self._running: dict[int, Job] = {}
        self._threads: list[threading.Thread] = []

    # ---- life

    def start(self) -> None:
        """Start the threads. Jobs that were parked for want of what is here now come back first."""
        self._unpark()
        for number in range(self._count):
            lanes = self._lanes
            if number == 0 and self._count > 1 and Lane.HIGH in lanes:
                lanes = (Lane.HIGH,)
            self._spawn(f"job-{number}", self._work, lanes)
        self._spawn("job-lease", self._keep_leases)
        if self._transport is not None:
            self._spawn("job-wake", self._listen, self._transport)

    def _spawn(self, name: str, target: Callable[..., None], *args: object) -> None:
        # daemons: a handler that never ends must not keep the process from ending; its lease runs out
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, grace: float = 25.0) -> bool:
        """Take no new job, and wait at most *grace* seconds for the running ones. False when some are unfinished: their
        leases run out and another worker begins them again."""
        self._stop.set()
        with self._wake:
            self._wake.notify_all()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        unfinished = [job.id for job in list(self._running.values())]
        if unfinished:
            log.warning("stopped while the jobs %s were running; they will be run again", unfinished)
        return not unfinished

    @property
    def running(self) -> list[Job]:
        """The jobs that run now."""
        return list(self._running.values())

    def run_pending(self, limit: int | None = None) -> int:
        """Run what can run now in this thread, and return how many jobs that were: for tests and one-off commands."""
        done = 0
        while (limit is None or done < limit) and (job := self._claim(self._lanes)) is not None:
            self._run(job)
            done += 1
        return done

    # ---- threads

    def _work(self, lanes: Sequence[Lane]) -> None:
        while not self._stop.is_set():
            try:
                job = self._claim(lanes)
            except SQLAlchemyError as error:
                log.warning("the ledger does not answer, next try in %s s: %s", PAUSE, error)
                self._stop.wait(PAUSE)
                continue
            if job is None:
                self._rest()
                continue
            if self._stop.is_set():
                self._give_back(job)
                break
            self._run(job)
            with self._wake:
                self._wake.notify_all()  # the job's key is free: its next one may be for another thread's lanes

    def _rest(self) -> None:
        with self._wake:
            if self._stop.is_set():
                return
            self._idle += 1
            self._listening.set()  # not by the condition, which would wake the other idle threads in turn, for ever
            self._wake.wait(LOOK)
            self._idle -= 1
            if not self._idle:
                self._listening.clear()

    def _listen(self, transport: Transport) -> None:
        away = False
        while not self._stop.is_set():
            # with all threads busy the messages are for other processes
            if not self._listening.wait(LOOK):
                continue
            try:
                received = transport.receive(timeout=1.0)
            except ConnectionError as error:
                if not away:
                    log.warning("%s; until it is back the ledger is looked at every %s s", error, LOOK)
                away = True
                self._stop.wait(PAUSE)
                continue
            if away:
                log.info("the job transport is back")
                away = False
            if received is not None:
                with self._wake:
                    self._wake.notify_all()

    def _keep_leases(self) -> None:
        while not self._stop.wait(self._lease / 3) or self._running:
            held = list(self._running.values())
            if self._stop.is_set():
                time.sleep(min(1.0, self._lease / 3))
            if not held:
                continue
            try:
                with self._store.write() as tx:
                    kept = tx.jobs.renew(held, self._now(), self._lease)
            except SQLAlchemyError as error:
                log.warning("leases could not be renewed: %s", error)
                continue
            lost = [job.id for job in held if job.id not in kept and job.id in self._running]
            if lost:
                log.warning("the leases of the jobs %s are lost; what they still do must be harmless", lost)

    # ---- one job

    def _claim(self, lanes: Sequence[Lane]) -> Job | None:
        now = self._now()
        with self._store.read() as tx:  # looking costs no write lock
            if not tx.jobs.due(now, 1, lanes=lanes):
                return None
        with self._store.write() as tx:
            return tx.jobs.claim(self.owner, now, self._lease, lanes=lanes)

    def _run(self, job: Job) -> None:
        self._running[job.id] = job
        try:
            self._settle(job, *self._outcome(job))
        except SQLAlchemyError:
            # the lease runs out and the job is run again, which its handler must bear
            log.exception("the outcome of job %s (%s) could not be recorded", job.id, job.kind)
        finally:
            del self._running[job.id]

    def _give_back(self, job: Job) -> None:
        try:
            with self._store.write() as tx:
                tx.jobs.release(job, self._now())
        except SQLAlchemyError as error:
            log.warning("job %s was claimed and could not be given back; its lease runs out: %s", job.id, error)

    def _outcome(self, job: Job) -> tuple[JobState, str]:
        handler = self._handlers.get(job.kind)
        if handler is None:
            return JobState.PARKED, f"nothing installed here runs jobs of kind {job.kind!r}"
        if job.plugin is not None and self._plugins is not None and job.plugin not in self._plugins:
            return JobState.PARKED, f"its plugin {job.plugin} is not enabled here"
        try:
            handler(self._runtime, job.payload)
        except ParkError as error:
            return JobState.PARKED, str(error)
        except GiveUpError as error:
            return JobState.DEAD, str(error)
        except (Exception, SystemExit) as error:  # whatever a handler raises is recorded with its job
            log.warning("job %s (%s, attempt %s) failed", job.id, job.kind, job.attempts, exc_info=True)
            return JobState.PENDING, f"{type(error).__name__}: {error}"
        return JobState.DONE, ""

    def _settle(self, job: Job, outcome: JobState, reason: str) -> None:
        now = self._now()
        with self._store.write() as tx:
            if outcome is JobState.DONE:
                held = tx.jobs.finish(job, now)
            elif outcome is JobState.PARKED:
                held = tx.jobs.park(job, reason, now)
            else:
                held = tx.jobs.fail(job, reason, now, final=outcome is JobState.DEAD) is not None
        if not held:
            log.warning("job %s (%s) ended after its lease was lost; another worker decides", job.id, job.kind)

    def _unpark(self) -> None:
        with self._store.write() as tx:
            revived = tx.jobs.unpark(self._handlers.keys(), self._plugins, self._now())
        if revived:
            log.info("the parked jobs %s can run here and are waiting again", sorted(revived)[:20])
