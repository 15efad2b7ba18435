"""Insights: actionable, de-duplicated suggestions about one product."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field, frozen

from .boxes import Box
from .ids import ProductId

__all__ = ["Insight", "Origin", "Status"]


class Status(StrEnum):
    """Where an insight stands.

    ``open`` asks; ``deciding`` has enough votes but the product could not be read yet; ``queued`` was accepted and
    its edits are on their way; ``applied``, ``rejected``, ``skipped`` (ambiguous), ``closed`` (accepted, nothing to
    send or nothing sent) and ``failed`` (refused by the server after automatic or voted acceptance) are history;
    ``superseded`` was never answered and is no longer suggested.
    """

    OPEN = "open"
    DECIDING = "deciding"
    QUEUED = "queued"
    APPLIED = "applied"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    CLOSED = "closed"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Origin(StrEnum):
    """``predicted`` by our own predictors, or ``imported`` from another system and protected until ours have run."""

    PREDICTED = "predicted"
    IMPORTED = "imported"


@frozen
class Insight:
    """One insight as stored. The public 27-key form is made of it by the server.

    ``annotation``: ``None`` not answered, 1 accepted, 0 rejected, -1 ambiguous, 2 accepted with data of the user.
    ``claim`` is the suggestion's identity among the open insights of a product and type. ``box`` is relative.
    ``plugin`` owns the type; ``component`` is the predictor behind it ("" when imported), ``predictor_plugin`` its
    plugin.
    """

    id: UUID
    product: ProductId
    type: str
    claim: str
    plugin: str
    data: Mapping[str, Any] = field(factory=dict)
    value: str | None = None
    value_tag: str | None = None
    source_image: str | None = None
    automatic: bool = False
    confidence: float | None = None
    predictor: str | None = None
    predictor_version: str | None = None
    component: str = ""
    predictor_plugin: str = ""
    box: Box | None = None
    campaigns: tuple[str, ...] = ()
    lc: tuple[str, ...] | None = None
    countries: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    unique_scans_n: int = 0
    reserved_barcode: bool = False
    with_image: bool | None = None
    username: str | None = None
    annotation: int | None = None
    annotated_result: int | None = None
    n_votes: int = 0
    status: Status = Status.OPEN
    origin: Origin = Origin.PREDICTED
    timestamp: datetime | None = None
    completed_at: datetime | None = None
    process_after: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.annotation is None and self.status is Status.OPEN
