"""The documentation is true: links lead somewhere, generated pages are fresh, named commands and keys exist."""

import re
from pathlib import Path

import pytest

import generate_docs
from packages import ROOT, packages

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(package.folder / "README.md" for package in packages()),
    ]
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page.relative_to(ROOT)}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page.relative_to(ROOT)}: {target}"


@pytest.mark.parametrize("name", generate_docs.PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    page = generate_docs.REFERENCE / name
    assert page.read_text(encoding="utf-8") == generate_docs.PAGES[name](), f"run `make docs` and commit {name}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_named_commands_exist(page: Path) -> None:
    """Every ``robotoff ...`` in the text is a command of the command line."""
    known = {" ".join(path[1:]) for path, _ in generate_docs.commands()}
    groups = {path.rpartition(" ")[0] for path in known if " " in path}
    known |= {package.name for package in packages() if package.is_plugin}  # commands that plugins bring
    for line in re.findall(r"(?<![\w/-])robotoff ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", commands_in(page)):
        first, _, second = line.partition(" ")
        assert first in known, f"{page.relative_to(ROOT)}: robotoff {line}"
        if first in groups and second:
            assert line in known, f"{page.relative_to(ROOT)}: robotoff {line}"


def commands_in(page: Path) -> str:
    """What stands in code: spans, fenced blocks and indented lines."""
    text = page.read_text(encoding="utf-8")
    fenced = "\n".join(re.findall(r"^```(?:sh|text)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    spans = "\n".join(re.findall(r"`([^`\n]+)`", text))
    indented = "\n".join(re.findall(r"^ {4}(.*)$", text, re.MULTILINE))
    return "\n".join([fenced, spans, indented])


def test_the_pages_named_for_readers_exist() -> None:
    for folder in ["tutorial", "how-to", "reference", "explanation"]:
        assert any((ROOT / "docs" / folder).glob("*.md"))
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = str(page.relative_to(ROOT / "docs"))
        assert name == "README.md" or f"({name})" in index, f"docs/README.md does not list {name}"
