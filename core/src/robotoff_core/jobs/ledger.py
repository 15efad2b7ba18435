"""The ledger: every job is a row, committed with the change that causes it.

A job is ``pending`` until a worker claims it with a lease, ``running`` while the lease lives, and then ``done``,
``pending`` again (back-off), ``dead`` or ``parked``. Whoever holds a :class:`Job` proves its lease by (id, attempts):
after a lost lease another claim has counted further, and the late worker's word no longer counts.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, select, text, union_all, update
from sqlalchemy.exc import IntegrityError

from ..store.records import Job, JobSpec, JobState, Lane
from ..store.sql import among, clean, dump, insert_rows
from ..store.tables import job

__all__ = ["BACKOFF_BASE", "BACKOFF_CAP", "Ledger", "back_off"]

BACKOFF_BASE = 2.0
"""Seconds before the first retry; doubled each time."""

BACKOFF_CAP = 900.0
"""The longest back-off, in seconds."""

_LANES = (Lane.HIGH, Lane.MODEL, Lane.LOW)
_RANK = {lane: rank for rank, lane in enumerate(_LANES)}
_ERROR_LENGTH = 2000
_LOCK_SPACE = 0x6A6F62
_CLAIM_ATTEMPTS = 5
_COLUMNS = ", ".join(f'"{column.name}"' for column in job.columns)

# what holds a key: a running job; or an earlier one that is due, or in back-off unless it is of the kind that lets
# others pass. A job delayed on purpose (never tried, not due) holds nothing.
_CLAIMABLE = """
    j.state = 'pending' AND j.lane IN ({lanes}) AND j.run_at <= :now
    AND (j.key IS NULL OR NOT EXISTS (
        SELECT 1 FROM job AS b
        WHERE b.key = j.key AND b.key IS NOT NULL AND b.state IN ('pending', 'running') AND b.id <> j.id
        AND (b.state = 'running'
             OR (b.id < j.id AND (b.run_at <= :now OR (b.attempts > 0 AND NOT b.recompute))))
    ))
