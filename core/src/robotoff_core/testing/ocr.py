"""Label texts laid out as OCR results: the form in which Google Cloud Vision answers, made from plain lines.

A test or a demo says what stands on a label, block by block; :func:`label_ocr` places the lines on a page and writes
the JSON that Vision would have sent for its photo: pages, blocks, paragraphs, words, symbols, breaks, languages,
polygons.

>>> document = label_ocr(["Poids net : 500 g", "Ingrédients : farine de blé,\\nsucre, sel."], lang="fr")
>>> document["responses"][0]["fullTextAnnotation"]["text"].splitlines()[0]
'Poids net : 500 g'

The form follows Vision's reference and real answers: coordinates of 0 are left out, words of digits or punctuation
carry no language, a line that goes on in the same paragraph ends in ``EOL_SURE_SPACE``, the last one in ``LINE_BREAK``.
"""

import copy
import json
import math
import random
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from ._sentences import SENTENCES

__all__ = ["Line", "Logo", "TextBlock", "corpus", "label_ocr", "ocr_bytes", "place", "repeat_ocr", "text_width"]

Point = tuple[float, float]

_TOKEN = re.compile(r"\w+(?:['’.,/-]\w+)*|[^\w\s]")
_NARROW = frozenset("iIjl1.,;:!|'’()[]{}tf/ ")
_WIDE = frozenset("MWmw%@—№")
_SOFT_HYPHEN = "\u00ad"
_LEADING = 1.3
"""Distance of two lines, in line sizes."""
_SMALLEST = 5.0
"""Below this many pixels a word's polygon would shrink to nothing."""


@frozen
class TextBlock:
    """One block of a label. ``text`` has its lines separated by ``\\n`` and its paragraphs by an empty line.

    ``left``, ``top`` and ``size`` (line height) are pixels of the upright page; what is ``None`` is chosen so that the
    blocks stand one below the other and fit. ``lang`` overrides the document's language. ``weight`` and ``color`` are
    for drawings only (``"bold"``, ``"#174f2b"``).
    """

    text: str
    left: float | None = None
    top: float | None = None
    size: float | None = None
    lang: str | None = None
    weight: str = "normal"
    color: str = ""


@frozen
class Logo:
    """A logo that Vision's logo detection would report; ``box`` is (left, top, right, bottom) on the upright page."""

    description: str
    score: float = 0.9
    box: tuple[float, float, float, float] = (10, 10, 110, 110)
    mid: str = ""


@frozen
class Line:
    """One placed line: ``left`` and ``top`` of its box, ``size`` its height, in pixels of the upright page.

    ``last`` tells the last line of a paragraph.
    """

    text: str
    left: float
    top: float
    size: float
    last: bool
    block: TextBlock

    @property
    def width(self) -> float:
        """The line's width in pixels."""
        return text_width(self.text, self.size)


