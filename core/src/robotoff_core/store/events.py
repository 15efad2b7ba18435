"""The append-only log of what happened to each insight."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, func, select

from .records import InsightEvent
from .sql import insert_rows
from .tables import insight_event

__all__ = ["Events"]


class Events:
    """The repository of insight events, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, events: Sequence[InsightEvent]) -> None:
        """Add *events* at the end of their insights' logs."""
        rows = [
            {"insight_id": event.insight_id, "kind": event.kind, "at": event.at, "detail": event.detail}
            for event in events
        ]
        insert_rows(self._connection, insight_event, rows)

    def of(self, insight_id: UUID) -> list[InsightEvent]:
        """The log of one insight, oldest first."""
        query = select(insight_event).where(insight_event.c.insight_id == insight_id).order_by(insight_event.c.id)
        return [InsightEvent(row.insight_id, row.kind, row.at, row.detail) for row in self._connection.execute(query)]

    def clean_up(self, before: datetime, limit: int = 10_000) -> int:
        """Delete those of the *limit* oldest events that are from before *before*; returns how many."""
        # the log grows in the order of time, so that the oldest are found without an index on it
        oldest = select(insight_event.c.id, insight_event.c.at).order_by(insight_event.c.id).limit(limit).subquery()
        last = self._connection.execute(select(func.max(oldest.c.id)).where(oldest.c.at < before)).scalar_one()
        if last is None:
            return 0
        return self._connection.execute(delete(insight_event).where(insight_event.c.id <= last)).rowcount
