"""Insights: one open row per claim, writes that touch only what differs, searches as the public contract words them."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from sqlalchemy import event, text

from robotoff_core.model.answers import Voter
from robotoff_core.model.ids import ProductId
from robotoff_core.model.insights import Insight, Origin, Status
from robotoff_core.store import InsightFilter, InsightOrder, Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PRODUCT = ProductId("3274080005003")
PRO = ProductId("org-x/3274080005003", "off_pro")


def insight(claim: str = "c", product: ProductId = PRODUCT, **changes: Any) -> Insight:
    made = Insight(uuid4(), product, "kind", claim, "p", predictor_plugin="p", timestamp=NOW)
    return evolve(made, **changes)


def full() -> Insight:
    return insight(
        data={"a": [1, {"b": None}]}, value="v", value_tag="en:v", source_image="/1.jpg", automatic=True,
        confidence=0.5, predictor="regex", predictor_version="1", component="p.text", box=(0.1, 0.2, 0.3, 0.4),
        campaigns=("x", "y"), lc=("fr",), countries=("en:france", "en:italy"), brands=("xx:b",), unique_scans_n=3,
        reserved_barcode=True, with_image=False, username="u", annotation=None, annotated_result=2, n_votes=1,
        origin=Origin.IMPORTED, completed_at=NOW, process_after=NOW,
    )  # fmt: skip


def create(store: Store, *insights: Insight) -> None:
    with store.write() as tx:
        assert tx.insights.create(insights) == {one.id for one in insights}


def search(store: Store, order: InsightOrder = InsightOrder.ID, **where: Any) -> list[Insight]:
    limits = {key: where.pop(key) for key in ("limit", "offset") if key in where}
    with store.read() as tx:
        found = tx.insights.search(InsightFilter(**where), order, **limits)
        if not limits:
            assert tx.insights.count(InsightFilter(**where)) == len(found)
        return found


def test_an_insight_comes_back_as_it_was(store: Store) -> None:
    first, plain = full(), insight("plain", PRO)
    create(store, first, plain)
    with store.read() as tx:
        assert tx.insights.get(first.id) == first
        assert tx.insights.get(uuid4()) is None
        assert tx.insights.get_all([first.id, plain.id, uuid4()]) == {first.id: first, plain.id: plain}
        assert tx.insights.of([PRODUCT, PRO]) == {PRODUCT: [first], PRO: [plain]}
        assert tx.insights.of([PRODUCT], ["other"]) == {}


def test_one_open_insight_per_claim(store: Store) -> None:
    first = insight()
    create(store, first)
    with store.write() as tx:
        second, other_type = insight(), insight(type="other")
        deciding = insight(status=Status.DECIDING)
        assert tx.insights.create([second, other_type, deciding]) == {other_type.id}
        answered = insight(status=Status.REJECTED, annotation=0)
        superseded = insight(status=Status.SUPERSEDED)
        assert tx.insights.create([answered, superseded]) == {answered.id, superseded.id}
    with store.read() as tx:
        ids = {one.id for one in tx.insights.of([PRODUCT], ["kind"])[PRODUCT]}
        assert ids == {first.id, answered.id}
        assert superseded.id in {one.id for one in tx.insights.of([PRODUCT], superseded=True)[PRODUCT]}
        assert {one.id for one in tx.insights.of([PRODUCT], history=False)[PRODUCT]} == {first.id, other_type.id}


def test_racing_creators_make_one_insight(store: Store) -> None:
    barrier = threading.Barrier(4)
    made: list[UUID] = []

    def race() -> None:
        one = insight()
        barrier.wait()
        with store.write() as tx:
            made.extend(tx.insights.create([one]))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert [one.id for one in search(store)] == made


def test_an_update_writes_only_what_differs(store: Store) -> None:
    first, second, third = full(), insight("2"), insight("3")
    create(store, first, second, third)
    statements: list[str] = []

    def remember(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with store.write() as tx:
        event.listen(store.engine, "before_cursor_execute", remember)
        assert tx.insights.update([(first, first), (second, second)]) == 0
        assert not statements
        changes = [
            (first, evolve(first, n_votes=2, box=None, lc=None, confidence=None, process_after=None, data={})),
            (second, evolve(second, status=Status.QUEUED, annotation=1, completed_at=NOW)),
            (third, third),
        ]
        assert tx.insights.update(changes) == 2
        event.remove(store.engine, "before_cursor_execute", remember)
        assert not [one for one in statements if "value_tag" in one]
    with store.read() as tx:
        for _, new in changes:
            assert tx.insights.get(new.id) == new
    with pytest.raises(ValueError, match="cannot become"), store.write() as tx:
        tx.insights.update([(first, second)])


def test_tags_are_found_by_what_they_are_now(store: Store) -> None:
    first = insight(countries=("en:france",), brands=("xx:a", "xx:a"), campaigns=("one", "two"), lc=("fr", "de"))
    create(store, first)
    assert search(store, countries=("en:spain", "en:france")) == [first]
    with store.write() as tx:
        moved = evolve(first, countries=("en:spain",), lc=None)
        tx.insights.update([(first, moved)])
    assert search(store, countries=("en:france",)) == []
    assert search(store, countries=("en:spain",)) == [moved]
    assert search(store, lc=("fr",)) == []
    assert search(store, brands=("xx:a",), campaigns=("two", "one")) == [moved]
    assert search(store, campaigns=("one", "three")) == []
    with store.write() as tx:  # what did not change is not written again
        before = rows_written(tx.connection)
        tx.insights.update([(moved, evolve(moved, n_votes=4))])
        assert rows_written(tx.connection) - before == 1


def rows_written(connection: Any) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.execute(text("SELECT total_changes()")).scalar_one())
    return int(connection.execute(text("SELECT pg_stat_get_xact_tuples_updated('insight'::regclass)")).scalar_one())


def test_every_filter(store: Store) -> None:
    match = full()
    others = [
        insight("1", ProductId("3274080005003", "obf")),
        insight("2", with_image=None, reserved_barcode=False, automatic=False),
        insight("3", ProductId("4000000000000"), predictor="model", value_tag="en:other", type="odd", plugin="q"),
        insight("4", predictor_plugin="q"),
    ]
    create(store, match, *others)
    assert len(search(store)) == 4
    assert len(search(store, server_type=None)) == 5
    for where in (
        {"barcode": PRODUCT.barcode, "value_tag": "en:v"}, {"predictor": "regex"}, {"automatic": True},
        {"reserved_barcode": True}, {"with_image": False},
    ):  # fmt: skip
        assert search(store, **where) == [match], where
    assert search(store, with_image=True) == []
    assert [one.claim for one in search(store, types=("odd",))] == ["3"]
    assert search(store, types=()) == []
    assert {one.claim for one in search(store, plugins=frozenset({"p"}))} == {"c", "2", "4"}
    assert {one.claim for one in search(store, predictor_plugins=frozenset({"p"}))} == {"c", "2", "3"}
    assert search(store, plugins=frozenset()) == []


def test_imported_insights_need_no_predictor_plugin(store: Store) -> None:
    create(store, insight(predictor_plugin="", origin=Origin.IMPORTED))
    assert len(search(store, predictor_plugins=frozenset())) == 1


def test_answered_or_not(store: Store) -> None:
    rows = {
        status: insight(status, status=status, annotation=annotation)
        for status, annotation in [
            (Status.OPEN, None), (Status.DECIDING, None), (Status.QUEUED, 1), (Status.APPLIED, 2),
            (Status.REJECTED, 0), (Status.SKIPPED, -1), (Status.SUPERSEDED, None),
        ]
    }  # fmt: skip
    create(store, *rows.values())

    def standing(**where: Any) -> set[Status]:
        return {one.status for one in search(store, **where)}

    everything = set(rows) - {Status.SUPERSEDED}
    assert standing() == everything
    assert standing(annotated=False) == {Status.OPEN, Status.DECIDING}
    assert standing(annotated=False, statuses=(Status.OPEN,)) == {Status.OPEN}
    assert standing(annotated=True) == everything - {Status.OPEN, Status.DECIDING}
    assert standing(annotation=0) == {Status.REJECTED}
    assert standing(annotated=True, annotation=1) == {Status.QUEUED}
    assert standing(annotated=False, annotation=1) == set()
    assert standing(statuses=(Status.SUPERSEDED,)) == {Status.SUPERSEDED}
    assert standing(statuses=(Status.OPEN, Status.APPLIED)) == {Status.OPEN, Status.APPLIED}
    assert standing(annotated=False, statuses=(Status.APPLIED,)) == set()


def test_what_somebody_voted_on_is_skipped(store: Store) -> None:
    seen, unseen = insight("seen"), insight("unseen")
    create(store, seen, unseen)
    with store.write() as tx:
        tx.votes.cast(seen.id, "k", Voter("ann", "phone", "digest"), -1, True, NOW)
    for where in ({"skip_usernames": ("ann",)}, {"skip_devices": ("phone",)}, {"skip_addresses": ("digest", "x")}):
        assert search(store, **where) == [unseen]
    assert len(search(store, skip_usernames=("bob",), skip_devices=("tablet",))) == 2


def test_orders_end_with_the_id(store: Store) -> None:
    rows = [
        insight(
            str(number), unique_scans_n=number % 2, confidence=None if number % 3 else number / 10, n_votes=number % 4
        )
        for number in range(12)
    ]
    create(store, *rows)
    expected = {
        InsightOrder.ID: lambda one: (one.id.bytes,),
        InsightOrder.POPULARITY: lambda one: (-one.unique_scans_n, one.id.bytes),
        InsightOrder.CONFIDENCE: lambda one: (one.confidence is None, -(one.confidence or 0), one.id.bytes),
        InsightOrder.VOTES: lambda one: (-one.n_votes, one.id.bytes),
    }
    for order, key in expected.items():
        found = search(store, order)
        assert found == sorted(rows, key=key), order
        pages = [search(store, order, limit=5, offset=offset) for offset in (0, 5, 10)]
        assert [one for page in pages for one in page] == found


def test_random_gives_everything_sooner_or_later_and_prefers_votes(store: Store) -> None:
    rows = [insight(str(number), n_votes=20 if number == 0 else 0) for number in range(30)]
    create(store, *rows)
    drawn: Counter[str] = Counter()
    for _ in range(200):
        found = search(store, InsightOrder.RANDOM, limit=5)
        assert len({one.id for one in found}) == 5
        drawn.update(one.claim for one in found)
    assert len(drawn) == 30
    assert drawn.most_common(1)[0][0] == "0"
    assert len(search(store, InsightOrder.RANDOM, limit=50)) == 30


def test_counting_stops_at_the_cap(store: Store) -> None:
    create(store, *(insight(str(number)) for number in range(7)))
    with store.read() as tx:
        assert tx.insights.count(InsightFilter(), cap=5) == 5
        assert tx.insights.count(InsightFilter(), cap=100) == 7
        assert tx.insights.count(InsightFilter(types=("none",)), cap=5) == 0


def test_groups_by_tag_are_largest_first(store: Store) -> None:
    tags = ["en:soups"] * 3 + ["en:apricot", "en:beans", None]
    create(store, *(insight(str(number), value_tag=tag) for number, tag in enumerate(tags)))
    with store.read() as tx:
        groups = tx.insights.groups_by_value_tag(InsightFilter(types=("kind",), annotated=False))
        assert groups == [("en:soups", 3), ("en:apricot", 1), ("en:beans", 1), (None, 1)]
        assert tx.insights.groups_by_value_tag(InsightFilter(), limit=1, offset=1) == [("en:apricot", 1)]


def test_due_insights_are_open_automatic_and_of_enabled_plugins(store: Store) -> None:
    def automatic(claim: str, minutes: int = -1, **changes: Any) -> Insight:
        changed: dict[str, Any] = {"automatic": True, "process_after": NOW + timedelta(minutes=minutes), **changes}
        return insight(claim, **changed)

    create(
        store,
        automatic("due"),
        automatic("longest", -5),
        automatic("early", 1),
        automatic("manual", automatic=False),
        automatic("deciding", status=Status.DECIDING),
        automatic("answered", status=Status.APPLIED, annotation=1),
        automatic("off", plugin="q"),
        automatic("maker off", predictor_plugin="q"),
    )
    with store.read() as tx:
        assert [one.claim for one in tx.insights.due(NOW, 1)] == ["longest"]
        found = tx.insights.due(NOW, 10, plugins=["p"], predictor_plugins=["p"])
        assert [one.claim for one in found] == ["longest", "due"]
        assert len(tx.insights.due(NOW, 10)) == 4


def test_a_locked_insight_waits_for_its_holder(store: Store) -> None:
    first = insight()
    create(store, first)
    locked, order = threading.Event(), []

    def second() -> None:
        locked.wait()
        with store.write() as tx:
            found = tx.insights.get(first.id, lock=True)
            assert found is not None
            order.append(found.n_votes)

    thread = threading.Thread(target=second)
    thread.start()
    with store.write() as tx:
        old = tx.insights.of([PRODUCT], lock=True)[PRODUCT][0]
        locked.set()
        thread.join(0.3)
        assert not order
        tx.insights.update([(old, evolve(old, n_votes=9))])
    thread.join()
    assert order == [9]


def test_locked_products_exclude_each_other(store: Store) -> None:
    entered, left = threading.Event(), []

    def other() -> None:
        entered.wait()
        with store.write() as tx:
            tx.lock_products([PRO, PRODUCT])
            left.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with store.write() as tx:
        tx.lock_products([PRODUCT])
        tx.lock_products([])
        entered.set()
        thread.join(0.3)
        left.append("first")
    thread.join()
    assert left == ["first", "second"]
