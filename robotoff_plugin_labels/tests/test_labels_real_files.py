"""Real OCR files, and every label against the real taxonomies. Skipped where the shared data is not at hand."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run, Taxonomy, tag_from_text
from robotoff_plugin_labels.certifiers import known_certifiers
from robotoff_plugin_labels.data import lines, table
from robotoff_plugin_labels.known import build_data, emitted_labels
from robotoff_plugin_labels.logos import LabelLogos
from robotoff_plugin_labels.settings import LabelSettings

Read = Callable[[str | bytes], list[Prediction]]


@pytest.fixture(scope="module")
def real_labels(shared_data: Path) -> Taxonomy:
    raw = gzip.decompress((shared_data / "taxonomies" / "full" / "labels.full.json.gz").read_bytes())
    return Taxonomy.from_dict(json.loads(raw), name="labels")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0890000001202_1", []),
        ("3038350013804_11", []),
        ("4903015130266_2", ["en:made-in-japan"]),
        ("9421023629015_5", ["en:made-in-new-zealand"]),
        ("face_detection", []),
    ],
)
def test_real_ocr(name: str, expected: list[str], shared_data: Path, read: Read, run: Run[LabelSettings]) -> None:
    data = (shared_data / "ocr" / f"{name}.json").read_bytes()
    assert [one.value_tag for one in read(data)] == expected
    assert list(LabelLogos().predict(OcrDocument.from_bytes(data), run)) == []


def test_every_label_exists(real_labels: Taxonomy, shared_data: Path) -> None:
    countries = {
        tag_from_text(found[1])
        for line in gzip.decompress((shared_data / "taxonomies" / "countries.txt.gz").read_bytes())
        .decode()
        .splitlines()
        if (found := re.match(r"en: ?([^,]+)", line))
    }
    named = {origin["tag"] for origin in table("origins.toml").values() if "name" in origin}
    for tag in sorted(emitted_labels()):
        if tag in named:
            assert tag not in real_labels, f"{tag} needs no name of its own any more"
            assert tag.removeprefix("en:made-in-").removeprefix("the-") in countries
        else:
            assert tag in real_labels


def test_automatic_labels_and_codes_exist(real_labels: Taxonomy) -> None:
    assert {tag for tag in lines("automatic.txt") if not set(tag) & set("*?")} <= set(real_labels)
    assert known_certifiers() <= set(real_labels)
    assert set(LabelSettings().refused_labels) <= set(real_labels)
    assert {line.split()[0] for line in lines("pictures.txt")} <= set(real_labels)


def test_packaged_facts_are_those_of_the_taxonomy(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "taxonomies" / "full" / "labels.full.json.gz"
    assert build_data([str(source), str(tmp_path)]) == 0
    assert (tmp_path / "certifiers.txt").read_text("utf-8").splitlines()[1:] == lines("certifiers.txt")
    from robotoff_plugin_labels import data

    packaged = Path(data.__file__).with_name("labels.json")
    assert json.loads((tmp_path / "labels.json").read_text("utf-8")) == json.loads(packaged.read_text("utf-8"))
