"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["BigId", "JsonValue", "Tags", "UtcDateTime"]

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""A growing row id; SQLite counts only its own INTEGER keys up by itself."""

JsonValue = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON value; ``None`` is SQL's NULL."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, always timezone-aware in Python. SQLite keeps it as text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """*value* in UTC. Raises :class:`ValueError` for a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the store takes aware times only")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """*value* as an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Tags(TypeDecorator[tuple[str, ...]]):
    """A list of tags as a tuple: ``text[]`` on PostgreSQL, JSON text on SQLite (where ``insight_tag`` is the index)."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's own type."""
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else JSON(none_as_null=True))

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> list[str] | None:
        """The tags as a list."""
        return None if value is None else list(value)

    def process_result_value(self, value: list[str] | None, dialect: Dialect) -> tuple[str, ...] | None:
        """The tags as a tuple."""
        return None if value is None else tuple(value)
