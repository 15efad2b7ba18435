"""Origins: "Made in Italy", "Fabriqué dans l'UE", "Hergestellt in der Schweiz": a prefix, an article, a country."""

import re
from functools import cache

from robotoff_core.api import OcrDocument

from .data import languages, table

__all__ = ["origin", "origin_names"]

_GAP = re.compile(r"[\s:'\"]{1,3}")
_WORD = re.compile(r"[^\W\d_]+")
_EUROPE = "en:made-in-the-eu"
_JOINER = re.compile(r"\s?(?:[,/&+]|(?:and|or|et|ou|und|oder|y|o|e|en|of|i|lub|oraz)\b)\s")
_NOT_ONLY = re.compile(
    r"[\s,]?(?:/|-|&|\+|(?:and|or|et|ou|und|oder|y|o|e|en|of|i|lub|oraz)\b)?\s?"
    r"(?:non|not|nicht|no|niet|nao|spoza|hors|outside)\b"
)
"""What follows "EU" in "EU and non-EU": the origin is then not the EU."""


def origin(folded: str, start: int) -> tuple[str, int] | None:
    """The label of the country named from *start* on, just behind a prefix, and where the name ends.

    ``None`` when no country of ours stands there ("Made in a facility that also uses milk"), or several ("Product of
    Italy, Spain and Greece", "EU and non-EU").
    """
    first = _country(folded, start)
    if first is None or (first[0] == _EUROPE and _NOT_ONLY.match(folded, first[1])):
        return None
    joiner = _JOINER.match(folded, first[1])
    second = _country(folded, joiner.end() - 1) if joiner else None
    return None if second is not None and second[0] != first[0] else first


def _country(folded: str, start: int) -> tuple[str, int] | None:
    articles, countries = _words()
    position = start
    for _ in range(2):
        gap = _GAP.match(folded, position)
        word = _WORD.match(folded, gap.end()) if gap else None
        if word is None:
            return None
        for name, tag in countries.get(word[0], ()):
            end = word.start() + len(name)
            if folded.startswith(name, word.start()) and not folded[end : end + 1].isalnum():
                return tag, end
        if word[0] not in articles:
            return None
        position = word.end()
    return None


def origin_names() -> dict[str, str]:
    """English names of the origins that the label taxonomy does not hold."""
    return {entry["tag"]: entry["name"] for entry in _origins().values() if "name" in entry}


@cache
def _origins() -> dict[str, dict[str, str]]:
    return table("origins.toml")


@cache
def _words() -> tuple[frozenset[str], dict[str, list[tuple[str, str]]]]:
    """All languages' articles, and countries by the first word of their names, the longest name first."""
    origins = _origins()
    articles: set[str] = set()
    countries: dict[str, list[tuple[str, str]]] = {}
    for language in languages():
        articles.update(OcrDocument.from_text(article).folded for article in language.articles)
        for country, names in language.countries.items():
            for name in names:
                folded = OcrDocument.from_text(name).folded
                first = _WORD.match(folded)
                assert first is not None
                entry = (folded, origins[country]["tag"])
                entries = countries.setdefault(first[0], [])
                if entry not in entries:
                    entries.append(entry)
    for entries in countries.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return frozenset(articles), countries
