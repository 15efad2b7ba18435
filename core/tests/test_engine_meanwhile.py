"""What others do at the wrong moment: imports, answers and jobs of several processes on one product."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from engine_kit import (
    FOLDER,
    PRODUCT,
    FactAnnotator,
    document,
    facts_runtime,
    insights,
    products,
    run,
    say,
    work,
)

from robotoff_core.api import Prediction
from robotoff_core.engine import answers, applying, handlers
from robotoff_core.engine.answers import answer
from robotoff_core.engine.applying import send_edits
from robotoff_core.engine.handlers import TASKS, predict_name_job
from robotoff_core.engine.importing import import_runs, refresh
from robotoff_core.engine.predicting import predict_image
from robotoff_core.engine.runner import Predicted, Runner
from robotoff_core.model.answers import Result, Voter
from robotoff_core.model.insights import Origin, Status
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.products.recording import RecordingProducts
from robotoff_core.runtime import Runtime
from robotoff_core.store import EditState, JobState


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = facts_runtime(database_url, tmp_path, answers__wait=0.2, automatic__wait_minutes=0.0)
    products(runtime).load([document()])
    yield runtime
    runtime.close()


def meanwhile(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, act: Callable[[], object]) -> None:
    """Let *act* happen once, just before the next call of *name*: what another process may do at that moment."""
    original = getattr(target, name)
    waiting = [act]

    def call(*args: Any, **keywords: Any) -> Any:
        if waiting:
            waiting.pop()()
        return original(*args, **keywords)

    monkeypatch.setattr(target, name, call)


def test_predictions_stored_while_others_were_reconciled_are_not_overlooked(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_runs(runtime, [run("en:a", image=5)])
    # The other image only repeats the claim: no insight changes, but from now on two images support it.
    meanwhile(monkeypatch, runtime.products, "get", lambda: import_runs(runtime, [run("en:a", image=1)]))
    import_runs(runtime, [run(image=5)])
    assert set(insights(runtime, history=False)) == {"en:a"}
    assert insights(runtime)["en:a"].source_image == f"{FOLDER}1.jpg"


def test_an_automatic_insight_whose_annotator_fails_is_one_job_until_somebody_replays_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_runs(runtime, [run("en:a", automatic=True)])
    monkeypatch.setattr(FactAnnotator, "annotate", lambda *_: 1 / 0)
    _, enqueue_due = TASKS["apply_due_insights"]
    enqueue_due(runtime)
    with runtime.store.write() as tx:
        job = tx.jobs.claim("test", runtime.now(), 60.0)
        assert job is not None
        tx.jobs.fail(job, "the annotator failed", runtime.now(), final=True)
    enqueue_due(runtime)
    with runtime.store.read() as tx:
        assert tx.jobs.in_state(JobState.PENDING) == []
    monkeypatch.undo()
    with runtime.store.write() as tx:
        assert tx.jobs.replay([job.id], runtime.now()) == {job.id}
    assert "apply_automatic" in work(runtime)
    assert insights(runtime)["en:a"].status is Status.APPLIED


def test_a_decision_that_waits_keeps_nothing_else_of_the_product_waiting(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_runs(runtime, [run("en:a")])
    products(runtime).fault("unreadable", 1)
    assert say(runtime, "en:a", 1).result is Result.SAVED
    with monkeypatch.context() as patched:
        patched.setattr(FactAnnotator, "annotate", lambda *_: 1 / 0)
        assert work(runtime) == ["decide failed"]
    with runtime.store.write() as tx:
        tx.jobs.enqueue(predict_name_job(PRODUCT), runtime.now())
    assert work(runtime) == ["predict_name"]


def test_data_found_invalid_after_the_reply_reopens_the_insight(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    before = insights(runtime)["en:a"]
    products(runtime).fault("unreadable", 1)
    reply = answer(runtime, before.id, 2, {"odd": 1}, True, Voter("ada", "device", "address"), 0.2)
    assert reply.result is Result.SAVED
    assert "decide" in work(runtime)
    assert insights(runtime)["en:a"] == before
    with runtime.store.read() as tx:
        assert [event.kind for event in tx.events.of(before.id)] == ["created", "postponed", "reopened"]


def test_an_edit_that_another_process_began_to_send_is_not_withdrawn(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_runs(runtime, [run("en:a")])
    products(runtime).fault("fail")

    def begin() -> None:
        with runtime.store.write() as tx:
            [edit] = tx.edits.pending(PRODUCT)
            tx.edits.set_state([edit.id], EditState.SENDING, runtime.now())

    with monkeypatch.context() as patched:
        meanwhile(patched, applying, "_withdraw", begin)
        assert say(runtime, "en:a", 1).result is Result.SAVED
    assert insights(runtime)["en:a"].status is Status.QUEUED


def test_after_a_withdrawal_the_insight_is_as_before_and_the_product_is_refreshed(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    with runtime.store.write() as tx:
        insight = tx.insights.get(insights(runtime)["en:a"].id, lock=True)
        assert insight is not None
        tx.insights.update([(insight, evolve(insight, username="grace"))])
    work(runtime)
    products(runtime).fault("fail")
    assert say(runtime, "en:a", 1).result is Result.FAILED_UPDATE
    assert insights(runtime)["en:a"].username == "grace"
    with runtime.store.read() as tx:
        assert "refresh" in {job.kind for job in tx.jobs.of_key(str(PRODUCT))}


def test_words_that_differ_beside_the_same_claim_do_not_ask_again(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", value="A")])
    assert say(runtime, "en:a", 0).result is Result.SAVED
    assert import_runs(runtime, [run("en:a", image=3)]).created == ()


def test_insights_imported_before_their_plugin_was_there_become_its_own(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a"), run("en:b", image=2)])
    with runtime.store.write() as tx:
        found = tx.insights.of([PRODUCT], lock=True)[PRODUCT]
        tx.insights.update([(i, evolve(i, plugin="", predictor_plugin="", origin=Origin.IMPORTED)) for i in found])
    refresh(runtime, [PRODUCT])
    assert {i.plugin for i in insights(runtime).values()} == {"facts"}
    assert say(runtime, "en:a", 1).result is Result.UPDATED


def test_a_vote_changed_just_before_the_deciding_one_counts(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    import_runs(runtime, [run("en:a")])
    say(runtime, "en:a", 1, None, 0)
    say(runtime, "en:a", 0, None, 1)
    meanwhile(monkeypatch, answers, "_conclude", lambda: say(runtime, "en:a", 1, None, 1))
    assert say(runtime, "en:a", 1, None, 2).result is Result.UPDATED


def test_a_due_insight_that_people_decide_is_theirs(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    import_runs(runtime, [run("en:a", automatic=True)])
    TASKS["apply_due_insights"][1](runtime)

    def reject() -> None:
        found = insights(runtime)["en:a"]
        with runtime.store.write() as tx:
            tx.insights.update([(found, evolve(found, status=Status.DECIDING))])

    meanwhile(monkeypatch, handlers, "automatic_allowed", reject)
    work(runtime)
    assert insights(runtime)["en:a"].status is Status.DECIDING


def test_a_writer_that_breaks_leaves_the_edit_to_its_job(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    import_runs(runtime, [run("en:a")])
    with monkeypatch.context() as patched:
        patched.setattr(RecordingProducts, "send", lambda *_: 1 / 0)
        assert say(runtime, "en:a", 1).result is Result.SAVED
    assert insights(runtime)["en:a"].status is Status.QUEUED
    send_edits(runtime, PRODUCT)
    assert insights(runtime)["en:a"].status is Status.APPLIED


def test_a_scope_that_a_predictor_no_longer_speaks_about_is_emptied(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = f"{FOLDER}1.jpg"
    key = RunKey(PRODUCT, image, "facts.text")
    found = PredictionRun(evolve(key, scope="fr"), "facts", "1", (Prediction("fact", value_tag="en:a", scope="fr"),))
    other = evolve(found, key=evolve(found.key, component="facts.logos"))
    import_runs(runtime, [found, other])
    monkeypatch.setattr(Runner, "predict", lambda *_, **__: Predicted((PredictionRun(key, "facts", "1"),)))
    predict_image(runtime, PRODUCT, image, b"")
    with runtime.store.read() as tx:
        assert {p.component for p in tx.predictions.of([PRODUCT])[PRODUCT]} == {"facts.logos"}


def test_an_insight_of_a_type_that_its_plugin_gave_up_cannot_be_answered(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    runtime.registry = evolve(runtime.registry, types={})
    assert say(runtime, "en:a", 1).result is Result.UNKNOWN_INSIGHT


def test_a_product_that_is_gone_takes_its_open_insights_and_leaves_history(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", "en:b")])
    say(runtime, "en:b", 0)
    runtime.products = RecordingProducts(runtime.config.var / "emptied.db", authoritative=True)
    report = import_runs(runtime, [run("en:c", image=2)])
    assert (report.unknown, report.predictions) == (frozenset({PRODUCT}), 0)
    assert {claim: insight.status for claim, insight in insights(runtime).items()} == {"en:b": Status.REJECTED}
