"""The words around quantities, one file per language in ``data/languages``: prompts, what never is a net quantity, and
the question. A contributor adds a language by adding its file.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from unicodedata import combining, normalize

from attrs import field, frozen

__all__ = ["Kind", "Language", "Meaning", "languages", "meanings"]


class Kind(StrEnum):
    """What a word says about the quantity beside it; the values are the keys of the language files."""

    NET = "net"
    WEAK = "weak"
    DRAINED = "drained"
    SERVING = "serving"
    PER_SERVING = "per_serving"
    RECIPE = "recipe"
    NEUTRAL = "neutral"


_TEXTS = ("name", "question")


@frozen
class Language:
    """One language file: its ``code`` (the file's name), English ``name``, ``question`` and words by kind."""

    code: str
    name: str
    question: str
    words: Mapping[Kind, tuple[str, ...]] = field(repr=False)


@frozen
class Meaning:
    """The value of a term in the lexicon: its kind, and the languages that use the word so."""

    kind: Kind
    languages: tuple[str, ...]


@cache
def languages() -> Mapping[str, Language]:
    """All languages by code, read from the package's files at the first call.

    Raises :class:`ValueError` naming the file and key when a file has other keys than the kinds, ``name`` and
    ``question``.
    """
    folder = files(__package__) / "data" / "languages"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return {
        language.code: language
        for language in (
            _language(entry.name.removesuffix(".toml"), tomllib.loads(entry.read_text("utf-8"))) for entry in found
        )
    }


def _language(code: str, table: Mapping[str, object]) -> Language:
    texts, words = {}, {}
    for key, value in table.items():
        where = f"data/languages/{code}.toml, key {key!r}"
        if key in _TEXTS:
            if not isinstance(value, str):
                raise ValueError(f"{where}: not a text")
            texts[key] = value
        elif key in set(Kind):
            if not (isinstance(value, list) and all(isinstance(word, str) and word for word in value)):
                raise ValueError(f"{where}: not a list of words")
            words[Kind(key)] = tuple(value)
        else:
            raise ValueError(f"{where}: unknown; use one of {', '.join((*_TEXTS, *Kind))}")
    for key in _TEXTS:
        if key not in texts:
            raise ValueError(f"data/languages/{code}.toml: key {key!r} is missing")
    return Language(code, texts["name"], texts["question"], words)


@cache
def meanings() -> Mapping[str, Meaning]:
    """Every word once, with its meaning; words that differ only in accents or case are one ("netto", "nettó").

    Raises :class:`ValueError` when two languages give one word different kinds.
    """
    found: dict[str, Meaning] = {}
    for language in languages().values():
        for kind, words in language.words.items():
            for word in map(_plain, words):
                before = found.setdefault(word, Meaning(kind, ()))
                if before.kind is not kind:
                    raise ValueError(
                        f"data/languages: {word!r} is {before.kind.value!r} in {', '.join(before.languages)} but "
                        f"{kind.value!r} in {language.code}; keep one"
                    )
                if language.code not in before.languages:
                    found[word] = Meaning(kind, (*before.languages, language.code))
    return found


def _plain(word: str) -> str:
    return "".join(char for char in normalize("NFD", word.lower()) if not combining(char))
