"""The recording product file: products in a local SQLite file, and every edit that was written to them.

It closes the circle without any server: reading, writing, and the ways in which writing fails, which it can be told
to show (:meth:`RecordingProducts.fault`).
"""

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from attrs import frozen

from ..model.edits import AddTag, Edit, SetField, dump_edit
from ..model.ids import ProductId
from ..model.products import Product
from . import ProductSourceError, WriteFailedError, WriteRefusedError, WriteUnknownError

__all__ = ["Fault", "RecordedEdit", "RecordingProducts"]

Fault = Literal["refuse", "fail", "hang", "drop", "unreadable"]
"""``refuse``: HTTP 4xx; ``fail``: HTTP 5xx; ``hang``: no answer, nothing written; ``drop``: written, but the connection
breaks before the answer; ``unreadable``: products cannot be read."""

_SCHEMA = """
create table if not exists product (
    server_type text not null, barcode text not null, document text not null,
    primary key (server_type, barcode)) without rowid;
create table if not exists edit (
    id integer primary key, at text not null, server_type text not null, barcode text not null,
    edit text not null, comment text not null);
create index if not exists edit_product on edit (server_type, barcode);
create table if not exists fault (kind text primary key, remaining integer not null);
pragma user_version = 1;
"""


@frozen
class RecordedEdit:
    """One edit that took effect: when (UTC), on which product, what (JSON form) and with which comment."""

    at: datetime
    product: ProductId
    edit: Mapping[str, Any]
    comment: str


class RecordingProducts:
    """A product source and writer on one local file. Safe for several processes; opens a connection for each call."""

    def __init__(self, path: Path, authoritative: bool = False) -> None:
        self._path = path
        self.authoritative = authoritative

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as connection:
            if connection.execute("pragma user_version").fetchone() == (0,):  # new, or being made by another process
                connection.execute("pragma journal_mode=wal")
                connection.executescript(_SCHEMA)
            connection.execute("pragma synchronous=normal")
            yield connection

    def load(self, documents: Iterable[Mapping[str, Any]], server_type: str = "off") -> int:
        """Insert or replace products given as Product Opener documents (with ``code``); returns how many.

        A document may name its own ``server_type``.
        """
        count = 0
        with self._connect() as connection:
            for chunk in _chunks(documents, 1000):
                rows = [
                    (d.get("server_type", server_type), d["code"], json.dumps(d, ensure_ascii=False)) for d in chunk
                ]
                connection.execute("begin immediate")
                connection.executemany("insert or replace into product values (?, ?, ?)", rows)
                connection.execute("commit")
                count += len(rows)
        return count

    def get(self, ids: Collection[ProductId]) -> dict[ProductId, Product]:
        """The known products among *ids*. Raises :class:`ProductSourceError` when the file cannot be read."""
        found: dict[ProductId, Product] = {}
        if not self._path.exists():
            return found
        try:
            with self._connect() as connection:
                if self._faulty(connection, "unreadable"):
                    raise ProductSourceError("the product file was told to be unreadable")
                for server_type in {key.server_type for key in ids}:
                    barcodes = [key.barcode for key in ids if key.server_type == server_type]
                    for chunk in _chunks(barcodes, 500):
                        marks = ",".join("?" * len(chunk))
                        rows = connection.execute(
                            f"select barcode, document from product where server_type = ? and barcode in ({marks})",  # noqa: S608 (question marks only)
                            (server_type, *chunk),
                        )
                        for barcode, document in rows:
                            key = ProductId(barcode, server_type)
                            found[key] = Product(key, json.loads(document))
        except sqlite3.Error as error:
            raise ProductSourceError(f"cannot read the product file {self._path.name}: {error}") from error
        return found

    def ids(self, limit: int = 1000) -> list[ProductId]:
        """The products of the file, at most *limit*, in the order of their barcodes."""
        if not self._path.exists():
            return []
        with self._connect() as connection:
            rows = connection.execute("select barcode, server_type from product order by barcode limit ?", (limit,))
            return [ProductId(*row) for row in rows]

    def send(self, product: ProductId, edit: Edit, comment: str, timeout: float) -> None:
        """Apply *edit* to the product's document and record it, or show the fault that was ordered."""
        with self._connect() as connection:
            if self._faulty(connection, "refuse"):
                raise WriteRefusedError("the server answered 403: edit refused")
            if self._faulty(connection, "fail"):
                raise WriteFailedError("the server answered 502")
            if self._faulty(connection, "hang"):
                time.sleep(timeout)
                raise WriteUnknownError(f"no answer within {timeout:g} s")
            connection.execute("begin immediate")
            row = connection.execute(
                "select document from product where server_type = ? and barcode = ?",
                (product.server_type, product.barcode),
            ).fetchone()
            if row is None:
                connection.execute("rollback")
                raise WriteRefusedError(f"no product {product.barcode}")
            document = _apply(json.loads(row[0]), edit)
            connection.execute(
                "update product set document = ? where server_type = ? and barcode = ?",
                (json.dumps(document, ensure_ascii=False), product.server_type, product.barcode),
            )
            connection.execute(
                "insert into edit (at, server_type, barcode, edit, comment) values (?, ?, ?, ?, ?)",
                (
                    datetime.now(UTC).isoformat(),
                    product.server_type,
                    product.barcode,
                    json.dumps(dump_edit(edit), ensure_ascii=False),
                    comment,
                ),
            )
            connection.execute("commit")
            if self._faulty(connection, "drop"):
                raise WriteUnknownError("the connection broke before the answer")

    def edits(self, product: ProductId | None = None, limit: int = 100) -> list[RecordedEdit]:
        """The recorded edits, newest first; those of one *product* when named."""
        if not self._path.exists():
            return []
        where, values = (
            ("", [])
            if product is None
            else ("where server_type = ? and barcode = ?", [product.server_type, product.barcode])
        )
        with self._connect() as connection:
            rows = connection.execute(
                f"select at, barcode, server_type, edit, comment from edit {where} order by id desc limit ?",  # noqa: S608
                (*values, limit),
            ).fetchall()
        return [
            RecordedEdit(datetime.fromisoformat(at), ProductId(barcode, server_type), json.loads(edit), comment)
            for at, barcode, server_type, edit, comment in rows
        ]

    def fault(self, kind: Fault, times: int = 1) -> None:
        """Show *kind* at the next *times* calls (0: stop showing it)."""
        with self._connect() as connection:
            connection.execute("insert or replace into fault values (?, ?)", (kind, times))

    def _faulty(self, connection: sqlite3.Connection, kind: Fault) -> bool:
        cursor = connection.execute(
            "update fault set remaining = remaining - 1 where kind = ? and remaining > 0", (kind,)
        )
        return cursor.rowcount > 0


T = TypeVar("T")


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _apply(document: dict[str, Any], edit: Edit) -> dict[str, Any]:
    """The document after *edit*, as Product Opener would show it."""
    match edit:
        case AddTag():
            tags = document.setdefault(f"{edit.field}_tags", [])
            if edit.present_in(Product(ProductId(""), document)):
                return document
            tags.append(edit.tag or edit.value)
            text = document.get(edit.field, "")
            document[edit.field] = f"{text}, {edit.value}" if text else edit.value
        case SetField():
            document[edit.field] = edit.value
        case _:
            raise WriteRefusedError(f"the recording product file cannot apply edits of kind {edit.kind!r}")
    return document
