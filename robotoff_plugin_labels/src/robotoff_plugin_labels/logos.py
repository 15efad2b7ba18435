"""Labels from the logos that the cloud service recognised on the image."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from robotoff_core.api import OcrDocument, Prediction, Predictor, Run

from .data import table

__all__ = ["LabelLogos", "logo_labels"]


class LabelLogos(Predictor):
    """The labels of known logos, each with its best score; a person always confirms them."""

    name = "labels.logos"
    version = "1"
    produces = ("label",)
    method = "google-cloud-vision"

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        """One prediction per label; ``confidence`` is the service's score."""
        scores: dict[str, float] = {}
        for logo in document.logos:
            tag = logo_labels().get(_folded(logo.description))
            if tag is not None:
                scores[tag] = max(logo.score, scores.get(tag, 0.0))
        return [Prediction("label", value_tag=tag, automatic=False, confidence=score) for tag, score in scores.items()]


@cache
def logo_labels() -> dict[str, str]:
    """The label of each logo, by its folded description."""
    return {_folded(description): tag for description, tag in table("logos.toml")["logos"].items()}


def _folded(text: str) -> str:
    return OcrDocument.from_text(text.strip()).folded
