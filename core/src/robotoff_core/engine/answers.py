"""Answers and votes: from what somebody says about an insight to a decision, committed together with its edits.

The order is that of the design: read the product if this answer can decide, let the annotator say (purely, in its own
process) what accepting means, then one transaction: lock the insight, check that nothing has changed since, count the
votes, write the decision and its edits. When something has changed, start over. Sending happens after the commit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve, frozen

from ..model.answers import Answer, Outcome, Result, Voter
from ..model.edits import dump_edit
from ..model.insights import Insight, Status
from ..products import ProductSourceError
from ..store.records import InsightEvent, JobSpec, Lane, OutboxEdit, Vote
from .applying import MAX_ATTEMPTS, refresh_job, send_job, send_now
from .runner import Failure
from .votes import Tally, tally, voter_key

if TYPE_CHECKING:
    from ..runtime import Runtime
    from ..store import Tx

__all__ = ["Reply", "answer", "apply_automatic", "decide"]

ATTEMPTS = 5

_SENT = frozenset({Result.UPDATED, Result.USER_INPUT_UPDATED})


@frozen
class Reply:
    """What the one who answers is told: a public status code and its sentence."""

    result: Result
    description: str

    @classmethod
    def of(cls, result: Result, description: str | None = None) -> "Reply":
        """The reply with its usual description, or another."""
        return cls(result, description or result.description)


class _StaleError(Exception):
    """The insight or its votes changed between reading and writing: start over."""


@frozen
class _Decision:
    """What this answer leads to. ``value`` is ``None`` while more votes are needed; ``cast`` adds a vote row."""

    value: int | None
    update: bool
    by_votes: bool
    cast: bool


def answer(
    runtime: "Runtime",
    insight_id: UUID,
    annotation: int,
    data: Any,
    update: bool,
    voter: Voter,
    wait: float,
) -> Reply:
    """Take one answer: *annotation* 1, 0, -1 (skip) or 2 (accept with *data*), from *voter*.

    A named voter decides alone, except that a skip is only remembered; anonymous ones vote. With *update* false
    nothing is written to the product. *wait*: seconds to wait for the edit's outcome.
    """
    for _ in range(ATTEMPTS):
        with runtime.store.read() as tx:
            insight = tx.insights.get(insight_id)
            votes = tx.votes.of(insight_id)
        refusal = _refusal(runtime, insight, annotation, voter)
        if refusal is not None:
            return refusal
        assert insight is not None
        decision = _decision(runtime, insight, votes, annotation, update, voter)
        said = Answer(
            annotation if decision.value is None or not decision.by_votes else decision.value,
            data,
            decision.update,
            decision.by_votes,
            None if decision.by_votes else voter.username,
        )
        try:
            return _conclude(runtime, insight, decision, said, annotation, update, voter, wait)
        except _StaleError:
            continue
    return Reply.of(Result.FAILED_UPDATE, "the insight kept changing while it was answered; try again")


def decide(runtime: "Runtime", insight_id: UUID, said: Answer, *, status: Status = Status.DECIDING) -> Reply | None:
    """Carry out a decision that is already taken: one that waited for the product source, or an automatic one.

    Returns ``None`` when the insight does not stand at *status* (any more). Data that turns out to be invalid reopens
    the insight.
    Raises :class:`~robotoff_core.products.ProductSourceError` while products cannot be read, and
    :class:`AnnotatorError` when the plugin fails, so that the job tries again.
    """
    for _ in range(ATTEMPTS):
        with runtime.store.read() as tx:
            insight = tx.insights.get(insight_id)
        if insight is None or insight.annotation is not None or insight.status is not status:
            return None
        outcome = _annotated(runtime, insight, said)
        if isinstance(outcome, Failure):
            raise AnnotatorError(f"{outcome.component}: {outcome.reason}")
        try:
            with runtime.store.write() as tx:
                if tx.insights.get(insight_id, lock=True) != insight:
                    raise _StaleError
                if outcome.result is Result.INVALID_DATA:
                    _reopen(tx, insight, outcome, runtime.now())
                else:
                    _record(runtime, tx, insight, said, outcome, insight.n_votes, 0.0)
        except _StaleError:
            continue
        return Reply.of(Result.SAVED if outcome.edits else outcome.result)
    raise AnnotatorError("the insight kept changing while it was decided")


class AnnotatorError(Exception):
    """A decision could not be carried out now."""


def apply_automatic(runtime: "Runtime", insight: Insight) -> Reply | None:
    """Apply one due automatic insight without a person. Raises as :func:`decide` does."""
    return decide(runtime, insight.id, Answer(1), status=Status.OPEN)


def _refusal(runtime: "Runtime", insight: Insight | None, annotation: int, voter: Voter) -> Reply | None:
    if insight is None or insight.status is Status.SUPERSEDED:
        return Reply.of(Result.UNKNOWN_INSIGHT)
    if insight.annotation is not None:
        return Reply.of(Result.ALREADY_ANNOTATED)
    enabled = runtime.registry.enabled_plugins
    if insight.plugin not in enabled or (insight.predictor_plugin and insight.predictor_plugin not in enabled):
        return Reply.of(Result.UNKNOWN_INSIGHT, "the plugin behind this insight is switched off here")
    owned = runtime.registry.types.get(insight.type)
    if owned is None:
        return Reply.of(Result.UNKNOWN_INSIGHT, "no plugin here declares the type of this insight")
    if owned.spec.needs_login and voter.username is None and annotation != -1:
        return Reply.of(Result.CANNOT_VOTE)
    return None


def _decision(
    runtime: "Runtime", insight: Insight, votes: Sequence[Vote], annotation: int, update: bool, voter: Voter
) -> _Decision:
    if insight.status is Status.DECIDING:
        return _Decision(None, update, by_votes=True, cast=True)
    if voter.username is not None and annotation != -1:
        return _Decision(annotation, update, by_votes=False, cast=False)
    counted = _tally(runtime, _with_vote(insight, votes, annotation, update, voter, runtime.now()))
    return _Decision(counted.outcome, counted.update, by_votes=True, cast=True)


def _with_vote(
    insight: Insight, votes: Sequence[Vote], annotation: int, update: bool, voter: Voter, now: datetime
) -> list[Vote]:
    """*votes*, oldest first, as they will stand with this one."""
    key = voter_key(voter.username, voter.device_id, voter.address)
    mine = Vote(insight.id, key, annotation, now, update, voter.username, voter.device_id, voter.address)
    return [vote for vote in votes if vote.voter_key != key] + [mine]


def _tally(runtime: "Runtime", votes: Sequence[Vote]) -> Tally:
    config = runtime.config.answers
    return tally(votes, needed=config.votes_needed, by_device_only=config.distinct_voters == "device")


def _conclude(
    runtime: "Runtime",
    insight: Insight,
    decision: _Decision,
    said: Answer,
    annotation: int,
    update: bool,
    voter: Voter,
    wait: float,
) -> Reply:
    """From the decision to the reply. Raises :class:`_StaleError` when the insight changed meanwhile."""
    outcome: Outcome | Failure | None = None
    postponed = False
    needs_more = decision.value is None and insight.status is Status.OPEN
    if decision.value is not None:
        try:
            outcome = _annotated(runtime, insight, said)
        except ProductSourceError:
            postponed = True
    if isinstance(outcome, Failure):
        if not decision.by_votes:
            return Reply.of(
                Result.FAILED_UPDATE, f"the plugin {outcome.plugin} could not decide; nothing was recorded, try later"
            )
        outcome, decision = None, evolve(decision, value=None)
    if outcome is not None and outcome.result is Result.INVALID_DATA:
        return Reply.of(Result.INVALID_DATA, outcome.description)

    now = runtime.now()
    with runtime.store.write() as tx:
        if tx.insights.get(insight.id, lock=True) != insight:
            raise _StaleError
        n_votes = insight.n_votes
        if decision.cast:
            counted = _cast(runtime, tx, insight, annotation, update, voter, now)
            expected = decision.value if outcome is not None or postponed else None
            if (expected is not None or needs_more) and counted.outcome != expected:
                raise _StaleError  # a vote was changed meanwhile, which the insight's row need not show
            n_votes = counted.n_votes
        if postponed:
            _postpone(tx, insight, said, n_votes, now)
        elif outcome is not None:
            _record(runtime, tx, insight, said, outcome, n_votes, wait)
        else:
            tx.insights.update([(insight, evolve(insight, n_votes=n_votes))])
    if postponed:
        if decision.by_votes:
            return Reply.of(Result.VOTE_SAVED)
        return Reply.of(Result.SAVED, "the annotation was saved; it is sent as soon as the product can be read")
    if outcome is None:
        return Reply.of(Result.VOTE_SAVED)
    if not outcome.edits or not said.update:
        return Reply.of(outcome.result, outcome.description)
    sent = send_now(runtime, insight.product, insight.id, wait, may_reopen=not decision.by_votes)
    if sent.result is Result.UPDATED:
        return Reply.of(outcome.result, outcome.description)
    return Reply.of(sent.result, sent.reason)


def _annotated(runtime: "Runtime", insight: Insight, said: Answer) -> Outcome | Failure:
    """What the decision means: only acceptance that is to be sent asks the annotator."""
    if said.annotation not in (1, 2) or not said.update:
        return Outcome(Result.SAVED)
    product = runtime.products.get([insight.product]).get(insight.product)
    outcome = runtime.interactive_runner.annotate(
        insight, said, product, today=runtime.now().date(), skip=runtime.breaker.tripped()
    )
    registered = runtime.registry.annotators.get(insight.type)
    if registered is not None:
        runtime.observe({registered.name}, [outcome] if isinstance(outcome, Failure) else [])
    return outcome


def _cast(
    runtime: "Runtime", tx: "Tx", insight: Insight, annotation: int, update: bool, voter: Voter, now: datetime
) -> Tally:
    key = voter_key(voter.username, voter.device_id, voter.address)
    tx.votes.cast(insight.id, key, voter, annotation, update, now)
    tx.events.append([InsightEvent(insight.id, "voted", now, {"value": annotation, "anonymous": not voter.username})])
    return _tally(runtime, tx.votes.of(insight.id))


def _postpone(tx: "Tx", insight: Insight, said: Answer, n_votes: int, now: datetime) -> None:
    """Keep the decision until the product can be read."""
    tx.insights.update([(insight, evolve(insight, status=Status.DECIDING, n_votes=n_votes))])
    tx.events.append([InsightEvent(insight.id, "postponed", now, {"annotation": said.annotation})])
    payload = {
        "insight_id": str(insight.id),
        "annotation": said.annotation,
        "data": said.data,
        "update": said.update,
        "by_votes": said.by_votes,
        "username": said.username,
    }
    tx.jobs.enqueue(
        JobSpec(
            "decide",
            payload,
            key=str(insight.product),
            lane=Lane.HIGH,
            max_attempts=MAX_ATTEMPTS,
            recompute=True,
            plugin=insight.plugin,
        ),
        now,
    )


def _reopen(tx: "Tx", insight: Insight, outcome: Outcome, now: datetime) -> None:
    """Ask again: the answer that waited cannot be carried out as it is."""
    tx.insights.update([(insight, evolve(insight, status=Status.OPEN))])
    detail = {"reason": outcome.description or outcome.result.description}
    tx.events.append([InsightEvent(insight.id, "reopened", now, detail)])


def _record(
    runtime: "Runtime", tx: "Tx", insight: Insight, said: Answer, outcome: Outcome, n_votes: int, wait: float
) -> None:
    """Write the decision, its edits and the jobs that follow."""
    now = runtime.now()
    queued = bool(outcome.edits) and outcome.result in _SENT
    decided = evolve(
        insight,
        annotation=said.annotation,
        # While the edits are on their way the status says so; a refusal replaces the code.
        annotated_result=int(outcome.result),
        username=said.username,
        completed_at=now,
        n_votes=n_votes,
        status=Status.QUEUED if queued else _final_status(said.annotation),
        **dict(outcome.changes),
    )
    tx.insights.update([(insight, decided)])
    tx.events.append(
        [
            InsightEvent(
                insight.id,
                "answered",
                now,
                {
                    "annotation": said.annotation,
                    "username": said.username,
                    "by_votes": said.by_votes,
                    "result": int(outcome.result),
                    "before": {name: getattr(insight, name) for name in ("username", *outcome.changes)},
                },
            )
        ]
    )
    specs = [refresh_job(insight.product)]
    if queued:
        needed = runtime.config.answers.votes_needed
        tx.edits.add(
            [
                OutboxEdit(
                    insight.id, insight.product, dump_edit(edit), _comment(edit.action, insight, said, needed), now
                )
                for edit in outcome.edits
            ]
        )
        specs.append(send_job(insight.product, now + timedelta(seconds=wait + 1) if wait else None))
    tx.jobs.enqueue_all(specs, now)


def _final_status(annotation: int) -> Status:
    return {0: Status.REJECTED, -1: Status.SKIPPED}.get(annotation, Status.CLOSED)


def _comment(action: str, insight: Insight, said: Answer, needed: int) -> str:
    """The edit comment; Product Opener shows it, and the event reader recognises our own edits by its prefix."""
    suffix = ""
    if said.by_votes:
        suffix = f" (applied after {needed} anonymous votes)"
    elif said.username is None:
        suffix = " (automated edit)"
    return f"[robotoff] {action}, ID: {insight.id}{suffix}"
