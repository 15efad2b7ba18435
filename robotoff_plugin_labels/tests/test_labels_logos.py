"""Labels from the cloud's logos."""

from typing import Any

import pytest

from robotoff_core.api import OcrDocument, Run
from robotoff_plugin_labels.data import table
from robotoff_plugin_labels.logos import LabelLogos
from robotoff_plugin_labels.settings import LabelSettings


def document(*logos: tuple[str, float]) -> OcrDocument:
    response: dict[str, Any] = {
        "logoAnnotations": [{"mid": "/m/1", "description": name, "score": score} for name, score in logos]
    }
    return OcrDocument.from_json({"responses": [response]})


@pytest.mark.parametrize("description", table("logos.toml")["logos"])
def test_every_known_logo(description: str, run: Run[LabelSettings]) -> None:
    (found,) = LabelLogos().predict(document((description.upper(), 0.7)), run)
    assert found.value_tag == table("logos.toml")["logos"][description]
    assert (found.type, found.automatic, found.confidence, dict(found.data)) == ("label", False, 0.7, {})
    assert (found.method or LabelLogos.method) == "google-cloud-vision"


def test_the_best_score_counts_and_unknown_logos_do_not(run: Run[LabelSettings]) -> None:
    found = list(LabelLogos().predict(document(("Label rouge", 0.4), ("Necco", 0.9), ("LABEL ROUGE", 0.8)), run))
    assert [(one.value_tag, one.confidence) for one in found] == [("fr:label-rouge", 0.8)]


def test_no_logos(run: Run[LabelSettings]) -> None:
    assert list(LabelLogos().predict(OcrDocument.from_text("Label rouge"), run)) == []
