"""Every read of the engine and the API finds its rows by an index, on both databases, at a size where it matters."""

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, text

from robotoff_core.model.answers import Voter
from robotoff_core.model.candidates import Drop
from robotoff_core.model.ids import ProductId
from robotoff_core.model.insights import Insight, Status
from robotoff_core.model.predictions import Prediction, PredictionRun, RunKey
from robotoff_core.store import (
    DropSet,
    EditState,
    ImagePredictionRow,
    ImageRow,
    InsightEvent,
    InsightFilter,
    InsightOrder,
    JobSpec,
    JobState,
    Lane,
    OutboxEdit,
    Snapshot,
    Store,
    Tx,
    records,
)
from robotoff_core.store.sql import insert_rows
from robotoff_core.store.tables import annotation_vote

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIZE = 12_000
MOST = 0.06
"""The largest share of a big table that a read may look at; three times that where a limit ends it early."""

PRODUCTS = [ProductId(f"{3000000000000 + number}") for number in range(SIZE // 3)]
TYPES = ["common", "usual", "rare"]


def insight(number: int) -> Insight:
    draw = random.Random(number)
    answered, automatic = number % 20 == 0, number % 7 == 0
    return Insight(
        id=UUID(int=draw.getrandbits(128), version=4),
        product=PRODUCTS[number % len(PRODUCTS)],
        type="rare" if number % 201 == 0 else TYPES[number % 2],
        claim=f"claim {number}",
        plugin="p",
        predictor="odd" if number % 301 == 0 else "regex",
        predictor_plugin="p",
        value_tag=f"en:tag-{number % 400}",
        countries=("en:monaco",) if number % 251 == 0 else ("en:france", "en:spain"),
        brands=(f"xx:brand-{number % 300}",),
        campaigns=("missing",) if number % 351 == 0 else (),
        lc=("br",) if number % 261 == 0 else ("fr",),
        confidence=draw.random() if number % 3 else None,
        unique_scans_n=draw.randrange(100_000),
        automatic=automatic,
        process_after=NOW + timedelta(minutes=number) if automatic else None,
        annotation=(1, 0, 1, -1)[number // 20 % 4] if answered else None,
        status=Status.APPLIED if answered else Status.OPEN,
        timestamp=NOW,
    )


INSIGHTS = [insight(number) for number in range(SIZE)]


def fill(store: Store) -> None:
    with store.write() as tx:
        runs = [
            PredictionRun(
                RunKey(product, f"/{product.barcode}/{image}.jpg", "p.text"),
                "p",
                "1",
                (Prediction("common", value="a"), Prediction("usual", value="b")),
            )
            for product in PRODUCTS
            for image in (1, 2)
        ]
        tx.predictions.store_runs(runs, NOW)
        tx.insights.create(INSIGHTS)
        tx.events.append(
            [InsightEvent(one.id, "created", NOW + timedelta(seconds=n)) for n, one in enumerate(INSIGHTS)]
        )
        votes = [
            {
                "insight_id": one.id, "voter_key": f"v{number}", "username": f"user-{number % 500}",
                "device_id": f"device-{number % 700}", "address": f"address-{number % 700}", "value": 1,
                "update": True, "timestamp": NOW,
            }
            for number, one in enumerate(INSIGHTS)
        ]  # fmt: skip
        insert_rows(tx.connection, annotation_vote, votes)
        tx.edits.add(
            [
                OutboxEdit(
                    one.id, one.product, {}, "", NOW, state=EditState.QUEUED if number % 50 == 0 else EditState.SENT
                )
                for number, one in enumerate(INSIGHTS[: SIZE // 2])
            ]
        )
        tx.drops.replace([DropSet(product, "common", (Drop("rule", "reason"),)) for product in PRODUCTS], NOW)
        tx.products.upsert([Snapshot(product, NOW) for product in PRODUCTS])
        images = tx.images.upsert([ImageRow(product, "1", "/1.jpg", 1, 1) for product in PRODUCTS])
        tx.image_predictions.upsert([ImagePredictionRow(row, "t", "m", "1", {}, NOW) for row in images.values()])
        specs = [
            JobSpec("k", {"n": n}, key=f"key-{n % 3000}", lane=Lane.LOW if n % 3 else Lane.HIGH)
            for n in range(SIZE // 2)
        ]
        tx.jobs.enqueue_all(specs, NOW)
    with store.write() as tx:  # most of a ledger is history
        for statement in (
            "UPDATE job SET state = 'done', dedup = NULL WHERE id % 10 <> 0",
            "UPDATE job SET finished_at = run_at WHERE state = 'done'",
            "UPDATE job SET state = 'dead', finished_at = run_at WHERE id % 500 = 0",
            "UPDATE job SET state = 'parked', finished_at = run_at WHERE id % 510 = 0",
        ):
            tx.connection.execute(text(statement))
    with store.write() as tx:
        tx.connection.execute(text("ANALYZE"))
        if tx.connection.dialect.name == "postgresql":  # what autovacuum does by and by
            tx.connection.execute(text("SELECT gin_clean_pending_list('ix_insight_tags')"))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    from robotoff_core.store.migrations import upgrade

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'full.db'}"
    else:
        url = request.getfixturevalue("postgresql_server").create("plans")
    upgrade(url)
    store = Store(url)
    fill(store)
    yield store
    store.close()


ONE = INSIGHTS[11]
OPEN = (Status.OPEN,)
QUESTIONS = InsightFilter(annotated=False, statuses=OPEN, automatic=False, plugins=frozenset({"p"}))


def search(order: InsightOrder = InsightOrder.ID, **changes: Any) -> Callable[[Tx], object]:
    from attrs import evolve

    where = evolve(QUESTIONS, **changes)

    def read(tx: Tx) -> object:
        return tx.insights.search(where, order), tx.insights.count(where, 100)

    return read


READS: dict[str, Callable[[Tx], object]] = {
    "predictions of a product": lambda tx: tx.predictions.of([ONE.product], ["common"]),
    "predictions of many products": lambda tx: tx.predictions.of(PRODUCTS[:50]),
    "runs of a product": lambda tx: tx.predictions.runs([ONE.product]),
    "delete an image's runs": lambda tx: tx.predictions.delete(ONE.product, ["/none.jpg"]),
    "insights of a product": lambda tx: tx.insights.of([ONE.product], ["common"]),
    "insights of many products": lambda tx: tx.insights.of(PRODUCTS[:50]),
    "insights of a product, locked": lambda tx: tx.insights.of([ONE.product], lock=True),
    "insight by id": lambda tx: tx.insights.get(ONE.id),
    "insights by ids": lambda tx: tx.insights.get_all([one.id for one in INSIGHTS[:50]]),
    "due for application": lambda tx: tx.insights.due(NOW + timedelta(minutes=500), 100, plugins=["p"]),
    "questions by popularity": search(InsightOrder.POPULARITY),
    "questions at random": search(InsightOrder.RANDOM),
    "questions by confidence": search(InsightOrder.CONFIDENCE),
    "questions of a type by popularity": search(InsightOrder.POPULARITY, types=("rare",)),
    "questions of types by popularity": search(InsightOrder.POPULARITY, types=("rare", "common")),
    "questions of a product by votes": search(InsightOrder.VOTES, barcode=ONE.product.barcode),
    "questions with a tag": search(InsightOrder.POPULARITY, value_tag="en:tag-7"),
    "questions of a predictor": search(InsightOrder.POPULARITY, predictor="odd"),
    "questions of a country": search(InsightOrder.POPULARITY, countries=("en:monaco",)),
    "questions of brands": search(InsightOrder.POPULARITY, brands=("xx:brand-3", "xx:brand-4")),
    "questions of a campaign": search(InsightOrder.POPULARITY, campaigns=("missing",)),
    "questions in a language": search(InsightOrder.POPULARITY, lc=("br",)),
    "questions not seen by a user": search(InsightOrder.POPULARITY, skip_usernames=("user-3",)),
    "questions not seen by a device": search(
        InsightOrder.POPULARITY, skip_devices=("device-3",), skip_addresses=("address-3",)
    ),
    "all insights": search(annotated=None, statuses=None, automatic=None, plugins=None),
    "insights of a rare type": search(annotated=None, statuses=None, automatic=None, plugins=None, types=("rare",)),
    "answered insights": search(annotated=True, statuses=None, automatic=None, plugins=None),
    "rejected insights": search(annotated=None, annotation=0, statuses=None, automatic=None, plugins=None),
    "tags of a type": lambda tx: tx.insights.groups_by_value_tag(InsightFilter(annotated=False, types=("rare",))),
    "votes on an insight": lambda tx: tx.votes.of(ONE.id),
    "events of an insight": lambda tx: tx.events.of(ONE.id),
    "old events": lambda tx: tx.events.clean_up(NOW + timedelta(seconds=20), 100),
    "old votes": lambda tx: tx.votes.forget_voters(NOW),
    "old drops": lambda tx: tx.drops.clean_up(NOW),
    "digests of a product's runs": lambda tx: tx.predictions.digests([ONE.product]),
    "edits of an insight": lambda tx: tx.edits.of_insight(ONE.id),
    "waiting edits of a product": lambda tx: tx.edits.pending(ONE.product),
    "drops of a product": lambda tx: tx.drops.of(ONE.product),
    "snapshots": lambda tx: tx.products.of(PRODUCTS[:50]),
    "images of a product": lambda tx: tx.images.of(ONE.product),
    "model outputs on an image": lambda tx: tx.image_predictions.of([1, 2]),
    "claim a job": lambda tx: tx.jobs.claim("me", NOW, 60),
    "claim a job of a lane": lambda tx: tx.jobs.claim("me", NOW, 60, lanes=(Lane.MODEL,)),
    "due jobs": lambda tx: tx.jobs.due(NOW, 10),
    "jobs of a key": lambda tx: tx.jobs.of_key("key-5"),
    "expired leases": lambda tx: tx.jobs.expired(NOW),
    "dead jobs": lambda tx: tx.jobs.in_state(JobState.DEAD),
    "parked jobs": lambda tx: tx.jobs.unpark(["x"], [], NOW),
    "old jobs": lambda tx: tx.jobs.clean_up(NOW - timedelta(days=1)),
    "enqueue": lambda tx: tx.jobs.enqueue(JobSpec("k", {"n": 1}, key="key-1"), NOW),
    "vote": lambda tx: tx.votes.cast(ONE.id, "me", Voter("u", "d", "a"), 1, True, NOW),
}
BIG = {
    "prediction", "prediction_run", "insight", "insight_tag", "insight_event", "annotation_vote", "edit", "image",
    "image_prediction", "product_snapshot", "dropped_candidate", "job",
}  # fmt: skip
WALKS = {"all insights", "old events", "due jobs"}
"""Reads without anything to look up: SQLite walks the table, or a partial index, in order and stops at the limit."""


@pytest.mark.parametrize("name", READS)
def test_reads_use_an_index(full: Store, name: str) -> None:
    statements: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: bool) -> None:
        statements.append((statement, parameters))

    with full.write() as tx:
        event.listen(full.engine, "before_cursor_execute", remember)
        try:
            READS[name](tx)
        finally:
            event.remove(full.engine, "before_cursor_execute", remember)
        asked = [one for one in statements if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", one[0])]
        assert asked
        for statement, parameters in asked:
            plan = sqlite_plan if tx.connection.dialect.name == "sqlite" else postgresql_plan
            complaint = plan(tx.connection, statement, parameters, name)
            assert complaint is None, f"{complaint}\n{statement}"
        tx.connection.rollback()


def sqlite_plan(connection: Connection, statement: str, parameters: Any, name: str) -> str | None:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    aliases = dict(re.findall(r'(?:FROM|JOIN|UPDATE)\s+"?(\w+)"?\s+AS\s+"?(\w+)"?', statement))
    tables = BIG | {aliases[table] for table in BIG & aliases.keys()}
    for row in rows:
        found = re.match(r"SCAN (\w+)", row.detail)
        if found and found[1] in tables and name not in WALKS:
            return "\n".join(one.detail for one in rows)
    return None


def postgresql_plan(connection: Connection, statement: str, parameters: Any, name: str) -> str | None:
    with connection.begin_nested() as nested:
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
        nested.rollback()
    plan = rows[0]["Plan"]
    for node, stops in nodes(plan):
        table = node.get("Relation Name")
        if table not in BIG or "Scan" not in node["Node Type"]:
            continue
        loops = node["Actual Loops"]
        looked = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * loops
        total = connection.execute(text(f"SELECT reltuples FROM pg_class WHERE relname = '{table}'")).scalar_one()
        if looked > MOST * total * (3 if stops else 1):
            return f"looked at {looked:.0f} of {total:.0f} rows of {table}:\n{json.dumps(plan, indent=1)}"
    return None


def nodes(plan: dict[str, Any], stops: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node, and whether a limit above it ends its work early."""
    yield plan, stops
    below = plan["Node Type"] == "Limit" or (stops and plan["Node Type"] not in ("Sort", "Aggregate", "Hash"))
    for part in plan.get("Plans", ()):
        yield from nodes(part, below)


def test_the_check_notices_a_scan(full: Store) -> None:
    with full.write() as tx:
        statement = "SELECT id FROM insight WHERE username = 'nobody'"
        plan = sqlite_plan if tx.connection.dialect.name == "sqlite" else postgresql_plan
        assert plan(tx.connection, statement, (), "x") is not None


def test_every_repository_method_that_reads_is_listed() -> None:
    """A new read must be added above: each public method of a repository is called by some test."""
    folder = Path(__file__).parent
    tested = "".join(path.read_text() for path in [*folder.glob("test_store_*.py"), *folder.glob("test_jobs_*.py")])
    source = Path(records.__file__).parent
    files = [*source.glob("*.py"), source.parent / "jobs" / "ledger.py", source.parent / "jobs" / "schedules.py"]
    methods = {
        name
        for path in files
        for name in re.findall(r"^    def ([a-z]\w*)\(self", path.read_text(), re.MULTILINE)
        if path.name != "types.py"
    }
    assert not sorted(name for name in methods if f".{name}" not in tested)
    assert methods
