"""The flow on real databases: predictions in, insights, answers, edits on the recorded product.

The numbered examples are those of the engine specification's acceptance list.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from engine_kit import (
    FOLDER,
    PRODUCT,
    FactAnnotator,
    FactImporter,
    document,
    facts_registry,
    facts_runtime,
    insights,
    products,
    run,
    say,
    work,
)

from robotoff_core.api import ProductId
from robotoff_core.engine.applying import send_edits
from robotoff_core.engine.handlers import TASKS
from robotoff_core.engine.importing import Imported, import_runs, refresh
from robotoff_core.model.answers import Result
from robotoff_core.model.insights import Status
from robotoff_core.runtime import Runtime
from robotoff_core.store import JobState


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = facts_runtime(database_url, tmp_path, answers__wait=0.2, automatic__wait_minutes=0.0)
    products(runtime).load([document()])
    yield runtime
    runtime.close()


def everything(runtime: Runtime) -> Any:
    with runtime.store.read() as tx:
        return (
            tx.insights.of([PRODUCT], superseded=True),
            tx.predictions.of([PRODUCT]),
            tx.predictions.runs([PRODUCT]),
            tx.drops.of(PRODUCT),
            tx.products.of([PRODUCT]),
        )


def test_the_circle_closes(runtime: Runtime) -> None:
    report = import_runs(runtime, [run("en:a", data={"bounding_box_absolute": [200, 100, 400, 300]})])
    assert len(report.created) == 1
    assert report.predictions == 1
    insight = insights(runtime)["en:a"]
    assert (insight.countries, insight.unique_scans_n, insight.with_image) == (("en:france",), 7, True)
    assert insight.box == (0.1, 0.1, 0.2, 0.3)

    reply = say(runtime, "en:a", 1)
    assert (reply.result, reply.description) == (Result.UPDATED, "the annotation was saved and sent to OFF")
    applied = insights(runtime)["en:a"]
    assert (applied.status, applied.annotation, applied.annotated_result, applied.username) == ("applied", 1, 2, "ada")
    [edit] = products(runtime).edits(PRODUCT)
    assert edit.comment == f"[robotoff] Adding fact 'en:a', ID: {insight.id}"
    with runtime.store.read() as tx:
        assert [event.kind for event in tx.events.of(insight.id)] == ["created", "answered", "sent"]


def test_1_importing_the_same_twice_changes_nothing(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", "en:b")])
    say(runtime, "en:a", 1, None)
    before = everything(runtime)
    assert import_runs(runtime, [run("en:b", "en:a")]) == Imported(unchanged=1)
    assert refresh(runtime, [PRODUCT]) == Imported()
    assert everything(runtime) == before


def test_2_a_newer_version_replaces_its_own_run_only_and_an_older_one_never(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", image=1), run("en:b", image=2), run("en:c", component="facts.logos")])
    import_runs(runtime, [run("en:d", image=1, version="2")])
    with runtime.store.read() as tx:
        stored = tx.predictions.of([PRODUCT])[PRODUCT]
    assert {p.value_tag for p in stored} == {"en:b", "en:c", "en:d"}
    assert import_runs(runtime, [run("en:a", image=1, version="1")]).created == ()
    assert set(insights(runtime, history=False)) == {"en:b", "en:c", "en:d"}


def test_3_one_run_of_a_product_replaces_that_run_of_that_product_and_project_only(runtime: Runtime) -> None:
    other, sibling = ProductId("3274080005010"), ProductId(PRODUCT.barcode, "obf")
    runs = [run("en:a", image=None)]
    runs += [evolve(runs[0], key=evolve(runs[0].key, product=product)) for product in (other, sibling)]
    import_runs(runtime, runs)
    import_runs(runtime, [run("en:b", image=None)])
    with runtime.store.read() as tx:
        stored = tx.predictions.of([PRODUCT, other, sibling])
    assert {product: [p.value_tag for p in found] for product, found in stored.items()} == {
        PRODUCT: ["en:b"], other: ["en:a"], sibling: ["en:a"],
    }  # fmt: skip


def test_5_a_rejected_value_never_comes_back_and_another_does(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    assert say(runtime, "en:a", 0).result is Result.SAVED
    report = import_runs(runtime, [run("en:a", "en:b", image=5)])
    assert len(report.created) == 1
    assert insights(runtime)["en:a"].status is Status.REJECTED


def test_6_an_open_automatic_insight_is_untouched_by_a_conflicting_candidate(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", automatic=True)])
    before = insights(runtime)["en:a"]
    import_runs(runtime, [run("en:a", image=4, automatic=False)])
    assert insights(runtime)["en:a"] == before


def test_7_the_same_claim_from_another_image_keeps_id_and_votes(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    assert say(runtime, "en:a", 1, None).result is Result.VOTE_SAVED
    before = insights(runtime)["en:a"]
    assert before.n_votes == 1
    report = import_runs(runtime, [run("en:a", image=8)])
    after = insights(runtime)["en:a"]
    assert report.updated == (before.id,)
    assert (after.id, after.n_votes, after.source_image) == (before.id, 1, f"{FOLDER}8.jpg")


def test_9_a_deleted_image_takes_its_open_insights_and_leaves_history(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", image=1), run("en:b", image=2)])
    say(runtime, "en:b", 0)
    import_runs(runtime, [run("en:c", image=2)])
    gone = document()
    gone["images"] = {"1": gone["images"]["1"]}
    products(runtime).load([gone])
    refresh(runtime, [PRODUCT])
    assert {claim: i.status for claim, i in insights(runtime).items()} == {"en:a": "open", "en:b": "rejected"}
    with runtime.store.read() as tx:
        [drops] = tx.drops.of(PRODUCT, "fact")
    assert ("image-gone", "en:c") in {(drop.rule, drop.value_tag) for drop in drops.drops}


def test_10_a_failing_server_reopens_for_the_interactive_caller(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    before = insights(runtime)["en:a"]
    products(runtime).fault("fail")
    assert say(runtime, "en:a", 1).result is Result.FAILED_UPDATE
    assert insights(runtime)["en:a"] == before
    assert say(runtime, "en:a", 1).result is Result.UPDATED
    assert len(products(runtime).edits(PRODUCT)) == 1
    assert insights(runtime)["en:a"].status is Status.APPLIED


def test_10_a_refusal_is_code_10_with_its_reason(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    products(runtime).fault("refuse")
    reply = say(runtime, "en:a", 1)
    assert (reply.result, reply.description) == (Result.FAILED_UPDATE, "the server answered 403: edit refused")
    assert (insights(runtime)["en:a"].status, insights(runtime)["en:a"].annotated_result) == (Status.FAILED, 10)
    assert "send_edits failed" not in work(runtime)


@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_10_an_unknown_outcome_is_saved_and_takes_effect_once(runtime: Runtime, fault: Any) -> None:
    import_runs(runtime, [run("en:a")])
    products(runtime).fault(fault)
    assert say(runtime, "en:a", 1, wait=1.0).result is Result.SAVED
    assert insights(runtime)["en:a"].status is Status.QUEUED
    send_edits(runtime, PRODUCT)
    assert insights(runtime)["en:a"].status is Status.APPLIED
    assert len(products(runtime).edits(PRODUCT)) == 1
    send_edits(runtime, PRODUCT)
    assert len(products(runtime).edits(PRODUCT)) == 1


def test_11_three_anonymous_votes_apply(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    replies = [say(runtime, "en:a", 1, None, voter).result for voter in range(3)]
    assert replies == [Result.VOTE_SAVED, Result.VOTE_SAVED, Result.UPDATED]
    [edit] = products(runtime).edits(PRODUCT)
    assert edit.comment.endswith("(applied after 3 anonymous votes)")
    assert (insights(runtime)["en:a"].username, insights(runtime)["en:a"].n_votes) == (None, 3)


def test_11_a_split_closes_as_ambiguous(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    replies = [say(runtime, "en:a", value, None, voter).result for voter, value in enumerate([1, 1, 0, 0])]
    assert replies[-1] is Result.SAVED
    assert (insights(runtime)["en:a"].annotation, insights(runtime)["en:a"].status) == (-1, Status.SKIPPED)
    assert not products(runtime).edits(PRODUCT)


def test_11_types_that_need_a_login_refuse_votes_and_stay_open(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", kind="delicate")])
    assert [say(runtime, "en:a", 1, None, voter).result for voter in range(3)] == [Result.CANNOT_VOTE] * 3
    assert insights(runtime)["en:a"].is_open
    assert insights(runtime)["en:a"].n_votes == 0
    assert say(runtime, "en:a", 1).result is Result.UPDATED


def test_15_a_disabled_plugins_insights_are_kept_hidden_and_come_back(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    before = insights(runtime)
    on, off = runtime.registry, facts_registry(enabled=False)
    runtime.registry = off
    assert refresh(runtime, [PRODUCT]) == Imported()
    assert say(runtime, "en:a", 1).result is Result.UNKNOWN_INSIGHT
    assert insights(runtime) == before
    runtime.registry = on
    assert say(runtime, "en:a", 1).result is Result.UPDATED


def test_one_voter_cannot_decide_and_skips_decide_nothing(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    assert [say(runtime, "en:a", 1, None, 1).result for _ in range(4)] == [Result.VOTE_SAVED] * 4
    assert [say(runtime, "en:a", -1, None, voter).result for voter in range(2, 6)] == [Result.VOTE_SAVED] * 4
    assert say(runtime, "en:a", -1, "ada").result is Result.VOTE_SAVED
    assert insights(runtime)["en:a"].n_votes == 1
    assert insights(runtime)["en:a"].is_open


def test_answers_without_update_write_nothing(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    assert say(runtime, "en:a", 1, update=False).result is Result.SAVED
    assert insights(runtime)["en:a"].status is Status.CLOSED
    assert not products(runtime).edits(PRODUCT)


def test_what_the_product_gained_meanwhile_is_told_and_recorded(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a"), run("en:b", image=2)])
    products(runtime).load([document(facts_tags=["en:a"])])
    assert say(runtime, "en:a", 1).result is Result.ALREADY_ANNOTATED
    assert insights(runtime)["en:a"].annotated_result == 5
    products(runtime).load([document(facts_tags=["en:a", "en:b"])])
    assert work(runtime)
    assert not insights(runtime, history=False)


def test_answering_twice(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    assert say(runtime, "en:a", 0).result is Result.SAVED
    assert say(runtime, "en:a", 1).result is Result.ALREADY_ANNOTATED


def test_with_the_product_source_down_the_vote_is_kept_and_the_decision_queued(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    for voter in range(2):
        say(runtime, "en:a", 1, None, voter)
    products(runtime).fault("unreadable", 1)
    assert say(runtime, "en:a", 1, None, 2).result is Result.VOTE_SAVED
    deciding = insights(runtime)["en:a"]
    assert (deciding.status, deciding.n_votes) == (Status.DECIDING, 3)
    assert say(runtime, "en:a", 0, None, 7).result is Result.VOTE_SAVED
    assert "decide" in work(runtime)
    assert insights(runtime)["en:a"].status is Status.APPLIED


def test_an_automatic_insight_is_applied_when_due_once(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", automatic=True)])
    _, enqueue_due = TASKS["apply_due_insights"]
    enqueue_due(runtime)
    enqueue_due(runtime)
    assert work(runtime).count("apply_automatic") == 1
    [edit] = products(runtime).edits(PRODUCT)
    assert edit.comment.endswith("(automated edit)")
    applied = insights(runtime)["en:a"]
    assert (applied.status, applied.annotation, applied.username) == (Status.APPLIED, 1, None)


def test_a_policy_that_changed_turns_a_due_insight_into_a_question(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a", automatic=True)])
    runtime.config = evolve(runtime.config, automatic=evolve(runtime.config.automatic, enabled=False))
    TASKS["apply_due_insights"][1](runtime)
    work(runtime)
    asked = insights(runtime)["en:a"]
    assert asked.is_open
    assert not asked.automatic
    assert asked.process_after is None
    assert not products(runtime).edits(PRODUCT)


def test_voted_and_automatic_edits_never_reopen_but_retry(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    products(runtime).fault("fail", 2)
    replies = [say(runtime, "en:a", 1, None, voter).result for voter in range(3)]
    assert replies[-1] is Result.SAVED
    assert insights(runtime)["en:a"].status is Status.QUEUED
    with pytest.raises(Exception, match="502"):
        send_edits(runtime, PRODUCT)
    send_edits(runtime, PRODUCT)
    assert insights(runtime)["en:a"].status is Status.APPLIED


def test_a_failing_annotator_costs_no_answer(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    import_runs(runtime, [run("en:a")])
    monkeypatch.setattr(FactAnnotator, "annotate", lambda *_: 1 / 0)
    reply = say(runtime, "en:a", 1)
    assert reply.result is Result.FAILED_UPDATE
    assert "facts" in reply.description
    assert [say(runtime, "en:a", 1, None, voter).result for voter in range(3)] == [Result.VOTE_SAVED] * 3
    assert insights(runtime)["en:a"].is_open
    monkeypatch.undo()
    assert say(runtime, "en:a", 1).result is Result.UPDATED


def test_a_failing_importer_keeps_predictions_and_insights(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    import_runs(runtime, [run("en:a")])
    monkeypatch.setattr(FactImporter, "candidates", lambda *_: 1 / 0)
    report = import_runs(runtime, [run("en:b", image=2)])
    assert [failure.component for failure in report.failures] == ["facts.importer:fact"]
    assert set(insights(runtime)) == {"en:a"}
    monkeypatch.undo()
    refresh(runtime, [PRODUCT])
    assert set(insights(runtime)) == {"en:a", "en:b"}


def test_jobs_of_an_answer_are_in_the_ledger(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:a")])
    say(runtime, "en:a", 1, wait=0.0)
    with runtime.store.read() as tx:
        kinds = {job.kind for job in tx.jobs.in_state(JobState.PENDING)}
    assert kinds == {"refresh", "send_edits"}
    assert set(work(runtime)) == {"refresh", "send_edits"}
    assert insights(runtime)["en:a"].status is Status.APPLIED
