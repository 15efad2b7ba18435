"""Typed request parameters: the query string, and the body of a form, as one dictionary.

Three rules come from clients in the field. Lists arrive repeated (``a=1&a=2``), joined by commas (``a=1,2``) or
joined by escaped commas (``a=1%2C2``, the Dart SDK): all three are one list. Scalars are never split: ``text=a, b``
and JSON in ``data`` arrive whole; of a repeated scalar the last counts. Blank values are kept and mean something.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar, overload
from urllib.parse import unquote_plus
from uuid import UUID

import orjson

from robotoff_core.model.ids import SERVER_TYPES, normalize_barcode

from .errors import ApiError, invalid, missing, refused, short

__all__ = ["FORM", "Parameters", "country_tags"]

FORM = "application/x-www-form-urlencoded"
TRUE = frozenset({"true", "True", "t", "yes", "y", "1", "on", ""})
FALSE = frozenset({"false", "False", "f", "no", "n", "0", "off"})
MAX_INTEGER = 2**31 - 1
"""Integers beyond this are cut to it: they match nothing, and every database can compare with it."""
MAX_COUNT = 1000
"""The longest page. Clients ask for up to 100; more than this is answered with this many."""

MAX_PARAMETERS = 1000
"""Nobody sends so many; reading millions would keep everybody else waiting."""
MAX_ITEMS = 500
"""The longest list, as long as the longest that clients send: a query of thousands of conditions is none a database
answers."""

T = TypeVar("T")


class Parameters:
    """The parameters of one request. Getters raise :class:`~.errors.ApiError` 400 naming the parameter."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, query: str, form: str | None = None) -> "Parameters":
        """Of a raw (still escaped) *query* string and, if there is one, a raw *form* body, whose values win by name."""
        values = _pairs(query)
        if form is not None:
            values.update(_pairs(form))
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def last_values(self) -> dict[str, str]:
        """Every parameter as a scalar: what a plugin's route is given."""
        return {name: values[-1] for name, values in self._values.items()}

    @overload
    def text(self, name: str, default: str) -> str: ...

    @overload
    def text(self, name: str, default: None = None) -> str | None: ...

    def text(self, name: str, default: str | None = None) -> str | None:
        """A string; the last one when repeated."""
        values = self._values.get(name)
        return _storable(name, values[-1]) if values else default

    def required_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    @overload
    def integer(self, name: str, default: int, *, low: int | None = None, high: int | None = None) -> int: ...

    @overload
    def integer(
        self, name: str, default: None = None, *, low: int | None = None, high: int | None = None
    ) -> int | None: ...

    def integer(
        self, name: str, default: int | None = None, *, low: int | None = None, high: int | None = None
    ) -> int | None:
        """An integer as Python's ``int`` reads it, within *low* and *high* where given."""
        text = self.text(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise invalid(name, "The value must be an integer.") from None
        _within(name, value, low, high)
        return max(-MAX_INTEGER, min(value, MAX_INTEGER))

    def number(
        self, name: str, default: float | None = None, *, low: float | None = None, high: float | None = None
    ) -> float | None:
        """A finite number as Python's ``float`` reads it."""
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise invalid(name, "The value must be a float.") from None
        if value != value or value in (float("inf"), float("-inf")):
            raise invalid(name, "The value must be a float.")
        _within(name, value, low, high)
        return value

    @overload
    def boolean(self, name: str, default: bool) -> bool: ...

    @overload
    def boolean(self, name: str, default: None = None) -> bool | None: ...

    def boolean(self, name: str, default: bool | None = None) -> bool | None:
        """``true True t yes y 1 on`` and a blank, or ``false False f no n 0 off``; nothing else."""
        text = self.text(name)
        if text is None:
            return default
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        raise invalid(name, "The value is not formatted correctly.")

    def uuid(self, name: str) -> UUID:
        """A required UUID: 32 hexadecimal digits, hyphens optional."""
        try:
            return UUID(self.required_text(name))
        except ValueError:
            raise invalid(name, "The value must be a UUID string.") from None

    def json(self, name: str) -> Any:
        """JSON text, or ``None`` when absent. ``null`` is read as absent too: it says nothing."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            raise invalid(name, "It could not be parsed as JSON.") from None

    @overload
    def items(self, name: str, *, first: int | None = None) -> list[str] | None: ...

    @overload
    def items(self, name: str, read: Callable[[str], T], *, first: int | None = None) -> list[T] | None: ...

    def items(self, name: str, read: Callable[[str], Any] = str, *, first: int | None = None) -> list[Any] | None:
        """A list, repeated or joined by commas; ``None`` when absent, ``[""]`` when blank. *first* cuts it."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) + sum(value.count(",") for value in values) > MAX_ITEMS:
            raise invalid(name, f"The list may not exceed {MAX_ITEMS} values.")
        texts = [_storable(name, item) for value in values for item in value.split(",")][:first]
        try:
            return [read(text) for text in texts]
        except ValueError:
            raise invalid(name, "The value is not formatted correctly.") from None

    # What most resources share.

    def server_type(self) -> str:
        """The project, ``off`` when absent."""
        name = self.text("server_type", "off")
        if name not in SERVER_TYPES:
            raise short(f"invalid `server_type`: {name}")
        return name

    def countries(self) -> list[str] | None:
        """Country tags of the two-letter codes in ``countries``."""
        codes = self.items("countries")
        if codes is None:
            return None
        tags = country_tags()
        unknown = [code for code in codes if code not in tags]
        if unknown:
            raise refused(f"invalid `countries` value: {unknown}")
        return [tags[code] for code in codes]

    def barcode(self) -> str | None:
        """The barcode, normalised; ``None`` when absent or blank, which means any."""
        barcode = self.text("barcode")
        return normalize_barcode(barcode) if barcode else None

    def page(self, default_count: int = 25) -> tuple[int, int]:
        """(limit, offset) of ``page`` and ``count``."""
        page = self.integer("page", 1, low=1)
        count = min(self.integer("count", default_count, low=1), MAX_COUNT)
        return count, min((page - 1) * count, MAX_INTEGER)

    def campaigns(self) -> list[str] | None:
        """``campaigns``; the older single ``campaign`` counts only where that is absent."""
        campaigns = self.items("campaigns")
        if campaigns is None:
            campaign = self.text("campaign")
            return [campaign] if campaign else None
        return campaigns

    def choice(self, name: str, accepted: Sequence[str], error: Callable[[str], ApiError]) -> str | None:
        """One of *accepted*, ``None`` when absent."""
        value = self.text(name)
        if value is not None and value not in accepted:
            raise error(value)
        return value


@cache
def country_tags() -> dict[str, str]:
    """Two-letter country code -> tag (``fr`` -> ``en:france``), after OFF's countries taxonomy (so ``uk`` is one)."""
    text = resources.files(__package__).joinpath("data/countries.json").read_text("utf-8")
    tags: dict[str, str] = json.loads(text)
    return tags


def _pairs(raw: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    if raw.count("&") >= MAX_PARAMETERS:
        raise refused(f"too many parameters, max: {MAX_PARAMETERS}")
    for pair in raw.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values


def _storable(name: str, text: str) -> str:
    if "\x00" in text:  # PostgreSQL stores no such text, so nothing can equal it
        raise invalid(name, "The value may not contain a NUL character.")
    return text


def _within(name: str, value: float, low: float | None, high: float | None) -> None:
    if low is not None and value < low:
        raise invalid(name, f"The value must be at least {low}")
    if high is not None and value > high:
        raise invalid(name, f"The value may not exceed {high}")
