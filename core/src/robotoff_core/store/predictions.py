"""Predictions and the runs that made them. A run is replaced as a whole or not at all."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select

from ..model.ids import ProductId
from ..model.predictions import Prediction, PredictionRun, RunKey, StoredPrediction
from .records import RunInfo, StoredRuns
from .sql import among, dump, insert_rows, of_products
from .tables import prediction, prediction_run

__all__ = ["Predictions", "version_key"]

_PARTS = re.compile(r"\d+|[^\d.\-_]+")


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions as people read them: 9 before 10, 1.2 before 1.10, words after numbers.

    >>> version_key("1.9") < version_key("1.10")
    True
    """
    return tuple(
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in _PARTS.findall(version)
    )


_Key = tuple[str, str, str, str, str]


def _key(key: RunKey) -> _Key:
    return (key.product.server_type, key.product.barcode, key.source_image or "", key.component, key.scope)


class Predictions:
    """The repository of predictions, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def store_runs(self, runs: Sequence[PredictionRun], now: datetime) -> StoredRuns:
        """Store *runs*, each replacing what its key held.

        A run that says what is stored already writes nothing. A run of an older predictor version than the stored one
        is refused. Of several runs with the same key in the batch the last counts; equal predictions within a run
        count once (the same result twice is one result).
        """
        wanted: dict[Any, PredictionRun] = {_key(run.key): run for run in runs}
        if not wanted:
            return StoredRuns(frozenset(), 0, 0, 0, 0)
        stored = self._stored(wanted.values())
        refused = unchanged = 0
        rows: list[dict[str, Any]] = []
        contents: dict[Any, list[Prediction]] = {}
        emptied: list[int] = []
        changed: set[ProductId] = set()
        for key, run in wanted.items():
            before = stored.get(key)
            if before is not None and version_key(run.version) < version_key(before.version):
                refused += 1
                continue
            predictions, digest = _digest(run)
            if before is not None and before.digest == digest:
                unchanged += 1
                continue
            if before is not None and before.total:
                emptied.append(before.id)
            if predictions or (before is not None and before.total):
                changed.add(run.key.product)
            contents[key] = predictions
            rows.append(
                {
                    "server_type": key[0],
                    "barcode": key[1],
                    "source_image": key[2],
                    "component": key[3],
                    "scope": key[4],
                    "plugin": run.plugin,
                    "version": run.version,
                    "digest": digest,
                    "total": len(predictions),
                    "updated_at": now,
                }
            )
        if emptied:
            self._connection.execute(delete(prediction).where(among(self._connection, prediction.c.run_id, emptied)))
        written = insert_rows(
            self._connection,
            prediction_run,
            rows,
            conflict=(
                "(barcode, server_type, source_image, component, scope) DO UPDATE SET plugin = excluded.plugin, "
                "version = excluded.version, digest = excluded.digest, total = excluded.total, "
                "updated_at = excluded.updated_at"
            ),
            returning=("id", "server_type", "barcode", "source_image", "component", "scope"),
        )
        details = [
            _prediction_row(row.id, wanted[tuple(row[1:])], item, now)
            for row in written
            for item in contents[tuple(row[1:])]
        ]
        insert_rows(self._connection, prediction, details)
        return StoredRuns(frozenset(changed), len(rows), unchanged, refused, len(details))

    def _stored(self, runs: Collection[PredictionRun]) -> dict[Any, Any]:
        """What is stored of the runs' products, by key: id, version, digest and count."""
        return {
            tuple(row[:5]): row
            for row in self._connection.execute(
                select(
                    prediction_run.c.server_type,
                    prediction_run.c.barcode,
                    prediction_run.c.source_image,
                    prediction_run.c.component,
                    prediction_run.c.scope,
                    prediction_run.c.id,
                    prediction_run.c.version,
                    prediction_run.c.digest,
                    prediction_run.c.total,
                ).where(of_products(self._connection, prediction_run, {run.key.product for run in runs}))
            )
        }

    def changed(self, runs: Sequence[PredictionRun]) -> list[PredictionRun]:
        """Those of *runs* that :meth:`store_runs` would write: neither refused as older nor said already."""
        wanted: dict[Any, PredictionRun] = {_key(run.key): run for run in runs}
        if not wanted:
            return []
        stored = self._stored(wanted.values())
        return [
            run
            for key, run in wanted.items()
            if (before := stored.get(key)) is None
            or (version_key(run.version) >= version_key(before.version) and before.digest != _digest(run)[1])
        ]

    def of(
        self, products: Collection[ProductId], types: Collection[str] | None = None
    ) -> dict[ProductId, list[StoredPrediction]]:
        """The predictions of *products* (of *types*), oldest row first; products without any are absent."""
        if not products:
            return {}
        query = select(prediction).where(of_products(self._connection, prediction, products))
        if types is not None:
            query = query.where(among(self._connection, prediction.c.type, types))
        found: dict[ProductId, list[StoredPrediction]] = {}
        for row in self._connection.execute(query.order_by(prediction.c.id)):
            product = ProductId(row.barcode, row.server_type)
            found.setdefault(product, []).append(
                StoredPrediction(
                    id=row.id,
                    product=product,
                    type=row.type,
                    value=row.value,
                    value_tag=row.value_tag,
                    data=row.data,
                    automatic=row.automatic,
                    confidence=row.confidence,
                    source_image=row.source_image,
                    predictor=row.predictor,
                    predictor_version=row.predictor_version,
                    component=row.component,
                    scope=row.scope,
                    plugin=row.plugin,
                    timestamp=row.timestamp,
                )
            )
        return found

    def digests(self, products: Collection[ProductId]) -> dict[tuple[str, str, str, str, str], str]:
        """The digest of each run of *products*, the empty ones too; equal digests mean equal runs.

        The keys are (server type, barcode, source image or "", component, scope).
        """
        if not products:
            return {}
        columns = prediction_run.c
        query = select(
            columns.server_type, columns.barcode, columns.source_image, columns.component, columns.scope, columns.digest
        ).where(of_products(self._connection, prediction_run, products))
        return {tuple(row[:5]): row.digest for row in self._connection.execute(query)}

    def runs(self, products: Collection[ProductId]) -> dict[ProductId, list[RunInfo]]:
        """The runs of *products*, the empty ones too; products without any are absent."""
        if not products:
            return {}
        query = select(prediction_run).where(of_products(self._connection, prediction_run, products))
        found: dict[ProductId, list[RunInfo]] = {}
        for row in self._connection.execute(query.order_by(prediction_run.c.id)):
            product = ProductId(row.barcode, row.server_type)
            key = RunKey(product, row.source_image or None, row.component, row.scope)
            found.setdefault(product, []).append(RunInfo(key, row.plugin, row.version, row.total, row.updated_at))
        return found

    def delete(self, product: ProductId, source_images: Collection[str] | None = None) -> int:
        """Delete the runs of *product* made from *source_images*, or all of them (``None``), with their predictions.

        Returns the number of runs deleted.
        """
        query = delete(prediction_run).where(of_products(self._connection, prediction_run, [product]))
        if source_images is not None:
            query = query.where(among(self._connection, prediction_run.c.source_image, source_images))
        return self._connection.execute(query).rowcount


