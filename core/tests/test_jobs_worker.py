"""Workers: outcomes recorded, people first, nothing lost when a process dies, stops or loses its lease."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from robotoff_core.jobs.handlers import GiveUpError, Handlers, ParkError
from robotoff_core.jobs.scheduler import sweep
from robotoff_core.jobs.transport import Transport
from robotoff_core.jobs.worker import Worker
from robotoff_core.store import Job, JobSpec, JobState, Lane, Store

RUNTIME: Any = None


def now() -> datetime:
    return datetime.now(UTC)


def enqueue(store: Store, *specs: JobSpec) -> list[int]:
    with store.write() as tx:
        return tx.jobs.enqueue_all(specs, now())


def get(store: Store, job_id: int) -> Job:
    with store.read() as tx:
        job = tx.jobs.get(job_id)
    assert job is not None
    return job


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@contextmanager
def working(store: Store, handlers: Handlers, **options: Any) -> Iterator[Worker]:
    worker = Worker(store, handlers, RUNTIME, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(5)


def test_outcomes_are_recorded(store: Store) -> None:
    seen: list[Any] = []

    def work(runtime: Any, payload: Mapping[str, Any]) -> None:
        seen.append((runtime, payload))
        match payload["do"]:
            case "fail":
                raise RuntimeError("no luck")
            case "exit":
                sys.exit(3)
            case "give up":
                raise GiveUpError("refused for good")
            case "park":
                raise ParkError("plugin too old")

    runtime: Any = "the runtime"
    worker = Worker(store, {"work": work}, runtime, plugins=["p"])
    specs = [JobSpec("work", {"do": do}) for do in ("well", "fail", "exit", "give up", "park")]
    ids = enqueue(store, *specs, JobSpec("unknown"), JobSpec("work", {"do": "well"}, plugin="off"))
    assert worker.run_pending() == 7
    states = [(get(store, job_id).state, get(store, job_id).last_error) for job_id in ids]
    assert states == [
        (JobState.DONE, None),
        (JobState.PENDING, "RuntimeError: no luck"),
        (JobState.PENDING, "SystemExit: 3"),
        (JobState.DEAD, "refused for good"),
        (JobState.PARKED, "plugin too old"),
        (JobState.PARKED, "nothing installed here runs jobs of kind 'unknown'"),
        (JobState.PARKED, "its plugin off is not enabled here"),
    ]
    assert len(seen) == 5
    assert all(one[0] == "the runtime" for one in seen)


def test_parked_jobs_run_when_their_plugin_is_there(store: Store) -> None:
    done = threading.Event()
    handlers: Handlers = {"work": lambda *_: done.set()}
    (job_id,) = enqueue(store, JobSpec("work", plugin="p"))
    assert Worker(store, handlers, RUNTIME, plugins=[]).run_pending() == 1
    assert get(store, job_id).state is JobState.PARKED
    with working(store, handlers, plugins=["p"]):
        assert done.wait(10)
        until(lambda: get(store, job_id).state is JobState.DONE)


def test_bulk_work_never_occupies_every_thread(store: Store) -> None:
    """While long low jobs take all they can get, a high one is begun at once."""
    release, high = threading.Event(), threading.Event()
    begun: list[int] = []

    def low(_runtime: Any, payload: Mapping[str, Any]) -> None:
        begun.append(payload["n"])
        release.wait(20)

    enqueue(store, *(JobSpec("low", {"n": number}, lane=Lane.LOW) for number in range(5)))
    with working(store, {"low": low, "high": lambda *_: high.set()}, threads=3):
        until(lambda: len(begun) == 2)
        enqueue(store, JobSpec("high"))
        assert high.wait(10)
        assert len(begun) == 2
        release.set()
        until(lambda: len(begun) == 5)


def test_one_thread_takes_every_lane(store: Store) -> None:
    done: list[str] = []
    enqueue(store, JobSpec("work", {"n": "low"}, lane=Lane.LOW), JobSpec("work", {"n": "high"}))
    with working(store, {"work": lambda _, payload: done.append(payload["n"])}, threads=1):
        until(lambda: done == ["high", "low"])


def test_messages_wake_sleeping_workers(store: Store, tmp_path: Path) -> None:
    transport = Transport(file=tmp_path / "huey.db")
    store.publish = transport.publish
    begun: list[float] = []
    with working(store, {"work": lambda *_: begun.append(time.monotonic())}, transport=transport, threads=2):
        time.sleep(0.3)
        waits = []
        for number in range(5):
            asked = time.monotonic()
            enqueue(store, JobSpec("work", {"n": number}))
            until(lambda number=number: len(begun) == number + 1)  # type: ignore[misc]
            waits.append(begun[-1] - asked)
        assert sorted(waits)[2] < 0.7, waits  # the median; looking into the ledger alone takes up to a second
    transport.close()


def test_work_goes_on_without_transport(store: Store, tmp_path: Path) -> None:
    away = Transport(file=tmp_path / "huey.db", redis="redis://127.0.0.1:1/0")
    store.publish = away.publish
    done = threading.Event()
    with working(store, {"work": lambda *_: done.set()}, transport=away):
        enqueue(store, JobSpec("work"))
        assert done.wait(10)


def test_a_long_job_keeps_its_lease(store: Store) -> None:
    release = threading.Event()
    (job_id,) = enqueue(store, JobSpec("work"))
    with working(store, {"work": lambda *_: release.wait(20)}, lease=0.6):
        until(lambda: get(store, job_id).state is JobState.RUNNING)
        for _ in range(15):
            time.sleep(0.1)
            assert sweep(store, None, now()) == "0 leases ran out"
        release.set()
        until(lambda: get(store, job_id).state is JobState.DONE)
    assert get(store, job_id).attempts == 1


def test_stopping_lets_jobs_finish_and_begins_none(store: Store) -> None:
    begun, release = threading.Event(), threading.Event()

    def work(*_: Any) -> None:
        begun.set()
        release.wait(20)

    first, second = enqueue(store, JobSpec("work", {"n": 1}, key="k"), JobSpec("work", {"n": 2}, key="k"))
    worker = Worker(store, {"work": work}, RUNTIME)
    worker.start()
    assert begun.wait(10)
    assert not worker.stop(0.2)
    assert [job.id for job in worker.running] == [first]
    release.set()
    assert worker.stop(10)
    assert get(store, first).state is JobState.DONE
    assert get(store, second).state is JobState.PENDING


def test_a_database_that_is_away_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotoff_core.jobs.worker.PAUSE", 0.05)
    done, troubled = threading.Event(), threading.Event()
    read, broken = store.read, [True]

    def sometimes() -> Any:
        if broken[0]:
            troubled.set()
            raise OperationalError("SELECT", {}, Exception("away"))
        return read()

    monkeypatch.setattr(store, "read", sometimes)
    with working(store, {"work": lambda *_: done.set()}):
        enqueue(store, JobSpec("work"))
        assert troubled.wait(10)
        assert not done.is_set()
        broken[0] = False
        assert done.wait(10)


PROCESS = """
import sys, time
from pathlib import Path
from robotoff_core.jobs import scheduler as periodic
from robotoff_core.jobs.worker import Worker
from robotoff_core.store import Store

