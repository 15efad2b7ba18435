"""The public objects: an insight with its 27 keys, and JSON that clients have read for years.

Datetimes go out as naive UTC (``2026-11-22T03:18:01.465460``, no microseconds when 0), nulls are always present in
stored objects, key order is the contract's.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from robotoff_core.model.insights import Insight

__all__ = ["dump", "insight_json", "json_response", "naive"]


def naive(moment: datetime | None) -> datetime | None:
    """*moment* in UTC without a zone, as every public time is written."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def insight_json(insight: Insight) -> dict[str, Any]:
    """The public form of an insight."""
    return {
        "id": str(insight.id),
        "barcode": insight.product.barcode,
        "type": insight.type,
        "data": dict(insight.data),
        "timestamp": naive(insight.timestamp),
        "completed_at": naive(insight.completed_at),
        "annotation": insight.annotation,
        "annotated_result": insight.annotated_result,
        "n_votes": insight.n_votes,
        "username": insight.username,
        "countries": list(insight.countries),
        "brands": list(insight.brands),
        "process_after": naive(insight.process_after),
        "value_tag": insight.value_tag,
        "value": insight.value,
        "source_image": insight.source_image,
        "automatic_processing": insight.automatic,
        "server_type": insight.product.server_type,
        "unique_scans_n": insight.unique_scans_n,
        "reserved_barcode": insight.reserved_barcode,
        "predictor": insight.predictor,
        "predictor_version": insight.predictor_version,
        "campaign": list(insight.campaigns),
        "confidence": insight.confidence,
        "bounding_box": None if insight.box is None else list(insight.box),
        "lc": None if insight.lc is None else list(insight.lc),
        "with_image": insight.with_image,
    }


def dump(data: Any) -> bytes:
    """Compact UTF-8 JSON."""
    try:
        return orjson.dumps(data, default=_plain)
    except TypeError:
        # What orjson refuses and JSON allows: integers beyond 64 bits, lone surrogates, in data that others stored.
        return json.dumps(data, default=_plain, separators=(",", ":")).encode("ascii")


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response; the content type carries no parameter, as clients have always seen it."""
    return web.Response(body=dump(data), status=status, headers={**(headers or {}), "Content-Type": "application/json"})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if isinstance(value, datetime):
        moment = naive(value)
        assert moment is not None
        return moment.isoformat()
    return str(value)
