"""Labels in a package's text. All words are found by core's one scan; only their neighbourhood is looked at again."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from robotoff_core.api import Boundary, Hit, Lexicon, OcrDocument, Prediction, Predictor, Run

from .absence import grammars
from .agriculture import agriculture, agriculture_anchors
from .certifiers import CERTIFIER_WORDS, certifier
from .data import languages
from .origins import origin

__all__ = ["ACRONYMS", "ANCHORS", "CLAIMS", "LabelText", "lexicons"]

CLAIMS = "labels.claims"
"""Phrases, traps and the beginnings of absence claims and origins. In one lexicon, so that the longer phrase hides the
shorter one inside: "not suitable for vegans" is a trap, and "vegans" is not looked at any more."""
ANCHORS = "labels.anchors"
ACRONYMS = "labels.acronyms"

_HOMOLOGATION = re.compile(
    r"homologations?\s?(?:label rouge)?\s?(?:n\s?[°ºo.]?s?)?\s?:?\s?la\s?[-/.]?\s?\d{2}\s?[/.-]\s?\d{2}(?!\d)"
)


_SHARE = re.compile(r"\s?\(?\d{1,3}(?:[.,]\d{1,2})?\s?%")
"""A percentage behind "AOP" makes it an ingredient's quality, not the product's."""


_APPELLATION = re.compile(r"appellation(?:\s[^\W\d_][\w'-]{0,30}){1,6}?\s(controlee|protegee)\b")
_APPELLATIONS = {"controlee": "fr:aoc", "protegee": "en:pdo"}
"""Wine names the place in between: "Appellation Côtes du Rhône contrôlée"."""


class _Found(NamedTuple):
    """Where a label stands; ``method`` is the public name of the way it was found, ``weak`` what a person always
    confirms."""

    start: int
    end: int
    method: str
    weak: bool = False


def lexicons() -> list[Lexicon]:
    """The lexicons of :class:`LabelText`. A value is (kind, label or language)."""
    claims: list[tuple[str, tuple[str, str]]] = []
    acronyms: list[tuple[str, tuple[str, str]]] = []
    for language in languages():
        for tag, phrases in language.phrases.items():
            claims += [(phrase, ("label", tag)) for phrase in phrases]
        claims += [(phrase, ("trap", "")) for phrase in language.traps]
        claims += [(phrase, ("absence", language.code)) for phrase in language.negators]
        claims += [(phrase, ("origin", "")) for phrase in language.prefixes]
        for tag, terms in language.acronyms.items():
            acronyms += [(term, ("label", tag)) for term in terms]
    anchors = [(word, ("certifier", "")) for word in CERTIFIER_WORDS]
    anchors += [(word, ("agriculture", "")) for word in agriculture_anchors()]
    anchors += [
        ("appellation", ("appellation", "")),
        ("homologation", ("homologation", "")),
        ("homologations", ("homologation", "")),
    ]
    return [
        Lexicon(CLAIMS, dict.fromkeys(claims)),
        Lexicon(ANCHORS, dict.fromkeys(anchors)),
        Lexicon(ACRONYMS, acronyms, boundary=Boundary.WORD, case_sensitive=True),
    ]


class LabelText(Predictor):
    """The labels that a text states: each once, where it stands first."""

    name = "labels.text"
    version = "1"
    produces = ("label",)
    product_name = True

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        """One prediction per label, in text order; ``data.text`` is what was read."""
        found: dict[str, _Found] = {}
        claims = document.hits(CLAIMS)
        if claims:
            _read_claims(document.folded, claims, found)
        for hit in document.hits(ANCHORS):
            tag, start, end = _ANCHORED[hit.value[0]](document, hit, run) or ("", 0, 0)
            if tag and (tag not in found or start < found[tag].start):
                found[tag] = _Found(start, end, "regex")
        for hit in document.hits(ACRONYMS):
            if hit.value[1] not in found and _counts(document, hit, claims):
                found[hit.value[1]] = _Found(hit.start, hit.end, "regex", weak=True)
        text = document.contiguous
        return [
            Prediction(
                "label",
                value_tag=tag,
                data={"text": text[one.start : one.end]},
                span=(one.start, one.end),
                automatic=False if one.weak else None,
                method=one.method,
            )
            for tag, one in sorted(found.items(), key=_in_text_order)
        ]


def _in_text_order(item: tuple[str, _Found]) -> tuple[int, str]:
    return item[1].start, item[0]


def _read_claims(folded: str, claims: Sequence[Hit], found: dict[str, _Found]) -> None:
    """Add what phrases, absence claims and origins say; hits come in text order, so that the first one stays."""
    for hit in claims:
        kind, value = hit.value
        if kind == "absence":
            for claim in grammars()[value].read(folded, hit.end):
                if claim.tag not in found:
                    found[claim.tag] = _Found(hit.start, claim.end, "regex")
        elif kind == "trap" or _is_denied(folded, hit.start):
            continue
        elif kind == "label":
            if value not in found:
                found[value] = _Found(hit.start, hit.end, "flashtext")
        else:
            made_in = origin(folded, hit.end)
            if made_in is not None and made_in[0] not in found:
                found[made_in[0]] = _Found(hit.start, made_in[1], "flashtext")


def _is_denied(folded: str, start: int) -> bool:
    """Whether a word such as "not" stands right before *start*, behind a space or a hyphen."""
    end = start - 1
    if end < 2 or folded[end] not in " -":
        return False
    for word in _denials():
        if folded.endswith(word, 0, end):
            before = end - len(word) - 1
            if before < 0 or not folded[before].isalnum():
                return True
    return False


@cache
def _denials() -> tuple[str, ...]:
    words = {OcrDocument.from_text(word).folded for language in languages() for word in language.denials}
    return tuple(sorted(words))


def _certifier(document: OcrDocument, hit: Hit, run: Run[Any]) -> tuple[str, int, int] | None:
    return certifier(document.text, hit.start, hit.end, hit.term, run.taxonomy("labels"))


def _agriculture(document: OcrDocument, hit: Hit, _: Run[Any]) -> tuple[str, int, int] | None:
    return agriculture(document.folded, hit.start, hit.end)


def _appellation(document: OcrDocument, hit: Hit, _: Run[Any]) -> tuple[str, int, int] | None:
    named = _APPELLATION.match(document.folded, hit.start)
    return (_APPELLATIONS[named[1]], hit.start, named.end()) if named else None


def _homologation(document: OcrDocument, hit: Hit, _: Run[Any]) -> tuple[str, int, int] | None:
    number = _HOMOLOGATION.match(document.folded, hit.start)
    return ("fr:label-rouge", hit.start, number.end()) if number else None


_ANCHORED: dict[str, Callable[[OcrDocument, Hit, Run[Any]], tuple[str, int, int] | None]] = {
    "certifier": _certifier,
    "agriculture": _agriculture,
    "appellation": _appellation,
    "homologation": _homologation,
}


def _counts(document: OcrDocument, hit: Hit, claims: Sequence[Hit]) -> bool:
    """Whether an acronym says something of its own: it is no part of a claim, and no percentage follows."""
    before = bisect_right(claims, hit.start, key=_start) - 1
    inside = before >= 0 and hit.end <= claims[before].end
    return not inside and not _SHARE.match(document.contiguous, hit.end)


def _start(hit: Hit) -> int:
    return hit.start
