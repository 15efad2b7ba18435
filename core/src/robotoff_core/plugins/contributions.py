"""Smaller things a plugin may contribute: routes, commands, migrations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

__all__ = ["Command", "Migrations", "Route"]


@frozen
class Route:
    """One HTTP route below ``/api/v1/plugins/<slug>/``: ``handler(query)`` gets its query and returns JSON data."""

    path: str
    handler: Callable[[Mapping[str, str]], Any]
    method: str = "GET"
    summary: str = ""


@frozen
class Command:
    """One command ``robotoff <slug> <name>``: ``run(arguments)`` returns the exit code."""

    name: str
    help: str
    run: Callable[[Sequence[str]], int]


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen
class Migrations:
    """Where a plugin's alembic versions live: a package folder, and the tables they own (each ``<slug>_...``)."""

    package: str
    tables: tuple[str, ...] = field(factory=tuple, converter=_names)
