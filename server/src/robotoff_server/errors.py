"""Errors as clients see them: JSON ``{"title", "description"?}`` with the texts of the API contract.

Handlers raise :class:`ApiError`; the middleware turns it, and every other exception, into a response. Clients test for
the status only, but the texts are for people: they name the parameter and what would be right.
"""

from collections.abc import Mapping
from http import HTTPStatus

__all__ = ["ApiError", "http_title", "invalid", "missing", "not_found", "refused", "short"]


class ApiError(Exception):
    """An answer that is an error. ``title`` and ``description`` reach the client: never settings or paths."""

    def __init__(
        self, status: int, title: str, description: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(description or title)
        self.status = status
        self.title = title
        self.description = description
        self.headers = dict(headers or {})


def http_title(status: int) -> str:
    """The title of an error without words of its own: ``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def missing(name: str) -> ApiError:
    """A required parameter is absent."""
    return ApiError(400, "Missing parameter", f'The "{name}" parameter is required.')


def invalid(name: str, reason: str) -> ApiError:
    """A parameter has the wrong form; *reason* is a sentence."""
    return ApiError(400, "Invalid parameter", f'The "{name}" parameter is invalid. {reason}')


def refused(description: str) -> ApiError:
    """The parameters are well formed and make no sense together."""
    return ApiError(400, http_title(400), description)


def short(text: str) -> ApiError:
    """A refusal whose title is the whole text."""
    return ApiError(400, text)


def not_found() -> ApiError:
    """Nothing at this address."""
    return ApiError(404, http_title(404))
