"""The importer: canonical labels, only the most precise, nothing the product says already; the automatic list."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from robotoff_core.api import Candidate, Drop, Insight, Product, ProductId, Run, StoredPrediction, Taxonomy
from robotoff_core.testing.engine import reconcile
from robotoff_plugin_labels.importer import LabelImporter
from robotoff_plugin_labels.settings import LabelSettings

ID = ProductId("3274080005003")
NODES: dict[str, dict[str, Any]] = {
    "en:organic": {
        "name": {"en": "Organic", "fr": "Bio"},
        "synonyms": {"en": ["Organic"], "fr": ["Bio", "biologique"]},
    },
    "en:eu-organic": {"name": {"en": "EU Organic"}, "parents": ["en:organic"]},
    "fr:ab-agriculture-biologique": {
        "name": {"fr": "AB Agriculture Biologique"},
        "synonyms": {"fr": ["AB Agriculture Biologique", "AB"]},
        "parents": ["en:eu-organic"],
    },
    "en:fr-bio-01": {"name": {"en": "FR-BIO-01"}, "parents": ["en:eu-organic"]},
    "en:no-gluten": {"name": {"en": "No gluten"}, "synonyms": {"en": ["No gluten", "Gluten-free"]}},
    "en:vegetarian": {"name": {"en": "Vegetarian"}},
    "en:vegan": {"name": {"en": "Vegan"}, "parents": ["en:vegetarian"]},
    "en:eu-agriculture": {"name": {"en": "EU Agriculture"}},
    "en:non-eu-agriculture": {"name": {"en": "Non-EU Agriculture"}},
    "en:eu-non-eu-agriculture": {
        "name": {"en": "EU/non-EU Agriculture"},
        "parents": ["en:eu-agriculture", "en:non-eu-agriculture"],
    },
}
FULL = Taxonomy.from_dict(NODES)
EMPTY = Taxonomy()

Make = Callable[..., StoredPrediction]


def run_of(taxonomy: Taxonomy = FULL, settings: LabelSettings | None = None) -> Run[LabelSettings]:
    return Run(settings or LabelSettings(), date(2026, 1, 1), lambda name: taxonomy)


def stored(tag: str | None, *, number: int = 1, predictor: str | None = "regex", **fields: Any) -> StoredPrediction:
    values: dict[str, Any] = {
        "id": number,
        "product": ID,
        "type": "label",
        "value": None,
        "value_tag": tag,
        "data": {"text": tag},
        "automatic": None,
        "confidence": None,
        "source_image": f"/327/408/000/5003/{number}.jpg",
        "predictor": predictor,
        "predictor_version": "1",
        "component": "labels.text",
        "plugin": "labels",
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return StoredPrediction(**(values | fields))


def candidates(
    *predictions: StoredPrediction, taxonomy: Taxonomy = FULL, settings: LabelSettings | None = None
) -> tuple[list[Candidate], list[Drop]]:
    made = list(LabelImporter(settings or LabelSettings()).candidates(None, predictions, run_of(taxonomy, settings)))
    return [one for one in made if isinstance(one, Candidate)], [one for one in made if isinstance(one, Drop)]


def insight(tag: str, **fields: Any) -> Insight:
    return Insight(UUID(int=5), ID, "label", tag, "labels", value_tag=tag, **fields)


def product(*labels: str, **fields: Any) -> Product:
    return Product(ID, {"labels_tags": list(labels), **fields})


def test_only_the_deepest_label_is_suggested() -> None:
    kept, dropped = candidates(stored("en:organic"), stored("fr:ab-agriculture-biologique", number=2))
    assert [one.value_tag for one in kept] == ["fr:ab-agriculture-biologique"]
    assert [(one.rule, one.value_tag) for one in dropped] == [("less-precise", "en:organic")]
    assert dropped[0].reason == "fr:ab-agriculture-biologique says more than en:organic"


def test_siblings_are_both_suggested() -> None:
    kept, dropped = candidates(stored("en:fr-bio-01"), stored("fr:ab-agriculture-biologique"))
    assert {one.value_tag for one in kept} == {"en:fr-bio-01", "fr:ab-agriculture-biologique"}
    assert dropped == []


@pytest.mark.parametrize(
    ("alias", "tag"),
    [("en:gluten-free", "en:no-gluten"), ("fr:bio", "en:organic"), ("fr:ab", "fr:ab-agriculture-biologique")],
)
def test_aliases_become_the_label_first(alias: str, tag: str) -> None:
    (kept,), _ = candidates(stored(alias))
    assert kept.value_tag == tag
    assert LabelImporter(LabelSettings()).settled(kept, product(tag), run_of()) is not None
    (kept,), _ = candidates(stored(tag))
    assert LabelImporter(LabelSettings()).settled(kept, product(alias), run_of()) is not None, "an alias on the product"


def test_unknown_labels_are_dropped_but_not_what_our_own_rules_read() -> None:
    kept, dropped = candidates(
        stored("en:nobody-knows"), stored(None), stored("en:made-in-japan"), stored("en:de-oko-006")
    )
    assert [one.value_tag for one in kept] == ["en:made-in-japan", "en:de-oko-006"]
    assert [one.rule for one in dropped] == ["unknown-label", "unknown-label"]


def test_without_a_taxonomy_every_label_is_kept_and_the_packaged_facts_count() -> None:
    kept, dropped = candidates(
        stored("en:nobody-knows"),
        stored("en:organic"),
        stored("en:fr-bio-01"),
        stored("en:vegetarian"),
        stored("en:vegan"),
        taxonomy=EMPTY,
    )
    assert [one.value_tag for one in kept] == ["en:nobody-knows", "en:fr-bio-01", "en:vegan"]
    assert [one.value_tag for one in dropped] == ["en:organic", "en:vegetarian"]


def test_agriculture_of_one_side_is_refused_by_the_settings() -> None:
    kept, dropped = candidates(stored("en:eu-agriculture"), stored("en:non-eu-agriculture"))
    assert kept == []
    assert {one.rule for one in dropped} == {"refused-label"}
    kept, _ = candidates(stored("en:eu-non-eu-agriculture"))
    assert [one.value_tag for one in kept] == ["en:eu-non-eu-agriculture"]
    kept, _ = candidates(stored("en:eu-agriculture"), settings=LabelSettings(refused_labels=()))
    assert [one.value_tag for one in kept] == ["en:eu-agriculture"]


@pytest.mark.parametrize(
    ("prediction", "automatic"),
    [
        (stored("en:fr-bio-01"), True),
        (stored("en:gluten-free", predictor="flashtext"), True),
        (stored("en:vegan"), False),
        (stored("en:fr-bio-01", automatic=False), False),
        (stored("en:vegan", automatic=True), True),
        (stored("en:fr-bio-01", predictor="universal-logo-detector"), False),
        (stored("en:fr-bio-01", predictor=None), False),
    ],
)
def test_automatic_is_the_list_s_decision_for_rules(prediction: StoredPrediction, automatic: bool) -> None:
    (kept,), _ = candidates(prediction)
    assert kept.automatic is automatic


def test_the_operator_s_list_replaces_ours() -> None:
    (kept,), _ = candidates(stored("en:vegan"), settings=LabelSettings(automatic_labels=("en:veg?n",)))
    assert kept.automatic
    (kept,), _ = candidates(stored("en:fr-bio-01"), settings=LabelSettings(automatic_labels=()))
    assert not kept.automatic


@pytest.mark.parametrize(
    ("candidate", "existing", "conflict"),
    [
        ("en:organic", "en:organic", True),
        ("en:organic", "fr:ab-agriculture-biologique", True),
        ("fr:ab-agriculture-biologique", "en:organic", False),
        ("en:no-gluten", "en:gluten-free", True),
        ("en:organic", "fr:ab", True),
        ("en:vegan", "en:organic", False),
        ("en:vegan", None, False),
    ],
)
def test_conflicts(candidate: str, existing: str | None, conflict: bool) -> None:
    importer = LabelImporter(LabelSettings())
    other = insight("x") if existing is None else insight(existing)
    if existing is None:
        other = Insight(UUID(int=6), ID, "label", "", "labels")
    assert importer.conflicts(Candidate(value_tag=candidate), other, run_of()) is conflict
    assert importer.claim(Candidate(value_tag=candidate)) == candidate


@pytest.mark.parametrize(
    ("tag", "labels", "reason"),
    [
        ("en:organic", ("en:organic",), "the product has the label en:organic"),
        ("en:organic", ("fr:ab-agriculture-biologique",), "the product has the label fr:ab-agriculture-biologique"),
        ("en:organic", ("fr:ab",), "the product has the label fr:ab"),
        ("fr:ab-agriculture-biologique", ("en:organic",), None),
        ("en:organic", (), None),
        ("en:organic", ("en:whatever",), None),
        ("en:whatever", ("en:whatever",), "the product has the label en:whatever"),
    ],
)
def test_settled(tag: str, labels: tuple[str, ...], reason: str | None) -> None:
    importer = LabelImporter(LabelSettings())
    assert importer.settled(Candidate(value_tag=tag), product(*labels), run_of()) == reason
    assert importer.settled(insight(tag), product(*labels), run_of()) == reason


def test_settled_without_a_label() -> None:
    assert LabelImporter(LabelSettings()).settled(Candidate(), product("en:organic"), run_of()) is None


def plan_of(predictions: list[StoredPrediction], existing: list[Insight], fields: Mapping[str, Any]) -> Any:
    return reconcile(LabelImporter(LabelSettings()), run_of(), Product(ID, fields), predictions, existing, frozenset())


def test_a_rejected_label_never_comes_back_but_another_one_does() -> None:
    images: dict[str, Any] = {"1": {}, "2": {}}
    rejected = insight("en:vegan", annotation=0)
    plan = plan_of([stored("en:vegan"), stored("en:no-gluten")], [rejected], {"images": images})
    assert [claim for claim, _ in plan.creates] == ["en:no-gluten"]
    assert plan.closes == ()


def test_the_same_label_from_two_photos_is_one_suggestion_of_the_newer_one() -> None:
    images: dict[str, Any] = {"1": {}, "2": {}}
    plan = plan_of([stored("en:vegan", number=2), stored("en:vegan", number=1)], [], {"images": images})
    ((claim, kept),) = plan.creates
    assert (claim, kept.source_image) == ("en:vegan", "/327/408/000/5003/2.jpg")


def test_a_product_that_has_the_label_by_an_alias_is_not_asked() -> None:
    plan = plan_of([stored("en:no-gluten")], [], {"images": {"1": {}}, "labels_tags": ["en:gluten-free"]})
    assert plan.creates == ()
    assert [one.reason for one in plan.drops] == ["the product has the label en:gluten-free"]
