"""Reconciliation alone: pure, so every rule is shown on plain values."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from robotoff_core.api import Candidate, Drop, Importer, Insight, Product, ProductId, Run, StoredPrediction
from robotoff_core.engine.reconcile import Plan, reconcile
from robotoff_core.model.insights import Origin, Status

PRODUCT = ProductId("3274080005003")
RUN: Run[None] = Run(None, date(2026, 1, 1), lambda name: pytest.fail("no taxonomy is asked for here"))
BASE = "/327/408/000/5003/"


class Plain(Importer):
    type = "fact"


class Settling(Plain):
    def settled(self, suggestion: Candidate | Insight, product: Product, run: Run[Any]) -> str | None:
        return "the product has it" if suggestion.value_tag in product.tags("facts_tags") else None


class OnlyFirst(Plain):
    """Like a weight: one suggestion, the best."""

    def candidates(self, product: Product | None, predictions: Any, run: Run[Any]) -> Any:
        for position, prediction in enumerate(predictions):
            yield (
                Drop.of(prediction, "not-first", "a better source is used") if position else Candidate.of(prediction)
            )


PLAIN = Plain()


def predicted(tag: str, image: int | None = 1, **changes: Any) -> StoredPrediction:
    source_image = None if image is None else f"{BASE}{image}.jpg"
    prediction = StoredPrediction(
        1,
        PRODUCT,
        "fact",
        None,
        tag,
        {},
        None,
        None,
        source_image,
        "regex",
        "1",
        "facts.text",
        "facts",
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    return evolve(prediction, **changes)


def insight(tag: str, image: int | None = 1, **changes: Any) -> Insight:
    source_image = None if image is None else f"{BASE}{image}.jpg"
    return Insight(
        **{
            "id": uuid4(),
            "product": PRODUCT,
            "type": "fact",
            "claim": tag,
            "plugin": "facts",
            "value_tag": tag,
            "source_image": source_image,
            **changes,
        }
    )


def plan(
    *predictions: StoredPrediction,
    existing: Any = (),
    product: Product | None = None,
    importer: Importer = PLAIN,
    ran_on: frozenset[str | None] = frozenset(),
) -> Plan:
    return reconcile(importer, RUN, product, predictions, list(existing), ran_on)


def test_a_new_claim_is_created_once_even_when_two_images_say_it() -> None:
    result = plan(predicted("en:a", 1), predicted("en:a", 2))
    assert [(claim, c.source_image) for claim, c in result.creates] == [("en:a", f"{BASE}2.jpg")]
    assert [drop.rule for drop in result.drops] == ["covered"]


def test_the_same_claim_from_a_newer_photo_updates_the_open_insight_in_place() -> None:
    old = insight("en:a", 1, n_votes=2)
    result = plan(predicted("en:a", 7), existing=[old])
    assert [(i.id, c.source_image) for i, c in result.updates] == [(old.id, f"{BASE}7.jpg")]
    assert not result.creates
    assert not result.closes


@pytest.mark.parametrize("annotation", [1, 0, -1, 2])
def test_an_answered_claim_is_never_asked_again(annotation: int) -> None:
    answered = insight("en:a", annotation=annotation, status=Status.CLOSED)
    result = plan(predicted("en:a", 9), predicted("en:b"), existing=[answered])
    assert [claim for claim, _ in result.creates] == ["en:b"]
    assert [drop.rule for drop in result.drops] == ["answered"]
    assert not result.closes


def test_an_open_automatic_insight_is_untouched_by_a_newer_conflicting_candidate() -> None:
    automatic = insight("en:a", 1, automatic=True)
    result = plan(predicted("en:b", 2), existing=[automatic], importer=OnlyFirst())
    assert not result.closes
    assert not result.updates


def test_an_automatic_insight_that_became_pointless_is_closed() -> None:
    automatic = insight("en:a", automatic=True)
    product = Product(PRODUCT, {"facts_tags": ["en:a"]})
    result = plan(existing=[automatic], product=product, importer=Settling())
    assert [(c.insight.id, c.rule, c.reason) for c in result.closes] == [
        (automatic.id, "settled", "the product has it")
    ]


def test_another_claim_supersedes_and_carries_no_vote_over() -> None:
    old = insight("en:a", n_votes=2)
    result = plan(predicted("en:b", 2), predicted("en:a", 1), existing=[old], importer=OnlyFirst())
    assert [claim for claim, _ in result.creates] == ["en:b"]
    assert [(c.insight.id, c.rule, c.reason) for c in result.closes] == [
        (old.id, "not-first", "a better source is used")
    ]


def test_without_support_an_open_insight_is_closed() -> None:
    assert [c.rule for c in plan(existing=[insight("en:a")]).closes] == ["unsupported"]


def test_imported_insights_are_protected_until_a_predictor_has_seen_their_image() -> None:
    imported = insight("en:a", 1, origin=Origin.IMPORTED)
    elsewhere = frozenset({f"{BASE}2.jpg"})
    assert not plan(existing=[imported], ran_on=elsewhere).closes
    assert plan(existing=[imported], ran_on=elsewhere | {f"{BASE}1.jpg"}).closes
    assert plan(predicted("en:a"), existing=[imported]).updates


def test_images_that_are_gone_take_candidates_and_open_insights_but_no_history() -> None:
    product = Product(PRODUCT, {"images": {"2": {}}})
    gone, kept, answered = (
        insight("en:a", 1),
        insight("en:c", 2),
        insight("en:d", 1, annotation=0, status=Status.REJECTED),
    )
    result = plan(predicted("en:b", 1), predicted("en:c", 2), existing=[gone, kept, answered], product=product)
    assert [c.rule for c in result.closes] == ["image-gone"]
    assert [d.rule for d in result.drops] == ["image-gone"]
    assert [i.id for i, _ in result.updates] == [kept.id]


def test_priority_then_recency_then_automatic_decides_who_is_kept() -> None:
    result = plan(
        predicted("en:a", 5, data={"priority": 2}),
        predicted("en:a", 1, data={"priority": 1}),
        predicted("en:a", 3, data={"priority": 1}),
        predicted("en:a", None),
    )
    assert [c.source_image for _, c in result.creates] == [f"{BASE}3.jpg"]


def test_something_else_than_candidates_is_named() -> None:
    class Wrong(Plain):
        def candidates(self, product: Any, predictions: Any, run: Any) -> Any:
            return ["en:a"]

    with pytest.raises(TypeError, match="yielded str instead of Candidate or Drop"):
        plan(predicted("en:a"), importer=Wrong())


tags = st.sampled_from(["en:a", "en:b", "en:c"])
predictions = st.lists(st.builds(predicted, tags, st.sampled_from([None, 1, 2, 10])), max_size=6)
histories = st.lists(
    st.builds(
        insight,
        tags,
        st.sampled_from([None, 1, 2]),
        annotation=st.sampled_from([1, 0, -1]),
        status=st.just(Status.CLOSED),
    ),
    max_size=3,
)


@given(predictions, histories, st.randoms())
def test_the_order_of_arrival_changes_nothing(
    found: list[StoredPrediction], history: list[Insight], random: Any
) -> None:
    shuffled = random.sample(found, len(found))
    assert plan(*found, existing=history).creates == plan(*shuffled, existing=history).creates


@given(predictions, histories)
def test_reconciling_what_was_created_changes_nothing(found: list[StoredPrediction], history: list[Insight]) -> None:
    first = plan(*found, existing=history)
    created = [insight(claim, None, **_fields(candidate)) for claim, candidate in first.creates]
    second = plan(*found, existing=[*history, *created])
    assert not second.creates
    assert not second.closes
    assert all(candidate.source_image == known.source_image for known, candidate in second.updates)
    assert len({i.claim for i in created}) == len(created)
    assert {i.claim for i in created}.isdisjoint(i.claim for i in history)


def _fields(candidate: Candidate) -> dict[str, Any]:
    return {"value_tag": candidate.value_tag, "source_image": candidate.source_image}