"""


def back_off(attempts: int) -> float:
    """Seconds to wait after *attempts* failures: doubled each time, capped, with jitter of a half either way."""
    return min(BACKOFF_BASE * 2.0 ** (attempts - 1), BACKOFF_CAP) * random.uniform(0.5, 1.5)


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    del values["dedup"]
    values["lane"] = _LANES[values["lane"]]
    values["state"] = JobState(values["state"])
    return Job(**values)


def _dedup(spec: JobSpec) -> str | None:
    if not spec.coalesce:
        return None
    packed = dump((spec.kind, spec.key, spec.plugin, spec.payload), orjson.OPT_SORT_KEYS)
    return blake2b(packed, digest_size=16).hexdigest()


class Ledger:
    """The repository of jobs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._enqueued: dict[int, None] = {}

    @property
    def enqueued(self) -> list[int]:
        """The ids of the jobs that this transaction put in, to be published after the commit."""
        return list(self._enqueued)

    # ---- putting in

    def enqueue(self, spec: JobSpec, now: datetime) -> int:
        """Put one job in; see :meth:`enqueue_all`."""
        return self.enqueue_all([spec], now)[0]

    def enqueue_all(self, specs: Sequence[JobSpec], now: datetime) -> list[int]:
        """Put *specs* in and return their ids in the same order.

        An equal job that waits already is returned instead of a new one; it takes the better lane and the earlier
        time of the two (not in back-off, unless it recomputes). Jobs waiting under the same key in a worse lane are
        promoted, so that nobody waits behind bulk work.
        """
        if not specs:
            return []
        dedups = [_dedup(spec) for spec in specs]
        rows: dict[str | int, dict[str, Any]] = {}
        for index, (spec, dedup) in enumerate(zip(specs, dedups, strict=True)):
            row = {
                "kind": spec.kind,
                "payload": spec.payload,
                "key": spec.key,
                "lane": _RANK[spec.lane],
                "state": JobState.PENDING,
                "run_at": spec.run_at or now,
                "attempts": 0,
                "max_attempts": spec.max_attempts,
                "recompute": spec.recompute,
                "plugin": spec.plugin,
                "dedup": dedup,
                "created_at": now,
            }
            same = rows.get(dedup) if dedup is not None else None
            if same is not None:
                same["lane"] = min(same["lane"], row["lane"])
                same["run_at"] = min(same["run_at"], row["run_at"])
            else:
                rows[index if dedup is None else dedup] = row
        self._lock_keys(specs)
        # ids decide who goes first, so those with a key keep their order; the others go by digest, so that two batches
        # never wait for each other's rows crosswise (with a key the lock above prevents that)
        listed = list(rows.values())
        keyed = [row for row in listed if row["key"] is not None or row["dedup"] is None]
        others = [row for row in listed if row["key"] is None and row["dedup"] is not None]
        least = "least" if self._connection.dialect.name == "postgresql" else "min"
        written = insert_rows(
            self._connection,
            job,
            keyed + sorted(others, key=lambda row: str(row["dedup"])),
            conflict=(
                "(dedup) WHERE dedup IS NOT NULL AND state = 'pending' DO UPDATE SET "
                f"lane = {least}(job.lane, excluded.lane), run_at = CASE WHEN job.attempts = 0 OR job.recompute "
                f"THEN {least}(job.run_at, excluded.run_at) ELSE job.run_at END"
            ),
            returning=("id", "dedup"),
        )
        by_dedup = {row.dedup: row.id for row in written if row.dedup is not None}
        fresh = iter(sorted(row.id for row in written if row.dedup is None))
        ids = [next(fresh) if dedup is None else by_dedup[dedup] for dedup in dedups]
        self._promote(specs)
        self._enqueued |= dict.fromkeys(ids)
        return ids

    def _lock_keys(self, specs: Sequence[JobSpec]) -> None:
        """Let one transaction at a time enqueue for a key, so that the order of ids is the order of commits."""
        keys = sorted({spec.key for spec in specs if spec.key is not None})
        if not keys or self._connection.dialect.name != "postgresql":
            return
        # a bounded number of locks, always taken in the same order
        self._connection.execute(
            text(
                "SELECT pg_advisory_xact_lock(:space, bucket) FROM (SELECT DISTINCT hashtext(key) & 1023 AS bucket "
                "FROM unnest(CAST(:keys AS text[])) AS key ORDER BY 1) AS sorted"
            ),
            {"space": _LOCK_SPACE, "keys": keys},
        )

    def _promote(self, specs: Sequence[JobSpec]) -> None:
        for lane in (Lane.HIGH, Lane.MODEL):
            keys = {spec.key for spec in specs if spec.lane is lane and spec.key is not None}
            if keys:
                self._connection.execute(
                    update(job)
                    .where(among(self._connection, job.c.key, sorted(keys)), text("key IS NOT NULL"))
                    .where(text("state IN ('pending', 'running')"), job.c.state == JobState.PENDING)
                    .where(job.c.lane > _RANK[lane])
                    .values(lane=_RANK[lane])
                )

    # ---- taking out

    def claim(
        self, owner: str, now: datetime, lease: float, *, lanes: Collection[Lane] = _LANES, job_id: int | None = None
    ) -> Job | None:
        """Take the next job that may run for *lease* seconds, best lane first, then oldest; ``None`` for none.

        Only in *lanes*; only *job_id* when given.
        """
        ranks = ", ".join(str(_RANK[lane]) for lane in lanes)
        postgresql = self._connection.dialect.name == "postgresql"
        statement = text(
            "UPDATE job SET state = 'running', owner = :owner, lease_until = :until, attempts = attempts + 1 "  # noqa: S608
            f"WHERE id = (SELECT j.id FROM job AS j WHERE {_CLAIMABLE.format(lanes=ranks)} "
            f"{'AND j.id = :job_id' if job_id is not None else ''} ORDER BY j.lane, j.id LIMIT 1 "
            f"{'FOR UPDATE SKIP LOCKED' if postgresql else ''}) RETURNING {_COLUMNS}"
        ).bindparams(
            bindparam("owner", owner),
            bindparam("until", now + timedelta(seconds=lease), job.c.run_at.type),
            bindparam("now", now, job.c.run_at.type),
        )
        if job_id is not None:
            statement = statement.bindparams(job_id=job_id)
        for _ in range(_CLAIM_ATTEMPTS):
            try:
                with self._connection.begin_nested():
                    row = self._connection.execute(statement.columns(*job.columns)).one_or_none()
            except IntegrityError:
                continue  # another worker took a job of this key between our look and our write: look again
            return None if row is None else _job(row)
        return None

    def renew(self, claims: Collection[Job], now: datetime, lease: float) -> set[int]:
        """Extend the leases of *claims* to *lease* seconds from now; returns the ids still held."""
        held = {item.id: item for item in claims}
        if not held:
            return set()
        rows = self._connection.execute(
            update(job)
            .where(among(self._connection, job.c.id, held), text("state = 'running'"))
            .where(job.c.owner.in_({item.owner for item in claims}))
            .values(lease_until=now + timedelta(seconds=lease))
            .returning(job.c.id, job.c.attempts)
        )
        return {row.id for row in rows if held[row.id].attempts == row.attempts}

    # ---- ending

    def finish(self, claim: Job, now: datetime) -> bool:
        """The job succeeded. False when the lease was lost meanwhile: then another worker decides."""
        return self._settle(claim, {"state": JobState.DONE, "finished_at": now, "last_error": None})

    def fail(self, claim: Job, error: str, now: datetime, *, final: bool = False) -> JobState | None:
        """The job failed: back-off and retry, or dead after the last attempt (at once when *final*).

        Returns the new state, ``None`` when the lease was lost.
        """
        error = clean(error)[:_ERROR_LENGTH]
        values: dict[str, Any] = {"last_error": error}
        equal = self._equal_waits(claim)
        if equal and claim.recompute:
            values |= {"state": JobState.DONE, "finished_at": now}
        elif final or claim.attempts >= claim.max_attempts:
            values |= {"state": JobState.DEAD, "finished_at": now}
        else:
            values |= {"state": JobState.PENDING, "run_at": now + timedelta(seconds=back_off(claim.attempts))}
            if equal:
                values["dedup"] = None
        return values["state"] if self._settle(claim, values) else None

    def park(self, claim: Job, reason: str, now: datetime) -> bool:
        """The job cannot run here and now (its plugin is absent or too old); the attempt does not count."""
        values = {"state": JobState.PARKED, "last_error": clean(reason)[:_ERROR_LENGTH], "finished_at": now}
        return self._settle(claim, values | {"attempts": claim.attempts - 1})

    def release(self, claim: Job, now: datetime) -> bool:
        """Give the job back untouched (the worker is told to stop); the attempt does not count."""
        values: dict[str, Any] = {"state": JobState.PENDING, "run_at": now, "attempts": claim.attempts - 1}
        if self._equal_waits(claim):
            values["dedup"] = None
        return self._settle(claim, values)

    def _settle(self, claim: Job, values: Mapping[str, Any]) -> bool:
        query = (
            update(job)
            .where(job.c.id == claim.id, job.c.state == JobState.RUNNING)
            .where(job.c.owner == claim.owner, job.c.attempts == claim.attempts)
            .values(owner=None, lease_until=None, **values)
        )
        return self._connection.execute(query).rowcount == 1

    def _equal_waits(self, claim: Job) -> bool:
        equal = job.alias()
        query = (
            select(equal.c.id)
            .where(text("job_1.dedup IS NOT NULL AND job_1.state = 'pending'"))
            .where(equal.c.dedup == select(job.c.dedup).where(job.c.id == claim.id).scalar_subquery())
        )
        return self._connection.execute(query).first() is not None

    # ---- looking after

    def expired(self, now: datetime) -> list[Job]:
        """The running jobs whose lease is over: their worker died or hung. :meth:`fail` them."""
        query = select(job).where(text("state = 'running'"), job.c.lease_until < now).order_by(job.c.lease_until)
        return [_job(row) for row in self._connection.execute(query.with_for_update(skip_locked=True))]

    def due(self, now: datetime, limit: int, *, lanes: Collection[Lane] = _LANES) -> list[int]:
        """The ids of pending jobs whose time has come, best lane first; some may still wait behind their key."""
        query = select(job.c.id).where(text("state = 'pending'"), job.c.run_at <= now)
        if len(lanes) < len(_LANES):
            query = query.where(job.c.lane.in_([_RANK[lane] for lane in lanes]))
        return list(self._connection.execute(query.order_by(job.c.lane, job.c.id).limit(limit)).scalars())

    def get(self, job_id: int) -> Job | None:
        """One job, or ``None``."""
        row = self._connection.execute(select(job).where(job.c.id == job_id)).one_or_none()
        return None if row is None else _job(row)

    def of_key(self, key: str) -> list[Job]:
        """The waiting and running jobs of one key, in order."""
        query = select(job).where(text("key IS NOT NULL AND state IN ('pending', 'running')"), job.c.key == key)
        return [_job(row) for row in self._connection.execute(query.order_by(job.c.id))]

    def in_state(self, state: JobState, *, limit: int = 100) -> list[Job]:
        """The jobs in *state*: waiting ones by lane, running ones by lease, settled ones by their end; then by id."""
        query = select(job).where(text(_state_condition(state)), job.c.state == state)
        first = {JobState.PENDING: job.c.lane, JobState.RUNNING: job.c.lease_until}.get(state, job.c.finished_at)
        return [_job(row) for row in self._connection.execute(query.order_by(first, job.c.id).limit(limit))]

    def counts(self) -> dict[tuple[JobState, Lane], int]:
        """How many jobs stand where; states and lanes without any are absent, and so is ``done``, which is history."""
        states = (JobState.PENDING, JobState.RUNNING, JobState.DEAD, JobState.PARKED)
        query = union_all(
            *(
                select(job.c.state, job.c.lane, func.count())
                .where(text(_state_condition(state)), job.c.state == state)
                .group_by(job.c.state, job.c.lane)
                for state in states
            )
        )
        return {(JobState(state), _LANES[lane]): number for state, lane, number in self._connection.execute(query)}

    def replay(self, ids: Collection[int], now: datetime) -> set[int]:
        """Let dead or parked jobs run again with all their attempts; returns the ids that will.

        A job whose equal is waiting already needs no replay and is left as it is.
        """
        return self._revive(ids, (JobState.DEAD, JobState.PARKED), now)

    def unpark(self, kinds: Collection[str], plugins: Collection[str] | None, now: datetime) -> set[int]:
        """Let the parked jobs run of which we know the kind and have the plugin (``None``: any); returns their ids."""
        query = select(job.c.id, job.c.plugin).where(
            text(_state_condition(JobState.PARKED)), job.c.state == JobState.PARKED, job.c.kind.in_(list(kinds))
        )
        ids = [
            row.id
            for row in self._connection.execute(query)
            if row.plugin is None or plugins is None or row.plugin in plugins
        ]
        return self._revive(ids, (JobState.PARKED,), now)

    def _revive(self, ids: Collection[int], states: Collection[JobState], now: datetime) -> set[int]:
        if not ids:
            return set()
        rows = self._connection.execute(
            select(job.c.id, job.c.dedup)
            .where(among(self._connection, job.c.id, ids), job.c.state.in_(list(states)))
            .order_by(job.c.id)
            .with_for_update()
        ).all()
        first: dict[str, int] = {}
        for row in rows:
            if row.dedup is not None:
                first.setdefault(row.dedup, row.id)
        waiting = set(
            self._connection.execute(
                select(job.c.dedup).where(
                    text("dedup IS NOT NULL AND state = 'pending'"), among(self._connection, job.c.dedup, list(first))
                )
            ).scalars()
        )
        wanted = [
            row.id for row in rows if row.dedup is None or (row.dedup not in waiting and first[row.dedup] == row.id)
        ]
        if not wanted:
            return set()
        revived = self._connection.execute(
            update(job)
            .where(among(self._connection, job.c.id, wanted))
            .values(state=JobState.PENDING, run_at=now, attempts=0, finished_at=None)
            .returning(job.c.id)
        )
        ids = set(revived.scalars())
        self._enqueued |= dict.fromkeys(sorted(ids))
        return ids

    def clean_up(self, before: datetime, limit: int = 10_000) -> int:
        """Delete at most *limit* jobs that were done before *before*; dead and parked ones stay. Returns how many."""
        old = (
            select(job.c.id)
            .where(text(_state_condition(JobState.DONE)), job.c.state == JobState.DONE, job.c.finished_at < before)
            .order_by(job.c.finished_at)
            .limit(limit)
        )
        return self._connection.execute(delete(job).where(job.c.id.in_(old))).rowcount


def _state_condition(state: JobState) -> str:
    """The condition of the partial index that serves *state*, word for word."""
    if state in (JobState.PENDING, JobState.RUNNING):
        return f"state = '{state}'"
    return "state IN ('done', 'dead', 'parked')"
