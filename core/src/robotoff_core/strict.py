"""Structuring plain tables (TOML, environment, options) into attrs classes, strictly.

``"false"`` is not true, ``1`` is not ``"1"``, an unknown key is an error. Every problem is reported with its dotted
path, all of them at once. Used for ``robotoff.toml`` and for each plugin's settings.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import attrs
from attrs import frozen

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["MASK", "Problem", "Refused", "StructureError", "Text", "is_secret", "mask_url", "structure"]

T = TypeVar("T")
MASK = "********"
_SECRET = re.compile(
    r"(?:^|_)(?:passwords?|passwd|secrets?|tokens?|credentials?|api_?keys?|private_?keys?)(?:_|$)", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://[^/?#\s:@]*:)(?P<password>[^/?#\s@]+)(?=@)", re.IGNORECASE)
_QUERY_PASSWORD = re.compile(r"(?P<key>[?&](?:password|sslpassword|token)=)[^&#\s]+", re.IGNORECASE)


class Text(str):
    """A value that arrived as text (environment variable, ``--set``): converted to the type its key wants."""

    __slots__ = ()


@frozen
class Problem:
    """One thing that is wrong: the path from the structured table ("server", "port"), and a sentence."""

    path: tuple[str, ...]
    message: str


class StructureError(ValueError):
    """What :func:`structure` raises: all problems of one table."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{'.'.join(problem.path) or 'table'}: {problem.message}" for problem in problems))


class Refused(ValueError):
    """What a settings class raises with a sentence that quotes no value, so that it can be shown for secrets too."""


class _Mismatch(ValueError):
    """A value of the wrong type. Carries the value apart from the sentence, so that secrets are never quoted."""

    def __init__(self, expected: str, value: Any) -> None:
        self.expected = expected
        self.value = value
        super().__init__(f"expected {expected}")


def is_secret(path: Sequence[str]) -> bool:
    """Whether the value at *path* must not be shown: an account's, or one whose path speaks of a secret."""
    return tuple(path[:1]) == ("accounts",) or any(_SECRET.search(segment) for segment in path)


def mask_url(value: str) -> str:
    """*value* with the password of any URL in it masked.

    >>> mask_url("postgresql://robotoff:hunter2@db/robotoff")
    'postgresql://robotoff:********@db/robotoff'
    """
    masked = _URL_PASSWORD.sub(lambda found: found["scheme"] + MASK, value)
    return _QUERY_PASSWORD.sub(lambda found: found["key"] + MASK, masked)


def structure(raw: Any, into: type[T]) -> T:
    """*raw* as an instance of the attrs class *into*.

    Raises :class:`StructureError` with every problem: wrong types, unknown or missing keys, failed validators.
    """
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(raw, into)
    except (BaseValidationError, ValueError, TypeError, KeyError) as error:
        raise StructureError(list(_problems(error, (), into))) from None


def _problems(error: BaseException, path: tuple[str, ...], where: Any) -> Iterator[Problem]:
    from cattrs.errors import (
        BaseValidationError,
        ClassValidationError,
        ForbiddenExtraKeysError,
        IterableValidationError,
    )

    if isinstance(error, ClassValidationError | IterableValidationError):
        noted, others = error.group_exceptions()
        for inner, note in noted:
            segment = note.name if hasattr(note, "name") else str(note.index)
            yield from _problems(inner, (*path, segment), error.cl)
        for inner in others:
            yield from _problems(inner, path, error.cl)
    elif isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _problems(inner, path, where)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl) if not field.metadata.get("internal")]
        for key in sorted(error.extra_fields):
            yield Problem((*path, key), f"unknown key{_suggestion(key, known)}")
    elif isinstance(error, _Mismatch):
        yield Problem(path, f"expected {error.expected}, got {_shown(error.value, path)}")
    elif isinstance(error, KeyError):
        yield Problem(path, "is required")
    else:
        yield _invalid(error, path)


def _invalid(error: BaseException, path: tuple[str, ...]) -> Problem:
    """What an attrs validator refused: its messages begin with the attribute's name, which belongs to the path."""
    text = str(error.args[0]) if error.args else type(error).__name__
    named = re.match(r"'(\w+)' (.*)", text, re.DOTALL)
    if named:
        path, text = (*path, named[1]), named[2]
    return Problem(path, "is not accepted" if is_secret(path) and not isinstance(error, Refused) else text)


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f" (did you mean `{close[0]}`?)"
    return f" (known: {', '.join(known)})" if known else " (this table has no keys)"


