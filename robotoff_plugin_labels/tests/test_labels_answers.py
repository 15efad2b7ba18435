"""Annotator and question."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from robotoff_core.api import AddTag, Answer, Insight, Product, ProductId, Result, Run, Taxonomy
from robotoff_plugin_labels.annotator import LabelAnnotator
from robotoff_plugin_labels.data import languages, lines, table
from robotoff_plugin_labels.known import emitted_labels
from robotoff_plugin_labels.questions import LabelQuestion
from robotoff_plugin_labels.settings import LabelSettings

ID = ProductId("3274080005003")
TAXONOMY = Taxonomy.from_dict(
    {
        "en:organic": {"name": {"en": "Organic", "fr": "Bio", "pt": "Orgânico"}},
        "en:eu-organic": {"name": {"en": "EU Organic", "xx": "EU-Organic"}, "parents": ["en:organic"]},
        "fr:ab-agriculture-biologique": {"name": {"fr": "AB"}, "parents": ["en:eu-organic"]},
    }
)
EMPTY = Taxonomy()


def run_of(taxonomy: Taxonomy) -> Run[Any]:
    return Run(None, date(2026, 1, 1), lambda name: taxonomy)


def insight(tag: str | None) -> Insight:
    return Insight(UUID(int=5), ID, "label", tag or "", "labels", value_tag=tag)


def annotate(tag: str | None, *labels: str) -> Any:
    product = Product(ID, {"labels_tags": list(labels)})
    return LabelAnnotator().annotate(insight(tag), Answer(1), product, run_of(TAXONOMY))


def test_accepting_adds_the_tag() -> None:
    outcome = annotate("en:organic", "en:vegan")
    assert outcome.result is Result.UPDATED
    assert outcome.edits == (AddTag("labels", "en:organic", action="Adding label tag 'en:organic'"),)


@pytest.mark.parametrize("label", ["en:organic", "en:eu-organic", "fr:ab-agriculture-biologique", "fr:bio"])
def test_what_the_product_has_or_says_more_precisely_is_not_sent(label: str) -> None:
    outcome = annotate("en:organic", label)
    assert (outcome.result, outcome.edits) == (Result.ALREADY_ANNOTATED, ())
    assert outcome.description == f"the product already has the label {label}"


def test_a_less_precise_label_on_the_product_does_not_stop_it() -> None:
    assert annotate("fr:ab-agriculture-biologique", "en:organic").result is Result.UPDATED


def test_an_insight_without_a_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no label"):
        annotate(None)


def test_data_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no data"):
        LabelAnnotator().validate({"value_tag": "en:organic"})


@pytest.mark.parametrize(
    ("lang", "text", "value"),
    [
        ("en", "Does the product have this label?", "Organic"),
        ("fr", "Le produit a-t-il ce label ?", "Bio"),
        ("fr_CA", "Le produit a-t-il ce label ?", "Bio"),
        ("pt_BR", "O produto tem este rótulo?", "Orgânico"),
        ("pt-BR", "O produto tem este rótulo?", "Orgânico"),
        ("de", "Hat das Produkt dieses Label?", "Organic"),
        ("xyz", "Does the product have this label?", "Organic"),
    ],
)
def test_question(lang: str, text: str, value: str) -> None:
    question = LabelQuestion(LabelSettings()).question(insight("en:organic"), lang, run_of(TAXONOMY))
    assert (question.text, question.value, question.value_tag) == (text, value, "en:organic")


@pytest.mark.parametrize(
    ("tag", "lang", "value"),
    [
        ("en:eu-organic", "fr", "EU-Organic"),
        ("fr:ab-agriculture-biologique", "de", "AB"),
        ("es:sin-tacc", "en", "Sin TACC"),
        ("en:made-in-japan", "fr", "Made in Japan"),
        ("en:no-gluten", "fr", "Sans gluten"),
        ("en:no-gluten", "pl", "Bezglutenowy"),
        ("en:de-oko-006", "fr", "DE-OKO-006"),
        ("en:unheard-of", "fr", "en:unheard-of"),
    ],
)
def test_names_fall_back(tag: str, lang: str, value: str) -> None:
    assert LabelQuestion(LabelSettings()).question(insight(tag), lang, run_of(TAXONOMY)).value == value


def test_every_label_of_ours_has_a_name_without_a_taxonomy() -> None:
    nameless = [
        tag
        for tag in emitted_labels()
        if LabelQuestion(LabelSettings()).question(insight(tag), "en", run_of(EMPTY)).value in (None, "", tag)
    ]
    assert nameless == []


def test_every_full_language_has_a_question() -> None:
    texts = table("questions.toml")["question"]
    assert {language.code for language in languages()} - {"xx"} <= set(texts)
    assert {"fr", "en", "de", "es", "it", "nl", "pt", "pl"} <= set(texts)
    assert len(set(texts.values())) == len(texts)


def test_known_labels_show_their_picture() -> None:
    def picture(tag: str, **settings: Any) -> str | None:
        return LabelQuestion(LabelSettings(**settings)).question(insight(tag), "fr", run_of(EMPTY)).ref_image_url

    base = "https://static.openfoodfacts.org/images/lang/"
    assert picture("en:eu-organic") == f"{base}en/labels/eu-organic.135x90.svg"
    assert picture("en:debio-organic") == f"{base}nb/labels/debio-%C3%B8-merke.90x90.svg"
    assert picture("en:no-gluten") is None
    assert (
        picture("en:eu-organic", pictures="https://cdn.example/")
        == "https://cdn.example/en/labels/eu-organic.135x90.svg"
    )
    assert picture("en:eu-organic", pictures="") is None
    assert len(lines("pictures.txt")) > 62
