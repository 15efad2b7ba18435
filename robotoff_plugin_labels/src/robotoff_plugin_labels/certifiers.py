"""Codes of organic control bodies: FR-BIO-01, DE-ÖKO-006, ES-ECO-019-CT. EU regulations 889/2008 and 1235/2008.

A code counts only when it is known: to the label taxonomy, or to the packaged list derived from it (a deployment may
have only a sample of the taxonomy).
"""

import re
from functools import cache

from robotoff_core.api import OcrDocument, Taxonomy

from .data import lines

__all__ = ["CERTIFIER_WORDS", "certifier", "known_certifiers"]

CERTIFIER_WORDS = ("bio", "öko", "oko", "eko", "øko", "org", "eco")
_DASH = r"-.\u2010-\u2015\u2212"
_COUNTRY = re.compile(rf"(?<![^\W\d_])([A-Z]{{2}})(?:\s?[{_DASH}]\s?|\s)\Z")
_NUMBER = re.compile(rf"(?:\s?[{_DASH}]\s?|\s)(\d{{2,3}})(?!\d)(?:(?:\s?[{_DASH}]\s?|\s)([A-Z]{{2,3}})(?![^\W_]))?")


def certifier(text: str, start: int, end: int, taxonomy: Taxonomy) -> tuple[str, int, int] | None:
    """The label of the code around the word ``text[start:end]`` (as printed) and the code's span, or ``None``."""
    word = text[start:end]
    if not word[0].isupper():
        return None
    country = _COUNTRY.search(text, max(0, start - 6), start)
    number = _NUMBER.match(text, end) if country else None
    if country is None or number is None:
        return None
    words = dict.fromkeys((word.lower(), OcrDocument.from_text(word).folded))
    if "oko" in words:
        words["øko"] = None  # the stroke is what OCR loses first
    regional = [f"{number[1]}-{number[2].lower()}"] if number[2] else []
    # A Spanish number without its region names no body: regions share the numbers.
    plain = [] if country[1] == "ES" else [number[1]]
    packaged = known_certifiers()
    for digits in (*regional, *plain):
        for spelling in words:
            tag = f"en:{country[1].lower()}-{spelling}-{digits}"
            if tag in taxonomy or tag in packaged:
                return tag, country.start(1), number.end(2 if digits in regional else 1)
    return None


@cache
def known_certifiers() -> frozenset[str]:
    """The packaged codes."""
    return frozenset(
        f"en:{country}-{word}-{number}"
        for country, word, *numbers in map(str.split, lines("certifiers.txt"))
        for number in numbers
    )
