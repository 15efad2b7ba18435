"""Putting the text together from symbols, and geometry: what needs the layout of a decoded document."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING

from ..model.boxes import Box
from .annotations import Orientation, Word

if TYPE_CHECKING:
    from .vision import FullText, Vertex
    from .vision import Word as VisionWord

    Corners = Callable[[VisionWord], list[Vertex]]

__all__ = ["Layout", "contiguous", "orientation_of", "render"]

_ENDS = (" ", "\n")
_BY_TOP_CORNERS = {
    frozenset((0, 1)): Orientation.UP,
    frozenset((1, 2)): Orientation.LEFT,
    frozenset((2, 3)): Orientation.DOWN,
    frozenset((0, 3)): Orientation.RIGHT,
}


def render(full_text: "FullText", breaks: dict[str, str], corners: "Corners") -> "tuple[str, str, Layout]":
    """The full text, the contiguous text, and the layout behind them.

    Words are joined as they are, paragraphs by a space unless one stands there, blocks and pages by ``|``. One flat
    loop without calls: this is the hot path of every document. *corners* reads a word's polygon, later and on demand.
    """
    pieces: list[str] = []
    owners: list[VisionWord | None] = []
    add, own = pieces.append, owners.append
    page_starts: list[int] = []
    for page in full_text.pages:
        if page_starts:
            add("|")
            own(None)
        page_starts.append(len(pieces))
        first_block = True
        for block in page.blocks:
            if not first_block:
                add("|")
                own(None)
            first_block = False
            last = ""  # the last word of the block that has any text
            for paragraph in block.paragraphs:
                if last and last[-1] not in _ENDS:
                    add(" ")
                    own(None)
                    last = " "
                for word in paragraph.words:
                    text = ""
                    for symbol in word.symbols:
                        properties = symbol.property
                        if properties is None or (brk := properties.detected_break) is None:
                            text += symbol.text
                        elif brk.is_prefix:
                            text += breaks[brk.type] + symbol.text
                        else:
                            text += symbol.text + breaks[brk.type]
                    add(text)
                    own(word)
                    if text:
                        last = text
    text = "".join(pieces)
    if len(page_starts) < 2:
        return text, contiguous(text), Layout(pieces, owners, full_text, corners)
    ends = [start - 1 for start in page_starts[1:]]
    pages = ["".join(pieces[start:end]) for start, end in zip(page_starts, [*ends, len(pieces)], strict=True)]
    return text, "|".join(map(contiguous, pages)), Layout(pieces, owners, full_text, corners)


def contiguous(page: str) -> str:
    """The text of one page with line and block ends as spaces; of the same length."""
    return page.replace("\n", " ").replace("|", " ")


class Layout:
    """The pieces of a rendered text with the words behind them; offsets and polygons are read when somebody asks.

    Every method raises :class:`~robotoff_core.text.errors.OcrError` for a word whose polygon is malformed.
    """

    __slots__ = ("_corners_of", "_full_text", "_owners", "_pieces", "_starts")

    def __init__(
        self, pieces: list[str], owners: "list[VisionWord | None]", full_text: "FullText", corners: "Corners"
    ) -> None:
        self._full_text = full_text
        self._corners_of = corners
        self._pieces = pieces
        self._owners = owners
        self._starts: list[int] | None = None

    def words(self) -> list[Word]:
        """All words, in text order."""
        return [self._word(index) for index, owner in enumerate(self._owners) if owner is not None]

    def words_in_span(self, start: int, end: int) -> list[Word]:
        """The words with at least one character in ``text[start:end]``."""
        return [self._word(index) for index in self._touched(start, end)]

    def box(self, start: int, end: int) -> Box | None:
        """The smallest box around these words."""
        corners = [corner for index in self._touched(start, end) for corner in self._corners(index)]
        return _box(corners) if corners else None

    def _touched(self, start: int, end: int) -> list[int]:
        """The pieces whose words have a character in the span."""
        starts = self._offsets()
        first, last = max(bisect_right(starts, start) - 1, 0), min(bisect_left(starts, end), len(self._pieces))
        touched = []
        for index in range(first, last):
            if self._owners[index] is not None:
                word_start, word_end = self._extent(index)
                if word_end > start and word_start < end:
                    touched.append(index)
        return touched

    def _offsets(self) -> list[int]:
        """Where each piece begins, and where the last one ends."""
        starts = self._starts
        if starts is None:
            starts = self._starts = list(accumulate(map(len, self._pieces), initial=0))
        return starts

    def _extent(self, index: int) -> tuple[int, int]:
        """(start, end) of the word at a piece; the breaks around a word do not belong to it."""
        piece, start = self._pieces[index], self._offsets()[index]
        text = piece.strip(" \n")
        if text and text is not piece:
            start += len(piece) - len(piece.lstrip(" \n"))
        return start, start + len(text)

    def _corners(self, index: int) -> "list[Vertex]":
        owner = self._owners[index]
        if owner is None:
            return []
        try:
            return self._corners_of(owner)
        except ValueError as error:
            from .explain import malformed_polygon

            raise malformed_polygon(owner, self._full_text.pages, error) from None

    def _word(self, index: int) -> Word:
        start, end = self._extent(index)
        corners, owner = self._corners(index), self._owners[index]
        languages = _languages(owner) if owner is not None else ()
        text = self._pieces[index].strip(" \n")
        return Word(text, start, end, _box(corners), orientation_of(corners), languages)


def orientation_of(vertices: "list[Vertex]") -> Orientation:
    """The direction of a word from the corners of its polygon, which begin at the text's own top left.

    For an upright or turned polygon the two corners with the smallest y tell it. In a long word that is tilted a little
    these two belong to one end of the word, so the direction of writing decides where the corners go round clockwise.
    """
    if len(vertices) != 4:
        return Orientation.UNKNOWN
    a, b, c, d = vertices
    if (c.x - a.x) * (d.y - b.y) - (c.y - a.y) * (d.x - b.x) <= 0:  # twice the signed area: flat, crossed or mirrored
        top_corners = sorted(range(4), key=lambda index: vertices[index].y)[:2]
        return _BY_TOP_CORNERS.get(frozenset(top_corners), Orientation.UNKNOWN)
    rightwards = (b.x - a.x + c.x - d.x) + (d.y - a.y + c.y - b.y)
    downwards = (b.y - a.y + c.y - d.y) - (d.x - a.x + c.x - b.x)
    if abs(rightwards) >= abs(downwards):
        return Orientation.UP if rightwards > 0 else Orientation.DOWN
    return Orientation.RIGHT if downwards > 0 else Orientation.LEFT


def _box(vertices: "list[Vertex]") -> Box | None:
    if not vertices:
        return None
    xs = [vertex.x for vertex in vertices]
    ys = [vertex.y for vertex in vertices]
    return (min(ys), min(xs), max(ys), max(xs))


def _languages(word: "VisionWord") -> tuple[str, ...]:
    detected = word.property.detected_languages if word.property is not None else None
    return tuple(language.language_code for language in detected) if detected else ()
