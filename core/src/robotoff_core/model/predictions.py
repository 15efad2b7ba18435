"""Predictions: the raw, unjudged output of a predictor about one product, often about one of its images."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from .boxes import Box
from .ids import ProductId

__all__ = ["Prediction", "PredictionRun", "RunKey", "StoredPrediction"]


@frozen
class Prediction:
    """What a predictor returns, zero or more per document. Everything about *where* it was made is added by core.

    - ``type``: an open string, one of the predictor's ``produces``.
    - ``value``: free text when OFF has no tag for the thing (``"500 g"``); ``value_tag``: a canonical tag
      (``"en:organic"``).
    - ``data``: detail that the type's JSON schema describes; JSON values only.
    - ``automatic``: ``True`` proposes to apply it without a person, ``False`` asks, ``None`` leaves it to the
      importer.
    - ``confidence``: a model's or detector's score 0..1; ``None`` for rules.
    - ``span``: (start, end) offsets in the document's text; core adds the box of the words there to ``data`` as
      ``bounding_box_absolute`` (pixels).
    - ``box``: a relative bounding box, when the predictor knows one.
    - ``method``: the public ``predictor`` field ("regex", "google-cloud-vision"); ``None`` takes the predictor's own.
    - ``scope``: what the predictor votes about within one document (a logo id, a language); ``""`` for the whole.
    """

    type: str
    value: str | None = None
    value_tag: str | None = None
    data: Mapping[str, Any] = field(factory=dict)
    automatic: bool | None = None
    confidence: float | None = None
    span: tuple[int, int] | None = None
    box: Box | None = None
    method: str | None = None
    scope: str = ""


@frozen
class RunKey:
    """The unit of replacement: one predictor's work on one image of one product (or on the product itself).

    ``source_image`` is ``None`` for product text and product predictors; ``component`` is the predictor's name.
    """

    product: ProductId
    source_image: str | None
    component: str
    scope: str = ""


@frozen
class PredictionRun:
    """The whole result of one run, possibly empty. Storing it replaces the rows of the same key, unless a newer
    version of the predictor has already spoken; storing it twice changes nothing."""

    key: RunKey
    plugin: str
    version: str
    predictions: tuple[Prediction, ...] = ()


@frozen
class StoredPrediction:
    """A prediction as the store returns it: flat, with its origin. Importers read these.

    ``predictor`` is the public method name, ``component`` the predictor that made it (``labels.text``), ``plugin``
    its plugin's slug.
    """

    id: int
    product: ProductId
    type: str
    value: str | None
    value_tag: str | None
    data: Mapping[str, Any]
    automatic: bool | None
    confidence: float | None
    source_image: str | None
    predictor: str | None
    predictor_version: str | None
    component: str
    plugin: str
    timestamp: datetime
    scope: str = ""

    @property
    def priority(self) -> int:
        """``data.priority``: lower goes first, 1 when absent."""
        priority = self.data.get("priority", 1)
        return priority if isinstance(priority, int) else 1
