"""`robotoff predict` and `robotoff bench predict`, with a small plugin that stands beside the test."""

import gzip
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from robotoff_core.api import Lexicon, Manifest, OcrDocument, Prediction, Predictor, Run, TypeSpec, hookimpl
from robotoff_core.cli.main import cli
from robotoff_core.plugins import registry
from robotoff_core.testing.ocr import label_ocr, ocr_bytes


class Words(Predictor):
    name = "fruits.words"
    version = "3"
    produces = ("fruit",)

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        for hit in document.hits("fruits.names"):
            yield Prediction("fruit", value=hit.term, value_tag=hit.value, span=(hit.start, hit.end), confidence=0.5)


class Colors(Predictor):
    name = "fruits.colors"
    version = "1"
    produces = ("color",)

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        if "explode" in document.text:
            raise RuntimeError("as asked")
        if "red" in document.folded:
            yield Prediction("color", value="red", data={"today": run.today.isoformat()})


class Fruits:
    manifest = Manifest("fruits", "Fruits", owns=(TypeSpec("fruit", insight=False), TypeSpec("color", insight=False)))

    @hookimpl
    def robotoff_predictors(self, settings: Any) -> list[Predictor]:
        return [Words(), Colors()]

    @hookimpl
    def robotoff_lexicons(self, settings: Any) -> list[Lexicon]:
        return [Lexicon("fruits.names", [("apple", "en:apple"), ("pomme", "en:apple")])]


@pytest.fixture
def robotoff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `robotoff` in an empty folder with the plugin above alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "load_plugins", partial(registry.load_plugins, extra=[Fruits()]))
    monkeypatch.setenv("ROBOTOFF_PLUGINS__ENABLED", '["fruits"]')

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, list(arguments), input=stdin)

    return run


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "one.json").write_bytes(ocr_bytes(label_ocr(["Red Apple"], lang="en")))
    (tmp_path / "two.json.gz").write_bytes(gzip.compress(ocr_bytes(label_ocr(["Pomme"], lang="fr"))))
    return tmp_path


def test_predict_ocr_prints_a_line_for_each_file(robotoff: Any, files: Path) -> None:
    result = robotoff("predict", "ocr", "one.json", "two.json.gz")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    first, second = lines(result)
    assert list(first) == ["source", "predictions"]
    assert first["source"] == "one.json"
    apple, red = first["predictions"]
    box = apple["data"].pop("bounding_box_absolute")
    assert len(box) == 4
    assert apple == {
        "type": "fruit",
        "value": "apple",
        "value_tag": "en:apple",
        "data": {},
        "automatic_processing": None,
        "predictor": "regex",
        "predictor_version": "3",
        "confidence": 0.5,
    }
    assert red["type"] == "color"
    assert [found["value"] for found in second["predictions"]] == ["pomme"]


def test_predict_of_some_types(robotoff: Any, files: Path) -> None:
    result = robotoff("predict", "ocr", "one.json", "--type", "color")
    assert [found["type"] for found in lines(result)[0]["predictions"]] == ["color"]
    both = robotoff("predict", "ocr", "one.json", "--type", "color", "--type", "fruit")
    assert len(lines(both)[0]["predictions"]) == 2


def test_an_unknown_type_is_refused_with_the_known_ones(robotoff: Any, files: Path) -> None:
    result = robotoff("predict", "ocr", "one.json", "--type", "colour")
    assert result.exit_code == 2
    assert "unknown prediction type: colour (known: color, fruit)" in result.stderr
    assert result.stdout == ""


def test_bad_files_are_named_and_the_others_predicted(robotoff: Any, files: Path) -> None:
    (files / "bad.json").write_text('{"responses": [{"fullTextAnnotation": {"pages": [5]}}]}')
    (files / "cut.json.gz").write_bytes(gzip.compress(b"{}")[:-4])
    result = robotoff("predict", "ocr", "bad.json", "absent.json", "cut.json.gz", "one.json", ".")
    assert result.exit_code == 1
    rows = lines(result)
    assert [row["source"] for row in rows] == ["bad.json", "absent.json", "cut.json.gz", "one.json", "."]
    assert [len(row["predictions"]) for row in rows] == [0, 0, 0, 2, 0]
    place = "$.responses[0].fullTextAnnotation.pages[0]"
    assert rows[0]["error"] == f"{place}: object expected, not a number"
    assert f"Error: bad.json: {place}: object expected, not a number" in result.stderr
    assert "Error: absent.json: " in result.stderr
    assert "Error: cut.json.gz: " in result.stderr
    assert "error" not in rows[3]


