"""Votes, events, edits, drops, snapshots, images and components: what is kept around insights."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from sqlalchemy.exc import IntegrityError

from robotoff_core.model.answers import Voter
from robotoff_core.model.candidates import Drop
from robotoff_core.model.ids import ProductId
from robotoff_core.model.insights import Insight
from robotoff_core.store import (
    ComponentState,
    DropSet,
    EditState,
    ImagePredictionRow,
    ImageRow,
    InsightEvent,
    OutboxEdit,
    Snapshot,
    Store,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PRODUCT = ProductId("3274080005003")
OTHER = ProductId("3274080005003", "obf")


@pytest.fixture
def insight(store: Store) -> Insight:
    made = Insight(uuid4(), PRODUCT, "kind", "c", "p", timestamp=NOW)
    with store.write() as tx:
        tx.insights.create([made])
    return made


def test_the_latest_vote_of_a_voter_counts(store: Store, insight: Insight) -> None:
    with store.write() as tx:
        tx.votes.cast(insight.id, "one", Voter(None, "phone", "digest"), 1, True, NOW)
        tx.votes.cast(insight.id, "two", Voter("ann", "", ""), -1, False, NOW)
        tx.votes.cast(insight.id, "one", Voter(None, "phone", "digest"), 0, False, LATER)
        votes = tx.votes.of(insight.id)
        assert [(vote.voter_key, vote.value, vote.update, vote.timestamp) for vote in votes] == [
            ("two", -1, False, NOW),
            ("one", 0, False, LATER),
        ]
        assert (votes[0].username, votes[1].device_id, votes[1].address) == ("ann", "phone", "digest")
        assert tx.votes.of(uuid4()) == []
        assert tx.votes.of_all([]) == {}


def test_old_votes_stay_without_their_voter(store: Store, insight: Insight) -> None:
    with store.write() as tx:
        for number in range(3):
            voter = Voter(None, f"phone {number}", f"digest {number}")
            tx.votes.cast(insight.id, f"key {number}", voter, 1, True, NOW + timedelta(hours=number))
        tx.votes.cast(insight.id, "ann", Voter("ann", "tablet", "digest"), 0, True, NOW)
        assert tx.votes.forget_voters(NOW) == 0
        assert tx.votes.forget_voters(NOW + timedelta(hours=1.5)) == 3
        assert tx.votes.forget_voters(NOW + timedelta(hours=1.5)) == 0
        votes = {vote.voter_key: (vote.username, vote.device_id, vote.address) for vote in tx.votes.of(insight.id)}
    assert len(votes) == 4
    assert votes["ann"] == ("ann", "", "")
    assert votes["key 2"] == (None, "phone 2", "digest 2")
    assert not {"key 0", "key 1"} & votes.keys()


def test_a_vote_needs_its_insight(store: Store) -> None:
    def vote() -> None:
        with store.write() as tx:
            tx.votes.cast(uuid4(), "one", Voter(), 1, True, NOW)

    with pytest.raises(IntegrityError):
        vote()


def test_events_are_kept_in_order_and_cleaned_up(store: Store, insight: Insight) -> None:
    events = [InsightEvent(insight.id, kind, NOW, {"n": [n]}) for n, kind in enumerate(["created", "voted", "sent"])]
    with store.write() as tx:
        tx.events.append(events[:2])
        tx.events.append(events[2:])
        tx.events.append([evolve(events[0], insight_id=uuid4(), at=LATER)])
        tx.events.append([])
        assert tx.events.of(insight.id) == events
        assert tx.events.clean_up(NOW) == 0
        assert tx.events.clean_up(LATER, limit=2) == 2
        assert tx.events.of(insight.id) == events[2:]
        assert tx.events.clean_up(LATER) == 1
        assert tx.events.clean_up(LATER + timedelta(days=1)) == 1
        assert tx.events.clean_up(LATER) == 0


def edit(insight: Insight, number: int) -> OutboxEdit:
    return OutboxEdit(insight.id, insight.product, {"kind": "add_tag", "value": number}, f"comment {number}", NOW)


def test_edits_go_through_their_states(store: Store, insight: Insight) -> None:
    with store.write() as tx:
        first, second = tx.edits.add([edit(insight, 1), edit(insight, 2)])
        assert first.id < second.id
        assert tx.edits.of_insight(insight.id) == tx.edits.pending(PRODUCT) == [first, second]
        assert tx.edits.pending(OTHER) == []
        assert tx.edits.set_state([first.id], EditState.SENDING, LATER) == {first.id}
        sending = tx.edits.get(first.id)
        assert sending == evolve(first, state=EditState.SENDING, attempts=1, intent_at=LATER, updated_at=LATER)
        tx.edits.attempt_ended(first.id, LATER, "timed out")
        ended = tx.edits.get(first.id)
        assert ended is not None
        assert (ended.state, ended.intent_at, ended.last_error) == (EditState.SENDING, None, "timed out")
        both = [first.id, second.id]
        assert tx.edits.set_state(both, EditState.WITHDRAWN, LATER, only_from=[EditState.QUEUED]) == {second.id}
        assert tx.edits.set_state([first.id], EditState.REFUSED, LATER, error="no such product") == {first.id}
        refused = tx.edits.get(first.id)
        assert refused is not None
        assert (refused.state, refused.last_error, refused.attempts) == (EditState.REFUSED, "no such product", 1)
        assert tx.edits.pending(PRODUCT, lock=True) == []
        assert tx.edits.set_state([], EditState.SENT, LATER) == set()
        assert tx.edits.get(0) is None
        assert tx.edits.add([]) == []


def test_drops_are_replaced_together(store: Store) -> None:
    two = DropSet(PRODUCT, "kind", (Drop("on-product", "has it", "v", "en:v", "/1.jpg", "p.text"), Drop("x", "y")))
    other = DropSet(PRODUCT, "other", (Drop("x", "y"),))
    with store.write() as tx:
        assert tx.drops.replace([two, other, evolve(other, product=OTHER)], NOW) == 3
        assert tx.drops.replace([two, other], LATER) == 0
        assert tx.drops.of(PRODUCT) == [evolve(two, at=NOW), evolve(other, at=NOW)]
        assert tx.drops.of(PRODUCT, "other") == [evolve(other, at=NOW)]
        fewer = evolve(two, drops=two.drops[:1])
        assert tx.drops.replace([fewer, evolve(other, drops=())], LATER) == 2
        assert tx.drops.of(PRODUCT) == [evolve(fewer, at=LATER)]
        assert tx.drops.of(OTHER) == [evolve(other, product=OTHER, at=NOW)]
        assert tx.drops.replace([], NOW) == 0
        assert tx.drops.clean_up(LATER) == 1
        assert tx.drops.of(OTHER) == []
        assert len(tx.drops.of(PRODUCT)) == 1


def test_an_equal_snapshot_writes_nothing(store: Store) -> None:
    one = Snapshot(PRODUCT, NOW, ("en:france",), ("xx:b",), 3, "fr", ("1", "2"))
    with store.write() as tx:
        assert tx.products.upsert([one, Snapshot(OTHER, NOW)]) == 2
        assert tx.products.upsert([evolve(one, updated_at=LATER)]) == 0
        assert tx.products.of([PRODUCT, OTHER]) == {PRODUCT: one, OTHER: Snapshot(OTHER, NOW)}
    for changes in ({"brands": ()}, {"unique_scans_n": 4}, {"lang": None}, {"raw_images": ("1",)}, {"countries": ()}):
        changed = evolve(one, updated_at=LATER, **changes)
        with store.write() as tx:
            assert tx.products.upsert([changed]) == 1
            assert tx.products.of([PRODUCT]) == {PRODUCT: changed}
        one = changed
    with store.read() as tx:
        assert tx.products.of([]) == {}


def test_images_are_known_once(store: Store) -> None:
    first = ImageRow(PRODUCT, "1", "/1.jpg", 10, 20, uploaded_at=NOW, fingerprint=-(2**62))
    with store.write() as tx:
        ids = tx.images.upsert([first, evolve(first, image_id="2"), evolve(first, product=OTHER)])
        assert len(set(ids.values())) == 3
        again = tx.images.upsert([evolve(first, width=30, uploaded_at=None, fingerprint=None, deleted=True)])
        assert again == {(PRODUCT, "1"): ids[PRODUCT, "1"]}
        found = tx.images.of(PRODUCT)
    assert found[0] == evolve(first, id=ids[PRODUCT, "1"], width=30, deleted=True)
    assert [one.image_id for one in found] == ["1", "2"]


def test_a_model_version_speaks_once_per_image(store: Store) -> None:
    with store.write() as tx:
        (image,) = tx.images.upsert([ImageRow(PRODUCT, "1", "/1.jpg", 1, 1)]).values()
        failed = ImagePredictionRow(image, "detection", "m", "1", {"error": "x"}, NOW, status="error")
        tx.image_predictions.upsert([failed])
        tx.image_predictions.upsert(
            [
                evolve(failed, data={"objects": []}, status="ok", timestamp=LATER, max_confidence=0.5),
                evolve(failed, model_version="2"),
            ]
        )
        found = tx.image_predictions.of([image])
        assert [(one.model_version, one.status, one.data) for one in found] == [
            ("1", "ok", {"objects": []}),
            ("2", "error", {"error": "x"}),
        ]
        assert (found[0].timestamp, found[0].max_confidence, found[0].type) == (LATER, 0.5, "detection")
        assert tx.image_predictions.of([]) == []


def test_components_trip_once_and_come_back(store: Store) -> None:
    with store.write() as tx:
        assert tx.components.trip("p.b", "p", "hung", NOW)
        assert tx.components.trip("p.a", "p", "raised", NOW)
        assert not tx.components.trip("p.a", "p", "again", LATER)
        assert tx.components.all() == [
            ComponentState("p.a", "p", "raised", NOW),
            ComponentState("p.b", "p", "hung", NOW),
        ]
        assert tx.components.reset("p.a") == 1
        assert tx.components.reset("p.a") == 0
        assert tx.components.reset() == 1
        assert tx.components.all() == []


def test_times_without_zone_are_refused(store: Store, insight: Insight) -> None:
    naive: Any = datetime(2026, 6, 1)  # noqa: DTZ001 - the point
    with store.read() as tx, pytest.raises(Exception, match="no time zone"):
        tx.insights.due(naive, 1)
