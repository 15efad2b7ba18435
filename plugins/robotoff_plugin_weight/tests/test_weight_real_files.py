"""Real OCR files, real quantities, the demo corpus, and the time it takes."""

import gc
import gzip
import json
import random
import re
import string
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run
from robotoff_core.testing.engine import iter_images
from robotoff_core.testing.ocr import corpus, ocr_bytes, repeat_ocr
from robotoff_plugin_weight.predictor import WeightPredictor
from robotoff_plugin_weight.quantities import read_value
from robotoff_plugin_weight.settings import WeightSettings

Read = Callable[[str | bytes], Sequence[Prediction]]
Values = Callable[[str | bytes], list[str | None]]

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
real = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no real data in {DATA.parent.name}/{DATA.name} beside the workspace"
)


@real
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0890000001202_1", ["4 x 90 g"]),
        ("3038350013804_11", []),  # a recipe
        ("4903015130266_2", ["117 g"]),  # not the serving's 58.5 g
        ("9421023629015_5", ["250 g"]),
        ("face_detection", []),
    ],
)
def test_real_files(values: Values, name: str, expected: list[str]) -> None:
    assert values((DATA / "ocr" / f"{name}.json").read_bytes()) == expected


def records() -> Iterator[dict[str, Any]]:
    for name in ("openfoodfacts", "openbeautyfacts"):
        with gzip.open(DATA / "products" / f"{name}-products-min.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@real
def test_quantities_that_people_entered(values: Values) -> None:
    """After a prompt, a quantity as contributors enter them is read, or nothing is said: never another amount."""
    understood = 0
    wanted = 0
    for record in records():
        printed, grams = record.get("quantity"), record.get("product_quantity")
        if not printed or not grams or not re.search(r"\d", printed) or not 10 < float(grams) < 10_000:
            continue
        wanted += 1
        said = values(f"Poids net : {printed}")
        if not said:
            continue
        quantity = read_value(said[0] or "")
        assert quantity is not None
        assert quantity.total == pytest.approx(float(grams), rel=0.05), printed
        understood += 1
    assert wanted > 250
    assert understood / wanted > 0.95


@real
@pytest.mark.parametrize(("field", "allowed"), [("ingredients_text", 0), ("generic_name", 0), ("serving_size", 1)])
def test_texts_that_state_no_net_quantity(values: Values, field: str, allowed: int) -> None:
    """Thousands of ingredient lists and serving sizes raise no false alarm ("CONTAINER WEIGHT: MIN. 2 oz" is asked)."""
    texts = [text for record in records() if isinstance(text := record.get(field), str) and text]
    alarms = [(text, said) for text in texts if (said := values(text))]
    assert len(texts) > 250
    assert len(alarms) <= allowed, alarms


DEMO = {
    "9520000000110": ["500 g"],
    "9520000000226": ["400 g"],
    "9520000000332": ["4 x 125 g", "500 g"],
    "9520000000448": ["1 kg"],
    "9520000000554": ["454 g"],
    "9520000000660": ["330 ml"],
    "9520000000776": ["500 g"],
    "9520000000882": ["670 g"],
    "9520000000998": ["350 g"],
    "9520000001100": ["1 l"],
    "9520000001216": ["500 g"],
    "9520000001322": ["240 g", "3 x 80 g"],
    "9520000001438": ["900 g"],
    "9520000001544": ["400 g"],
}


def test_the_demo_corpus(values: Values) -> None:
    found: dict[str, set[str | None]] = {}
    for barcode, _, _, _, data in iter_images():
        found.setdefault(barcode, set()).update(values(data))
    assert {barcode: sorted(map(str, said)) for barcode, said in found.items()} == DEMO


def test_the_generated_corpus_yields_its_round_weights_only(read: Read) -> None:
    """Labels of the generator print net weights as "... {10, 20, ..., 1000} g" and everything else as traps."""
    said = [prediction for data in corpus(25, 11) for prediction in read(data)]
    assert len(said) > 10
    for prediction in said:
        assert prediction.data["matcher_type"] == "with_mention"
        assert prediction.data["normalized_value"] % 10 == 0


SIZE = 200_000
LONG_TEXTS = {
    "noise": lambda: "".join(random.Random(1).choices(string.ascii_letters + string.digits + " .,:|\n", k=SIZE)),
    "letter": lambda: "a" * SIZE,
    "digits": lambda: "1" * SIZE,
    "numbers": lambda: "12 " * (SIZE // 3),
    "counts": lambda: "1 x " * (SIZE // 4),
    "thousands": lambda: "1.000," * (SIZE // 6),
    "spaces": lambda: "1 " + " " * SIZE,
    "zeros": lambda: "1" + "o" * SIZE,
    "prompts": lambda: "poids net " * (SIZE // 10),
    "packs": lambda: "4x90 g " * (SIZE // 7),
    "signs": lambda: "100 g e\n" * (SIZE // 8),
}


@pytest.mark.parametrize("kind", LONG_TEXTS)
def test_long_texts_take_little_time(
    parsed: Callable[[str | bytes], OcrDocument], run: Run[WeightSettings], kind: str
) -> None:
    document = parsed(LONG_TEXTS[kind]())
    document.hits("weight.words")  # core's scan, shared by all plugins
    assert best_of(3, lambda: list(WeightPredictor().predict(document, run))) < 0.2


@pytest.mark.parametrize("text", ["4x90 g ", "poids net 50 g ", "100 g e\n", "1 lb 2 oz ", "recette 2 x 50 g "])
def test_time_grows_linearly(parsed: Callable[[str | bytes], OcrDocument], run: Run[WeightSettings], text: str) -> None:
    predictor = WeightPredictor()
    seconds = []
    for size in (200, 1600):
        document = parsed(text * size)
        document.hits("weight.words")
        seconds.append(best_of(5, lambda document=document: list(predictor.predict(document, run))))  # type: ignore[misc]
    assert seconds[1] < 8 * seconds[0] * 1.8


def test_the_rules_cost_a_fraction_of_decoding(
    parsed: Callable[[str | bytes], OcrDocument], run: Run[WeightSettings]
) -> None:
    import orjson

    documents = corpus(6, 5)
    documents += [ocr_bytes(repeat_ocr(json.loads(documents[0]), 8))]
    ratios = []
    for data in documents:
        document = parsed(data)
        document.hits("weight.words")
        rules = best_of(5, lambda document=document: list(WeightPredictor().predict(document, run)))  # type: ignore[misc]
        ratios.append(rules / best_of(5, lambda data=data: orjson.loads(data)))  # type: ignore[misc]
    assert sorted(ratios)[len(ratios) // 2] < 0.1


def best_of(times: int, work: Callable[[], Any]) -> float:
    """The shortest of several runs, in seconds of this process: other processes and the collector stay out of it."""
    seconds = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            started = time.process_time()
            work()
            seconds.append(time.process_time() - started)
    finally:
        gc.enable()
    return min(seconds)
