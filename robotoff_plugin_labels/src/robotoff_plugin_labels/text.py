"""Labels in a package's text. All words are found by core's one scan; only their neighbourhood is looked at again."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from attrs import frozen

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


_WINDOW = 10
"""Characters before a phrase in which a denial is looked for; longer than any."""

_SHARE = re.compile(r"\s?\(?\d{1,3}(?:[.,]\d{1,2})?\s?%")
"""A percentage behind "AOP" makes it an ingredient's quality, not the product's."""


_APPELLATION = re.compile(r"appellation(?:\s[^\W\d_][\w'-]{0,30}){1,6}?\s(controlee|protegee)\b")
_APPELLATIONS = {"controlee": "fr:aoc", "protegee": "en:pdo"}
"""Wine names the place in between: "Appellation Côtes du Rhône contrôlée"."""


@frozen
class _Found:
    """A label and where it stands; ``method`` is the public name of the way it was found, ``weak`` what a person always
    confirms."""

    tag: str
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
        for one in (*_claims(document), *_anchored(document, run), *_acronyms(document)):
            earlier = found.get(one.tag)
            if earlier is None or (one.start < earlier.start and not one.weak):
                found[one.tag] = one
        return [
            Prediction(
                "label",
                value_tag=one.tag,
                data={"text": document.contiguous[one.start : one.end]},
                span=(one.start, one.end),
                automatic=False if one.weak else None,
                method=one.method,
            )
            for one in sorted(found.values(), key=lambda one: (one.start, one.tag))
        ]


def _claims(document: OcrDocument) -> Iterator[_Found]:
    hits = document.hits(CLAIMS)
    traps = {(hit.start, hit.end) for hit in hits if hit.value[0] == "trap"}
    for hit in hits:
        kind, value = hit.value
        if kind in ("label", "origin") and _denied().search(document.folded, max(0, hit.start - _WINDOW), hit.start):
            continue
        if kind == "label":
            if (hit.start, hit.end) not in traps:
                yield _Found(value, hit.start, hit.end, "flashtext")
        elif kind == "absence":
            for claim in grammars()[value].read(document.folded, hit.end):
                yield _Found(claim.tag, hit.start, claim.end, "regex")
        elif kind == "origin":
            made_in = origin(document.folded, hit.end)
            if made_in is not None:
                yield _Found(made_in[0], hit.start, made_in[1], "flashtext")


@cache
def _denied() -> re.Pattern[str]:
    """A word such as "not" at the end, alone."""
    words = {OcrDocument.from_text(word).folded for language in languages() for word in language.denials}
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(words)))})[\s-]\Z")


def _anchored(document: OcrDocument, run: Run[Any]) -> Iterator[_Found]:
    for hit in document.hits(ANCHORS):
        kind = hit.value[0]
        if kind == "certifier":
            found = certifier(document.text, hit.start, hit.end, run.taxonomy("labels"))
        elif kind == "agriculture":
            found = agriculture(document.folded, hit.start, hit.end)
        elif kind == "appellation":
            named = _APPELLATION.match(document.folded, hit.start)
            found = (_APPELLATIONS[named[1]], hit.start, named.end()) if named else None
        else:
            number = _HOMOLOGATION.match(document.folded, hit.start)
            found = ("fr:label-rouge", hit.start, number.end()) if number else None
        if found is not None:
            yield _Found(*found, "regex")


def _acronyms(document: OcrDocument) -> Iterator[_Found]:
    claims = document.hits(CLAIMS)
    for hit in document.hits(ACRONYMS):
        before = bisect_right(claims, hit.start, key=_start) - 1
        inside = before >= 0 and hit.end <= claims[before].end
        if not inside and not _SHARE.match(document.contiguous, hit.end):
            yield _Found(hit.value[1], hit.start, hit.end, "regex", weak=True)


def _start(hit: Hit) -> int:
    return hit.start
