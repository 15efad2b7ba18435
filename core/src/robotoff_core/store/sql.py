"""Batches as one statement each, the same on both databases.

A batch travels as *one* JSON parameter that the database unfolds into rows. That is one round trip and one short
statement whatever the size, and knows no limit of parameters. The names in the statements are those of our own tables
and columns, never of the data.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ..model.ids import ProductId
from .types import Tags

__all__ = ["among", "clean", "dump", "insert_rows", "of_products", "update_rows"]


_WORTH_SPLITTING = 20
"""From how many rows on it pays to send what they have in common only once."""


def among(connection: Connection, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """The condition that *column* is one of *values*, which travel as one parameter."""
    if connection.dialect.name == "postgresql":
        listed = [str(value) for value in values]
        return column == any_(cast(literal(listed, ARRAY(Text())), ARRAY(column.type)))
    encoded = [value.hex if isinstance(value, UUID) else value for value in values]
    each = func.json_each(orjson.dumps(encoded).decode()).table_valued("value")
    return column.in_(select(each.c.value))


def of_products(connection: Connection, table: Table, products: Collection[ProductId]) -> ColumnElement[bool]:
    """The condition that a row of *table* belongs to one of *products*."""
    barcodes: dict[str, list[str]] = {}
    for product in products:
        barcodes.setdefault(product.server_type, []).append(product.barcode)
    return or_(
        false(),
        *(
            and_(table.c.server_type == server_type, among(connection, table.c.barcode, listed))
            for server_type, listed in barcodes.items()
        ),
    )


def clean(value: Any) -> Any:
    """*value* as JSON can carry it and both databases can store it: without U+0000 and lone surrogates, which occur in
    texts read by machines, and with plain dicts and lists."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(entry) for entry in value]
    return value


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def dump(value: Any, option: int = 0) -> bytes:
    """*value* as JSON text. Raises :class:`TypeError` for what JSON does not know."""
    try:
        raw = orjson.dumps(value, _default, option)
    except TypeError:  # a lone surrogate, or an odd key; anything else fails again below
        return orjson.dumps(clean(value), _default, option)
    if b"\\u0000" in raw:
        return orjson.dumps(clean(value), _default, option)
    return raw


def _unfold(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The SELECT that unfolds *rows* into the columns they name, in the order of the first, and its parameters."""
    if connection.dialect.name == "postgresql":
        return _unfold_postgresql(connection, table, rows)
    parts = []
    for name in rows[0]:
        column = table.c[name]
        if isinstance(column.type, Uuid):
            expression = f"replace(value ->> '{name}', '-', '')"
        elif isinstance(column.type, JSON | Tags):
            expression = f"nullif(value -> '{name}', 'null')"
        else:
            expression = f"value ->> '{name}'"
        parts.append(f'{expression} AS "{name}"')
    # "WHERE true" keeps a following ON CONFLICT from being read as a join's condition
    query = f"SELECT {', '.join(parts)} FROM json_each(:rows) WHERE true"  # noqa: S608
    return query, {"rows": dump(rows, orjson.OPT_PASSTHROUGH_DATETIME).decode()}


def _unfold_postgresql(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """What is the same in every row travels once: reading the JSON is most of the work of a large batch."""
    first, same = rows[0], dict[str, Any]()
    if len(rows) >= _WORTH_SPLITTING:
        same = {
            name: value
            for name, value in first.items()
            # equal JSON may still be written differently (1, 1.0 and true)
            if not (value and isinstance(table.c[name].type, JSON)) and all(row[name] == value for row in rows)
        }
        if len(same) == len(first):
            same.popitem()
    varying = [name for name in first if name not in same]
    parameters = {"rows": dump([{name: row[name] for name in varying} for row in rows] if same else rows).decode()}

    def columns(names: Iterable[str]) -> str:
        return ", ".join(f'"{name}" {table.c[name].type.compile(connection.dialect)}' for name in names)

    listed = ", ".join(f'"{name}"' for name in first)
    query = f"SELECT {listed} FROM json_to_recordset(CAST(:rows AS json)) AS varying({columns(varying)})"  # noqa: S608
    if same:
        parameters["same"] = dump(same).decode()
        query += f", json_to_record(CAST(:same AS json)) AS same({columns(same)})"
    return query, parameters


def insert_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    conflict: str = "",
    returning: Iterable[str] = (),
) -> list[Row[Any]]:
    """Insert *rows* (all with the keys of the first) into *table* in one statement.

    *conflict* is what follows ``ON CONFLICT``; *returning* names the columns to return for each row written.
    """
    if not rows:
        return []
    names = list(rows[0])
    listed = ", ".join(f'"{name}"' for name in names)
    query, parameters = _unfold(connection, table, rows)
    statement = f'INSERT INTO "{table.name}" ({listed}) {query}'
    if conflict:
        statement += f" ON CONFLICT {conflict}"
    columns = [table.c[name] for name in returning]
    if not columns:
        connection.execute(text(statement), parameters)
        return []
    statement += " RETURNING " + ", ".join(f'"{column.name}"' for column in columns)
    return list(connection.execute(text(statement).columns(*columns), parameters))


def update_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Set the columns that *rows* name (all with the keys of the first) where ``id`` is equal, in one statement.

    Returns the number of rows written.
    """
    if not rows:
        return 0
    assignments = ", ".join(f'"{name}" = r."{name}"' for name in rows[0] if name != "id")
    query, parameters = _unfold(connection, table, rows)
    statement = f'UPDATE "{table.name}" AS t SET {assignments} FROM ({query}) AS r WHERE t.id = r.id'  # noqa: S608
    return connection.execute(text(statement), parameters).rowcount
