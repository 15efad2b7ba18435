"""Core and server know no insight type: the names come from the loaded manifests, the sources must not hold them.

Comments and docstrings may speak of types as examples; names, strings and markup may not.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from generate_docs import manifest_of
from packages import ROOT, packages

SOURCES = [package.source for package in packages() if not package.is_plugin]
PLUGINS = [package for package in packages() if package.is_plugin]

ALLOWED: dict[str, set[str]] = {
    "core/src/robotoff_core/store/search.py": {"label"},  # SQLAlchemy's method that names a column
    "server/src/robotoff_server/console/index.html": {"label"},  # HTML's element
}
"""Exceptions by place: words that libraries and languages use for something else."""


def type_names() -> set[str]:
    return {spec.name for package in PLUGINS for spec in manifest_of(package).owns}


def docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are docstrings, of attributes as well."""
    found = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(id(statement.value))
    return found


def words(source: str) -> Iterator[tuple[int, str]]:
    """Identifiers and the words in strings of Python source, with their lines."""
    tree = ast.parse(source)
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            for word in re.findall(r"[\w-]+", node.value):
                yield line, word
        for attribute in ["id", "attr", "arg", "name", "asname", "module"]:
            value = getattr(node, attribute, None)
            if isinstance(value, str):
                yield from ((line, word) for word in value.split("."))


def named(file: Path, names: set[str]) -> set[str]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        return {f"{word} (line {line})" for line, word in words(text) if word in names}
    text = re.sub(r"/\*.*?\*/|<!--.*?-->|^\s*//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return {word for word in re.findall(r"[\w-]+", text) if word in names}


def test_the_search_finds_what_it_is_for() -> None:
    assert {word for _, word in words('"""label"""\nx = "label"')} == {"x", "label"}
    assert {word for _, word in words('def f():\n    """label"""\n')} == {"f"}


def test_the_plugins_own_types() -> None:
    assert len(type_names()) >= len(PLUGINS)


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_core_and_server_name_no_insight_type(source: Path) -> None:
    names = type_names()
    found = {}
    for file in sorted(source.rglob("*")):
        if file.suffix in {".py", ".js", ".mjs", ".html", ".css"}:
            place = str(file.relative_to(ROOT))
            extra = {word for word in named(file, names) if word.split(" ")[0] not in ALLOWED.get(place, set())}
            if extra:
                found[place] = sorted(extra)
    assert found == {}
