"""The JSON form of a Google Cloud Vision response, as far as we read it; the rest is skipped while decoding.

Field list: the predictor specification's section 2.2. Types here are checked while decoding, so a document that was
decoded has the right shape everywhere we read it. Imported only when a document is decoded: msgspec costs start time.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from .errors import OcrError

__all__ = ["BREAKS", "Envelope", "FullText", "Paragraph", "Response", "Vertex", "Word", "corners", "decode"]

BREAKS = {"SPACE": " ", "SURE_SPACE": " ", "EOL_SURE_SPACE": " ", "LINE_BREAK": "\n", "UNKNOWN": "", "HYPHEN": ""}
"""How a detected break is written in the text."""

_Break = Literal["SPACE", "SURE_SPACE", "EOL_SURE_SPACE", "LINE_BREAK", "UNKNOWN", "HYPHEN"]
_Likelihood = Literal["UNKNOWN", "VERY_UNLIKELY", "UNLIKELY", "POSSIBLE", "LIKELY", "VERY_LIKELY"]


class Vertex(Struct, gc=False, rename="camel"):
    """A corner in pixels; the cloud leaves zeros out."""

    x: int | float = 0
    y: int | float = 0


class BoundingPoly(Struct, gc=False, rename="camel"):
    """The corners of a word, clockwise from the text's own top left."""

    vertices: list[Vertex]


class DetectedBreak(Struct, gc=False, rename="camel"):
    """White space after (or before) a symbol."""

    type: _Break
    is_prefix: bool | None = False


class SymbolProperty(Struct, gc=False, rename="camel"):
    """Of a symbol's properties only the break is read."""

    detected_break: DetectedBreak | None = None


class Symbol(Struct, gc=False, rename="camel"):
    """One character, or a few."""

    text: str
    property: SymbolProperty | None = None


class DetectedLanguage(Struct, gc=False, rename="camel"):
    """A language the cloud detected in a word."""

    language_code: str


class WordProperty(Struct, gc=False, rename="camel"):
    """Of a word's properties the languages are read."""

    detected_languages: list[DetectedLanguage] | None = None


class Word(Struct, gc=False, rename="camel"):
    """One word. Its polygon stays as it is written until somebody asks for geometry (:func:`corners`)."""

    bounding_box: msgspec.Raw
    symbols: list[Symbol]
    property: WordProperty | None = None


class Paragraph(Struct, gc=False, rename="camel"):
    """Words in reading order."""

    words: list[Word]


class Block(Struct, gc=False, rename="camel"):
    """Paragraphs in reading order."""

    block_type: str
    paragraphs: list[Paragraph]


class Page(Struct, gc=False, rename="camel"):
    """Blocks in reading order, and the size in pixels."""

    width: int
    height: int
    blocks: list[Block]


class FullText(Struct, gc=False, rename="camel"):
    """The text with its layout. ``text`` is not used: offsets are known only for what we put together ourselves."""

    pages: list[Page]
    text: str | None = None


class TextAnnotation(Struct, gc=False, rename="camel"):
    """A piece of text; the first one is the whole."""

    description: str
    locale: str | None = None


class Entity(Struct, gc=False, rename="camel"):
    """A thing the cloud recognised: a logo, or a word for what the image shows."""

    description: str
    score: float
    mid: str | None = None


class SafeSearch(Struct, gc=False, rename="camel"):
    """All five are required when the object is present."""

    adult: _Likelihood
    spoof: _Likelihood
    medical: _Likelihood
    violence: _Likelihood
    racy: _Likelihood


class Face(Struct, gc=False, rename="camel"):
    """A detected face."""

    detection_confidence: float = 0.0
    joy_likelihood: _Likelihood | None = None
    sorrow_likelihood: _Likelihood | None = None
    anger_likelihood: _Likelihood | None = None
    surprise_likelihood: _Likelihood | None = None
    under_exposed_likelihood: _Likelihood | None = None
    blurred_likelihood: _Likelihood | None = None
    headwear_likelihood: _Likelihood | None = None


class Response(Struct, gc=False, rename="camel"):
    """What the cloud said about one image."""

    full_text_annotation: FullText | None = None
    text_annotations: list[TextAnnotation] | None = None
    logo_annotations: list[Entity] | None = None
    label_annotations: list[Entity] | None = None
    safe_search_annotation: SafeSearch | None = None
    face_annotations: list[Face] | None = None
    error: Any = None


class Envelope(Struct, gc=False, rename="camel"):
    """The whole file."""

    responses: list[Response]


_decode = msgspec.json.Decoder(Envelope).decode
_decode_polygon = msgspec.json.Decoder(BoundingPoly).decode


def corners(word: Word) -> list[Vertex]:
    """The corners of *word*. Raises :class:`msgspec.ValidationError` when its polygon is malformed."""
    return _decode_polygon(word.bounding_box).vertices


def decode(data: bytes) -> Response:
    """The first response of *data*.

    Raises :class:`~robotoff_core.text.errors.OcrError` without a source for everything that is not a usable document.
    """
    try:
        responses = _decode(data).responses
    except (ValueError, RecursionError) as error:
        from .explain import first_response

        return first_response(data, error)
    if not responses:
        raise OcrError("empty response", "$.responses")
    response = responses[0]
    if response.error is not None:
        raise OcrError(f"the OCR service reported an error: {response.error}", "$.responses[0].error")
    return response
