"""Applying: the outbox's edits on their way to the server that owns the products. No transaction is open while sending.

The intent is committed before each attempt. An attempt whose outcome is unknown leaves the edit in ``sending``; the
next one first reads the product and sends again only if the value is absent, so that every edit takes effect once.
"""

from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve, frozen

from ..model.answers import Result
from ..model.edits import load_edit
from ..model.ids import ProductId
from ..model.insights import Status
from ..products import WriteFailedError, WriteRefusedError, WriteUnknownError
from ..store.records import EditState, InsightEvent, JobSpec, Lane, OutboxEdit

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["EditsWaitingError", "Sent", "refresh_job", "send_edits", "send_job", "send_now"]

MAX_ATTEMPTS = 300
"""Attempts of a decided thing's job before it is dead and an operator is needed; with the back-off this is days."""


class EditsWaitingError(Exception):
    """Some edits could not be sent yet; the job tries again later."""


@frozen
class Sent:
    """What an interactive caller can be told: ``UPDATED``, ``SAVED`` (still on its way) or ``FAILED_UPDATE``."""

    result: Result
    reason: str | None = None


def send_job(product: ProductId, run_at: datetime | None = None) -> JobSpec:
    """The job that sends the waiting edits of *product*; not before *run_at*, while a caller sends them itself."""
    payload = {"server_type": product.server_type, "barcode": product.barcode}
    return JobSpec(
        "send_edits",
        payload,
        key=f"edits:{product}",
        lane=Lane.HIGH,
        run_at=run_at,
        max_attempts=MAX_ATTEMPTS,
        recompute=True,
    )


def refresh_job(product: ProductId) -> JobSpec:
    """The job that brings all insights of *product* up to date."""
    payload = {"server_type": product.server_type, "barcode": product.barcode}
    return JobSpec("refresh", payload, key=str(product), lane=Lane.HIGH, recompute=True)


def send_now(runtime: "Runtime", product: ProductId, insight_id: UUID, wait: float, *, may_reopen: bool) -> Sent:
    """Send the edits of one insight while its answerer waits at most *wait* seconds.

    Edits of other insights that wait for the same product go first, by their job; then the answer is "saved". With
    *may_reopen* a definite failure (5xx, connection refused) withdraws the edits and reopens the insight, in one
    transaction; else it is retried by the job.
    """
    until = monotonic() + wait
    with runtime.store.read() as tx:
        waiting = tx.edits.pending(product)
    if not waiting or waiting[0].insight_id != insight_id:
        return Sent(Result.SAVED)
    for edit in waiting:
        if edit.insight_id != insight_id:
            break
        left = until - monotonic()
        if left <= 0:
            return Sent(Result.SAVED)
        try:
            _attempt(runtime, edit, left)
        except WriteRefusedError as error:
            return Sent(Result.FAILED_UPDATE, str(error))
        except WriteFailedError as error:
            if may_reopen and _withdraw(runtime, insight_id, str(error)):
                return Sent(Result.FAILED_UPDATE)
            return Sent(Result.SAVED)
        except (WriteUnknownError, EditsWaitingError):
            return Sent(Result.SAVED)
    return Sent(Result.UPDATED)


def send_edits(runtime: "Runtime", product: ProductId) -> None:
    """Send all waiting edits of *product*, oldest first.

    Raises :class:`EditsWaitingError` when one could not be sent; those behind it wait too, in order.
    """
    with runtime.store.read() as tx:
        waiting = tx.edits.pending(product)
    for edit in waiting:
        try:
            _attempt(runtime, edit, runtime.config.products.timeout)
        except WriteRefusedError:
            continue  # settled, with its reason; the next one is independent
        except (WriteFailedError, WriteUnknownError) as error:
            raise EditsWaitingError(str(error)) from error


