"""Runs of predictions: replaced whole, by key; older versions refused; the same twice writes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import text

from robotoff_core.model.ids import ProductId
from robotoff_core.model.predictions import Prediction, PredictionRun, RunKey
from robotoff_core.store import JobSpec, Store
from robotoff_core.store.predictions import version_key

NOW = datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PRODUCT = ProductId("3274080005003")
OTHER = ProductId("3274080005003", "obf")
IMAGE = "/327/408/000/5003/1.jpg"


def run(*predictions: Prediction, version: str = "1", **key: Any) -> PredictionRun:
    made = evolve(RunKey(PRODUCT, IMAGE, "p.text"), **key)
    return PredictionRun(made, "p", version, predictions)


def values(store: Store, product: ProductId = PRODUCT) -> list[str | None]:
    with store.read() as tx:
        return [found.value for found in tx.predictions.of([product]).get(product, [])]


def test_a_prediction_comes_back_as_it_was(store: Store) -> None:
    one = Prediction(
        "kind", value="500 g", value_tag="en:x", data={"priority": 2, "nested": [1, {"é": None}]}, automatic=True,
        confidence=0.25, box=(0.1, 0.2, 0.3, 0.4), method="regex", scope="s",
    )  # fmt: skip
    with store.write() as tx:
        stored = tx.predictions.store_runs([run(one, scope="s")], NOW)
    assert (stored.stored, stored.predictions, stored.changed) == (1, 1, frozenset({PRODUCT}))
    with store.read() as tx:
        found = tx.predictions.of([PRODUCT, OTHER])[PRODUCT][0]
        assert OTHER not in tx.predictions.of([OTHER])
    assert (found.type, found.value, found.value_tag) == ("kind", "500 g", "en:x")
    assert found.data == {"priority": 2, "nested": [1, {"é": None}], "bounding_box": [0.1, 0.2, 0.3, 0.4]}
    assert (found.automatic, found.confidence, found.source_image) == (True, 0.25, IMAGE)
    assert (found.predictor, found.predictor_version, found.component, found.plugin) == ("regex", "1", "p.text", "p")
    assert (found.timestamp, found.scope, found.priority) == (NOW, "s", 2)


def test_the_same_run_twice_writes_nothing(store: Store) -> None:
    first = run(Prediction("kind", value="a"), Prediction("kind", value="b"))
    with store.write() as tx:
        tx.predictions.store_runs([first], NOW)
    with store.read() as tx:
        before = tx.predictions.of([PRODUCT]), tx.predictions.runs([PRODUCT])
        assert tx.predictions.changed([first]) == []
    swapped = evolve(first, predictions=first.predictions[::-1])
    with store.write() as tx:
        again = tx.predictions.store_runs([swapped], LATER)
    assert (again.stored, again.unchanged, again.changed) == (0, 1, frozenset())
    with store.read() as tx:
        assert (tx.predictions.of([PRODUCT]), tx.predictions.runs([PRODUCT])) == before


def test_a_run_replaces_only_what_its_key_held(store: Store) -> None:
    others = [
        run(Prediction("kind", value="other image"), source_image="/327/408/000/5003/2.jpg"),
        run(Prediction("kind", value="no image"), source_image=None),
        run(Prediction("kind", value="other predictor"), component="p.name"),
        run(Prediction("kind", value="other scope"), scope="fr"),
        run(Prediction("kind", value="other project"), product=OTHER),
    ]
    with store.write() as tx:
        tx.predictions.store_runs([run(Prediction("kind", value="old")), *others], NOW)
        stored = tx.predictions.store_runs([run(Prediction("else", value="new"), version="2")], LATER)
    assert stored.changed == {PRODUCT}
    assert sorted(map(str, values(store))) == ["new", "no image", "other image", "other predictor", "other scope"]
    assert values(store, OTHER) == ["other project"]
    with store.read() as tx:
        assert [found.value for found in tx.predictions.of([PRODUCT], ["else"])[PRODUCT]] == ["new"]


def test_a_run_without_image_is_replaced_too(store: Store) -> None:
    with store.write() as tx:
        tx.predictions.store_runs([run(Prediction("kind", value="old name"), source_image=None)], NOW)
        tx.predictions.store_runs([run(Prediction("kind", value="new name"), source_image=None)], LATER)
    assert values(store) == ["new name"]


def test_an_empty_run_removes_and_is_remembered(store: Store) -> None:
    with store.write() as tx:
        tx.predictions.store_runs([run(Prediction("kind", value="gone"))], NOW)
        emptied = tx.predictions.store_runs([run()], LATER)
    assert emptied.changed == {PRODUCT}
    assert values(store) == []
    with store.write() as tx:
        assert tx.predictions.store_runs([run()], LATER).unchanged == 1
        assert [(info.count, info.updated_at) for info in tx.predictions.runs([PRODUCT])[PRODUCT]] == [(0, LATER)]
        first = tx.predictions.store_runs([run(component="p.never")], LATER)
    assert (first.stored, first.changed) == (1, frozenset())  # nothing before, nothing after: no import needed


def test_an_older_version_never_replaces_a_newer(store: Store) -> None:
    with store.write() as tx:
        tx.predictions.store_runs([run(Prediction("kind", value="10"), version="1.10")], NOW)
        refused = tx.predictions.store_runs([run(Prediction("kind", value="9"), version="1.9")], LATER)
        assert tx.predictions.changed([run(version="1.9")]) == []
    assert (refused.refused_older, refused.stored) == (1, 0)
    assert values(store) == ["10"]
    with store.write() as tx:
        assert tx.predictions.store_runs([run(Prediction("kind", value="10"), version="1.11")], LATER).stored == 1


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1", "2"), ("9", "10"), ("1.2", "1.10"), ("1", "1.1"), ("2024-05-01", "2024-10-01"), ("3", "b")],
)
def test_versions_sort_as_people_read_them(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


def test_duplicates_within_a_batch_count_once(store: Store) -> None:
    same = Prediction("kind", value="a", data={"x": 1})
    with store.write() as tx:
        stored = tx.predictions.store_runs([run(same), run(same, same, Prediction("kind", value="b"))], NOW)
    assert (stored.stored, stored.predictions) == (1, 2)
    assert values(store) == ["a", "b"]


def test_a_changed_payload_is_a_changed_run(store: Store) -> None:
    with store.write() as tx:
        tx.predictions.store_runs([run(Prediction("kind", value="a", data={"x": 1}, confidence=0.5))], NOW)
        assert tx.predictions.store_runs(
            [run(Prediction("kind", value="a", data={"x": 1}, confidence=0.6))], NOW
        ).stored
        assert tx.predictions.store_runs(
            [run(Prediction("kind", value="a", data={"x": 2}, confidence=0.6))], NOW
        ).stored
    with store.read() as tx:
        assert tx.predictions.of([PRODUCT])[PRODUCT][0].data == {"x": 2}


def test_texts_that_machines_read_can_be_stored(store: Store) -> None:
    odd = Prediction("kind", value="a\x00b", data={"raw": "x\x00\ud800y", "kept": "\\u0000 ' \" % :b"})
    with store.write() as tx:
        tx.predictions.store_runs([run(odd)], NOW)
    with store.write() as tx:
        assert tx.predictions.store_runs([run(odd)], NOW).unchanged == 1
        found = tx.predictions.of([PRODUCT])[PRODUCT][0]
    assert found.value == "ab"
    assert found.data == {"raw": "x?y", "kept": "\\u0000 ' \" % :b"}


def test_values_that_are_only_nearly_equal_stay_apart(store: Store) -> None:
    """Large batches send what all rows have in common once; 1, 1.0 and true are not in common."""
    payloads = [{"n": (1, 1.0, True)[number % 3], "at": number} for number in range(30)] + [{}, {}]
    with store.write() as tx:
        tx.predictions.store_runs(
            [
                run(
                    *(
                        Prediction("kind", data={"n": one["n"]} if one else {}, value=str(number))
                        for number, one in enumerate(payloads)
                    )
                )
            ],
            NOW,
        )
        found = tx.predictions.of([PRODUCT])[PRODUCT]
    assert [repr(one.data.get("n")) for one in found] == ["1", "1.0", "True"] * 10 + ["None", "None"]


def test_equal_rows_are_all_written(store: Store) -> None:
    with store.write() as tx:
        ids = tx.jobs.enqueue_all([JobSpec("k", coalesce=False)] * 50, NOW)
        assert len(set(ids)) == 50


def test_deleting_by_image_and_whole(store: Store) -> None:
    with store.write() as tx:
        tx.predictions.store_runs(
            [run(Prediction("kind", value="1")), run(Prediction("kind", value="name"), source_image=None)], NOW
        )
        assert tx.predictions.delete(PRODUCT, [IMAGE]) == 1
    assert values(store) == ["name"]
    with store.write() as tx:
        assert tx.predictions.delete(PRODUCT) == 1
        assert tx.predictions.runs([PRODUCT]) == {}
    assert values(store) == []


def test_many_products_in_one_batch(store: Store) -> None:
    products = [ProductId(f"{4000000000000 + number}") for number in range(3000)]
    runs = [run(Prediction("kind", value=product.barcode), product=product) for product in products]
    with store.write() as tx:
        assert tx.predictions.store_runs(runs, NOW).stored == 3000
        assert len(tx.predictions.of(products)) == 3000
        assert tx.predictions.store_runs(runs, LATER).unchanged == 3000


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as tx:
            tx.predictions.store_runs([run(Prediction("kind", value="a"))], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert values(store) == []
    with store.read() as tx:
        assert tx.connection.execute(text("SELECT count(*) FROM prediction_run")).scalar_one() == 0
