"""The acceptance examples 4 and 8 of the engine specification, with the real plugins on both databases.

The others need no plugin of ours: they stand in core/tests/test_engine_flow.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.api import Insight, Prediction, ProductId
from robotoff_core.config import load_config
from robotoff_core.engine.importing import import_runs
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.products.recording import RecordingProducts
from robotoff_core.runtime import Runtime

PRODUCT = ProductId("3274080005003")
IMAGE = "/327/408/000/5003/1.jpg"


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime.open(load_config(overrides={"var": tmp_path, "database": database_url}, environ={}))
    yield runtime
    runtime.close()


def imported(runtime: Runtime, fields: dict[str, Any], component: str, *found: Prediction) -> list[Insight]:
    """The insights that *found* leads to on a product with *fields*."""
    products = runtime.products
    assert isinstance(products, RecordingProducts)
    products.load([{"code": PRODUCT.barcode, "images": {"1": {}}, **fields}])
    plugin = component.partition(".")[0]
    report = import_runs(runtime, [PredictionRun(RunKey(PRODUCT, IMAGE, component), plugin, "1", found)])
    assert not report.failures
    with runtime.store.read() as tx:
        return tx.insights.of([PRODUCT], history=False).get(PRODUCT, [])


def label(tag: str) -> Prediction:
    return Prediction("label", value_tag=tag, method="regex", data={"text": tag})


def weight(value: str, amount: float) -> Prediction:
    data = {
        "raw": value,
        "normalized_value": amount,
        "normalized_unit": "g",
        "matcher_type": "with_mention",
        "priority": 1,
    }
    return Prediction("product_weight", value=value, method="regex", data=data, automatic=True)


def test_4_only_the_deepest_label_is_suggested(runtime: Runtime) -> None:
    found = [label("en:organic"), label("fr:ab-agriculture-biologique")]
    insights = imported(runtime, {}, "labels.text", *found)
    assert [insight.value_tag for insight in insights] == ["fr:ab-agriculture-biologique"]


def test_4_a_product_that_has_it_is_asked_nothing(runtime: Runtime) -> None:
    found = [label("en:organic"), label("fr:ab-agriculture-biologique")]
    assert imported(runtime, {"labels_tags": ["fr:ab-agriculture-biologique"]}, "labels.text", *found) == []


def test_8_two_values_of_one_matcher_are_one_insight_that_is_asked(runtime: Runtime) -> None:
    insights = imported(runtime, {}, "weight.text", weight("500 g", 500.0), weight("250 g", 250.0))
    assert len(insights) == 1
    assert not insights[0].automatic


def test_8_a_product_with_a_quantity_is_asked_nothing(runtime: Runtime) -> None:
    assert imported(runtime, {"quantity": "1 kg"}, "weight.text", weight("500 g", 500.0)) == []
