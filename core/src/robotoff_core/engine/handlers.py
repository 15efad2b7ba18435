"""What each kind of job does. Payloads are JSON and name things by id; every handler may run twice without harm."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from ..documents import MissingDocumentError
from ..jobs.handlers import GiveUpError
from ..model.answers import Answer
from ..model.ids import ProductId
from ..model.insights import Insight
from ..store.records import InsightEvent, JobSpec, Lane
from .answers import apply_automatic, decide
from .applying import MAX_ATTEMPTS, send_edits
from .importing import refresh
from .policy import automatic_allowed
from .predicting import predict_image, predict_product_name

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["HANDLERS", "TASKS", "predict_image_job", "predict_name_job"]

DUE_AT_ONCE = 500
"""How many due insights one round of the schedule hands to jobs."""


def predict_image_job(product: ProductId, source_image: str, lane: Lane = Lane.HIGH) -> JobSpec:
    """The job that predicts from an image whose OCR document is kept."""
    return JobSpec("predict_image", {**_payload(product), "source_image": source_image}, key=str(product), lane=lane)


def predict_name_job(product: ProductId, lane: Lane = Lane.HIGH) -> JobSpec:
    """The job that predicts from a product's name."""
    return JobSpec("predict_name", _payload(product), key=str(product), lane=lane, recompute=True)


def _apply_automatic_job(insight: Insight) -> JobSpec:
    return JobSpec(
        "apply_automatic",
        {"insight_id": str(insight.id)},
        key=str(insight.product),
        max_attempts=MAX_ATTEMPTS,
        recompute=True,
        plugin=insight.plugin,
    )


def _payload(product: ProductId) -> dict[str, Any]:
    return {"server_type": product.server_type, "barcode": product.barcode}


def _product(payload: Mapping[str, Any]) -> ProductId:
    return ProductId(payload["barcode"], payload["server_type"])


def _predict_image(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    from ..text import OcrError

    product, source_image = _product(payload), payload["source_image"]
    try:
        predict_image(runtime, product, source_image, runtime.documents.get(product, source_image))
    except (OcrError, MissingDocumentError) as error:
        raise GiveUpError(str(error)) from error  # it will be no better next time


def _predict_name(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    predict_product_name(runtime, _product(payload))


def _refresh(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    refresh(runtime, [_product(payload)])


def _send_edits(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    send_edits(runtime, _product(payload))


def _decide(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    said = Answer(payload["annotation"], payload["data"], payload["update"], payload["by_votes"], payload["username"])
    decide(runtime, UUID(payload["insight_id"]), said)


def _apply_automatic(runtime: "Runtime", payload: Mapping[str, Any]) -> None:
    """Apply a due insight; when the policy has changed since, it becomes a question instead."""
    insight_id = UUID(payload["insight_id"])
    with runtime.store.read() as tx:
        insight = tx.insights.get(insight_id)
    if insight is None or not insight.is_open or not insight.automatic:
        return
    allowed = automatic_allowed(
        runtime.config.automatic,
        insight_type=insight.type,
        predictor=insight.predictor,
        server_type=insight.product.server_type,
    )
    if allowed:
        apply_automatic(runtime, insight)
        return
    with runtime.store.write() as tx:
        if tx.insights.get(insight_id, lock=True) == insight:
            tx.insights.update([(insight, evolve(insight, automatic=False, process_after=None))])
            detail = {"reason": "the policy of automatic application does not allow it any more"}
            tx.events.append([InsightEvent(insight_id, "updated", runtime.now(), detail)])


HANDLERS: Mapping[str, Callable[["Runtime", Mapping[str, Any]], None]] = {
    "predict_image": _predict_image,
    "predict_name": _predict_name,
    "refresh": _refresh,
    "send_edits": _send_edits,
    "decide": _decide,
    "apply_automatic": _apply_automatic,
}
"""Job kinds and what they do."""


def _enqueue_due(runtime: "Runtime") -> None:
    """Hand automatic insights whose time has come to jobs, which work product by product.

    Each is handed over once, for which its time is taken away: from then on the job retries, and is dead in the end,
    and insights that cannot be applied never stand before the others here.
    """
    now = runtime.now()
    enabled = runtime.registry.enabled_plugins
    with runtime.store.read() as tx:  # looking costs no write lock
        if not tx.insights.due(now, 1, plugins=enabled, predictor_plugins=enabled):
            return
    with runtime.store.write() as tx:
        due = tx.insights.due(now, DUE_AT_ONCE, plugins=enabled, predictor_plugins=enabled, lock=True)
        tx.insights.update([(insight, evolve(insight, process_after=None)) for insight in due])
        tx.jobs.enqueue_all([_apply_automatic_job(insight) for insight in due], now)


def _clean_up(runtime: "Runtime") -> None:
    """Forget what is older than its retention: a bounded number of rows each time, each kind in its own transaction."""
    keep, now = runtime.config.retention, runtime.now()
    with runtime.store.write() as tx:
        tx.jobs.clean_up(now - timedelta(days=keep.jobs))
    with runtime.store.write() as tx:
        tx.events.clean_up(now - timedelta(days=keep.events))
    with runtime.store.write() as tx:
        tx.drops.clean_up(now - timedelta(days=keep.why))
    with runtime.store.write() as tx:
        tx.votes.forget_voters(now - timedelta(days=keep.votes))


def _refresh_taxonomies(runtime: "Runtime") -> str:
    """Ask the taxonomies' sources for news; the other processes take it from the shared cache directory."""
    results = runtime.taxonomies.refresh()
    return ", ".join(f"{one.name} {one.outcome}" for one in results) or "no taxonomy has a source"


TASKS: Mapping[str, tuple[float, Callable[["Runtime"], str | None]]] = {
    "apply_due_insights": (15.0, _enqueue_due),
    "clean_up": (3600.0, _clean_up),
    "refresh_taxonomies": (2 * 3600.0, _refresh_taxonomies),
}
"""Periodic tasks: the seconds between two runs, and what they do."""
