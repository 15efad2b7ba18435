"""The component kinds a plugin registers: predictors, importers, annotators, question formatters, lexicons.

Each class is the two-sided contract of its kind: what the plugin promises, and what core does with it. Core calls the
registered objects one by one, measures each call and isolates its failure; a component never sees another's.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from attrs import field, frozen

from .model.answers import Answer, Outcome
from .model.candidates import Candidate, Drop
from .model.insights import Insight
from .model.predictions import Prediction, StoredPrediction
from .model.products import Product
from .model.questions import Question

if TYPE_CHECKING:  # heavy or cyclic; the annotations are strings at run time
    from .taxonomy import Taxonomy
    from .text import OcrDocument

__all__ = [
    "Annotator",
    "HealthCheck",
    "Importer",
    "Predictor",
    "QuestionFormatter",
    "Run",
    "Source",
]

S = TypeVar("S")


@frozen
class Run(Generic[S]):
    """What a component may know about its surroundings: frozen, the same for every component of one document.

    - ``settings``: the plugin's own settings object (the manifest's ``settings`` class).
    - ``today``: the current date in UTC; domain rules never ask the clock themselves.
    - ``taxonomy(name)``: a loaded taxonomy ("labels"), or an empty one when the deployment has none.
    - ``server_type``: the project of the product, ``source_image`` the image's path when there is one.
    """

    settings: S
    today: date
    taxonomy: "Callable[[str], Taxonomy]" = field(repr=False)
    server_type: str = "off"
    source_image: str | None = None


class Source(StrEnum):
    """What a predictor reads: the text of an image, which is also how a product's name reaches it."""

    OCR = "ocr"


class Predictor:
    """Reads one document and says what it found. Subclass, set the attributes, implement :meth:`predict`.

    The plugin promises: ``predict`` is pure, linear in the text's length, and reports the *whole* result each time.
    Core promises: the result replaces what this predictor (same name, same image, same scope) said before; a raised
    exception costs this predictor's result on this document only, is counted, and trips the predictor when it recurs.
    """

    name: ClassVar[str]
    """Unique among all components, beginning with the plugin's slug: ``labels.text``."""
    version: ClassVar[str]
    """Raise it when the rules change; an older version never replaces a newer one's result."""
    produces: ClassVar[tuple[str, ...]]
    """The prediction types it may return. Any other type is an error of the plugin."""
    source: ClassVar[Source] = Source.OCR
    method: ClassVar[str] = "regex"
    """The public ``predictor`` field of its predictions, unless a prediction names its own."""
    product_name: ClassVar[bool] = False
    """Whether it also reads the product's name; such results are never automatic and carry ``data.source``."""
    server_types: ClassVar[tuple[str, ...]] = ()
    """The projects it is meant for; empty for all."""

    def predict(self, document: "OcrDocument", run: Run[Any]) -> Iterable[Prediction]:
        """The predictions of *document*. Raise nothing for odd input: what is not understood yields nothing."""
        raise TypeError(f"{type(self).__name__} does not implement predict()")


class Importer:
    """Turns all predictions of its input types about one product into the wanted suggestions of *one* insight type.

    Pure: core reads and writes the database and decides by :meth:`claim` and :meth:`conflicts` what is new, the same,
    or superseded.
    """

    type: ClassVar[str]
    """The insight type, owned by the plugin."""
    reads: ClassVar[tuple[str, ...]] = ()
    """The prediction types it reads; empty means its own type."""

    def candidates(
        self, product: Product | None, predictions: Sequence[StoredPrediction], run: Run[Any]
    ) -> Iterable[Candidate | Drop]:
        """The suggestions, and what was left out with its reason.

        *predictions* come sorted: lower ``data.priority`` first, then newest image, then predictor name. *product* is
        ``None`` where the deployment has no product source; product checks are then skipped.
        """
        return [Candidate.of(prediction) for prediction in predictions]

    def claim(self, candidate: Candidate) -> str:
        """A stable key of what is claimed, unique among the open insights of a product and type. The same claim from
        another image or predictor is the same insight."""
        return candidate.value_tag or candidate.value or ""

    def conflicts(self, candidate: Candidate, existing: "Insight | Candidate", run: Run[Any]) -> bool:
        """Whether *candidate* has nothing to say beside *existing* (an insight, or a candidate already kept): it was
        answered, is about to be applied, or is asked in better words."""
        claimed = existing.claim if isinstance(existing, Insight) else self.claim(existing)
        return self.claim(candidate) == claimed

    def settled(self, suggestion: "Candidate | Insight", product: Product, run: Run[Any]) -> str | None:
        """Why *product* no longer needs *suggestion* (a sentence), or ``None`` while it does.

        Core asks for each candidate, and for each open insight whenever the product is refreshed.
        """
        return None


class Annotator:
    """Carries out an accepted insight of *one* type: says which edits to send. Pure; core sends them."""

    type: ClassVar[str]
    needs_product: ClassVar[bool] = True
    """Whether an unknown product ends the answer with code 3 before :meth:`annotate` is called."""

    def validate(self, data: Any) -> Any:
        """*data* of an ``annotation=2`` answer, checked. Raises :class:`ValueError` with a text for the user."""
        raise ValueError("this insight type takes no data; answer with annotation=1")

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        """What accepting *insight* means for *product*, read just now. ``answer.annotation`` is 1 or 2."""
        raise TypeError(f"{type(self).__name__} does not implement annotate()")


class QuestionFormatter:
    """Words the question for insights of *one* type."""

    type: ClassVar[str]

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        """The question in *lang* (a code such as ``fr`` or ``pt_BR``; unknown ones fall back to English)."""
        raise TypeError(f"{type(self).__name__} does not implement question()")


@frozen
class HealthCheck:
    """A named check of a plugin: ``check()`` returns a short text when well and raises when not."""

    name: str
    check: Callable[[], str]
