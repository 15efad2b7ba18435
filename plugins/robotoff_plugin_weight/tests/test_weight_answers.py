"""The question, and what accepting it writes."""

from uuid import UUID

import pytest

from robotoff_core.api import Answer, Insight, Product, ProductId, Result, Run, SetField
from robotoff_plugin_weight import plugin
from robotoff_plugin_weight.annotator import WeightAnnotator
from robotoff_plugin_weight.formatter import WeightQuestion
from robotoff_plugin_weight.settings import WeightSettings
from robotoff_plugin_weight.words import languages

PRODUCT = ProductId("9520000000110")


def insight(value: str | None = "500 g") -> Insight:
    return Insight(UUID(int=1), PRODUCT, "product_weight", "500g", "weight", value=value)


def test_accepting_sets_the_quantity(run: Run[WeightSettings]) -> None:
    outcome = WeightAnnotator().annotate(insight(), Answer(1), Product(PRODUCT, {"quantity": ""}), run)
    assert outcome.result is Result.UPDATED
    (edit,) = outcome.edits
    assert edit == SetField(field="quantity", value="500 g", action="Updating quantity to '500 g'")
    assert edit.present_in(Product(PRODUCT, {"quantity": "500 g"}))


@pytest.mark.parametrize("quantity", ["500 g", "450 g"])
def test_a_quantity_is_never_replaced(run: Run[WeightSettings], quantity: str) -> None:
    outcome = WeightAnnotator().annotate(insight(), Answer(1), Product(PRODUCT, {"quantity": quantity}), run)
    assert outcome.result is Result.ALREADY_ANNOTATED
    assert outcome.edits == ()


def test_an_unknown_product_is_missing(run: Run[WeightSettings]) -> None:
    assert WeightAnnotator().annotate(insight(), Answer(1), None, run).result is Result.MISSING_PRODUCT


def test_an_insight_without_value_writes_nothing(run: Run[WeightSettings]) -> None:
    outcome = WeightAnnotator().annotate(insight(None), Answer(1), Product(PRODUCT, {}), run)
    assert outcome.result is Result.INVALID_DATA
    assert outcome.edits == ()


def test_corrected_data_is_refused() -> None:
    with pytest.raises(ValueError, match="no data"):
        WeightAnnotator().validate({"value": "500 g"})


def test_the_question_in_english(run: Run[WeightSettings]) -> None:
    question = WeightQuestion().question(insight(), "en", run)
    assert question.text == "Does this weight match the weight displayed on the product?"
    assert question.value == "500 g"
    assert question.value_tag is None
    assert question.ref_image_url is None


@pytest.mark.parametrize(
    ("lang", "code"),
    [
        ("fr", "fr"),
        ("pt_BR", "pt"),
        ("pt-br", "pt"),
        ("de_AT", "de"),
        ("no", "nb"),
        ("nn", "nb"),
        ("xx", "en"),
        ("", "en"),
    ],
)
def test_languages_fall_back(run: Run[WeightSettings], lang: str, code: str) -> None:
    assert WeightQuestion().question(insight(), lang, run).text == languages()[code].question


def test_questions_differ_between_languages() -> None:
    assert len({language.question for language in languages().values()}) == len(languages())


def test_the_manifest() -> None:
    manifest = plugin.manifest
    (spec,) = manifest.owns
    assert (manifest.slug, spec.name) == ("weight", "product_weight")
    assert spec.asked
    assert spec.asked_by_default
    assert spec.default_run
    assert not spec.needs_login
