"""Codes of organic control bodies: FR-BIO-01, DE-ÖKO-006, ES-ECO-019-CT. EU regulations 889/2008 and 1235/2008.

A code counts only when it is known: to the label taxonomy, or to the packaged list derived from it (a deployment may
have only a sample of the taxonomy).
"""

import re
from functools import cache

from robotoff_core.api import Taxonomy

from .data import lines

__all__ = ["CERTIFIER_WORDS", "certifier", "known_certifiers"]

CERTIFIER_WORDS = {
    "bio": ("bio",),
    "eco": ("eco",),
    "eko": ("eko",),
    "oko": ("oko", "øko", "öko"),
    "org": ("org",),
}
"""The words of the codes as they are compared, without accents, and their spellings in labels: OCR
may lose the stroke or the dots, so that each is tried."""

_DASH = r"-.\u2010-\u2015\u2212"
_COUNTRY = re.compile(rf"(?<![^\W\d_])([A-Z]{{2}})(?:\s?[{_DASH}]\s?|\s)\Z")
_NUMBER = re.compile(rf"(?:\s?[{_DASH}]\s?|\s)(\d{{2,3}})(?!\d)(?:(?:\s?[{_DASH}]\s?|\s)([A-Z]{{2,3}})(?![^\W_]))?")


def certifier(text: str, start: int, end: int, word: str, taxonomy: Taxonomy) -> tuple[str, int, int] | None:
    """The label of the code around *word*, printed as ``text[start:end]``, and the code's span; or ``None``."""
    if not text[start].isupper():
        return None
    country = _COUNTRY.search(text, max(0, start - 6), start)
    number = _NUMBER.match(text, end) if country else None
    if country is None or number is None:
        return None
    regional = [f"{number[1]}-{number[2].lower()}"] if number[2] else []
    # A Spanish number without its region names no body: regions share the numbers.
    plain = [] if country[1] == "ES" else [number[1]]
    packaged = known_certifiers()
    for digits in (*regional, *plain):
        for spelling in CERTIFIER_WORDS[word]:
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
