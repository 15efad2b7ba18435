"""Bulk import on PostgreSQL against a bare insert of the same prediction rows, in the same run.

The baseline is SQLAlchemy Core's ``insert()`` of the rows that the import stored, 1,000 a batch, into the same table
with its indexes. Prints rates and ratios; a ratio below 0.25, or a second import less than 4 times faster, is marked.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from attrs import evolve
from sqlalchemy import delete, insert, select

from robotoff_core.config import load_config
from robotoff_core.engine import bulk
from robotoff_core.model.ids import normalize_barcode, source_image
from robotoff_core.runtime import Runtime
from robotoff_core.store import Store
from robotoff_core.store.migrations import upgrade
from robotoff_core.store.tables import prediction, prediction_run
from robotoff_core.testing.services import PostgreSQL

PRODUCTS = 2_000
EACH = 5
BATCH = 1_000
REPEAT = 3


def barcodes() -> list[str]:
    return [normalize_barcode(f"3{number:012d}") for number in range(PRODUCTS)]


def product_lines() -> list[bytes]:
    images = {"1": {"sizes": {"full": {"w": 1200, "h": 1600}}}}
    return [
        json.dumps({"code": code, "images": images, "countries_tags": ["en:france"], "unique_scans_n": 3}).encode()
        for code in barcodes()
    ]


def prediction_lines() -> list[bytes]:
    """Five labels a product, from the text of one image."""
    tags = ["en:vegan", "en:gluten-free", "en:made-in-france", "en:no-preservatives", "en:palm-oil-free"]
    return [
        json.dumps(
            {
                "barcode": code,
                "type": "label",
                "value_tag": tag,
                "data": {"text": tag[3:], "bounding_box_absolute": [10, 20, 40, 300]},
                "source_image": source_image(code, "1"),
                "predictor": "regex",
                "predictor_version": "1",
            }
        ).encode()
        for code in barcodes()
        for tag in tags[:EACH]
    ]


def timed_import(runtime: Runtime, lines: list[bytes]) -> tuple[float, bulk.Counts]:
    counts = bulk.Counts()
    started = perf_counter()
    bulk.load_predictions(runtime, lines, counts, lambda _: None, "off")
    return perf_counter() - started, counts


def bare_insert(store: Store, rows: list[dict[str, Any]]) -> float:
    """The seconds of inserting *rows*, 1,000 a batch, into the emptied table."""
    with store.write() as tx:
        tx.connection.execute(delete(prediction))
    started = perf_counter()
    with store.engine.begin() as connection:
        for start in range(0, len(rows), BATCH):
            connection.execute(insert(prediction), rows[start : start + BATCH])
    return perf_counter() - started


def measure(url: str, folder: Path) -> dict[str, Any]:
    upgrade(url)
    config = evolve(load_config(overrides={"var": folder}, environ={}), database=url)
    runtime = Runtime.open(config)
    bulk.load_products(runtime, product_lines(), bulk.Counts(), lambda _: None, "off")
    lines = prediction_lines()
    first, counts = timed_import(runtime, lines)
    again, second = timed_import(runtime, lines)
    with runtime.store.read() as tx:
        rows = [row._asdict() for row in tx.connection.execute(select(prediction).order_by(prediction.c.id))]
        runs = tx.connection.execute(select(prediction_run.c.id)).all()
    bare = bare_insert(runtime.store, rows)
    runtime.close()
    assert second.counts["unchanged"] == second.counts["runs"] == len(runs)
    assert "created" in counts.counts
    assert not second.counts.get("created")
    return {"first": first, "again": again, "bare": bare, "counts": counts.counts}


def main() -> int:
    server = PostgreSQL.start()
    try:
        results = []
        for number in range(REPEAT):
            url = server.create(f"bench{number}")
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(url, Path(folder)))
    finally:
        server.stop()
    best = sorted(results, key=lambda result: result["bare"] / result["first"])[len(results) // 2]
    rows = PRODUCTS * EACH
    ratio, speedup = best["bare"] / best["first"], best["first"] / best["again"]
    print(f"bulk import, {PRODUCTS} products x {EACH} predictions on PostgreSQL (median of {REPEAT})")
    slow = "" if ratio >= 0.25 else "  <-- below 0.25"
    slower = "" if speedup >= 4 else "  <-- below 4"
    print(f"  bare insert          {rows / best['bare']:>10,.0f} rows/s")
    print(f"  import               {rows / best['first']:>10,.0f} rows/s   {ratio:.2f} x bare{slow}")
    print(f"  importing it again   {rows / best['again']:>10,.0f} rows/s   {speedup:.1f} x the first{slower}")
    print(f"  counts               {best['counts']}")
    return int(bool(slow or slower))


if __name__ == "__main__":
    sys.exit(main())
