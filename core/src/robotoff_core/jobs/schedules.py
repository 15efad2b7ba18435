"""Periodic tasks as rows: N processes may look at them, one runs each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from ..store.records import ScheduleRow
from ..store.sql import insert_rows
from ..store.tables import schedule

__all__ = ["Schedules"]

_OUTCOME_LENGTH = 500


def _schedule(row: Row[Any]) -> ScheduleRow:
    return ScheduleRow(**row._asdict())


class Schedules:
    """The repository of schedules, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def declare(self, intervals: Mapping[str, float], now: datetime) -> None:
        """Make a row for each new name (first run at once) and follow changed intervals (seconds)."""
        rows = [
            {"name": name, "interval": interval, "next_run": now, "paused": False}
            for name, interval in intervals.items()
        ]
        insert_rows(
            self._connection,
            schedule,
            rows,
            conflict='(name) DO UPDATE SET "interval" = excluded."interval" '
            'WHERE schedule."interval" <> excluded."interval"',
        )

    def claim(self, name: str, owner: str, now: datetime, lease: float) -> bool:
        """Take the task *name* for *lease* seconds if it is due, not paused and in nobody's hands."""
        query = (
            update(schedule)
            .where(schedule.c.name == name, schedule.c.next_run <= now, ~schedule.c.paused)
            .where(or_(schedule.c.lease_until.is_(None), schedule.c.lease_until < now))
            .values(owner=owner, lease_until=now + timedelta(seconds=lease))
        )
        return self._connection.execute(query).rowcount == 1

    def renew(self, name: str, owner: str, now: datetime, lease: float) -> bool:
        """Extend the lease; false when it was lost."""
        query = (
            update(schedule)
            .where(schedule.c.name == name, schedule.c.owner == owner)
            .values(lease_until=now + timedelta(seconds=lease))
        )
        return self._connection.execute(query).rowcount == 1

    def record(self, name: str, owner: str, started: datetime, now: datetime, outcome: str) -> bool:
        """Note a run's *outcome* and plan the next one an interval from now, however many were missed.

        False when the lease was lost meanwhile.
        """
        row = self._connection.execute(
            select(schedule).where(schedule.c.name == name, schedule.c.owner == owner).with_for_update()
        ).one_or_none()
        if row is None:
            return False
        self._connection.execute(
            update(schedule)
            .where(schedule.c.name == name)
            .values(
                last_run=started,
                last_duration=(now - started).total_seconds(),
                last_outcome=outcome[:_OUTCOME_LENGTH],
                next_run=now + timedelta(seconds=row.interval),
                owner=None,
                lease_until=None,
            )
        )
        return True

    def pause(self, name: str, paused: bool) -> bool:
        """Pause a task or let it go on; false when there is none of this name."""
        query = update(schedule).where(schedule.c.name == name).values(paused=paused)
        return self._connection.execute(query).rowcount == 1

    def all(self) -> list[ScheduleRow]:
        """Every schedule, by name."""
        return [_schedule(row) for row in self._connection.execute(select(schedule).order_by(schedule.c.name))]
