"""The packaged data files: rules and words by language. Nothing is read before it is asked for."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from attrs import field, frozen

__all__ = ["Language", "expand", "languages", "lines", "read", "table"]

_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - pathlib and importlib.resources cost more than reading the files


@frozen
class Language:
    """One file of ``languages/``; every phrase is expanded (see :func:`expand`). ``xx`` holds what no language owns.

    - ``phrases``: label -> what says it.
    - ``traps``: what holds a label's words and says something else; the longer trap hides the phrase.
    - ``denials``: words that turn the phrase or origin right behind them into its contrary ("not").
    - ``acronyms``: label -> capitals, as printed.
    - ``negators``: what begins an absence claim ("without"); the words inside by role: ``fillers``, ``added``,
      ``artificial``, ``other`` (adjectives that make it another claim), ``coordinators``, and ``substances`` by name.
    - ``prefixes``: what begins an origin ("made in"), ``articles`` that may follow, ``countries`` by name.
    """

    code: str
    phrases: dict[str, tuple[str, ...]]
    traps: tuple[str, ...]
    denials: tuple[str, ...]
    acronyms: dict[str, tuple[str, ...]]
    negators: tuple[str, ...]
    words: dict[str, tuple[str, ...]] = field(repr=False)
    substances: dict[str, tuple[str, ...]] = field(repr=False)
    prefixes: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    countries: dict[str, tuple[str, ...]] = field(factory=dict, repr=False)


def read(name: str) -> str:
    """A file of this folder, read now."""
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        return file.read()


def table(name: str) -> dict[str, Any]:
    """A TOML file of this folder, read now."""
    import tomllib

    return tomllib.loads(read(name))


def lines(name: str) -> list[str]:
    """The lines of a text file of this folder, without comments (``#``) and empty lines."""
    return [line.strip() for line in read(name).splitlines() if line.strip() and not line.startswith("#")]


@cache
def languages() -> tuple[Language, ...]:
    """All languages, by code."""
    folder = os.path.join(_FOLDER, "languages")  # noqa: PTH118
    names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))  # noqa: PTH208
    return tuple(_language(table(f"languages/{name}")) for name in names)


def _language(raw: dict[str, Any]) -> Language:
    absence = raw.get("absence", {})
    origin = raw.get("origin", {})
    roles = ("fillers", "added", "artificial", "other", "coordinators")
    return Language(
        code=raw["language"],
        phrases=_expanded(raw.get("phrases", {})),
        traps=_all(raw.get("traps", {}).get("phrases", ())),
        denials=tuple(raw.get("traps", {}).get("denials", ())),
        acronyms={tag: tuple(terms) for tag, terms in raw.get("acronyms", {}).items()},
        negators=_all(absence.get("negators", ())),
        words={role: tuple(absence.get(role, ())) for role in roles},
        substances={name: tuple(words) for name, words in absence.get("substances", {}).items()},
        prefixes=_all(origin.get("prefixes", ())),
        articles=tuple(origin.get("articles", ())),
        countries={country: tuple(names) for country, names in origin.get("countries", {}).items()},
    )


def _expanded(by_tag: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {tag: _all(phrases) for tag, phrases in by_tag.items()}


def _all(phrases: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for phrase in phrases for text in expand(phrase)))


def expand(phrase: str) -> Iterator[str]:
    """All readings of a phrase of the data files: ``(a|b)`` is a choice, ``~`` a hyphen or a space.

    >>> list(expand("vegan(|e) gluten~free"))
    ['vegan gluten-free', 'vegan gluten free', 'vegane gluten-free', 'vegane gluten free']

    Raises :class:`ValueError` for a bracket that is not closed.
    """
    start, joint = phrase.find("("), phrase.find("~")
    if start >= 0:
        choices, after = _choices(phrase, start)
        place = start
    elif joint >= 0:
        choices, place, after = ["-", " "], joint, phrase[joint + 1 :]
    else:
        yield phrase
        return
    for choice in choices:
        yield from expand(phrase[:place] + choice + after)


def _choices(phrase: str, start: int) -> tuple[list[str], str]:
    """The choices of the bracket that opens at *start*, which may hold brackets, and the phrase behind it."""
    depth, choices, begin = 0, [], start + 1
    for place in range(start, len(phrase)):
        char = phrase[place]
        depth += (char == "(") - (char == ")")
        if depth == 0 or (depth == 1 and char == "|"):
            choices.append(phrase[begin:place])
            begin = place + 1
        if depth == 0:
            return choices, phrase[begin:]
    raise ValueError(f"phrase {phrase!r}: a bracket is not closed")
