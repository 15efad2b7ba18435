"""Where ingredients of an organic product were grown: EU, outside, or both ("Agriculture UE / non UE")."""

import re
from functools import cache

from robotoff_core.api import OcrDocument

from .data import table

__all__ = ["agriculture", "agriculture_anchors"]

_WINDOW = 60
"""Characters read on each side of the anchor; the longest wording has about 45."""

_TAGS = {
    (True, False): "en:eu-agriculture",
    (False, True): "en:non-eu-agriculture",
    (True, True): "en:eu-non-eu-agriculture",
}


def agriculture(folded: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The origin said around the anchor word ``folded[start:end]``: its label and the whole span, or ``None``."""
    behind, ahead, outside, unions = _patterns()
    found = behind.match(folded, end, end + _WINDOW)
    if found is not None:
        span = (start, found.end())
    else:
        before = start
        while before > start - 3 and folded[before - 1 : before] in (" ", "-"):
            before -= 1
        if before == start or not folded.endswith(unions, 0, before):
            return None
        found = ahead.search(folded, max(0, start - _WINDOW), start)
        if found is None:
            return None
        span = (found.start(1), end)
    sides = [bool(outside.match(side)) for side in (found[1], found[2]) if side]
    return _TAGS[False in sides, True in sides], *span


def agriculture_anchors() -> list[str]:
    """The words near which an origin of agriculture is looked for."""
    return sorted({word for words in table("agriculture.toml")["anchors"].values() for word in words})


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], tuple[str, ...]]:
    """What stands behind the anchor, what ahead of it, an "outside the", and the words for the EU."""
    raw = table("agriculture.toml")
    unions = _folded(raw["union"])
    union = _any(unions)
    outside = rf"(?:{_any(_folded(raw['outside']))})[\s-]{{0,3}}"
    side = rf"(?:{outside})?(?:{union})"
    joiner = rf"\s?-?\s?(?:/|,|&|\+|\b(?:{_any(_folded(raw['joiners']))})\b)?\s?"
    link = rf"(?:(?:{_any(_folded(raw['links']))})\s?)?"
    behind = rf"[\s:(,-]{{1,2}}{link}({side})(?!\w)(?:{joiner}({side})(?!\w))?"
    ahead = rf"(?<!\w)({side})(?:{joiner}({side}))?[\s-]{{1,3}}\Z"
    return re.compile(behind), re.compile(ahead), re.compile(outside), unions


def _folded(by_language: dict[str, list[str]]) -> tuple[str, ...]:
    """The words of all languages, the longest first."""
    words = {OcrDocument.from_text(word).folded for words in by_language.values() for word in words}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def _any(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, words))
