"""The one import surface for plugins: what stands here follows the hook API's version, everything else may move."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .components import (
    Annotator,
    HealthCheck,
    Importer,
    Predictor,
    QuestionFormatter,
    Run,
    Source,
)
from .hookspecs import hookimpl
from .model.answers import Answer, Outcome, Result
from .model.boxes import Box
from .model.candidates import Candidate, Drop
from .model.edits import AddTag, Edit, SetField
from .model.ids import ProductId, image_number, normalize_barcode
from .model.insights import Insight
from .model.lexicons import Boundary, Lexicon
from .model.predictions import Prediction, StoredPrediction
from .model.products import Product
from .model.questions import Question
from .plugins.contributions import Command, Migrations, Route
from .plugins.manifest import HOOK_API, ImageRule, Manifest, Quality, TypeSpec

if TYPE_CHECKING:
    from .taxonomy import Taxonomy
    from .text import OcrDocument
    from .text.lexicon import Hit
    from .text.tags import tag_from_text

__all__ = [
    "HOOK_API",
    "AddTag",
    "Annotator",
    "Answer",
    "Boundary",
    "Box",
    "Candidate",
    "Command",
    "Drop",
    "Edit",
    "HealthCheck",
    "Hit",
    "ImageRule",
    "Importer",
    "Insight",
    "Lexicon",
    "Manifest",
    "Migrations",
    "OcrDocument",
    "Outcome",
    "Prediction",
    "Predictor",
    "Product",
    "ProductId",
    "Quality",
    "Question",
    "QuestionFormatter",
    "Result",
    "Route",
    "Run",
    "SetField",
    "Source",
    "StoredPrediction",
    "Taxonomy",
    "TypeSpec",
    "hookimpl",
    "image_number",
    "normalize_barcode",
    "tag_from_text",
]

_LATER = {"Hit": ".text.lexicon", "OcrDocument": ".text", "Taxonomy": ".taxonomy", "tag_from_text": ".text.tags"}
"""Names whose modules cost as much as all others together: imported when a plugin asks for them."""


def __getattr__(name: str) -> Any:
    """The names of :data:`_LATER`."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name], __package__), name)
    return value
