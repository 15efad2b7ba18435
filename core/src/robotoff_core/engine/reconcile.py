"""Reconciliation: from an importer's candidates and the insights already there to what is created, updated and
closed.

Pure. The rules are those of the engine specification's section B.5 with its defects repaired: an insight's identity
is its claim, answers are history, votes stay with an unchanged claim, and everything left out has a reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ..components import Importer, Run
from ..model.candidates import Candidate, Drop
from ..model.ids import image_number
from ..model.insights import Insight, Origin, Status
from ..model.predictions import StoredPrediction
from ..model.products import Product, RawImage

__all__ = ["Closing", "Plan", "reconcile", "sorted_predictions"]


@frozen
class Closing:
    """An open insight that is no longer suggested, and why."""

    insight: Insight
    rule: str
    reason: str


@frozen
class Plan:
    """What reconciliation decided for one product and type. ``creates`` and ``updates`` carry the claim's candidate."""

    creates: tuple[tuple[str, Candidate], ...] = ()
    updates: tuple[tuple[Insight, Candidate], ...] = ()
    closes: tuple[Closing, ...] = ()
    drops: tuple[Drop, ...] = field(factory=tuple)


def sorted_predictions(predictions: Sequence[StoredPrediction]) -> list[StoredPrediction]:
    """In the order importers see them: lower ``data.priority`` first, newest image, predictor name (none last).

    What is said, and by whom, are the last keys, so that the order of arrival never decides.
    """
    if len(predictions) < 2:
        return list(predictions)
    return sorted(
        predictions,
        key=lambda p: (
            p.priority,
            _recency(p.source_image),
            *_name(p.predictor),
            p.value_tag or "",
            p.value or "",
            p.component,
            p.scope,
        ),
    )


def reconcile(
    importer: Importer,
    run: Run[Any],
    product: Product | None,
    predictions: Sequence[StoredPrediction],
    existing: Sequence[Insight],
    ran_on: frozenset[str | None],
    dormant: frozenset[str] = frozenset(),
) -> Plan:
    """The plan for one product and the importer's type.

    *existing* holds the product's insights of that type, superseded ones left out; *ran_on* the images (``None``: the
    product itself) that a predictor of the importer's input has reported on. Open insights whose predictor's plugin
    is in *dormant* (switched off) stay as they are unless a candidate makes the same claim.

    Raises what the importer raises, and :class:`TypeError` when it yields something else than candidates and drops.
    """
    raw_images = product.raw_images if product is not None and "images" in product.fields else None
    candidates, drops = _candidates(importer, run, product, predictions, raw_images)
    protected: list[Insight] = []
    open_by_claim: dict[str, Insight] = {}
    closes: list[Closing] = []
    for insight in existing:
        if not insight.is_open:
            protected.append(insight)
        elif product is not None and (reason := importer.settled(insight, product, run)) is not None:
            closes.append(Closing(insight, "settled", reason))
        elif raw_images is not None and not _image_valid(insight.source_image, raw_images):
            closes.append(Closing(insight, "image-gone", f"{insight.source_image} is not an image of the product"))
        elif insight.automatic and insight.origin is Origin.PREDICTED:
            protected.append(insight)
        else:
            open_by_claim[insight.claim] = insight

    creates: list[tuple[str, Candidate]] = []
    updates: list[tuple[Insight, Candidate]] = []
    kept: list[Candidate] = []
    under_way = {insight.claim for insight in protected if insight.annotation is None}
    for candidate in candidates:
        claim = importer.claim(candidate)
        if claim in under_way:
            continue  # this very suggestion is about to be applied or being decided
        drop = _conflict(importer, run, candidate, protected, kept)
        if drop is not None:
            drops.append(drop)
            continue
        kept.append(candidate)
        matched = open_by_claim.pop(claim, None)
        if matched is None:
            creates.append((claim, candidate))
        else:
            updates.append((matched, candidate))

    for insight in open_by_claim.values():
        if insight.predictor_plugin in dormant:
            continue
        if insight.origin is Origin.IMPORTED and insight.source_image not in ran_on:
            continue
        closes.append(_closing(insight, drops))
    return Plan(tuple(creates), tuple(updates), tuple(closes), tuple(drops))


def _candidates(
    importer: Importer,
    run: Run[Any],
    product: Product | None,
    predictions: Sequence[StoredPrediction],
    raw_images: Mapping[str, RawImage] | None,
) -> tuple[list[Candidate], list[Drop]]:
    """The candidates worth reconciling, in the order in which they are visited, and the drops so far."""
    candidates: list[Candidate] = []
    drops: list[Drop] = []
    for item in importer.candidates(product, sorted_predictions(predictions), run):
        if isinstance(item, Drop):
            drops.append(item)
        elif not isinstance(item, Candidate):
            raise TypeError(f"candidates() yielded {type(item).__name__} instead of Candidate or Drop")
        elif raw_images is not None and not _image_valid(item.source_image, raw_images):
            drops.append(Drop.of(item, "image-gone", f"{item.source_image} is not an image of the product"))
        elif product is not None and (reason := importer.settled(item, product, run)) is not None:
            drops.append(Drop.of(item, "settled", reason))
        else:
            candidates.append(item)
    if len(candidates) > 1:
        candidates.sort(
            key=lambda c: (
                c.priority,
                _recency(c.source_image),
                not c.automatic,
                *_name(c.predictor),
                c.value_tag or "",
                c.value or "",
                c.component,
            )
        )
    return candidates, drops


def _conflict(
    importer: Importer, run: Run[Any], candidate: Candidate, protected: Sequence[Insight], kept: Sequence[Candidate]
) -> Drop | None:
    claim = importer.claim(candidate)
    for insight in protected:
        if importer.conflicts(candidate, insight, run):
            return Drop.of(candidate, *_protection(insight))
    for other in kept:
        if importer.claim(other) == claim or importer.conflicts(candidate, other, run):
            return Drop.of(candidate, "covered", f"{_said(other)} says it already, with a better or newer source")
    return None


def _protection(insight: Insight) -> tuple[str, str]:
    if insight.annotation is None:
        if insight.automatic and insight.status is Status.OPEN:
            return "automatic", f"{_said(insight)} is about to be applied automatically"
        return "in-progress", f"{_said(insight)} is being decided or sent"
    words = {0: "rejected", -1: "closed as ambiguous"}.get(insight.annotation, "accepted")
    return "answered", f"{_said(insight)} was {words} (insight {insight.id})"


def _closing(insight: Insight, drops: Sequence[Drop]) -> Closing:
    """Why an open insight is not suggested any more: what the importer said about it, or that nothing supports it."""
    for drop in drops:
        if (drop.value_tag, drop.value) == (insight.value_tag, insight.value):
            return Closing(insight, drop.rule, drop.reason)
    return Closing(insight, "unsupported", "no prediction supports it any more")


def _said(subject: Insight | Candidate) -> str:
    return subject.value_tag or subject.value or "the suggestion"


def _image_valid(source_image: str | None, raw_images: Mapping[str, RawImage]) -> bool:
    if source_image is None:
        return True
    number = image_number(source_image)
    return number is not None and str(number) in raw_images


def _recency(source_image: str | None) -> int:
    """Sorts the newest image first and no image last (image numbers grow with time)."""
    number = image_number(source_image)
    return 1 if number is None else -number


def _name(predictor: str | None) -> tuple[bool, str]:
    return (predictor is None, predictor or "")