def test_a_failing_component_is_named_and_the_others_results_stay(robotoff: Any, files: Path) -> None:
    (files / "three.json").write_bytes(ocr_bytes(label_ocr(["apple explode"])))
    result = robotoff("predict", "ocr", "three.json")
    assert result.exit_code == 1
    assert [found["type"] for found in lines(result)[0]["predictions"]] == ["fruit"]
    assert "three.json: fruits.colors (plugin fruits) raised: RuntimeError: as asked" in result.stderr


def test_timing_goes_to_stderr(robotoff: Any, files: Path) -> None:
    result = robotoff("predict", "ocr", "one.json", "two.json.gz", "--timing")
    assert len(lines(result)) == 2
    head, *rows = result.stderr.splitlines()
    assert head == "milliseconds for 2 documents:"
    assert [row.split()[0] for row in rows] == ["parse", "fruits.words", "fruits.colors"]
    assert all(float(row.split()[1]) >= 0 for row in rows)


def test_predict_text_echoes_ids(robotoff: Any) -> None:
    entries = [{"id": 7, "text": "Une pomme"}, {"text": "red"}, {"id": {"a": [1]}, "text": ""}]
    result = robotoff("predict", "text", stdin="\n".join(map(json.dumps, entries)) + "\n\n")
    assert result.exit_code == 0, result.output
    first, second, third = lines(result)
    assert (first["id"], second["id"], third["id"]) == (7, None, {"a": [1]})
    assert first["predictions"][0]["data"] == {}
    assert [found["value"] for found in second["predictions"]] == ["red"]
    assert third == {"id": {"a": [1]}, "predictions": []}


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '"red"', "{}", '{"text": 5}', '{"text": null}', b'{"text": "\xff"}']
)
def test_a_bad_line_is_numbered_and_the_others_predicted(robotoff: Any, line: str | bytes) -> None:
    bad = line.encode() if isinstance(line, str) else line
    result = robotoff(
        "predict", "text", "--timing", stdin=b'{"id": 1, "text": "red"}\n\n' + bad + b'\n{"text": "pomme"}'
    )
    assert result.exit_code == 1
    assert [len(row["predictions"]) for row in lines(result)] == [1, 0, 1]
    assert "Error: stdin, line 3: " in result.stderr
    assert "milliseconds for 2 documents:" in result.stderr


def test_bench_reports_its_figures(robotoff: Any, files: Path) -> None:
    result = robotoff("bench", "predict", "one.json", "two.json.gz", "--repeat", "3", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert list(report) == [
        "documents",
        "characters",
        "decode_ms",
        "total_ms",
        "rules_ms",
        "ratio_total",
        "ratio_rules",
        "components",
        "predictions",
    ]
    assert report["documents"] == 2
    assert report["predictions"] == 3
    assert report["characters"] >= len("Red Apple") + len("Pomme")
    assert set(report["components"]) == {"fruits.words", "fruits.colors"}
    assert all(report[key] > 0 for key in ("decode_ms", "total_ms", "rules_ms", "ratio_total", "ratio_rules"))


def test_bench_of_one_type_for_people(robotoff: Any, files: Path) -> None:
    result = robotoff("bench", "predict", "one.json", "--type", "color", "--repeat", "1")
    assert result.exit_code == 0, result.output
    assert "ratio_total" in result.stdout
    assert "fruits.colors" in result.stdout
    assert "fruits.words" not in result.stdout


def test_bench_refuses_bad_files_and_tells_failures(robotoff: Any, files: Path) -> None:
    (files / "bad.json").write_text("{}")
    result = robotoff("bench", "predict", "one.json", "bad.json")
    assert result.exit_code == 1
    assert "bad.json: $.responses: list expected, missing" in result.stderr
    (files / "three.json").write_bytes(ocr_bytes(label_ocr(["explode"])))
    result = robotoff("bench", "predict", "three.json", "--repeat", "1")
    assert result.exit_code == 1
    assert "three.json: fruits.colors raised: RuntimeError: as asked" in result.stderr
    assert robotoff("bench", "predict", "absent.json").exit_code == 1
    assert robotoff("bench", "predict", "one.json", "--repeat", "0").exit_code == 2
