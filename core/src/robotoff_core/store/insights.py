"""Insights: rows in, rows out, and writes that touch only what differs. Searching is in :mod:`.search`."""

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from attrs import fields
from sqlalchemy import Connection, Row, delete, select, text

from ..model.ids import ProductId
from ..model.insights import Insight, Origin, Status
from .records import InsightFilter, InsightOrder
from .search import count_insights, group_by_value_tag, search_insights
from .sql import among, insert_rows, of_products, update_rows
from .tables import OPEN, insight, insight_tag

__all__ = ["Insights"]

_FIELDS: Final = tuple(field.name for field in fields(Insight) if field.name not in ("id", "product"))
_TAGS: Final = ("countries", "brands", "campaigns", "lc")
_COLUMNS: Final = [column for column in insight.columns if column.name != "random_key"]
_CLAIM = f"(barcode, server_type, type, claim) WHERE {OPEN} DO NOTHING"


def to_insight(row: Row[Any]) -> Insight:
    """The insight of one row of the table (all columns but ``random_key``)."""
    values = row._asdict()
    product = ProductId(values.pop("barcode"), values.pop("server_type"))
    box = values.pop("box")
    values["status"] = Status(values["status"])
    values["origin"] = Origin(values["origin"])
    return Insight(product=product, box=None if box is None else tuple(box), **values)


def _row(item: Insight) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in _FIELDS}
    row["id"] = item.id
    row["server_type"] = item.product.server_type
    row["barcode"] = item.product.barcode
    row["random_key"] = random.random()
    return row


class Insights:
    """The repository of insights, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(
        self,
        products: Collection[ProductId],
        types: Collection[str] | None = None,
        *,
        lock: bool = False,
        history: bool = True,
        superseded: bool = False,
    ) -> dict[ProductId, list[Insight]]:
        """The insights of *products* (of *types*), by id; products without any are absent.

        *lock* keeps the rows from other writers until the transaction ends; without *history* only the unanswered ones
        are returned; *superseded* adds those that were never answered and are no longer suggested.
        """
        if not products:
            return {}
        query = select(*_COLUMNS).where(of_products(self._connection, insight, products))
        if types is not None:
            query = query.where(among(self._connection, insight.c.type, types))
        if not history:
            query = query.where(text(f"{OPEN}"))
        elif not superseded:
            query = query.where(insight.c.status != Status.SUPERSEDED)
        query = query.order_by(insight.c.id)
        if lock:
            query = query.with_for_update()
        found: dict[ProductId, list[Insight]] = {}
        for row in self._connection.execute(query):
            item = to_insight(row)
            found.setdefault(item.product, []).append(item)
        return found

    def get(self, insight_id: UUID, *, lock: bool = False) -> Insight | None:
        """The insight *insight_id*, whatever its status; *lock* holds it until the transaction ends."""
        query = select(*_COLUMNS).where(insight.c.id == insight_id)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else to_insight(row)

    def get_all(self, insight_ids: Collection[UUID]) -> dict[UUID, Insight]:
        """The insights with these ids; unknown ids are absent."""
        if not insight_ids:
            return {}
        rows = self._connection.execute(select(*_COLUMNS).where(among(self._connection, insight.c.id, insight_ids)))
        return {item.id: item for item in map(to_insight, rows)}

    def create(self, insights: Sequence[Insight]) -> set[UUID]:
        """Insert *insights*; returns the ids inserted.

        An open insight whose claim is open already (another writer was first) is left out: nothing is raised, its id is
        not returned.
        """
        rows = [_row(item) for item in insights]
        returned = insert_rows(self._connection, insight, rows, conflict=_CLAIM, returning=("id",))
        written = {row.id for row in returned}
        self._add_tags(item for item in insights if item.id in written)
        return written

    def update(self, changes: Sequence[tuple[Insight, Insight]]) -> int:
        """Write the columns in which each (old, new) pair differs; equal pairs cost nothing. Returns the rows written.

        The caller holds the rows' lock (or the write transaction of SQLite), so that *old* is what is stored.
        Raises :class:`ValueError` when a pair's ids or products differ.
        """
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        retagged: list[Insight] = []
        for old, new in changes:
            if old.id != new.id or old.product != new.product:
                raise ValueError(f"insight {old.id} of {old.product} cannot become {new.id} of {new.product}")
            names = tuple(name for name in _FIELDS if getattr(old, name) != getattr(new, name))
            if not names:
                continue
            by_columns.setdefault(names, []).append({"id": old.id, **{name: getattr(new, name) for name in names}})
            if any(name in names for name in _TAGS):
                retagged.append(new)
        written = sum(update_rows(self._connection, insight, rows) for rows in by_columns.values())
        if retagged and self._connection.dialect.name == "sqlite":
            ids = [item.id for item in retagged]
            self._connection.execute(delete(insight_tag).where(among(self._connection, insight_tag.c.insight_id, ids)))
            self._add_tags(retagged)
        return written

    def _add_tags(self, insights: Iterable[Insight]) -> None:
        """Copy the tag columns into the search table of SQLite; PostgreSQL searches the columns themselves."""
        if self._connection.dialect.name != "sqlite":
            return
        rows = [
            {"insight_id": item.id, "kind": kind, "tag": tag}
            for item in insights
            for kind in _TAGS
            for tag in dict.fromkeys(getattr(item, kind) or ())
        ]
        insert_rows(self._connection, insight_tag, rows)

    def search(
        self,
        where: InsightFilter,
        order: InsightOrder = InsightOrder.ID,
        *,
        limit: int = 25,
        offset: int = 0,
    ) -> list[Insight]:
        """The insights that match *where*, at most *limit* from *offset* on (rows); ``RANDOM`` knows no offset."""
        return [to_insight(row) for row in search_insights(self._connection, _COLUMNS, where, order, limit, offset)]

    def count(self, where: InsightFilter, cap: int | None = None) -> int:
        """How many insights match *where*; the database stops counting at *cap*."""
        return count_insights(self._connection, where, cap)

    def groups_by_value_tag(
        self, where: InsightFilter, *, limit: int = 25, offset: int = 0
    ) -> list[tuple[str | None, int]]:
        """The (value tag, number of insights) pairs among those that match *where*, largest first, then by tag."""
        return group_by_value_tag(self._connection, where, limit, offset)

    def due(
        self,
        now: datetime,
        limit: int,
        *,
        plugins: Collection[str] | None = None,
        predictor_plugins: Collection[str] | None = None,
        lock: bool = False,
    ) -> list[Insight]:
        """The open insights whose time for automatic application has come, longest waiting first.

        Only those whose type's owner is among *plugins* and whose prediction came from *predictor_plugins* (``None``
        for all; imported insights have no predictor plugin and pass). *lock* holds them until the transaction ends and
        leaves out those that another one holds.
        """
        query = (
            select(*_COLUMNS)
            .where(text(OPEN), text("process_after IS NOT NULL"))
            .where(insight.c.process_after <= now, insight.c.automatic, insight.c.status == Status.OPEN)
        )
        if plugins is not None:
            query = query.where(insight.c.plugin.in_(sorted(plugins)))
        if predictor_plugins is not None:
            query = query.where(insight.c.predictor_plugin.in_(["", *sorted(predictor_plugins)]))
        query = query.order_by(insight.c.process_after, insight.c.id).limit(limit)
        if lock:
            query = query.with_for_update(skip_locked=True)
        return [to_insight(row) for row in self._connection.execute(query)]
