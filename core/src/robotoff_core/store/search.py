"""Searching insights: the filters of the public API as conditions, every order ending with the id."""

import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ..model.insights import Status
from .records import InsightFilter, InsightOrder
from .tables import OPEN, annotation_vote, insight, insight_tag

__all__ = ["conditions", "count_insights", "group_by_value_tag", "search_insights"]

_OVERSAMPLE = 4
"""How many rows a random search looks at for each it returns, so that votes can weigh and neighbours part."""

_UNANSWERED = (Status.OPEN, Status.DECIDING)


def conditions(connection: Connection, where: InsightFilter) -> list[ColumnElement[bool]]:
    """The conditions of *where*, as the public contract words them (API specification, section 3)."""
    table = insight.c
    found: list[ColumnElement[bool]] = []

    def equals(column: Column[Any], value: Any) -> None:
        if value is not None:
            found.append(column == value)

    equals(table.server_type, where.server_type)
    equals(table.barcode, where.barcode)
    equals(table.predictor, where.predictor)
    equals(table.value_tag, where.value_tag)
    equals(table.annotation, where.annotation)
    equals(table.reserved_barcode, where.reserved_barcode)
    equals(table.with_image, where.with_image)
    equals(table.automatic, where.automatic)
    if where.types is not None:
        found.append(table.type.in_(where.types))
    if where.plugins is not None:
        found.append(table.plugin.in_(sorted(where.plugins)))
    if where.predictor_plugins is not None:
        found.append(table.predictor_plugin.in_(["", *sorted(where.predictor_plugins)]))
    found += _standing(where)
    for kind, tags in (("countries", where.countries), ("brands", where.brands), ("lc", where.lc)):
        if tags:
            found.append(_has_any(connection, kind, tags))
    if where.campaigns:
        found += [_has_any(connection, "campaigns", (tag,)) for tag in where.campaigns]
    voters = [
        column.in_(keys)
        for column, keys in (
            (annotation_vote.c.username, where.skip_usernames),
            (annotation_vote.c.device_id, where.skip_devices),
            (annotation_vote.c.address, where.skip_addresses),
        )
        if keys
    ]
    if voters:
        found.append(~exists().where(and_(annotation_vote.c.insight_id == insight.c.id, or_(*voters))))
    return found


def _standing(where: InsightFilter) -> list[ColumnElement[bool]]:
    table = insight.c
    found: list[ColumnElement[bool]] = []
    statuses = where.statuses
    if where.annotated is True:
        found.append(table.annotation.is_not(None))
    elif where.annotated is False:
        found.append(table.annotation.is_(None))
        statuses = tuple(status for status in statuses if status in _UNANSWERED) if statuses else _UNANSWERED
    elif where.annotation is not None:
        found.append(table.annotation.is_not(None))  # implied; said for the partial index
    if statuses is None:
        if where.annotated is None:
            found.append(table.status != Status.SUPERSEDED)
        return found
    if set(statuses) <= set(_UNANSWERED):
        found.append(text(OPEN))  # type: ignore[arg-type]  # word for word, for the partial indexes
    if set(statuses) != set(_UNANSWERED):
        found.append(table.status.in_(statuses))
    return found


def _has_any(connection: Connection, kind: str, tags: Sequence[str]) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        return insight.c[kind].op("&&")(cast(literal(list(tags), ARRAY(Text())), ARRAY(Text())))
    tagged = select(insight_tag.c.insight_id).where(insight_tag.c.kind == kind, insight_tag.c.tag.in_(tags))
    return insight.c.id.in_(tagged)


def search_insights(
    connection: Connection,
    columns: Sequence[Column[Any]],
    where: InsightFilter,
    order: InsightOrder,
    limit: int,
    offset: int,
) -> list[Row[Any]]:
    """The rows (*columns*) that match *where* in *order*."""
    query = select(*columns).where(*conditions(connection, where))
    if order is InsightOrder.RANDOM:
        # a random point of a stored random order, then on from there and round the end: a range of an index, where
        # sorting by random() would read every row
        start = random.random()
        ahead = query.order_by(insight.c.random_key, insight.c.id).limit(limit * _OVERSAMPLE)
        rows = list(connection.execute(ahead.where(insight.c.random_key >= start)))
        if len(rows) < limit * _OVERSAMPLE:
            rest = ahead.where(insight.c.random_key < start).limit(limit * _OVERSAMPLE - len(rows))
            rows += connection.execute(rest)
        rows.sort(key=lambda row: random.random() * (row.n_votes + 1), reverse=True)
        return rows[:limit]
    keys: dict[InsightOrder, list[Any]] = {
        InsightOrder.ID: [],
        InsightOrder.POPULARITY: [insight.c.unique_scans_n.desc()],
        InsightOrder.CONFIDENCE: [insight.c.confidence.desc().nulls_last()],
        InsightOrder.VOTES: [insight.c.n_votes.desc()],
    }
    query = query.order_by(*keys[order], insight.c.id).limit(limit).offset(offset)
    return list(connection.execute(query))


def count_insights(connection: Connection, where: InsightFilter, cap: int | None) -> int:
    """The number of matches, at most *cap*."""
    matches = conditions(connection, where)
    if cap is None:
        return connection.execute(select(func.count()).select_from(insight).where(*matches)).scalar_one()
    # the optimizer needs no order here, and the LIMIT ends the work early
    capped = select(insight.c.id).where(*matches).limit(cap).subquery()
    return connection.execute(select(func.count()).select_from(capped)).scalar_one()


def group_by_value_tag(
    connection: Connection, where: InsightFilter, limit: int, offset: int
) -> list[tuple[str | None, int]]:
    """(value tag, number) of the matches, largest group first; the group without a tag comes last of its size."""
    number = func.count().label("number")
    query = (
        select(insight.c.value_tag, number)
        .where(*conditions(connection, where))
        .group_by(insight.c.value_tag)
        .order_by(number.desc(), insight.c.value_tag.asc().nulls_last())
        .limit(limit)
        .offset(offset)
    )
    return [(row.value_tag, row.number) for row in connection.execute(query)]
