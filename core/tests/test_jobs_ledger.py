"""The ledger: order per key, lanes, coalescing, leases, retries, parking, replay; whoever races, nothing runs twice."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from robotoff_core.jobs.ledger import BACKOFF_CAP, back_off
from robotoff_core.store import Job, JobSpec, JobState, Lane, Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEASE = 60.0


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def enqueue(store: Store, *specs: JobSpec, now: datetime = NOW) -> list[int]:
    with store.write() as tx:
        return tx.jobs.enqueue_all(specs, now)


def claim(store: Store, now: datetime = NOW, owner: str = "w", **options: Any) -> Job | None:
    with store.write() as tx:
        return tx.jobs.claim(owner, now, LEASE, **options)


def took(store: Store, now: datetime = NOW, **options: Any) -> Job:
    job = claim(store, now, **options)
    assert job is not None
    return job


def finish(store: Store, job: Job, now: datetime = NOW) -> bool:
    with store.write() as tx:
        return tx.jobs.finish(job, now)


def fail(store: Store, job: Job, now: datetime = NOW, **options: Any) -> JobState | None:
    with store.write() as tx:
        return tx.jobs.fail(job, "it broke", now, **options)


def get(store: Store, job_id: int) -> Job:
    with store.read() as tx:
        job = tx.jobs.get(job_id)
    assert job is not None
    return job


def spec(number: int = 1, key: str | None = None, **options: Any) -> JobSpec:
    return JobSpec("kind", {"n": number}, key=key, **options)


def test_a_job_from_end_to_end(store: Store) -> None:
    (job_id,) = enqueue(store, JobSpec("kind", {"a": [1, "é"]}, key="k", lane=Lane.MODEL, plugin="p", max_attempts=7))
    job = took(store)
    assert (job.id, job.kind, job.payload, job.key, job.lane) == (job_id, "kind", {"a": [1, "é"]}, "k", Lane.MODEL)
    assert (job.state, job.attempts, job.max_attempts, job.plugin) == (JobState.RUNNING, 1, 7, "p")
    assert (job.owner, job.lease_until, job.created_at) == ("w", after(LEASE), NOW)
    assert claim(store) is None
    assert finish(store, job, after(1))
    done = get(store, job_id)
    assert (done.state, done.finished_at, done.owner, done.lease_until) == (JobState.DONE, after(1), None, None)
    assert claim(store) is None
    assert not finish(store, job)


def test_oldest_first_within_the_best_lane(store: Store) -> None:
    ids = enqueue(store, spec(1, lane=Lane.LOW), spec(2, lane=Lane.MODEL), spec(3), spec(4), spec(5, lane=Lane.MODEL))
    order = [took(store).id for _ in ids]
    payloads = [get(store, job_id).payload["n"] for job_id in order]
    assert payloads == [3, 4, 2, 5, 1] or sorted(payloads[:2]) == [3, 4]
    assert payloads[4] == 1


def test_only_the_lanes_asked_for(store: Store) -> None:
    enqueue(store, spec(1, lane=Lane.LOW), spec(2, lane=Lane.MODEL))
    assert claim(store, lanes=(Lane.HIGH,)) is None
    assert took(store, lanes=(Lane.LOW,)).payload == {"n": 1}
    with store.read() as tx:
        assert tx.jobs.due(NOW, 5, lanes=(Lane.HIGH, Lane.LOW)) == []
        assert len(tx.jobs.due(NOW, 5)) == 1


def test_a_named_job(store: Store) -> None:
    first, second = enqueue(store, spec(1), spec(2))
    assert took(store, job_id=second).id == second
    assert claim(store, job_id=second) is None
    assert took(store, job_id=first).id == first


def test_jobs_of_a_key_run_one_at_a_time_in_order(store: Store) -> None:
    ids = [enqueue(store, spec(number, "k"))[0] for number in range(3)]
    (free,) = enqueue(store, spec(9))
    first = took(store)
    assert first.id == ids[0]
    assert took(store).id == free
    assert claim(store) is None
    assert claim(store, job_id=ids[1]) is None
    finish(store, first)
    second = took(store)
    assert second.id == ids[1]
    assert claim(store) is None
    finish(store, second)
    assert took(store).id == ids[2]


def test_jobs_of_a_key_keep_their_order_within_a_batch(store: Store) -> None:
    specs = [spec(number, f"k{number % 3}") for number in range(30)]
    ids = enqueue(store, *specs)
    for key in range(3):
        of_key = [job_id for number, job_id in enumerate(ids) if number % 3 == key]
        assert of_key == sorted(of_key)


def test_a_job_in_back_off_holds_its_key(store: Store) -> None:
    ids = [enqueue(store, spec(number, "k"))[0] for number in range(2)]
    assert fail(store, took(store)) is JobState.PENDING
    assert claim(store) is None  # the first waits, and nothing overtakes it
    later = after(10)
    again = took(store, later)
    assert (again.id, again.attempts) == (ids[0], 2)
    finish(store, again, later)
    assert took(store, later).id == ids[1]


def test_a_job_that_recomputes_lets_others_pass(store: Store) -> None:
    (first,) = enqueue(store, spec(1, "k", recompute=True))
    (second,) = enqueue(store, spec(2, "k"))
    fail(store, took(store))
    assert took(store).id == second
    # an equal later one takes its place at once
    assert enqueue(store, spec(1, "k", recompute=True), now=after(0.1)) == [first]
    assert get(store, first).run_at == after(0.1)


def test_dead_and_parked_jobs_release_their_key(store: Store) -> None:
    ids = [enqueue(store, spec(number, "k"))[0] for number in range(3)]
    assert fail(store, took(store), final=True) is JobState.DEAD
    with store.write() as tx:
        second = tx.jobs.claim("w", NOW, LEASE)
        assert second is not None
        assert tx.jobs.park(second, "no plugin", NOW)
    assert took(store).id == ids[2]
    assert get(store, ids[1]).state is JobState.PARKED


def test_a_job_delayed_on_purpose_holds_nothing(store: Store) -> None:
    enqueue(store, spec(1, "k", run_at=after(30)))
    (second,) = enqueue(store, spec(2, "k"))
    running = took(store)
    assert running.id == second
    assert claim(store, after(31)) is None  # now it is due, but its key is taken
    finish(store, running)
    assert took(store, after(31)).payload == {"n": 1}


def test_equal_waiting_jobs_are_one(store: Store) -> None:
    (first,) = enqueue(store, JobSpec("kind", {"a": 1, "b": 2}, key="k", lane=Lane.LOW, run_at=after(10)))
    assert enqueue(store, JobSpec("kind", {"b": 2, "a": 1}, key="k", lane=Lane.HIGH)) == [first]
    merged = get(store, first)
    assert (merged.lane, merged.run_at) == (Lane.HIGH, NOW)  # the better of the two
    assert enqueue(store, JobSpec("kind", {"b": 2, "a": 1}, key="k", lane=Lane.LOW, run_at=after(99))) == [first]
    assert get(store, first) == merged
    for other in (spec(1, "k"), JobSpec("else", {"a": 1, "b": 2}, key="k"), JobSpec("kind", {"a": 1, "b": 2})):
        assert enqueue(store, other) != [first]
    took(store, job_id=first)
    (second,) = enqueue(store, JobSpec("kind", {"a": 1, "b": 2}, key="k"))
    assert second != first  # a running job may have read the old state already


def test_jobs_that_must_not_coalesce(store: Store) -> None:
    ids = enqueue(store, spec(coalesce=False), spec(coalesce=False), spec(), spec())
    assert len(set(ids)) == 3
    assert ids[2] == ids[3]


def test_nobody_waits_behind_bulk_work(store: Store) -> None:
    (low,) = enqueue(store, spec(1, "k", lane=Lane.LOW))
    (bulk,) = enqueue(store, spec(1, "other", lane=Lane.LOW))
    enqueue(store, spec(2, "k", lane=Lane.HIGH))
    assert get(store, low).lane is Lane.HIGH
    assert get(store, bulk).lane is Lane.LOW
    assert took(store, lanes=(Lane.HIGH,)).id == low


def test_retries_back_off_and_end(store: Store) -> None:
    (job_id,) = enqueue(store, spec(max_attempts=3))
    now, waits = NOW, []
    for attempt in (1, 2, 3):
        job = took(store, now)
        assert job.attempts == attempt
        state = fail(store, job, now)
        waiting = get(store, job_id)
        assert waiting.last_error == "it broke"
        waits.append((waiting.run_at - now).total_seconds())
        assert state is (JobState.PENDING if attempt < 3 else JobState.DEAD)
        assert claim(store, now) is None
        now = now + timedelta(hours=1)
    assert 1 <= waits[0] <= 3
    assert 2 <= waits[1] <= 6
    assert claim(store, now + timedelta(days=30)) is None
    with store.read() as tx:
        assert [job.id for job in tx.jobs.in_state(JobState.DEAD)] == [job_id]


def test_back_off_is_capped_and_jittered() -> None:
    drawn = {back_off(20) for _ in range(20)}
    assert len(drawn) > 10
    assert max(drawn) <= BACKOFF_CAP * 1.5


def test_a_late_worker_has_no_say(store: Store) -> None:
    (job_id,) = enqueue(store, spec())
    late = took(store, owner="late")
    now = after(LEASE + 1)
    with store.write() as tx:
        (expired,) = tx.jobs.expired(now)
        assert expired == late
        assert tx.jobs.fail(expired, "the lease ran out", now) is JobState.PENDING
    second = took(store, after(LEASE + 30), owner="second")
    assert not finish(store, late)
    assert fail(store, late) is None
    with store.write() as tx:
        assert not tx.jobs.park(late, "x", now)
        assert not tx.jobs.release(late, now)
        assert tx.jobs.renew([late], now, LEASE) == set()
        assert tx.jobs.renew([second], now, LEASE) == {job_id}
        assert tx.jobs.renew([], now, LEASE) == set()
    assert finish(store, second)


def test_the_same_owner_claiming_again_is_another_claim(store: Store) -> None:
    enqueue(store, spec())
    first = took(store)
    with store.write() as tx:
        tx.jobs.fail(first, "lease", after(LEASE + 1))
    second = took(store, after(100))
    with store.write() as tx:
        assert tx.jobs.renew([first], after(100), LEASE) == set()
        assert tx.jobs.renew([second], after(150), LEASE) == {second.id}
        assert tx.jobs.expired(after(151)) == []


def test_a_job_that_kills_its_workers_dies(store: Store) -> None:
    (job_id,) = enqueue(store, spec(max_attempts=2))
    now = NOW
    for _ in range(2):
        took(store, now)
        now = now + timedelta(hours=1)
        with store.write() as tx:
            for job in tx.jobs.expired(now):
                tx.jobs.fail(job, "worker died", now)
        now = now + timedelta(hours=1)
    assert get(store, job_id).state is JobState.DEAD


def test_giving_a_job_back_does_not_count(store: Store) -> None:
    (job_id,) = enqueue(store, spec())
    job = took(store)
    with store.write() as tx:
        assert tx.jobs.release(job, after(1))
    assert took(store, after(1)) == evolve(job, run_at=after(1), lease_until=after(1 + LEASE))
    assert get(store, job_id).attempts == 1


@pytest.mark.parametrize("recompute", [False, True])
def test_failing_beside_an_equal_waiting_job(store: Store, recompute: bool) -> None:
    enqueue(store, spec(1, "k", recompute=recompute))
    running = took(store)
    (second,) = enqueue(store, spec(1, "k", recompute=recompute))
    state = fail(store, running)
    if recompute:  # the later one does the same work
        assert state is JobState.DONE
        assert took(store).id == second
    else:
        assert state is JobState.PENDING
        assert claim(store) is None
        assert took(store, after(10)).id == running.id
    with store.write() as tx:
        other = tx.jobs.of_key("k")
        assert {job.id for job in other} <= {running.id, second}


def test_dead_jobs_can_be_replayed(store: Store) -> None:
    dead, pending = enqueue(store, spec(1), spec(2))
    fail(store, took(store, job_id=dead), final=True)
    with store.write() as tx:
        assert tx.jobs.replay([dead, pending, 999], after(5)) == {dead}
        assert tx.jobs.enqueued == [dead]
        assert tx.jobs.replay([], NOW) == set()
    job = took(store, after(5), job_id=dead)
    assert (job.attempts, job.finished_at) == (1, None)


def test_replaying_beside_equals_makes_one(store: Store) -> None:
    ids = []
    for _ in range(2):
        ids += enqueue(store, spec(1))
        fail(store, took(store), final=True)
    assert len(set(ids)) == 2
    with store.write() as tx:
        assert len(tx.jobs.replay(ids, NOW)) == 1
        assert tx.jobs.replay(ids, NOW) == set()


def test_parked_jobs_come_back_with_their_plugin(store: Store) -> None:
    specs = [spec(1, plugin="p"), spec(2, plugin="q"), spec(3), JobSpec("unknown", plugin="p")]
    ids = enqueue(store, *specs)
    for job_id in ids:
        job = took(store, job_id=job_id)
        with store.write() as tx:
            assert tx.jobs.park(job, "absent", NOW)
    assert get(store, ids[0]).attempts == 0
    with store.write() as tx:
        assert tx.jobs.unpark(["kind"], ["p"], after(1)) == {ids[0], ids[2]}
        assert tx.jobs.unpark(["kind"], None, after(1)) == {ids[1]}
    assert get(store, ids[3]).state is JobState.PARKED
    assert get(store, ids[3]).last_error == "absent"


def test_counting_and_cleaning_up(store: Store) -> None:
    enqueue(store, spec(1), spec(2), spec(3, lane=Lane.LOW), spec(4), spec(5))
    finish(store, took(store), NOW)
    fail(store, took(store), final=True)
    took(store)
    with store.write() as tx:
        assert tx.jobs.counts() == {
            (JobState.PENDING, Lane.HIGH): 1,
            (JobState.PENDING, Lane.LOW): 1,
            (JobState.RUNNING, Lane.HIGH): 1,
            (JobState.DEAD, Lane.HIGH): 1,
        }
        assert len(tx.jobs.in_state(JobState.RUNNING)) == len(tx.jobs.in_state(JobState.DONE)) == 1
        assert [job.lane for job in tx.jobs.in_state(JobState.PENDING)] == [Lane.HIGH, Lane.LOW]
        assert tx.jobs.clean_up(NOW) == 0
        assert tx.jobs.clean_up(after(1)) == 1
        assert tx.jobs.counts()[JobState.DEAD, Lane.HIGH] == 1


def test_errors_may_hold_anything(store: Store) -> None:
    (job_id,) = enqueue(store, spec())
    with store.write() as tx:
        job = tx.jobs.claim("w", NOW, LEASE)
        assert job is not None
        tx.jobs.fail(job, "a\x00b\ud800" + "x" * 10_000, NOW)
    error = get(store, job_id).last_error
    assert error is not None
    assert error.startswith("ab?xxx")
    assert len(error) == 2000


def test_the_database_itself_refuses_two_running_jobs_of_a_key(store: Store) -> None:
    enqueue(store, spec(1, "k"), spec(2, "k"))

    def run_both() -> None:
        with store.write() as tx:
            tx.connection.execute(text("UPDATE job SET state = 'running'"))

    with pytest.raises(IntegrityError):
        run_both()


def test_racing_claimers_share_the_work(store: Store) -> None:
    """Eight threads, sixty jobs of nine keys: each runs once, never two of a key at a time, each key in order."""
    enqueue(store, *(spec(number, f"k{number % 9}") for number in range(60)))
    running: Counter[str] = Counter()
    order: list[tuple[str, int]] = []
    lock, problems = threading.Lock(), []

    def work(owner: str) -> None:
        idle = 0
        while idle < 20:
            job = claim(store, owner=owner)
            if job is None:
                idle += 1
                threading.Event().wait(0.005)
                continue
            idle = 0
            assert job.key is not None
            with lock:
                running[job.key] += 1
                if running[job.key] > 1:
                    problems.append(f"two jobs of {job.key} at once")
                order.append((job.key, job.id))
            threading.Event().wait(0.001)
            with lock:
                running[job.key] -= 1
            if not finish(store, job):
                problems.append("lost a lease")

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(order) == len(set(order)) == 60
    for key in {key for key, _ in order}:
        ids = [job_id for of_key, job_id in order if of_key == key]
        assert ids == sorted(ids)


def test_racing_enqueuers_coalesce(store: Store) -> None:
    barrier = threading.Barrier(6)
    ids: list[list[int]] = []

    def put(number: int) -> None:
        numbers = range(20) if number % 2 else reversed(range(20))
        specs = [spec(one, f"k{one % 4}") for one in numbers]
        barrier.wait()
        ids.append(enqueue(store, *specs))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len({job_id for batch in ids for job_id in batch}) == 20
