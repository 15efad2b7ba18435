"""The manifest: who a plugin is, what it owns, and what the server must know about its types."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from attrs import field, frozen

__all__ = ["HOOK_API", "ImageRule", "Manifest", "Quality", "TypeSpec"]

HOOK_API = (1, 0)
"""The hook API of this core, (major, minor). A plugin written for the same major and a minor up to this one runs."""


class ImageRule(StrEnum):
    """Which picture illustrates a question: the prediction's own image, or the product's best selected one."""

    SOURCE = "source"
    PRODUCT = "product"


class Quality(StrEnum):
    """The promise a plugin makes: ``stable`` keeps its figures from release to release, ``experimental`` may not."""

    STABLE = "stable"
    EXPERIMENTAL = "experimental"


@frozen
class TypeSpec:
    """What core and server must know of one insight or prediction type; its owner declares it.

    - ``insight``: whether insights of this type exist (an importer is registered for it).
    - ``asked``: whether it is asked as a question at all; ``asked_by_default`` without naming the type.
    - ``priority``: order of question types on one product, lower first.
    - ``image``: which picture the question shows.
    - ``needs_login``: whether anonymous votes are refused.
    - ``default_run``: whether its predictions are made when no types are named.
    - ``schema``: JSON schema of ``data``; empty when others need not read it.
    """

    name: str
    title: str = ""
    insight: bool = True
    asked: bool = True
    asked_by_default: bool = True
    priority: int = 100
    image: ImageRule = ImageRule.SOURCE
    needs_login: bool = False
    default_run: bool = True
    schema: Any = field(factory=dict, repr=False)


# Typed converters: type checkers cannot solve the type of a bare `tuple`.
def _specs(specs: Iterable[TypeSpec]) -> tuple[TypeSpec, ...]:
    return tuple(specs)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen
class Manifest:
    """A plugin's identity. ``slug`` equals the entry point's name.

    ``hook_api`` is the (major, minor) it was written for. ``owns`` is exclusive among enabled plugins; ``produces`` and
    ``reads`` name prediction types of any plugin beyond those it owns. ``settings`` is an attrs class; its instance,
    structured from ``[plugins.<slug>]`` of ``robotoff.toml``, reaches components as ``run.settings``.
    """

    slug: str
    title: str
    hook_api: tuple[int, int] = HOOK_API
    owns: tuple[TypeSpec, ...] = field(factory=tuple, converter=_specs)
    produces: tuple[str, ...] = field(factory=tuple, converter=_names)
    reads: tuple[str, ...] = field(factory=tuple, converter=_names)
    settings: type | None = None
    quality: Quality = Quality.EXPERIMENTAL
    maintainers: tuple[str, ...] = field(factory=tuple, converter=_names)
