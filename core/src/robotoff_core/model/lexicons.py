"""Lexicons: terms that a plugin wants found in every document. Data only; :mod:`robotoff_core.text.lexicon` scans."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from attrs import field, frozen

__all__ = ["Boundary", "Lexicon"]


class Boundary(StrEnum):
    """Where a lexicon's term may stand: as a whole word (no letter, digit or ``_`` may touch it), or anywhere."""

    WORD = "word"
    NONE = "none"


def _entries(entries: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(entries)


@frozen
class Lexicon:
    """Terms that core looks for in every document, all lexicons in one scan.

    ``entries``: (term, value) pairs; a term may stand several times with different values, all are reported. Terms
    and text are compared folded (lower case, accents removed one for one, line and block ends as a space); with
    ``case_sensitive`` the text as printed must equal the term. Overlaps within one lexicon: leftmost, then longest.
    """

    name: str
    entries: tuple[tuple[str, Any], ...] = field(converter=_entries, repr=False)
    boundary: Boundary = Boundary.WORD
    case_sensitive: bool = False