store, folder, mode = Store(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def work(_runtime, payload):
    with (folder / "begun").open("a") as log:
        log.write(f"{payload['n']} {mode}\\n")
    if mode == "hang":
        time.sleep(600)
    with (folder / "done").open("a") as log:
        log.write(f"{payload['n']}\\n")

worker = Worker(store, {"work": work}, None, threads=2, lease=1.0)
worker.start()
periodic.SWEEP_INTERVAL = 1.0
scheduler = periodic.Scheduler(store, None, {}, lease=3.0)
scheduler.start()
time.sleep(600)
"""


def start(store: Store, folder: Path, mode: str) -> "subprocess.Popen[bytes]":
    script = folder / "process.py"
    script.write_text(PROCESS)
    url = store.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, str(script), url, str(folder), mode])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_kill_9_loses_no_job_and_doubles_no_effect(store: Store, tmp_path: Path) -> None:
    """One process dies with jobs in its hands; another takes them over, keys in order, each effect once."""
    ids = enqueue(store, *(JobSpec("work", {"n": number}, key=f"k{number % 3}") for number in range(9)))
    dying = start(store, tmp_path, "hang")
    try:
        until(lambda: len(lines(tmp_path / "begun")) >= 2, 60)
    finally:
        os.kill(dying.pid, signal.SIGKILL)
        dying.wait()
    hung = {int(line.split()[0]) for line in lines(tmp_path / "begun")}
    working_now = start(store, tmp_path, "work")
    try:
        until(lambda: all(get(store, job_id).state is JobState.DONE for job_id in ids), 90)
    finally:
        working_now.kill()
        working_now.wait()
    done = [int(line) for line in lines(tmp_path / "done")]
    assert sorted(done) == list(range(9))
    for key in range(3):
        assert [number for number in done if number % 3 == key] == [key, key + 3, key + 6]
    for number, job_id in enumerate(ids):
        assert get(store, job_id).attempts == (2 if number in hung else 1)


def test_the_sweep_publishes_what_was_lost(store: Store, tmp_path: Path) -> None:
    transport = Transport(file=tmp_path / "huey.db")
    (job_id, later) = enqueue(
        store, JobSpec("work", {"n": 1}), JobSpec("work", {"n": 2}, run_at=now() + timedelta(hours=1))
    )
    assert later != job_id
    assert sweep(store, transport, now()) == "0 leases ran out, 1 jobs published again"
    assert sweep(store, transport, now()) == "0 leases ran out, 0 jobs published again"  # one waits already
    assert transport.receive(10) == job_id
    assert transport.receive(0) is None
    transport.close()
    away = Transport(file=tmp_path / "huey.db", redis="redis://127.0.0.1:1/0")
    assert "the job transport is away" in sweep(store, away, now())


def test_the_command_stops_gracefully(tmp_path: Path) -> None:
    """`robotoff worker` begins, runs jobs, and ends with code 0 at SIGTERM."""
    subprocess.run([sys.executable, "-m", "robotoff_core.cli.main", "db", "upgrade"], cwd=tmp_path, check=True)
    store = Store(f"sqlite:///{tmp_path}/var/robotoff.db")
    (job_id,) = enqueue(store, JobSpec("of a plugin that is not there", plugin="none"))
    command = [sys.executable, "-m", "robotoff_core.cli.main", "worker", "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: get(store, job_id).state is JobState.PARKED, 60)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        store.close()


def test_a_job_claimed_while_stopping_is_given_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (job_id,) = enqueue(store, JobSpec("work"))
    worker = Worker(store, {"work": lambda *_: pytest.fail("it ran")}, RUNTIME)
    claim = worker._claim

    def claim_and_stop(lanes: Any) -> Job | None:
        job = claim(lanes)
        worker.stop(0)
        return job

    monkeypatch.setattr(worker, "_claim", claim_and_stop)
    worker._work([Lane.HIGH])
    job = get(store, job_id)
    assert (job.state, job.attempts, job.owner) == (JobState.PENDING, 0, None)