def _attempt(runtime: "Runtime", edit: OutboxEdit, timeout: float) -> None:
    """One attempt at one edit: intent, sending, outcome.

    Raises the writer's error after recording what it means, and :class:`EditsWaitingError` when somebody else may be
    sending this very edit.
    """
    now = runtime.now()
    if edit.state is EditState.SENDING:
        patience = max(runtime.config.products.timeout, runtime.config.answers.wait)
        if edit.intent_at is not None and (now - edit.intent_at).total_seconds() < patience:
            raise EditsWaitingError(f"edit {edit.id} is being sent")
        product = runtime.products.get([edit.product]).get(edit.product)
        if product is not None and load_edit(edit.edit).present_in(product):
            _settle(runtime, edit, EditState.SENT, "found on the product")
            return
    with runtime.store.write() as tx:
        mine = edit in tx.edits.pending(edit.product, lock=True)
        if mine:
            tx.edits.set_state([edit.id], EditState.SENDING, now)
    if not mine:
        raise EditsWaitingError(f"edit {edit.id} is being sent or settled by another process")
    try:
        runtime.writer.send(edit.product, load_edit(edit.edit), edit.comment, timeout)
    except WriteRefusedError as error:
        _settle(runtime, edit, EditState.REFUSED, str(error))
        raise
    except WriteFailedError as error:
        _note(runtime, edit, str(error), definite=True)
        raise
    except WriteUnknownError as error:
        _note(runtime, edit, str(error), definite=False)
        raise
    except Exception as error:
        reason = f"the writer broke: {type(error).__name__}: {error}"
        _note(runtime, edit, reason, definite=False)
        raise WriteUnknownError(reason) from error
    _settle(runtime, edit, EditState.SENT, None)


def _note(runtime: "Runtime", edit: OutboxEdit, reason: str, *, definite: bool) -> None:
    """Record a failed attempt; the edit stays in the outbox. *definite*: it certainly had no effect."""
    now = runtime.now()
    with runtime.store.write() as tx:
        if definite:
            tx.edits.set_state([edit.id], EditState.QUEUED, now, error=reason)
        else:
            tx.edits.attempt_ended(edit.id, now, reason)
        tx.events.append([InsightEvent(edit.insight_id, "attempt_failed", now, {"edit": edit.id, "reason": reason})])


def _settle(runtime: "Runtime", edit: OutboxEdit, state: EditState, reason: str | None) -> None:
    """Record the end of an edit, and with the last one that of its insight; the product is then refreshed."""
    now = runtime.now()
    with runtime.store.write() as tx:
        tx.edits.set_state([edit.id], state, now, error=reason)
        kind = "sent" if state is EditState.SENT else "failed"
        tx.events.append([InsightEvent(edit.insight_id, kind, now, {"edit": edit.id, "reason": reason})])
        insight = tx.insights.get(edit.insight_id, lock=True)
        others = [
            other
            for other in tx.edits.of_insight(edit.insight_id)
            if other.id != edit.id and other.state is not EditState.WITHDRAWN  # of an answer that was taken back
        ]
        if insight is not None and not any(_waiting(other) for other in others):
            if state is EditState.SENT and all(other.state is EditState.SENT for other in others):
                done = evolve(insight, status=Status.APPLIED)
            else:
                done = evolve(insight, status=Status.FAILED, annotated_result=int(Result.FAILED_UPDATE))
            tx.insights.update([(insight, done)])
        tx.jobs.enqueue(refresh_job(edit.product), now)


def _withdraw(runtime: "Runtime", insight_id: UUID, reason: str) -> bool:
    """Take the edits of an insight back and reopen it as it was, in one transaction; not when one of them was sent."""
    now = runtime.now()
    with runtime.store.write() as tx:
        # Edits before their insight, as everywhere: nobody can begin to send one now, and nobody waits crosswise.
        found = tx.edits.of_insight(insight_id, lock=True)
        insight = tx.insights.get(insight_id, lock=True)
        edits = [edit for edit in found if edit.state is not EditState.WITHDRAWN]
        if insight is None or not all(edit.state is EditState.QUEUED for edit in edits):
            return False
        tx.edits.set_state([edit.id for edit in edits], EditState.WITHDRAWN, now, error=reason)
        reopened = evolve(
            insight,
            annotation=None,
            annotated_result=None,
            completed_at=None,
            status=Status.OPEN,
            **_before(tx.events.of(insight_id)),
        )
        tx.insights.update([(insight, reopened)])
        tx.events.append([InsightEvent(insight_id, "reopened", now, {"reason": reason})])
        tx.jobs.enqueue(refresh_job(insight.product), now)  # what gave way to the answer may be asked again
    return True


def _before(events: Sequence[InsightEvent]) -> dict[str, Any]:
    """The fields that the latest answer changed, as they were before it."""
    answers = [event for event in events if event.kind == "answered"]
    return dict(answers[-1].detail.get("before", {})) if answers else {}


def _waiting(edit: OutboxEdit) -> bool:
    return edit.state in (EditState.QUEUED, EditState.SENDING)
