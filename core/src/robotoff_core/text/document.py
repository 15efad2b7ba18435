"""One OCR document: parsed once, its text variants with the same offsets, everything else only on demand."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from ..model.boxes import Box
from .annotations import CloudLabel, Face, Likelihood, Logo, Orientation, SafeSearch, Word
from .errors import OcrError
from .fold import fold
from .layout import Layout, contiguous, render

if TYPE_CHECKING:
    from .lexicon import Hit, LexiconIndex
    from .vision import Face as VisionFace
    from .vision import Response, Vertex
    from .vision import Word as VisionWord

__all__ = ["OcrDocument"]

T = TypeVar("T")


class OcrDocument:
    """The text of one image with its layout, or a plain string. Read-only for its users.

    All variants have the same length, so that one pair of offsets serves them all:

    - ``text``: line ends kept, blocks and pages joined by ``|``, so that a match cannot cross a block;
    - ``contiguous`` (also called ``default``): line and block ends are a space, pages stay joined by ``|``;
    - ``folded``: the contiguous text in lower case, accents removed one for one.

    Geometry (words, boxes, orientation) is read when somebody asks for it; a malformed polygon is an
    :class:`OcrError` then. A document without a full text annotation reads as the first text annotation (no boxes
    then), or as empty. In a document made of a plain string (``is_plain``) text and contiguous are that string.
    """

    __slots__ = (
        "_folded",
        "_hits",
        "_index",
        "_layout",
        "_response",
        "_words",
        "contiguous",
        "is_plain",
        "source",
        "text",
    )

    def __init__(self, text: str, contiguous: str, *, source: str = "", is_plain: bool = False) -> None:
        self.text = text
        self.contiguous = contiguous
        self.source = source
        self.is_plain = is_plain
        self._response: Response | None = None
        self._layout: Layout | None = None
        self._words: tuple[Word, ...] | None = None
        self._folded: str | None = None
        self._index: LexiconIndex | None = None
        self._hits: dict[str, list[Hit]] | None = None

    @classmethod
    def from_bytes(cls, data: bytes, *, source: str = "") -> "OcrDocument":
        """The document of a Google Cloud Vision response (UTF-8 JSON); only its first response is read.

        *source* names the file or URL in errors. Raises :class:`OcrError` for whatever is malformed, with the place.
        """
        try:
            return cls._from_response(_decoder()[0](data), source)
        except OcrError as error:
            raise OcrError(error.message, error.where, source) from None

    @classmethod
    def from_json(cls, document: Any, *, source: str = "") -> "OcrDocument":
        """The same from JSON that is decoded already. Raises :class:`OcrError`."""
        from .explain import convert

        try:
            return cls._from_response(convert(document), source)
        except OcrError as error:
            raise OcrError(error.message, error.where, source) from None

    @classmethod
    def from_text(cls, text: str, *, source: str = "") -> "OcrDocument":
        """A document that is a plain string: a product's name, or text from elsewhere."""
        return cls(text, text, source=source, is_plain=True)

    @classmethod
    def _from_response(cls, response: "Response", source: str) -> "OcrDocument":
        if response.full_text_annotation is not None:
            text, spaced, layout = render(response.full_text_annotation, *_decoder()[1:])
            document = cls(text, spaced, source=source)
            document._layout = layout
        else:
            text = response.text_annotations[0].description if response.text_annotations else ""
            document = cls(text, contiguous(text), source=source)
        document._response = response
        return document

    def __repr__(self) -> str:
        return f"<OcrDocument {self.source or 'without source'}, {len(self.text)} characters>"

    @property
    def default(self) -> str:
        """The text that dictionaries read; the same as :attr:`contiguous`."""
        return self.contiguous

    @property
    def folded(self) -> str:
        """The contiguous text in the form in which terms are compared (:func:`robotoff_core.text.fold.fold`)."""
        if self._folded is None:
            self._folded = fold(self.contiguous)
        return self._folded

    def bind(self, index: "LexiconIndex") -> "OcrDocument":
        """Let :meth:`hits` look into *index*; core does it before predictors are called. Returns the document."""
        if index is not self._index:
            self._index, self._hits = index, None
        return self

    def hits(self, lexicon: str) -> "Sequence[Hit]":
        """What the lexicon called *lexicon* found, in text order. The first call scans for all lexicons at once.

        Raises :class:`LookupError` when no such lexicon is registered.
        """
        if self._index is None:
            raise LookupError(
                f"lexicon {lexicon!r}: the document is bound to no index; call bind(LexiconIndex(...)) first"
            )
        if self._hits is None:
            self._hits = self._index.scan(self)
        try:
            return self._hits[lexicon]
        except KeyError:
            known = ", ".join(sorted(self._hits)) or "none"
            raise LookupError(
                f"no lexicon is called {lexicon!r} (known: {known}); register it with robotoff_lexicons"
            ) from None

    @property
    def words(self) -> tuple[Word, ...]:
        """The words with their offsets and boxes; ``()`` without a full text annotation."""
        if self._words is None:
            self._words = tuple(self._geometry(Layout.words)) if self._layout is not None else ()
        return self._words

    def words_in_span(self, start: int, end: int) -> list[Word]:
        """The words of which at least one character lies in ``text[start:end]``."""
        if self._layout is None or start >= end:
            return []
        return self._geometry(lambda layout: layout.words_in_span(start, end))

    def words_in_area(self, box: Box) -> list[Word]:
        """The words that lie entirely inside *box* (absolute pixels)."""
        top, left, bottom, right = box
        return [
            word
            for word in self.words
            if word.box is not None
            and word.box[0] >= top
            and word.box[1] >= left
            and word.box[2] <= bottom
            and word.box[3] <= right
        ]

    def box(self, start: int, end: int) -> Box | None:
        """The smallest box (absolute pixels) around the words of ``text[start:end]``; ``None`` without a layout."""
        if self._layout is None or start >= end:
            return None
        return self._geometry(lambda layout: layout.box(start, end))

    def _geometry(self, read: "Callable[[Layout], T]") -> "T":
        """What *read* finds in the layout; a malformed polygon is told with the document's source."""
        assert self._layout is not None
        try:
            return read(self._layout)
        except OcrError as error:
            raise OcrError(error.message, error.where, self.source) from None

    @property
    def orientation(self) -> Orientation:
        """Which way most words are turned; ``unknown`` without words."""
        counts = Counter(word.orientation for word in self.words)
        return counts.most_common(1)[0][0] if counts else Orientation.UNKNOWN

    @property
    def languages(self) -> dict[str, int]:
        """How many words were detected as which language; ``"null"``: as none, ``"words"``: all words."""
        counts: Counter[str] = Counter({"words": len(self.words)})
        for word in self.words:
            counts.update(word.languages or ("null",))
        return dict(counts)

    @property
    def logos(self) -> tuple[Logo, ...]:
        """The logos that the cloud recognised."""
        found = self._response.logo_annotations if self._response is not None else None
        return tuple(Logo(logo.description, logo.score, logo.mid) for logo in found or ())

    @property
    def labels(self) -> tuple[CloudLabel, ...]:
        """What the cloud sees on the image."""
        found = self._response.label_annotations if self._response is not None else None
        return tuple(CloudLabel(seen.description, seen.score, seen.mid) for seen in found or ())

    @property
    def safe_search(self) -> SafeSearch | None:
        """The cloud's judgement of the image, when it was asked for."""
        found = self._response.safe_search_annotation if self._response is not None else None
        if found is None:
            return None
        return SafeSearch(
            *(Likelihood[getattr(found, name)] for name in ("adult", "spoof", "medical", "violence", "racy"))
        )

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces on the image."""
        found = self._response.face_annotations if self._response is not None else None
        return tuple(Face(face.detection_confidence, _likelihoods(face)) for face in found or ())


@cache
def _decoder() -> "tuple[Callable[[bytes], Response], dict[str, str], Callable[[VisionWord], list[Vertex]]]":
    """What decoding needs, imported once: an import statement in the hot path would cost as much as a small text."""
    from .vision import BREAKS, corners, decode

    return decode, BREAKS, corners


def _likelihoods(face: "VisionFace") -> dict[str, Likelihood]:
    names = zip(face.__struct_fields__, face.__struct_encode_fields__, strict=True)
    return {
        key: Likelihood[value]
        for name, key in names
        if key.endswith("Likelihood") and (value := getattr(face, name)) is not None
    }
