"""Routes as a table. Literal path segments win over variables (``/insights/random`` is never a barcode), and one
trailing slash is as good as none: clients in the field send it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from aiohttp import web
from attrs import frozen

__all__ = ["Endpoint", "add_endpoints"]


@frozen
class Endpoint:
    """One method of one path; ``{name}`` stands for a segment."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_endpoints(app: web.Application, endpoints: Sequence[Endpoint]) -> None:
    """Add *endpoints*, each with and without a trailing slash.

    Raises :class:`ValueError` or :class:`RuntimeError` for a path or method that cannot be a route.
    """
    literals = _literals(endpoint.path for endpoint in endpoints)
    for endpoint in endpoints:
        pattern = _pattern(endpoint.path, literals)
        for path in {pattern, pattern.rstrip("/") + "/"}:
            if endpoint.method == "GET":
                app.router.add_get(path, endpoint.handler)  # and HEAD
            else:
                app.router.add_route(endpoint.method, path, endpoint.handler)


def _literals(paths: Iterable[str]) -> dict[str, set[str]]:
    """For each path prefix, the literal segments that stand behind it somewhere."""
    literals: dict[str, set[str]] = {}
    for path in paths:
        prefix = ""
        for segment in path.split("/")[1:]:
            if segment and not segment.startswith("{"):
                literals.setdefault(prefix, set()).add(segment)
            prefix += f"/{segment}"
    return literals


def _pattern(path: str, literals: dict[str, set[str]]) -> str:
    """*path* for aiohttp's router, its variables not matching what is a literal in that place."""
    pattern = prefix = ""
    for segment in path.split("/")[1:]:
        if segment.startswith("{"):
            taken = "|".join(sorted(literals.get(prefix, ())))
            unless = f"(?!(?:{taken})(?:/|$))" if taken else ""
            pattern += f"/{{{segment[1:-1]}:{unless}[^/]+}}"
        else:
            pattern += f"/{segment}"
        prefix += f"/{segment}"
    return pattern
