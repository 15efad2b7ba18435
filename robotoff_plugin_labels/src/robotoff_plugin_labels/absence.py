"""Absence claims: "sans colorants ni arômes artificiels", "no added sugar", "ohne Farb- und Konservierungsstoffe".

From a negator on, words are read as long as they belong to the small grammar of such claims, so that every item of a
list gets its own adjectives. The reading stops at the first foreign word: it is linear, and bounded per claim.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from attrs import Factory, define, frozen

from robotoff_core.api import OcrDocument

from .data import Language, languages, table

__all__ = ["Claim", "Grammar", "grammars"]

_TOKEN = re.compile(r"[\s'*®™¹²³(]*(?:([^\W\d_]+(?:-(?=[\s,]))?)(?:\(\w{1,2}\))?|([,/&+]))")
"""A word ("farb-" keeps its hyphen, "colorant(s)" loses its bracket) or a sign that joins items."""

_LIMIT = 24
"""Words of one claim; the longest lists on packages have about fifteen."""


@frozen
class Claim:
    """A label that an absence claim means, and the end of its words."""

    tag: str
    end: int


@define
class _Item:
    substance: str
    end: int
    qualities: set[str] = Factory(set)
    closed: bool = False  # an adjective behind it has been read


class Grammar:
    """The absence claims of one language."""

    def __init__(self, language: Language, meanings: dict[str, dict[str, str]]) -> None:
        self._meanings = meanings
        self._entries: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        for role, words in language.words.items():
            self._add(words, role, "")
        for substance, words in language.substances.items():
            self._add(words, "substance", substance)
        for entries in self._entries.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def _add(self, words: Iterable[str], role: str, value: str) -> None:
        for word in words:
            folded = OcrDocument.from_text(word + " ").folded
            tokens = tuple(match[1] or match[2] for match in _TOKEN.finditer(folded))
            self._entries.setdefault(tokens[0], []).append((tokens, role, value))

    def read(self, folded: str, start: int) -> list[Claim]:
        """The claims of the words from *start* on, just behind a negator, in folded text."""
        items: list[_Item] = []
        sure = 0  # items certainly in the list; a comma alone may as well begin something else
        before: set[str] = set()
        joined = True  # whether an item may come now
        comma = False
        for role, value, end in self._words(folded, start):
            if role == "substance":
                if not joined:
                    break
                items.append(_Item(value, end, set(before)))
                if not comma or "artificial" in before:
                    sure = len(items)
                joined = False
            elif role == "comma":
                if not items or joined:
                    break
                joined, comma = True, True
            elif role == "coordinators":
                if not items:
                    break
                joined, comma = True, False
            elif role == "fillers":
                continue
            elif joined:  # an adjective in front: it counts for what follows
                before = {role} if items else before | {role}
            else:  # an adjective behind: for all items since the last one that had its own
                for item in reversed(items):
                    if item.closed or (item is not items[-1] and item.qualities):
                        break
                    item.qualities.add(role)
                    item.end = max(item.end, end)
                items[-1].closed = True
        return list(self._claims(items[:sure]))

    def _claims(self, items: list[_Item]) -> Iterator[Claim]:
        for item in items:
            meaning = self._meanings[item.substance]
            if "other" in item.qualities:
                continue
            if "artificial" in item.qualities:
                tag = meaning.get("artificial")
            elif "added" in item.qualities:
                tag = meaning.get("added") or meaning.get("plain")
            else:
                tag = meaning.get("plain")
            if tag:
                yield Claim(tag, item.end)

    def _words(self, folded: str, position: int) -> Iterator[tuple[str, str, int]]:
        """(role, substance, end) of each word or group of words, up to the first foreign one."""
        for _ in range(_LIMIT):
            token = _TOKEN.match(folded, position)
            if token is None:
                return
            if token[2]:
                yield ("comma" if token[2] == "," else "coordinators", "", token.end())
                position = token.end()
                continue
            found = self._look_up(folded, token)
            if found is None:
                return
            role, value, end = found
            if role == "substance" and folded[end : end + 1] == "-" and folded[end + 1 : end + 2].isalpha():
                return  # a part of a longer word: "gluten-free"
            yield role, value, end
            position = end

    def _look_up(self, folded: str, first: re.Match[str]) -> tuple[str, str, int] | None:
        for tokens, role, value in self._entries.get(first[1], ()):
            end = first.end()
            for wanted in tokens[1:]:
                token = _TOKEN.match(folded, end)
                if token is None or (token[1] or token[2]) != wanted:
                    break
                end = token.end()
            else:
                return role, value, end
        return None


@cache
def grammars() -> dict[str, Grammar]:
    """The grammar of each language that has absence claims, by code."""
    meanings = table("absence.toml")
    return {language.code: Grammar(language, meanings) for language in languages() if language.negators}