@frozen
class _Page:
    """The upright page and how its points come to lie on the photo."""

    width: int
    height: int
    rotation: int
    tilt: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photo."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    def point(self, x: float, y: float) -> dict[str, int]:
        """A point as Vision writes it; a coordinate of 0 is left out."""
        if self.tilt:
            angle = math.radians(self.tilt)
            cx, cy = self.width / 2, self.height / 2
            dx, dy = x - cx, y - cy
            x = cx + dx * math.cos(angle) - dy * math.sin(angle)
            y = cy + dx * math.sin(angle) + dy * math.cos(angle)
        if self.rotation == 90:
            x, y = self.height - y, x
        elif self.rotation == 180:
            x, y = self.width - x, self.height - y
        elif self.rotation == 270:
            x, y = y, self.width - x
        width, height = self.size
        rounded = {"x": min(max(round(x), 0), width), "y": min(max(round(y), 0), height)}
        return {axis: value for axis, value in rounded.items() if value}

    def polygon(self, left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
        """A rectangle of the upright page as a polygon that starts at the reader's top left."""
        corners: tuple[Point, ...] = ((left, top), (right, top), (right, bottom), (left, bottom))
        return {"vertices": [self.point(x, y) for x, y in corners]}


def text_width(text: str, size: float) -> float:
    """The width of *text* in a plain sans-serif type of *size* pixels; good enough for boxes and drawings."""
    return sum(_char_width(char) for char in text) * size


def _char_width(char: str) -> float:
    if char in _NARROW:
        return 0.3
    return 0.82 if char in _WIDE else 0.56


def place(blocks: Sequence[str | TextBlock], *, width: int, height: int) -> list[list[list[Line]]]:
    """Where the lines of *blocks* stand on a page of *width* x *height* pixels: blocks of paragraphs of lines.

    Blocks without a place follow one another from the top; their size is the largest that fits, at most a twentieth of
    the page's height. Raises :class:`ValueError` when the text does not fit at a readable size.
    """
    ready = [block if isinstance(block, TextBlock) else TextBlock(block) for block in blocks]
    free = [block for block in ready if block.size is None]
    lines = [line for block in free for line in block.text.split("\n")]
    margin = width * 0.04
    size = height / 20
    if lines:
        rows = len(lines) + 0.8 * len(free)
        size = min(size, height * 0.94 / (rows * _LEADING))
        longest = max(text_width(line, 1) for line in lines)
        size = min(size, (width - 2 * margin) / longest) if longest else size
        if size < _SMALLEST:
            raise ValueError(
                f"{len(lines)} lines do not fit a page of {width} x {height} pixels: give a larger page or fewer words"
            )
    placed = []
    cursor = height * 0.03
    for block in ready:
        block_size = block.size if block.size is not None else size
        left = block.left if block.left is not None else margin
        top = block.top if block.top is not None else cursor
        paragraphs, bottom = _place_block(block, left, top, block_size)
        placed.append(paragraphs)
        if block.top is None:
            cursor = bottom + 0.8 * block_size * _LEADING
    return placed


def _place_block(block: TextBlock, left: float, top: float, size: float) -> tuple[list[list[Line]], float]:
    paragraphs = []
    for paragraph in re.split(r"\n[ \t]*\n", block.text):
        rows = [row for row in paragraph.split("\n") if row.strip()]
        lines = []
        for number, row in enumerate(rows, start=1):
            lines.append(Line(row, left, top, size, number == len(rows), block))
            top += size * _LEADING
        if lines:
            paragraphs.append(lines)
    return paragraphs, top


def label_ocr(
    blocks: Sequence[str | TextBlock],
    *,
    width: int = 1200,
    height: int = 1600,
    lang: str = "en",
    logos: Iterable[Logo] = (),
    labels: Mapping[str, float] | None = None,
    rotation: int = 0,
    tilt: float = 0.0,
    confidence: float = 0.98,
) -> dict[str, Any]:
    """The OCR result of a label that shows *blocks*.

    *width* and *height* are the upright label's in pixels. *rotation* turns it clockwise by 0, 90, 180 or 270 degrees
    (the page's size turns with it), *tilt* by some degrees more. *labels* are descriptions and scores of Vision's label
    detection. Raises :class:`ValueError` for another rotation or a text that does not fit.
    """
    if rotation not in (0, 90, 180, 270):
        raise ValueError(f"rotation {rotation} is not one of 0, 90, 180, 270")
    page = _Page(width, height, rotation, tilt)
    writer = _Writer(page, lang, confidence)
    written = [writer.block(paragraphs) for paragraphs in place(blocks, width=width, height=height) if paragraphs]
    text = "".join(writer.text)
    page_width, page_height = page.size
    everything = page.polygon(0, 0, width, height)
    response: dict[str, Any] = {
        "safeSearchAnnotation": dict.fromkeys(("adult", "spoof", "medical", "violence", "racy"), "VERY_UNLIKELY"),
    }
    if written:
        response["textAnnotations"] = [{"locale": lang, "description": text, "boundingPoly": everything}, *writer.words]
        response["fullTextAnnotation"] = {
            "pages": [
                {
                    "property": {"detectedLanguages": writer.page_languages()},
                    "width": page_width,
                    "height": page_height,
                    "blocks": written,
                }
            ],
            "text": text,
        }
    found = [_logo(logo, page) for logo in logos]
    if found:
        response["logoAnnotations"] = found
    if labels:
        response["labelAnnotations"] = [
            {"description": name, "score": score, "topicality": score} for name, score in labels.items()
        ]
    return {"responses": [response]}


def _logo(logo: Logo, page: _Page) -> dict[str, Any]:
    entry: dict[str, Any] = {"description": logo.description, "score": logo.score}
    if logo.mid:
        entry["mid"] = logo.mid
    return {**entry, "boundingPoly": page.polygon(*logo.box)}


class _Writer:
    """Writes placed lines as Vision's nested objects, and collects the flat word list and the text on the way."""

    def __init__(self, page: _Page, lang: str, confidence: float) -> None:
        self.page = page
        self.lang = lang
        self.confidence = confidence
        self.words: list[dict[str, Any]] = []
        self.text: list[str] = []
        self._languages: dict[str, int] = {}

    def page_languages(self) -> list[dict[str, Any]]:
        total = sum(self._languages.values()) or 1
        ranked = sorted(self._languages.items(), key=lambda item: -item[1])
        return [{"languageCode": code, "confidence": round(count / total, 2)} for code, count in ranked]

    def block(self, paragraphs: list[list[Line]]) -> dict[str, Any]:
        return {
            "blockType": "TEXT",
            "boundingBox": self._around([line for lines in paragraphs for line in lines]),
            "confidence": self.confidence,
            "paragraphs": [
                {
                    "boundingBox": self._around(lines),
                    "confidence": self.confidence,
                    "words": [word for line in lines for word in self._line(line)],
                }
                for lines in paragraphs
            ],
        }

    def _around(self, lines: list[Line]) -> dict[str, Any]:
        return self.page.polygon(
            min(line.left for line in lines),
            min(line.top for line in lines),
            max(line.left + line.width for line in lines),
            max(line.top + line.size for line in lines),
        )

    def _line(self, line: Line) -> list[dict[str, Any]]:
        hyphenated = line.text.endswith(_SOFT_HYPHEN)
        tokens = list(_TOKEN.finditer(line.text.rstrip(_SOFT_HYPHEN)))
        words = []
        for number, token in enumerate(tokens, start=1):
            if number == len(tokens):
                ending = "HYPHEN" if hyphenated else "LINE_BREAK" if line.last else "EOL_SURE_SPACE"
            else:
                ending = "SPACE" if tokens[number].start() > token.end() else ""
            words.append(self._word(line, token, ending))
            self.text.append(token[0] + ("" if not ending else " " if ending == "SPACE" else "\n"))
        return words

    def _word(self, line: Line, token: re.Match[str], ending: str) -> dict[str, Any]:
        x = start = line.left + text_width(line.text[: token.start()], line.size)
        symbols: list[dict[str, Any]] = []
        for char in token[0]:
            right = x + _char_width(char) * line.size
            box = self.page.polygon(x, line.top, right, line.top + line.size)
            symbols.append({"boundingBox": box, "text": char, "confidence": self.confidence})
            x = right
        if ending:
            symbols[-1]["property"] = {"detectedBreak": {"type": ending}}
        box = self.page.polygon(start, line.top, x, line.top + line.size)
        word: dict[str, Any] = {"boundingBox": box, "confidence": self.confidence, "symbols": symbols}
        if any(char.isalpha() for char in token[0]):
            language = line.block.lang or self.lang
            self._languages[language] = self._languages.get(language, 0) + 1
            word["property"] = {"detectedLanguages": [{"languageCode": language, "confidence": 1}]}
        self.words.append({"description": token[0], "boundingPoly": box})
        return word


def ocr_bytes(document: Mapping[str, Any]) -> bytes:
    """*document* as the bytes of an OCR file: compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def repeat_ocr(document: Mapping[str, Any], times: int) -> dict[str, Any]:
    """*document* as if its label were printed *times* times, one below the other on one long page.

    For measuring how the work grows with the text. Logos and other annotations stay as they are. Raises
    :class:`ValueError` unless *times* is positive.
    """
    if times < 1:
        raise ValueError(f"times is {times}; a document can be repeated once or more")
    repeated: dict[str, Any] = copy.deepcopy(dict(document))
    response = repeated["responses"][0]
    full = response.get("fullTextAnnotation")
    if not full:
        return repeated
    for page in full["pages"]:
        height = page["height"]
        original = page["blocks"]
        page["blocks"] = [block for n in range(times) for block in _moved(original, n * height)]
        page["height"] = height * times
    full["text"] = "\n".join([full["text"]] * times)
    words = response["textAnnotations"][1:]
    step = full["pages"][0]["height"] // times
    whole = {**response["textAnnotations"][0], "description": full["text"]}
    response["textAnnotations"] = [whole, *(word for n in range(times) for word in _moved(words, n * step))]
    return repeated


def _moved(items: list[dict[str, Any]], down: int) -> list[dict[str, Any]]:
    """A copy of *items* with every polygon *down* pixels lower."""
    moved = copy.deepcopy(items)
    _each_vertex(moved, lambda vertex: vertex.update(y=vertex.get("y", 0) + down))
    return moved


def _each_vertex(node: Any, change: Callable[[dict[str, int]], None]) -> None:
    if isinstance(node, list):
        for item in node:
            _each_vertex(item, change)
    elif isinstance(node, dict):
        for key, item in node.items():
            if key == "vertices":
                for vertex in item:
                    change(vertex)
            else:
                _each_vertex(item, change)


def corpus(n: int, seed: int, factor: int = 1) -> list[bytes]:
    """*n* OCR files of invented labels, 100 to 400 words each, in French, English, German, Spanish, Italian and Polish.

    Equal arguments give equal bytes. With *factor* each label is repeated that often, so that the documents of
    ``corpus(n, seed, 8)`` hold eight times the text of those of ``corpus(n, seed)``, one by one.
    """
    documents = (_invented_label(random.Random(f"{seed}/{number}")) for number in range(n))
    return [ocr_bytes(repeat_ocr(document, factor) if factor != 1 else document) for document in documents]


def _invented_label(rng: random.Random) -> dict[str, Any]:
    """One label: mostly one language, one time in three two, as packs for two countries have."""
    languages = rng.sample(sorted(SENTENCES), 2 if rng.random() < 1 / 3 else 1)
    wanted = rng.randint(110, 380)
    sentences = [(lang, sentence) for lang in languages for sentence in SENTENCES[lang]]
    unused: list[tuple[str, str]] = []
    blocks: list[TextBlock] = []
    words = 0
    while words < wanted:
        if not unused:
            unused = rng.sample(sentences, len(sentences))
        lang, pattern = unused.pop()
        sentence = pattern.format(n=rng.randint(2, 99), m=rng.randint(100, 999), w=rng.randint(10, 100) * 10)
        lines = [line for part in sentence.split("\n") for line in textwrap.wrap(part, rng.randint(28, 60))]
        words += len(sentence.split())
        if blocks and blocks[-1].lang == lang and rng.random() < 0.3:
            joined = f"{blocks[-1].text}\n\n" + "\n".join(lines)
            blocks[-1] = TextBlock(joined, lang=lang)
        else:
            blocks.append(TextBlock("\n".join(lines), lang=lang))
    return label_ocr(
        blocks,
        width=1500,
        height=3000,
        lang=languages[0],
        rotation=rng.choice((0, 0, 0, 0, 90, 270)),
        tilt=rng.uniform(-3, 3),
    )
