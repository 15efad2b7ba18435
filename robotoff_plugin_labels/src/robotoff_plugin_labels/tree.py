"""The label taxonomy as this plugin sees it: what the deployment has, completed by the packaged facts.

A deployment may run with a sample of the taxonomy, or none. What a rule of ours can read must not vanish then, and
``en:fr-bio-01`` must still be more precise than ``en:organic``.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from robotoff_core.api import Taxonomy

from .certifiers import known_certifiers
from .data import read
from .origins import origin_names

__all__ = ["LabelTree"]

_CERTIFIED = ("en:eu-organic",)


class LabelTree:
    """Look-ups in a label taxonomy, for one taxonomy object (see :meth:`of`)."""

    _latest: "LabelTree | None" = None

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._canonical: dict[str, str | None] = {}
        self._ancestors: dict[str, frozenset[str]] = {}

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> "LabelTree":
        """The tree of *taxonomy*; the latest one is kept, with what it has looked up."""
        tree = cls._latest
        if tree is None or tree._taxonomy is not taxonomy:
            tree = cls._latest = cls(taxonomy)
        return tree

    def canonical(self, tag: str) -> str | None:
        """The id of the label that *tag* means (an id, or a name or synonym in any language), ``None`` for an unknown
        one. Where there is no taxonomy at all, every tag is its own id."""
        if tag not in self._canonical:
            if len(self._canonical) > _REMEMBERED:
                self._canonical.clear()
            self._canonical[tag] = self._look_up(tag)
        return self._canonical[tag]

    def _look_up(self, tag: str) -> str | None:
        found = self._taxonomy.canonical(tag)
        if found is not None:
            return found
        return tag if not len(self._taxonomy) or tag in _packaged() or tag in known_certifiers() else None

    def ancestors(self, tag: str) -> frozenset[str]:
        """All labels above the label *tag* (an id), without itself."""
        known = self._ancestors.get(tag)
        if known is None:
            if len(self._ancestors) > _REMEMBERED:
                self._ancestors.clear()
            known = self._ancestors[tag] = self._above(tag)
        return known

    def _above(self, tag: str) -> frozenset[str]:
        found: set[str] = set()
        todo = [tag]
        while todo:
            one = todo.pop()
            parents: Iterable[str] = self._taxonomy.parents(one)
            if one not in self._taxonomy:
                parents = _CERTIFIED if one in known_certifiers() else _packaged().get(one, {}).get("parents", ())
            new = set(parents) - found
            found |= new
            todo.extend(new)
        return frozenset(found - {tag})

    def covers(self, precise: str, tag: str) -> bool:
        """Whether a product labelled *precise* is thereby labelled *tag*: the same label, or one below it."""
        return precise == tag or tag in self.ancestors(precise)

    def name(self, tag: str, lang: str) -> str:
        """The label as a person reads it: in *lang* (``pt_BR``), its base language, language-neutral, English, the
        tag's own language, else the tag."""
        names = self._taxonomy.names(tag) if tag in self._taxonomy else _packaged().get(tag, {}).get("names", {})
        code = lang.replace("_", "-").lower()
        for one in (code, code.partition("-")[0], "xx", "en", tag.partition(":")[0]):
            if one in names:
                return str(names[one])
        return tag.partition(":")[2].upper() if tag in known_certifiers() else tag


_REMEMBERED = 10_000
"""Look-ups kept; product labels are free text, so that the number of tags has no other bound."""


@cache
def _packaged() -> dict[str, dict[str, Any]]:
    """Parents and names of the labels that this plugin can name, and of those above them."""
    known: dict[str, dict[str, Any]] = json.loads(read("labels.json"))
    return known | {tag: {"names": {"en": name}} for tag, name in origin_names().items() if tag not in known}
