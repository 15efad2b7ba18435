"""One suggestion per product, believable, and only where the product has no quantity."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from robotoff_core.api import Candidate, Drop, Insight, Product, ProductId, Run, StoredPrediction
from robotoff_plugin_weight.importer import WeightImporter
from robotoff_plugin_weight.settings import WeightSettings

PRODUCT = ProductId("9520000000110")
IMPORTER = WeightImporter()


def prediction(
    value: str | None,
    matcher: str = "with_mention",
    *,
    automatic: bool | None = True,
    image: str | None = "1",
    **data: Any,
) -> StoredPrediction:
    priority = {"with_mention": 1, "with_ending_mention": 1, "multi_packaging": 2, "no_mention": 3}[matcher]
    return StoredPrediction(
        id=1,
        product=PRODUCT,
        type="product_weight",
        value=value,
        value_tag=None,
        data={"matcher_type": matcher, "priority": priority, **data},
        automatic=automatic,
        confidence=None,
        source_image=image and f"/952/000/000/0110/{image}.jpg",
        predictor="regex",
        predictor_version="1",
        component="weight.text",
        plugin="weight",
        timestamp=datetime(2026, 6, 1, tzinfo=UTC),
    )


def imported(
    predictions: Sequence[StoredPrediction], run: Run[WeightSettings], product: Product | None = None
) -> tuple[list[Candidate], list[Drop]]:
    ordered = sorted(predictions, key=lambda one: one.priority)
    results: Iterable[Candidate | Drop] = IMPORTER.candidates(product, ordered, run)
    results = list(results)
    return [one for one in results if isinstance(one, Candidate)], [one for one in results if isinstance(one, Drop)]


def insight(value: str, **fields: Any) -> Insight:
    return Insight(UUID(int=1), PRODUCT, "product_weight", "claim", "weight", value=value, **fields)


def test_the_first_by_priority_is_suggested(run: Run[WeightSettings]) -> None:
    predictions = [
        prediction("250 g", "no_mention", automatic=False),
        prediction("500 g"),
        prediction("500 g", image="2"),
    ]
    for order in permutations(predictions):
        (candidate,), drops = imported(order, run)
        assert candidate.value == "500 g"
        assert candidate.automatic is True
        assert sorted(drop.rule for drop in drops) == ["one-quantity", "same-amount"]


def test_what_predictions_say_is_carried_over(run: Run[WeightSettings]) -> None:
    (candidate,), _ = imported([prediction("500 g", prompt="Poids net")], run)
    assert candidate.source_image == "/952/000/000/0110/1.jpg"
    assert candidate.data["prompt"] == "Poids net"
    assert (candidate.component, candidate.plugin, candidate.priority) == ("weight.text", "weight", 1)


def test_two_amounts_of_one_matcher_are_asked(run: Run[WeightSettings]) -> None:
    (candidate,), drops = imported([prediction("500 g"), prediction("450 g", image="2")], run)
    assert candidate.value == "500 g"
    assert candidate.automatic is False
    assert [(drop.rule, drop.value) for drop in drops] == [("one-quantity", "450 g")]


@pytest.mark.parametrize("other", ["0.5 kg", "17.64 oz"])
def test_one_amount_in_other_units_is_no_contradiction(run: Run[WeightSettings], other: str) -> None:
    (candidate,), drops = imported([prediction("500 g"), prediction(other, image="2")], run)
    assert candidate.automatic is True
    assert [drop.rule for drop in drops] == ["same-amount"]


def test_a_multipack_with_another_total_is_asked(run: Run[WeightSettings]) -> None:
    (agreeing,), _ = imported([prediction("360 g"), prediction("4 x 90 g", "multi_packaging")], run)
    (contradicted,), _ = imported([prediction("360 g"), prediction("4 x 100 g", "multi_packaging")], run)
    assert (agreeing.value, agreeing.automatic) == ("360 g", True)
    assert (contradicted.value, contradicted.automatic) == ("360 g", False)


def test_another_matchers_amount_is_no_contradiction(run: Run[WeightSettings]) -> None:
    (candidate,), _ = imported([prediction("500 g"), prediction("30 g", "no_mention", automatic=False)], run)
    assert candidate.automatic is True


@pytest.mark.parametrize("automatic", [False, None])
def test_what_is_not_proposed_is_not_automatic(run: Run[WeightSettings], automatic: bool | None) -> None:
    (candidate,), _ = imported([prediction("500 g", automatic=automatic)], run)
    assert candidate.automatic is False


def test_a_products_name_is_never_automatic(run: Run[WeightSettings]) -> None:
    (candidate,), _ = imported([prediction("500 g", image=None, source="product_name")], run)
    assert candidate.automatic is False


@pytest.mark.parametrize(
    ("value", "rule", "reason"),
    [
        ("1580 kg", "implausible", "1.58e+06 g is more than a product holds (30000 g)"),
        ("279 x 163 ml", "implausible", "45477 ml is more than a product holds (30000 ml)"),
        ("5 g", "implausible", "5 g is less than a product holds (10 g)"),
        ("50 kg", "implausible", "50000 g is more than a product holds (30000 g)"),
        ("a lot", "unreadable", "'a lot' is not a quantity such as '500 g'"),
        (None, "unreadable", "None is not a quantity such as '500 g'"),
    ],
)
def test_bounds_hold_whoever_predicted(run: Run[WeightSettings], value: str | None, rule: str, reason: str) -> None:
    candidates, drops = imported([prediction(value)], run)
    assert candidates == []
    assert [(drop.rule, drop.reason, drop.value) for drop in drops] == [(rule, reason, value)]


def test_an_unbelievable_first_gives_way(run: Run[WeightSettings]) -> None:
    (candidate,), drops = imported([prediction("1580 kg"), prediction("4 x 125 g", "multi_packaging")], run)
    assert candidate.value == "4 x 125 g"
    assert [drop.rule for drop in drops] == ["implausible"]


@pytest.mark.parametrize("value", ["10 g", "30 kg", "20 x 1.5 l"])
def test_the_bounds_themselves_are_believed(run: Run[WeightSettings], value: str) -> None:
    (candidate,), _ = imported([prediction(value)], run)
    assert candidate.value == value


def test_the_bounds_are_settings(run: Run[WeightSettings]) -> None:
    narrow = evolve(run, settings=WeightSettings(lowest=1, highest=1000))
    assert [one.value for one in imported([prediction("5 g")], narrow)[0]] == ["5 g"]
    assert imported([prediction("2 kg")], narrow)[0] == []
    with pytest.raises(ValueError, match="lowest"):
        WeightSettings(lowest=0)
    with pytest.raises(ValueError, match="'highest' must be above 'lowest'"):
        WeightSettings(lowest=100, highest=50)


def test_no_predictions_no_candidates(run: Run[WeightSettings]) -> None:
    assert imported([], run) == ([], [])


def test_a_product_with_a_quantity_is_settled(run: Run[WeightSettings]) -> None:
    candidate = Candidate(value="500 g")
    assert IMPORTER.settled(candidate, Product(PRODUCT, {"quantity": "400 g"}), run) == (
        "the product has the quantity '400 g'"
    )
    for empty in ({}, {"quantity": ""}, {"quantity": "  "}, {"quantity": None}):
        assert IMPORTER.settled(candidate, Product(PRODUCT, empty), run) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("500 g", "500 g", True),
        ("500 g", "0.5 kg", True),
        ("500 g", "500 ml", False),
        ("500 g", "450 g", False),
        ("4 x 90 g", "4 x 0.09 kg", True),
        ("4 x 90 g", "360 g", False),
        ("a lot", "a lot", True),
    ],
)
def test_equal_amounts_are_one_claim(run: Run[WeightSettings], one: str, other: str, same: bool) -> None:
    first, second = Candidate(value=one), Candidate(value=other)
    assert (IMPORTER.claim(first) == IMPORTER.claim(second)) is same
    assert IMPORTER.conflicts(first, second, run) is same
    assert IMPORTER.conflicts(first, insight(other), run) is same


def with_status(value: str, status: str, **fields: Any) -> Insight:
    waiting = insight(value, **fields)
    return evolve(waiting, status=type(waiting.status)(status))


@pytest.mark.parametrize("other", ["240 g", "450 g"])
def test_nothing_is_asked_while_a_quantity_is_under_way(run: Run[WeightSettings], other: str) -> None:
    candidate = Candidate(value=other)
    assert IMPORTER.conflicts(candidate, insight("3 x 80 g", automatic=True), run)
    assert IMPORTER.conflicts(candidate, with_status("3 x 80 g", "queued", annotation=1), run)
    assert IMPORTER.conflicts(candidate, with_status("3 x 80 g", "deciding"), run)


def test_answers_forbid_their_own_amount_only(run: Run[WeightSettings]) -> None:
    for annotation, status in ((0, "rejected"), (-1, "skipped"), (1, "applied")):
        answered = with_status("500 g", status, automatic=True, annotation=annotation)
        assert IMPORTER.conflicts(Candidate(value="0.5 kg"), answered, run)
        assert not IMPORTER.conflicts(Candidate(value="450 g"), answered, run)
