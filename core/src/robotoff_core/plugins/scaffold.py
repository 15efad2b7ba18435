"""``robotoff plugins new``: a new plugin's folder, made of the template that core carries.

The template (``robotoff_core/template``) is itself a working plugin called ``sample``; creating one replaces that name
in paths and texts.
"""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from .discovery import RESERVED, discover, is_slug

__all__ = ["ScaffoldError", "create", "rendered"]

SLUG, CLASS, TITLE = "sample", "Sample", "Sample title"
_SKIPPED = ("__pycache__", ".pytest_cache")


class ScaffoldError(ValueError):
    """The plugin cannot be created; the text says why and what to do."""


def create(slug: str, into: Path, title: str = "") -> list[Path]:
    """Create ``robotoff_plugin_<slug>`` in the folder *into*; returns the files made.

    Raises :class:`ScaffoldError` for a slug that cannot be one or is taken, and when the folder exists.
    """
    if slug in RESERVED:
        raise ScaffoldError(f"{slug} is a word of the configuration; choose another slug")
    if not is_slug(slug):
        raise ScaffoldError(
            f"{slug!r} cannot be a slug: write lower-case letters, digits and underscores, beginning with a letter"
        )
    if any(character in title for character in '"\\\n'):
        raise ScaffoldError("the title must be one line without quotes and backslashes")
    taken = discover().get(slug)
    if taken:
        raise ScaffoldError(f"{taken[0].distribution} already provides a plugin called {slug}; choose another slug")
    folder = into / f"robotoff_plugin_{slug}"
    if folder.exists():
        raise ScaffoldError(f"{folder} exists already; choose another slug or another folder")
    created = []
    try:
        for path, text in rendered(slug, title):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            created.append(target)
    except OSError as error:
        raise ScaffoldError(f"{folder}: cannot be written: {error}") from None
    return created


def rendered(slug: str, title: str = "") -> list[tuple[PurePosixPath, str]]:
    """The files of a new plugin: path below its folder, and content."""
    names = {
        f"robotoff-plugin-{SLUG}": f"robotoff-plugin-{slug.replace('_', '-')}",
        TITLE: title or slug.replace("_", " ").capitalize(),
        CLASS: "".join(word.capitalize() for word in slug.split("_")),
        SLUG: slug,
    }
    return [(PurePosixPath(_replaced(str(path), names)), _replaced(text, names)) for path, text in _template()]


def _replaced(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def _template() -> Iterator[tuple[PurePosixPath, str]]:
    yield from _walk(files("robotoff_core") / "template", PurePosixPath())


def _walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name in _SKIPPED:
            continue
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        else:
            yield path / entry.name, entry.read_text(encoding="utf-8")