def _shown(value: Any, path: Sequence[str]) -> str:
    if isinstance(value, Mapping | list):
        return "a list" if isinstance(value, list) else "a table"
    kind = {
        "bool": "the boolean",
        "int": "the number",
        "float": "the number",
        "str": "the text",
        "Text": "the text",
    }.get(type(value).__name__)
    if kind is None:
        return f"a {type(value).__name__}"
    if is_secret(path):
        return f"{kind} (not shown)"
    if isinstance(value, bool):
        return f"{kind} {str(value).lower()}"
    return f"{kind} {mask_url(value)!r}" if isinstance(value, str) else f"{kind} {value!r}"


def _toml_value(text: str) -> Any:
    """*text* read as a TOML value; the text itself when it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return str(text)
    return table["value"] if len(table) == 1 else str(text)


def _bool(value: Any, _: Any) -> bool:
    if isinstance(value, Text) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise _Mismatch("true or false", value)


def _int(value: Any, _: Any) -> int:
    if isinstance(value, Text):
        try:
            return int(value)
        except ValueError:
            raise _Mismatch("a whole number", value) from None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _Mismatch("a whole number", value)


def _float(value: Any, _: Any) -> float:
    if isinstance(value, Text):
        try:
            return float(value)
        except ValueError:
            raise _Mismatch("a number", value) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _Mismatch("a number", value)


def _str(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise _Mismatch("a text", value)


def _path(value: Any, _: Any) -> Path:
    if isinstance(value, str | Path) and str(value):
        return Path(str(value))
    raise _Mismatch("a path", value)


def _date(value: Any, _: Any) -> date:
    value = _toml_value(value) if isinstance(value, Text) else value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise _Mismatch("a date such as 2026-06-30", value)


def _any(value: Any, _: Any) -> Any:
    return _toml_value(value) if isinstance(value, Text) else value


def _literal(kind: Any) -> Callable[[Any, Any], Any]:
    def pick(value: Any, _: Any) -> Any:
        for choice in get_args(kind):
            if type(value) in (type(choice), Text) and value == choice:
                return choice
        raise _Mismatch("one of " + ", ".join(map(repr, get_args(kind))), value)

    return pick


def _enum(kind: Any) -> Callable[[Any, Any], Any]:
    def pick(value: Any, _: Any) -> Any:
        for member in kind:
            if type(value) in (type(member.value), Text) and value == member.value:
                return member
        raise _Mismatch("one of " + ", ".join(repr(member.value) for member in kind), value)

    return pick


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, Text):
        if value.lstrip().startswith("["):
            value = _toml_value(value)
        else:
            value = [Text(part.strip()) for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return list(value)
    raise _Mismatch("a list", value)


def _as_table(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Text):
        value = _toml_value(value)
    if isinstance(value, Mapping):
        return value
    raise _Mismatch("a table", value)


def _origin(kind: Any) -> Any:
    return get_origin(kind)


@lru_cache(maxsize=1)
def _converter() -> "Converter":
    from cattrs import Converter
    from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory, mapping_structure_factory
    from cattrs.gen import make_dict_structure_fn

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    scalars: dict[Any, Callable[[Any, Any], Any]] = {
        bool: _bool,
        int: _int,
        float: _float,
        str: _str,
        Path: _path,
        date: _date,
    }
    for kind, hook in scalars.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: kind is Any, _any)

    register: Any = converter.register_structure_hook_factory  # its type refuses factories that take the converter

    def sequence(kind: Any, inner: "Converter") -> Callable[[Any, Any], Any]:
        make = homogenous_tuple_structure_factory if _origin(kind) is tuple else list_structure_factory
        base: Callable[[Any, Any], Any] = make(kind, inner)
        return lambda value, wanted: base(_as_list(value), wanted)

    def table(kind: Any, inner: "Converter") -> Callable[[Any, Any], Any]:
        base: Callable[[Any, Any], Any] = mapping_structure_factory(kind, inner)
        return lambda value, wanted: base(_as_table(value), wanted)

    def attrs_class(kind: Any, inner: "Converter") -> Callable[[Any, Any], Any]:
        base: Callable[[Any, Any], Any] = make_dict_structure_fn(kind, inner, _cattrs_forbid_extra_keys=True)
        return lambda value, wanted: base(_as_table(value), wanted)

    register(lambda kind: _origin(kind) is Literal, _literal)
    register(lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _enum)
    register(lambda kind: _origin(kind) in (list, tuple), sequence)
    register(lambda kind: _origin(kind) in (dict, Mapping), table)
    register(attrs.has, attrs_class)
    return converter
