"""Candidates: what an importer would like to suggest about one product, before reconciliation with what is there."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from .boxes import Box
from .predictions import StoredPrediction

__all__ = ["Candidate", "Drop"]


@frozen
class Candidate:
    """One suggestion of an importer. Usually made by :meth:`of` from the prediction that supports it.

    ``automatic`` is the plugin's proposal; the deployment's policy decides. ``priority``: lower goes first.
    ``campaigns`` are tags that focus contributors, ``lc`` the languages it concerns.
    """

    value: str | None = None
    value_tag: str | None = None
    data: Mapping[str, Any] = field(factory=dict)
    source_image: str | None = None
    automatic: bool = False
    confidence: float | None = None
    predictor: str | None = None
    predictor_version: str | None = None
    component: str = ""
    plugin: str = ""
    box: Box | None = None
    priority: int = 1
    campaigns: tuple[str, ...] = ()
    lc: tuple[str, ...] | None = None
    username: str | None = None

    @classmethod
    def of(cls, prediction: StoredPrediction, **changes: Any) -> "Candidate":
        """The candidate that says what *prediction* says, with *changes* (any field of this class).

        An undecided ``automatic`` (``None``) becomes ``False`` unless changed here.
        """
        candidate = cls(
            value=prediction.value,
            value_tag=prediction.value_tag,
            data=prediction.data,
            source_image=prediction.source_image,
            automatic=prediction.automatic is True,
            confidence=prediction.confidence,
            predictor=prediction.predictor,
            predictor_version=prediction.predictor_version,
            component=prediction.component,
            plugin=prediction.plugin,
            priority=prediction.priority,
        )
        return evolve(candidate, **changes) if changes else candidate


@frozen
class Drop:
    """Why something predicted will not be suggested: a short ``rule`` ("on-product") and a ``reason`` sentence.

    An importer yields drops among its candidates; core adds its own. ``robotoff why`` shows them.
    """

    rule: str
    reason: str
    value: str | None = None
    value_tag: str | None = None
    source_image: str | None = None
    component: str = ""

    @classmethod
    def of(cls, subject: "StoredPrediction | Candidate", rule: str, reason: str) -> "Drop":
        """The drop of a prediction or candidate."""
        return cls(rule, reason, subject.value, subject.value_tag, subject.source_image, subject.component)
