"""Codes of organic control bodies, and the origin of agriculture beside them."""

from collections.abc import Callable
from datetime import date

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run, Taxonomy
from robotoff_core.testing.engine import LexiconIndex
from robotoff_plugin_labels.certifiers import certifier, known_certifiers
from robotoff_plugin_labels.text import LabelText

Read = Callable[[str | bytes], list[Prediction]]


def tags(predictions: list[Prediction]) -> list[str | None]:
    return [prediction.value_tag for prediction in predictions]


@pytest.mark.parametrize("separator", ["-", " ", ".", "\n", " - ", "‑", "–"])
def test_every_known_code_is_read(separator: str, read: Read) -> None:
    missing = []
    for tag in sorted(known_certifiers()):
        if tag.startswith("en:es-eco-") and tag.count("-") == 2:
            continue
        code = tag.removeprefix("en:").upper().replace("-", separator)
        if tags(read(f"Control : {code}, xyz")) != [tag]:
            missing.append(code)
    assert missing == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DE-ÖKO-006", "en:de-oko-006"),
        ("DE-OKO-006", "en:de-oko-006"),
        ("DE-Öko-006", "en:de-oko-006"),
        ("NO-ØKO-01", "en:no-øko-01"),
        ("NO-OKO-01", "en:no-øko-01"),
        ("DK-ØKO-100", "en:dk-øko-100"),
        ("FR-Bio-01", "en:fr-bio-01"),
        ("ES-ECO-026-VAS", "en:es-eco-026-vas"),
        ("IT-BIO-002 BZ", "en:it-bio-002-bz"),
        ("IT-BIO-006 EU", "en:it-bio-006"),
        ("RO-ECO-008", "en:ro-eco-008"),
        ("CH-BIO-006Suisse", "en:ch-bio-006"),
    ],
)
def test_code(text: str, expected: str, read: Read) -> None:
    assert tags(read(text)) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "FR-BIO-1",
        "ES-ECO-001",
        "ES-ECO-001 XX",
        "XX-BIO-12",
        "DE-ÖKO-06",
        "DE-ÖKO-0006",
        "fr-bio-01",
        "XFR-BIO-01",
        "FR-BIO-99",
        "FRBIO01",
        "FR BIO",
        "FR|BIO|01",
        "BIO-01",
        "EN-BIO-LAND",
    ],
)
def test_no_code(text: str, read: Read) -> None:
    assert read(text) == []


def test_the_deployment_s_taxonomy_adds_codes(label_index: LexiconIndex) -> None:
    newer = Taxonomy.from_dict({"en:fr-bio-20": {"parents": ["en:eu-organic"]}})
    run = Run(None, date(2026, 1, 1), lambda name: newer)
    document = OcrDocument.from_text("FR-BIO-20 et FR-BIO-01").bind(label_index)
    assert tags(list(LabelText().predict(document, run))) == ["en:fr-bio-20", "en:fr-bio-01"]


def test_span_covers_the_code_alone() -> None:
    text = "par FR-BIO-01 UE"
    assert certifier(text, 7, 10, "bio", Taxonomy()) == ("en:fr-bio-01", 4, 13)
    text = "ES-ECO-019-CT."
    assert certifier(text, 3, 6, "eco", Taxonomy()) == ("en:es-eco-019-ct", 0, 13)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Agriculture UE", "en:eu-agriculture"),
        ("Agriculture non UE", "en:non-eu-agriculture"),
        ("Agriculture non-UE", "en:non-eu-agriculture"),
        ("Agriculture UE/non UE", "en:eu-non-eu-agriculture"),
        ("AGRICULTURE UE / NON-UE", "en:eu-non-eu-agriculture"),
        ("Agriculture UE et non UE", "en:eu-non-eu-agriculture"),
        ("Agriculture non UE / UE", "en:eu-non-eu-agriculture"),
        ("Agriculture de l'Union européenne", "en:eu-agriculture"),
        ("EU Agriculture", "en:eu-agriculture"),
        ("non-EU Agriculture", "en:non-eu-agriculture"),
        ("EU/non-EU Agriculture", "en:eu-non-eu-agriculture"),
        ("EU and non EU agriculture", "en:eu-non-eu-agriculture"),
        ("EU-Landwirtschaft", "en:eu-agriculture"),
        ("Nicht-EU-Landwirtschaft", "en:non-eu-agriculture"),
        ("EU-/Nicht-EU-Landwirtschaft", "en:eu-non-eu-agriculture"),
        ("EU/Nicht EU Landwirtschaft", "en:eu-non-eu-agriculture"),
        ("EU - / Nicht - EU - Landwirtschaft", "en:eu-non-eu-agriculture"),
        ("EU -Landwirtschaft", "en:eu-agriculture"),
        ("Agricultura UE", "en:eu-agriculture"),
        ("Agricultura no UE", "en:non-eu-agriculture"),
        ("Agricultura UE/no UE", "en:eu-non-eu-agriculture"),
        ("Agricultura UE/não UE", "en:eu-non-eu-agriculture"),
        ("Agricoltura UE", "en:eu-agriculture"),
        ("Agricoltura non UE", "en:non-eu-agriculture"),
        ("Agricoltura UE/non UE", "en:eu-non-eu-agriculture"),
        ("EU-landbouw", "en:eu-agriculture"),
        ("niet-EU-landbouw", "en:non-eu-agriculture"),
        ("EU/niet-EU-landbouw", "en:eu-non-eu-agriculture"),
        ("Rolnictwo UE", "en:eu-agriculture"),
        ("Rolnictwo spoza UE", "en:non-eu-agriculture"),
        ("Rolnictwo UE/spoza UE", "en:eu-non-eu-agriculture"),
        ("Rolnictwo UE i spoza UE", "en:eu-non-eu-agriculture"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "FR-BIO-01\n{}\nxyz", "bio, {}."])
def test_agriculture(text: str, expected: str, around: str, read: Read) -> None:
    assert [tag for tag in tags(read(around.format(text))) if tag and "agriculture" in tag] == [expected]


@pytest.mark.parametrize(
    "text", ["Agriculture durable", "agriculture européenne", "neue Landwirtschaft", "UE", "Agriculture UEFA"]
)
def test_no_agriculture(text: str, read: Read) -> None:
    assert read(text) == []
