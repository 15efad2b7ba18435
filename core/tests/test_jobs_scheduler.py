"""Schedules: each run once whatever the number of processes, missed runs caught up once, failures recorded."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from robotoff_core.jobs.scheduler import Periodic, Scheduler
from robotoff_core.store import ScheduleRow, Store

RUNTIME: Any = "the runtime"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scheduler(store: Store, clock: Clock, **tasks: Periodic) -> Scheduler:
    made = Scheduler(store, RUNTIME, tasks, now=clock, lease=60)
    made.declare()
    return made


def row(store: Store, name: str) -> ScheduleRow:
    with store.read() as tx:
        return next(one for one in tx.schedules.all() if one.name == name)


def test_a_task_runs_at_once_and_then_at_its_interval(store: Store, clock: Clock) -> None:
    ran: list[Any] = []

    def tick(runtime: Any) -> str:
        ran.append(runtime)
        clock.pass_(2)
        return "two things"

    one = scheduler(store, clock, tick=(30, tick))
    began = clock.time
    assert one.run_due() == ["sweep_jobs", "tick"]
    assert ran == [RUNTIME]
    told = row(store, "tick")
    assert (told.last_run, told.last_duration, told.last_outcome) == (began, 2.0, "two things")
    assert (told.next_run, told.owner, told.lease_until) == (clock.time + timedelta(seconds=30), None, None)
    clock.pass_(29)
    assert "tick" not in one.run_due()
    clock.pass_(1)
    assert "tick" in one.run_due()


def test_missed_runs_are_caught_up_once(store: Store, clock: Clock) -> None:
    one = scheduler(store, clock, tick=(30, lambda _: None))
    one.run_due()
    clock.pass_(3600)
    assert "tick" in one.run_due()
    assert one.run_due() == []
    assert row(store, "tick").last_outcome == "ok"


def test_a_failure_is_recorded_and_concerns_no_other(store: Store, clock: Clock) -> None:
    def broken(_: Any) -> str:
        raise ValueError("no good")

    ran: list[int] = []
    one = scheduler(store, clock, broken=(30, broken), fine=(30, lambda _: ran.append(1)))
    assert one.run_due() == ["broken", "fine", "sweep_jobs"]
    assert ran
    assert row(store, "broken").last_outcome == "failed: ValueError: no good"
    clock.pass_(30)
    assert "broken" in one.run_due()


def test_a_paused_task_rests(store: Store, clock: Clock) -> None:
    one = scheduler(store, clock, tick=(30, lambda _: None))
    with store.write() as tx:
        assert tx.schedules.pause("tick", True)
        assert not tx.schedules.pause("nothing", True)
        assert not tx.schedules.claim("tick", "me", clock(), 60)
    assert "tick" not in one.run_due()
    with store.write() as tx:
        tx.schedules.pause("tick", False)
    assert "tick" in one.run_due()


def test_intervals_follow_the_code_and_pauses_stay(store: Store, clock: Clock) -> None:
    scheduler(store, clock, tick=(30, lambda _: None))
    with store.write() as tx:
        tx.schedules.pause("tick", True)
    before = row(store, "tick")
    scheduler(store, clock, tick=(60, lambda _: None))
    after = row(store, "tick")
    assert (before.interval, after.interval, after.paused, after.next_run) == (30, 60, True, before.next_run)


def test_n_processes_run_a_task_once(store: Store, clock: Clock) -> None:
    ran: list[int] = []
    lock = threading.Lock()

    def tick(_: Any) -> None:
        with lock:
            ran.append(1)

    every = [scheduler(store, clock, tick=(30, tick)) for _ in range(6)]
    for _ in range(3):
        threads = [threading.Thread(target=one.run_due) for one in every]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.pass_(30)
    assert len(ran) == 3


def test_a_dead_process_is_replaced_after_its_lease(store: Store, clock: Clock) -> None:
    one = scheduler(store, clock, tick=(30, lambda _: None))
    with store.write() as tx:
        assert tx.schedules.claim("tick", "dead", clock(), 60)
    assert "tick" not in one.run_due()
    clock.pass_(61)
    assert "tick" in one.run_due()
    with store.write() as tx:
        assert not tx.schedules.record("tick", "dead", clock(), clock(), "late")
        assert not tx.schedules.renew("tick", "dead", clock(), 60)
    assert row(store, "tick").last_outcome == "ok"


def test_in_threads_a_slow_task_keeps_its_lease_and_delays_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robotoff_core.jobs.scheduler._TICK", 0.05)
    release, quick = threading.Event(), threading.Event()
    slow: list[int] = []

    def tick(_: Any) -> None:
        slow.append(1)
        release.wait(20)

    tasks: dict[str, Periodic] = {"slow": (0.1, tick), "quick": (0.1, lambda _: quick.set())}
    both = [Scheduler(store, RUNTIME, tasks, lease=2.0) for _ in range(2)]
    for one in both:
        one.start()
    assert quick.wait(20)
    time.sleep(3)  # longer than the lease
    assert len(slow) == 1
    release.set()
    for one in both:
        one.stop()
    assert row(store, "slow").last_outcome == "ok"
