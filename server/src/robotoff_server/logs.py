"""Structured logs: one JSON object a line, carrying the request's id into the threads that work for it."""

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

__all__ = ["JsonFormatter", "request_id", "set_up"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being served, in the event loop and in the pool's threads."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger and message, then the request's id and whatever the caller passed as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request"] = current
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send the process's logs of *level* and above to *stream* (standard error by default)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its set-up at every look at the tables
    logging.getLogger("aiohttp.server").addFilter(_not_the_clients_fault)


def _not_the_clients_fault(record: logging.LogRecord) -> bool:
    """Leave out bytes that are no HTTP or no body, which are answered with 400, and clients that went away: anybody
    could fill the log with them."""
    from aiohttp.http_exceptions import HttpProcessingError
    from aiohttp.web import RequestPayloadError

    theirs = (HttpProcessingError, RequestPayloadError, ConnectionError)
    return not (record.exc_info and isinstance(record.exc_info[1], theirs))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
