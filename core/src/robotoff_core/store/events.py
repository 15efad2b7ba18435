"""The append-only log of what happened to each insight."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

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
        """Delete at most *limit* of the oldest events from before *before*; returns how many."""
        old = select(insight_event.c.id).where(insight_event.c.at < before).order_by(insight_event.c.at).limit(limit)
        return self._connection.execute(insight_event.delete().where(insight_event.c.id.in_(old))).rowcount