def _digest(run: PredictionRun) -> tuple[list[Prediction], str]:
    """The distinct predictions of *run* in their order, and the digest of its version and whole content.

    The order of the predictions is no part of the digest.
    """
    if not run.predictions:
        return [], f"{run.plugin} {run.version}"
    distinct: dict[bytes, Prediction] = {}
    for item in run.predictions:
        packed = dump(
            (item.type, item.value, item.value_tag, item.data, item.automatic, item.confidence, item.method, item.box),
            orjson.OPT_SORT_KEYS,
        )
        distinct.setdefault(packed, item)
    hasher = blake2b(f"{run.plugin} {run.version}".encode(), digest_size=16)
    for packed in sorted(distinct):
        hasher.update(packed)
    return list(distinct.values()), hasher.hexdigest()


def _prediction_row(run_id: int, run: PredictionRun, item: Prediction, now: datetime) -> dict[str, Any]:
    key = run.key
    data = item.data if item.box is None else {**item.data, "bounding_box": item.box}
    return {
        "run_id": run_id,
        "server_type": key.product.server_type,
        "barcode": key.product.barcode,
        "type": item.type,
        "value": item.value,
        "value_tag": item.value_tag,
        "data": data,
        "automatic": item.automatic,
        "confidence": item.confidence,
        "source_image": key.source_image,
        "predictor": item.method,
        "predictor_version": run.version,
        "component": key.component,
        "scope": key.scope,
        "plugin": run.plugin,
        "timestamp": now,
    }
