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
    behind, ahead, outside = _patterns()
    found = behind.match(folded, end, end + _WINDOW)
    if found is not None:
        span = (start, found.end())
    else:
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
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    raw = table("agriculture.toml")
    union = _union(raw["union"])
    outside = rf"(?:{_union(raw['outside'])})[\s-]{{0,2}}"
    side = rf"(?:{outside})?(?:{union})"
    joiner = rf"\s?-?\s?(?:/|,|&|\+|\b(?:{_union(raw['joiners'])})\b)?\s?"
    link = rf"(?:(?:{_union(raw['links'])})\s?)?"
    behind = rf"[\s:(,-]{{1,2}}{link}({side})(?!\w)(?:{joiner}({side})(?!\w))?"
    ahead = rf"(?<!\w)({side})(?:{joiner}({side}))?[\s-]{{1,2}}\Z"
    return re.compile(behind), re.compile(ahead), re.compile(outside)


def _union(by_language: dict[str, list[str]]) -> str:
    words = {OcrDocument.from_text(word).folded for words in by_language.values() for word in words}
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
