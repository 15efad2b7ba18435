"""Reconciliation on real databases, in any order, twice, and interleaved with answers.

Whatever happens: no answer is lost or changed, no claim is open twice or asked again, and a repetition changes nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from engine_kit import PRODUCT, facts_runtime, products
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robotoff_core.api import Insight, Prediction
from robotoff_core.engine.answers import answer
from robotoff_core.engine.importing import import_runs, refresh
from robotoff_core.model.answers import Voter
from robotoff_core.model.insights import Status
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.runtime import Runtime


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = facts_runtime(database_url, tmp_path)
    products(runtime).load([{"code": PRODUCT.barcode}])
    yield runtime
    runtime.close()


def insights(runtime: Runtime, *, superseded: bool = False) -> list[Insight]:
    with runtime.store.read() as tx:
        return tx.insights.of([PRODUCT], superseded=superseded).get(PRODUCT, [])


def make_run(image: int | None, component: str, version: str, tags: list[str], automatic: bool | None) -> PredictionRun:
    source_image = None if image is None else f"/327/408/000/5003/{image}.jpg"
    predictions = tuple(Prediction("fact", value_tag=tag, method="regex", automatic=automatic) for tag in tags)
    return PredictionRun(RunKey(PRODUCT, source_image, component), "facts", version, predictions)


runs = st.builds(
    make_run,
    st.sampled_from([None, 1, 2, 10]),
    st.sampled_from(["facts.text", "facts.logos"]),
    st.sampled_from(["1", "2", "10"]),
    st.lists(st.sampled_from(["en:a", "en:b", "en:c", "en:d"]), max_size=3),
    st.sampled_from([None, None, None, True]),
)
answers = st.tuples(st.sampled_from([1, 0, -1]), st.booleans(), st.integers(0, 4), st.integers(0, 100))
steps = st.lists(
    st.one_of(st.tuples(st.just("import"), runs), st.tuples(st.just("answer"), answers), st.just(("refresh", None))),
    min_size=2,
    max_size=12,
)


def step(runtime: Runtime, kind: str, argument: Any) -> None:
    if kind == "import":
        import_runs(runtime, [argument])
    elif kind == "refresh":
        refresh(runtime, [PRODUCT])
    else:
        value, named, voter, which = argument
        asked = [insight for insight in insights(runtime) if insight.is_open]
        if asked:
            who = Voter("ada" if named else None, f"device-{voter}", f"address-{voter}")
            answer(runtime, asked[which % len(asked)].id, value, None, True, who, 0.0)


def check(runtime: Runtime, answered: dict[UUID, Insight]) -> None:
    found = insights(runtime, superseded=True)
    by_id = {insight.id: insight for insight in found}
    for insight_id, before in answered.items():
        assert by_id[insight_id] == before, "an answered insight was lost or changed"
    unanswered = [insight for insight in found if insight.is_open]
    claims = [insight.claim for insight in unanswered]
    assert len(claims) == len(set(claims)), "a claim is open twice"
    decided = {insight.claim for insight in found if insight.annotation is not None}
    assert decided.isdisjoint(claims), "a decided claim is asked again"
    with runtime.store.read() as tx:
        for insight in unanswered:
            votes = tx.votes.of(insight.id)
            assert insight.n_votes == sum(vote.value != -1 for vote in votes), "votes and their count differ"
    answered.update({insight.id: insight for insight in found if insight.annotation is not None})


def forget(runtime: Runtime) -> None:
    with runtime.store.write() as tx:
        for table in ("insight_event", "annotation_vote", "prediction", "prediction_run", "job", "edit", "insight"):
            tx.connection.exec_driver_sql(f"DELETE FROM {table}")
    products(runtime).load([{"code": PRODUCT.barcode}])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_interleaving_keeps_answers_and_asks_nothing_twice(runtime: Runtime, taken: list[tuple[str, Any]]) -> None:
    forget(runtime)
    answered: dict[UUID, Insight] = {}
    for kind, argument in taken:
        step(runtime, kind, argument)
        check(runtime, answered)
    before = insights(runtime, superseded=True)
    for kind, argument in taken:
        if kind == "import":
            # What was said last by each run is what is stored; saying it again changes nothing.
            with runtime.store.read() as tx:
                stored = tx.predictions.changed([argument])
            if not stored:
                import_runs(runtime, [argument])
    refresh(runtime, [PRODUCT])
    assert insights(runtime, superseded=True) == before, "a repetition changed something"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(runs, min_size=1, max_size=5, unique_by=lambda run: run.key), st.randoms())
def test_the_order_of_runs_decides_nothing_without_automatic_ones(
    runtime: Runtime, taken: list[PredictionRun], random: Any
) -> None:
    asked = [evolve(run, predictions=tuple(evolve(p, automatic=None) for p in run.predictions)) for run in taken]
    outcomes = []
    for order in (asked, random.sample(asked, len(asked))):
        forget(runtime)
        for each in order:
            import_runs(runtime, [each])
        outcomes.append({(i.claim, i.source_image, i.component) for i in insights(runtime) if i.status is Status.OPEN})
    assert outcomes[0] == outcomes[1]
