"""Bulk loading: what is loaded, what is refused and why, and that loading twice changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from engine_kit import facts_runtime

from robotoff_core.api import ProductId
from robotoff_core.engine import bulk
from robotoff_core.engine.handlers import HANDLERS
from robotoff_core.engine.importing import refresh
from robotoff_core.engine.lines import INSIGHT_KEYS
from robotoff_core.model.insights import Origin, Status
from robotoff_core.runtime import Runtime
from robotoff_core.store import JobState
from robotoff_core.testing.ocr import label_ocr

A, B, C = (ProductId(code) for code in ("3274080005003", "3274080005010", "3274080005027"))
IMAGE = "/327/408/000/5003/1.jpg"


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = facts_runtime(database_url, tmp_path)
    yield runtime
    runtime.close()


def line(product: ProductId = A, tag: str = "en:a", **fields: Any) -> dict[str, Any]:
    return {"barcode": product.barcode, "type": "fact", "value_tag": tag, "predictor": "regex", **fields}


def load(runtime: Runtime, *rows: Any, load: Any = bulk.load_predictions, **more: Any) -> bulk.Counts:
    counts = bulk.Counts()
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows]
    load(runtime, lines, counts, lambda _: None, "off", **more)
    return counts


def claims(runtime: Runtime) -> dict[str, set[str]]:
    with runtime.store.read() as tx:
        found = tx.insights.of([A, B, C])
    return {product.barcode: {insight.claim for insight in of} for product, of in found.items()}


def test_predictions_run_the_importers_and_twice_changes_nothing(runtime: Runtime) -> None:
    rows = [line(A), line(A, "en:b"), line(B, server_type="off")]
    first = load(runtime, *rows)
    assert first.counts == {
        "runs": 2, "unchanged": 0, "predictions": 3, "created": 3, "updated": 0, "superseded": 0,
    }  # fmt: skip
    assert claims(runtime) == {A.barcode: {"en:a", "en:b"}, B.barcode: {"en:a"}}
    again = load(runtime, *rows)
    assert (again.counts["unchanged"], again.counts["created"], again.refused_lines) == (2, 0, 0)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{not json\n", "not valid JSON"),
        (b"[1, 2]\n", "not a JSON object"),
        (line(B) | {"barcode": ""}, "key 'barcode' must be a non-empty text"),
        (line(B) | {"type": 5}, "key 'type' must be a text or null, not int"),
        (line(B) | {"data": [1]}, "key 'data' must be an object"),
        (line(B) | {"automatic_processing": "yes"}, "must be true, false or null"),
        (line(B) | {"server_type": "off-pro"}, "key 'server_type' must be one of off, obf"),
        (line(B, predictor_version="2"), "differs within a run"),
    ],
)
def test_a_bad_line_takes_its_run_and_leaves_the_rest(runtime: Runtime, bad: Any, reason: str) -> None:
    counts = load(runtime, line(A), line(B), bad, line(B, "en:b"), line(C))
    assert claims(runtime) == {A.barcode: {"en:a"}, C.barcode: {"en:a"}}
    assert counts.refused[0][0] == 3
    assert reason in counts.refused[0][1]
    assert counts.refused_lines == 3


def test_a_refused_run_leaves_what_was_stored_before(runtime: Runtime) -> None:
    load(runtime, line(A), line(A, "en:b"))
    load(runtime, line(A, "en:c"), line(A, data=7))
    assert claims(runtime) == {A.barcode: {"en:a", "en:b"}}


def test_the_lines_of_a_run_must_stand_together(runtime: Runtime) -> None:
    counts = load(runtime, line(A), line(B), line(A, "en:b"), line(A, "en:c"), line(C))
    assert claims(runtime) == {A.barcode: {"en:a"}, B.barcode: {"en:a"}, C.barcode: {"en:a"}}
    assert [number for number, _ in counts.refused] == [3, 4]
    assert "must stand together" in counts.refused[0][1]


def test_predictions_of_an_unknown_type_are_kept(runtime: Runtime) -> None:
    load(runtime, line(A) | {"type": "riddle"})
    with runtime.store.read() as tx:
        assert [p.type for p in tx.predictions.of([A])[A]] == ["riddle"]
    assert claims(runtime) == {}


def insight_line(**fields: Any) -> dict[str, Any]:
    row = dict.fromkeys(sorted(INSIGHT_KEYS))
    return {
        **row, "id": str(uuid4()), "barcode": A.barcode, "type": "fact", "data": {}, "value_tag": "en:old",
        "source_image": IMAGE, "countries": ["en:france"], "brands": [], "campaign": [], "n_votes": 0,
        "timestamp": "2026-03-01T10:00:00.250000", "automatic_processing": False, "server_type": "off", **fields,
    }  # fmt: skip


def test_insights_are_marked_imported_and_protected_until_a_predictor_saw_their_image(runtime: Runtime) -> None:
    open_one, answered = insight_line(), insight_line(value_tag="en:no", annotation=0, username="ada")
    counts = load(runtime, open_one, answered, load=bulk.load_insights)
    assert counts.counts == {"insights": 2, "known": 0}
    refresh(runtime, [A])
    load(runtime, line(A, "en:no", source_image=IMAGE.replace("1.jpg", "2.jpg")))
    with runtime.store.read() as tx:
        found = {insight.claim: insight for insight in tx.insights.of([A])[A]}
    assert {claim: (i.status, i.origin, str(i.id)) for claim, i in found.items()} == {
        "en:old": (Status.OPEN, Origin.IMPORTED, open_one["id"]),
        "en:no": (Status.REJECTED, Origin.IMPORTED, answered["id"]),
    }
    again = load(runtime, open_one, answered, load=bulk.load_insights)
    assert again.counts == {"insights": 0, "known": 2}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": "7"}, "key 'id' must be a UUID"),
        ({"annotation": 3}, "key 'annotation' must be null, -1, 0, 1 or 2"),
        ({"source_image": "1.jpg"}, "key 'source_image'"),
        ({"bounding_box": [0, 1]}, "key 'bounding_box'"),
        ({"timestamp": "yesterday"}, "key 'timestamp' must be an ISO 8601 time"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"countries": "en:france"}, "key 'countries' must be a list of texts or null"),
    ],
)
def test_a_bad_insight_is_refused_and_the_others_stay(runtime: Runtime, fields: dict[str, Any], reason: str) -> None:
    counts = load(runtime, insight_line(**fields), insight_line(value_tag="en:fine"), load=bulk.load_insights)
    assert counts.counts["insights"] == 1
    assert [number for number, _ in counts.refused] == [1]
    assert reason in counts.refused[0][1]


def test_what_was_answered_elsewhere_is_no_longer_asked(runtime: Runtime) -> None:
    load(runtime, line(A, "en:no"), line(B, "en:no"))
    load(runtime, insight_line(value_tag="en:no", annotation=0), load=bulk.load_insights)
    with runtime.store.read() as tx:
        [job] = tx.jobs.in_state(JobState.PENDING)
    HANDLERS[job.kind](runtime, job.payload)
    with runtime.store.read() as tx:
        asked = tx.insights.of([A, B], history=False)
    assert set(asked) == {B}


def test_two_open_insights_with_the_same_claim(runtime: Runtime) -> None:
    counts = load(runtime, insight_line(), insight_line(), load=bulk.load_insights)
    assert (counts.counts["insights"], [number for number, _ in counts.refused]) == (1, [2])


def test_images_with_documents_become_jobs(runtime: Runtime) -> None:
    ocr = label_ocr(["100 g"], width=400, height=300, lang="en")
    row = {"barcode": A.barcode, "image_id": 1, "width": 400, "height": 300, "uploaded_t": 1_700_000_000}
    files = {"1.json": json.dumps(ocr).encode()}

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(f"no file {path}")
        return files[path]

    counts = load(
        runtime, row | {"ocr": ocr}, row | {"image_id": "2", "ocr": "1.json"}, row | {"image_id": "3"},
        row | {"image_id": "4", "ocr": "2.json"}, row | {"image_id": "5", "ocr": {}}, row | {"width": 0},
        load=bulk.load_images, read=read,
    )  # fmt: skip
    assert counts.counts == {"images": 3, "jobs": 2}
    assert [number for number, _ in counts.refused] == [4, 5, 6]
    assert counts.refused[0][1] == "key 'ocr': 2.json cannot be read: no file 2.json"
    with runtime.store.read() as tx:
        assert {image.image_id for image in tx.images.of(A)} == {"1", "2", "3"}
        assert [job.kind for job in tx.jobs.in_state(JobState.PENDING)] == ["predict_image"] * 2
    assert json.loads(runtime.documents.get(A, "/327/408/000/5003/2.jpg")) == ocr


def test_products_are_loaded_into_the_product_file(runtime: Runtime) -> None:
    counts = load(runtime, {"code": "3274080005003", "quantity": "1 l"}, {"quantity": "2 l"}, load=bulk.load_products)
    assert counts.counts == {"products": 1}
    assert counts.refused == [(2, "key 'code' must be a non-empty text")]
    assert runtime.products.get([A])[A].text("quantity") == "1 l"
