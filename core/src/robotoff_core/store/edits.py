"""The outbox: edits that were decided, and what became of each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import evolve
from sqlalchemy import Connection, Row, select, text, update

from ..model.ids import ProductId
from .records import EditState, OutboxEdit
from .sql import among, insert_rows, of_products
from .tables import WAITING, edit

__all__ = ["Edits"]


def _edit(row: Row[Any]) -> OutboxEdit:
    values = row._asdict()
    product = ProductId(values.pop("barcode"), values.pop("server_type"))
    values["state"] = EditState(values["state"])
    return OutboxEdit(product=product, **values)


class Edits:
    """The repository of the outbox, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, edits: Sequence[OutboxEdit]) -> list[OutboxEdit]:
        """Put *edits* into the outbox, to be sent in this order; returns them with their ids."""
        rows = [
            {
                "insight_id": item.insight_id,
                "server_type": item.product.server_type,
                "barcode": item.product.barcode,
                "edit": item.edit,
                "comment": item.comment,
                "state": item.state,
                "attempts": item.attempts,
                "intent_at": item.intent_at,
                "last_error": item.last_error,
                "created_at": item.created_at,
                "updated_at": item.updated_at or item.created_at,
            }
            for item in edits
        ]
        ids = sorted(row.id for row in insert_rows(self._connection, edit, rows, returning=("id",)))
        return [
            evolve(item, id=edit_id, updated_at=item.updated_at or item.created_at)
            for item, edit_id in zip(edits, ids, strict=True)
        ]

    def get(self, edit_id: int) -> OutboxEdit | None:
        """One edit, or ``None``."""
        row = self._connection.execute(select(edit).where(edit.c.id == edit_id)).one_or_none()
        return None if row is None else _edit(row)

    def of_insight(self, insight_id: UUID, *, lock: bool = False) -> list[OutboxEdit]:
        """All edits of one insight, in order; *lock* keeps them as they are until the transaction ends."""
        query = select(edit).where(edit.c.insight_id == insight_id).order_by(edit.c.id)
        return [_edit(row) for row in self._connection.execute(query.with_for_update() if lock else query)]

    def pending(self, product: ProductId, *, lock: bool = False) -> list[OutboxEdit]:
        """The edits of *product* that are not settled (queued or sending), in order."""
        query = select(edit).where(of_products(self._connection, edit, [product]), text(WAITING)).order_by(edit.c.id)
        return [_edit(row) for row in self._connection.execute(query.with_for_update() if lock else query)]

    def set_state(
        self,
        ids: Collection[int],
        state: EditState,
        now: datetime,
        *,
        error: str | None = None,
        only_from: Collection[EditState] | None = None,
    ) -> set[int]:
        """Move the edits *ids* to *state* and return the ids moved; with *only_from* only those standing there.

        Moving to ``SENDING`` counts an attempt and marks its beginning (the committed intent); *error* is kept as
        ``last_error``, and ``None`` leaves the earlier one.
        """
        if not ids:
            return set()
        sending = state is EditState.SENDING
        values: dict[str, Any] = {"state": state, "updated_at": now}
        if sending:
            values |= {"attempts": edit.c.attempts + 1, "intent_at": now}
        if error is not None:
            values["last_error"] = error
        query = update(edit).where(among(self._connection, edit.c.id, ids)).values(**values)
        if only_from is not None:
            query = query.where(edit.c.state.in_(list(only_from)))
        return set(self._connection.execute(query.returning(edit.c.id)).scalars())

    def attempt_ended(self, edit_id: int, now: datetime, error: str) -> None:
        """Record that an attempt is over and its outcome unknown: the edit stays in ``SENDING``, but nobody is sending
        it now (no ``intent_at``), so that the next attempt may look at the product at once."""
        self._connection.execute(
            update(edit).where(edit.c.id == edit_id).values(intent_at=None, last_error=error, updated_at=now)
        )
