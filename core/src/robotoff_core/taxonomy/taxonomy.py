"""One taxonomy: nodes with parents, names and synonyms by language, and properties.

The form is Open Food Facts' static export: ``{id: {"parents": [...], "name": {lang: text}, "synonyms": {lang: [...]},
"children": [...], <property>: {lang: value}}}``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..text.tags import tag_from_text

__all__ = ["Taxonomy"]

_STRUCTURE = frozenset(("parents", "children", "name", "synonyms"))
_NOTHING: Mapping[str, Any] = {}


class Taxonomy:
    """Look-ups in a taxonomy. Immutable; its indexes are built at the first look-up that needs them."""

    __slots__ = ("_ancestors", "_any", "_by_language", "_children", "_nodes", "name_of_taxonomy")

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]] | None = None, *, name: str = "") -> None:
        self.name_of_taxonomy = name
        self._nodes = nodes or {}
        self._ancestors: dict[str, frozenset[str]] = {}
        self._children: dict[str, list[str]] | None = None
        self._by_language: dict[tuple[str, str], str] | None = None
        self._any: dict[str, str] = {}

    @classmethod
    def from_dict(cls, nodes: Mapping[str, Mapping[str, Any]], *, name: str = "") -> "Taxonomy":
        """The taxonomy of decoded JSON. Raises :class:`ValueError` naming the first node of a wrong shape."""
        if not isinstance(nodes, Mapping):
            raise ValueError(f"taxonomy {name!r}: an object of nodes expected, not {type(nodes).__name__}")
        clean = dict(nodes)
        for node_id, node in nodes.items():
            if not isinstance(node, Mapping):
                raise ValueError(f"taxonomy {name!r}, node {node_id!r}: an object expected, not {type(node).__name__}")
            for key, is_right in _SHAPES.items():
                if key in node and not is_right(node[key]):
                    raise ValueError(f"taxonomy {name!r}, node {node_id!r}: {key!r} has the wrong type")
            names = node.get("name", _NOTHING)
            if None in names.values():  # exports hold a few; such a name is none
                clean[node_id] = {**node, "name": {lang: text for lang, text in names.items() if text is not None}}
        return cls(clean, name=name)

    def __repr__(self) -> str:
        return f"<Taxonomy {self.name_of_taxonomy!r}, {len(self._nodes)} nodes>"

    def __contains__(self, tag: object) -> bool:
        return tag in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def canonical(self, tag: str) -> str | None:
        """The id that *tag* means, or ``None``.

        *tag* is an id, a tag made of a name or synonym (``fr:sans-gluten``), or the name itself, with a language prefix
        ("fr:Sans gluten") or without ("Sans gluten": any language). Case, accents and punctuation do not matter.
        """
        if tag in self._nodes:
            return tag
        if self._by_language is None:
            self._index()
        assert self._by_language is not None
        language, colon, rest = tag.partition(":")
        if colon and language.isalpha() and language.islower() and len(language) in (2, 3):
            for form in _forms(rest):
                found = self._by_language.get((language, form)) or self._by_language.get(("xx", form))
                if found is not None:
                    return found
            return None
        return next((found for form in _forms(tag) if (found := self._any.get(form)) is not None), None)

    def parents(self, node_id: str) -> tuple[str, ...]:
        """The direct parents; ``()`` for roots and unknown ids."""
        return tuple(self._nodes.get(node_id, _NOTHING).get("parents", ()))

    def children(self, node_id: str) -> tuple[str, ...]:
        """The direct children, by id."""
        if self._children is None:
            children: dict[str, list[str]] = {}
            for child in self._nodes:
                for parent in self.parents(child):
                    children.setdefault(parent, []).append(child)
            self._children = children
        return tuple(self._children.get(node_id, ()))

    def ancestors(self, node_id: str) -> frozenset[str]:
        """All nodes above, without the node itself."""
        known = self._ancestors.get(node_id)
        if known is None:
            found: set[str] = set()
            todo = list(self.parents(node_id))
            while todo:
                parent = todo.pop()
                if parent not in found:  # also ends on a cycle, should an export ever hold one
                    found.add(parent)
                    todo.extend(self.parents(parent))
            found.discard(node_id)
            known = self._ancestors[node_id] = frozenset(found)
        return known

    def is_ancestor(self, above: str, below: str) -> bool:
        """Whether *above* stands somewhere above *below*; no node is its own ancestor."""
        return above in self.ancestors(below)

    def deepest(self, tags: Iterable[str]) -> list[str]:
        """*tags* without repetitions and without those that stand above another of them; unknown tags stay."""
        unique = list(dict.fromkeys(tags))
        above = frozenset[str]().union(*map(self.ancestors, unique))
        return [tag for tag in unique if tag not in above]

    def name(self, node_id: str, lang: str) -> str:
        """The name in *lang* (``fr``, ``pt_BR``), else in its base language, else the language-neutral one, else the
        English one, else the id."""
        names = self._nodes.get(node_id, _NOTHING).get("name", _NOTHING)
        lang = lang.replace("_", "-").lower()
        for code in (lang, lang.partition("-")[0], "xx", "en"):
            if code in names:
                return str(names[code])
        return node_id

    def names(self, node_id: str) -> Mapping[str, str]:
        """The names by language code."""
        names: Mapping[str, str] = self._nodes.get(node_id, _NOTHING).get("name", _NOTHING)
        return names

    def synonyms(self, node_id: str) -> Mapping[str, list[str]]:
        """The synonyms by language code."""
        synonyms: Mapping[str, list[str]] = self._nodes.get(node_id, _NOTHING).get("synonyms", _NOTHING)
        return synonyms

    def properties(self, node_id: str) -> Mapping[str, Any]:
        """Everything else the node says, by key: ``{"country": {"en": "france"}}``; empty for unknown ids."""
        return {key: value for key, value in self._nodes.get(node_id, _NOTHING).items() if key not in _STRUCTURE}

    def _index(self) -> None:
        by_language: dict[tuple[str, str], str] = {}
        for node_id, node in self._nodes.items():  # names first: a synonym never takes another node's name
            for language, name in node.get("name", _NOTHING).items():
                for form in _forms(name):
                    by_language.setdefault((language, form), node_id)
        for node_id, node in self._nodes.items():
            for language, synonyms in node.get("synonyms", _NOTHING).items():
                for synonym in synonyms:
                    for form in _forms(synonym):
                        by_language.setdefault((language, form), node_id)
            language, _, rest = node_id.partition(":")
            for form in _forms(rest):
                by_language.setdefault((language, form), node_id)
        preferred = sorted(by_language, key=lambda key: (key[0] != "xx", key[0] != "en", key[0]))
        for key in preferred:
            self._any.setdefault(key[1], by_language[key])
        self._by_language = by_language


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "parents": _is_texts,
    "name": lambda names: isinstance(names, Mapping) and all(isinstance(name, str | None) for name in names.values()),
    "synonyms": lambda names: isinstance(names, Mapping) and all(map(_is_texts, names.values())),
}


def _forms(name: str) -> tuple[str, ...]:
    """The spellings under which a name is found: as a tag with its accents, and folded."""
    lower = name.lower()
    kept = "-".join(lower.replace("'", " ").replace("’", " ").replace(".", " ").split())
    folded = tag_from_text(lower)
    return (kept,) if kept == folded else (kept, folded)
