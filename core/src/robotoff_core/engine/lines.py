"""One line of a bulk file as a value of ours, or what is wrong with it. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..model.candidates import Candidate
from ..model.ids import (
    SERVER_TYPES,
    ProductId,
    is_reserved_barcode,
    normalize_barcode,
    parse_source_image,
    source_image,
)
from ..model.insights import Insight, Origin, Status
from ..model.predictions import Prediction
from ..store.records import ImageRow

if TYPE_CHECKING:
    from ..plugins.registry import Registry

__all__ = ["INSIGHT_KEYS", "LineError", "image_of", "insight_of", "prediction_of", "product_of", "text_of"]


class LineError(ValueError):
    """What is wrong with a line."""


def prediction_of(row: Mapping[str, Any], first: Mapping[str, Any]) -> Prediction:
    version = row.get("predictor_version")
    if version != first.get("predictor_version"):
        raise LineError(
            f"predictor_version {version!r} differs within a run (first: {first.get('predictor_version')!r})"
        )
    data = row.get("data")
    if data is None:
        data = {}
    elif not isinstance(data, dict):
        raise LineError("key 'data' must be an object")
    automatic = row.get("automatic_processing")
    if automatic is not None and not isinstance(automatic, bool):
        raise LineError("key 'automatic_processing' must be true, false or null")
    confidence = row.get("confidence")
    if confidence is not None and (isinstance(confidence, bool) or not isinstance(confidence, int | float)):
        raise LineError("key 'confidence' must be a number or null")
    return Prediction(
        row["type"],
        text_of(row, "value"),
        text_of(row, "value_tag"),
        data,
        automatic,
        confidence,
        method=text_of(row, "predictor"),
    )


def text_of(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    raise LineError(f"key {key!r} must be a text or null, not {type(value).__name__}")


def product_of(row: Mapping[str, Any], server_type: str, key: str) -> ProductId:
    barcode = row.get(key)
    if not isinstance(barcode, str) or not barcode.strip():
        raise LineError(f"key {key!r} must be a non-empty text")
    named = row.get("server_type") or server_type
    if named not in SERVER_TYPES:
        raise LineError(f"key 'server_type' must be one of {', '.join(SERVER_TYPES)}, not {named!r}")
    return ProductId(normalize_barcode(barcode.strip()), named)


def image_of(row: Mapping[str, Any], server_type: str) -> ImageRow:
    product = product_of(row, server_type, "barcode")
    image_id = str(row.get("image_id", ""))
    if not (image_id.isascii() and image_id.isdigit()):
        raise LineError(f"key 'image_id' must be a number, not {row.get('image_id')!r}")
    sizes = []
    for key in ("width", "height"):
        size = row.get(key)
        if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
            raise LineError(f"key {key!r} must be a positive whole number of pixels, not {size!r}")
        sizes.append(size)
    uploaded = row.get("uploaded_t")
    if uploaded is not None and (isinstance(uploaded, bool) or not isinstance(uploaded, int)):
        raise LineError(f"key 'uploaded_t' must be seconds since 1970, not {uploaded!r}")
    try:
        path = source_image(product.barcode, image_id)
    except ValueError as error:
        raise LineError(str(error)) from None
    at = None if uploaded is None else datetime.fromtimestamp(uploaded, UTC)
    return ImageRow(product, image_id, path, sizes[0], sizes[1], at)


INSIGHT_KEYS = frozenset(
    {
        "id",
        "barcode",
        "type",
        "data",
        "timestamp",
        "completed_at",
        "annotation",
        "annotated_result",
        "n_votes",
        "username",
        "countries",
        "brands",
        "process_after",
        "value_tag",
        "value",
        "source_image",
        "automatic_processing",
        "server_type",
        "unique_scans_n",
        "reserved_barcode",
        "predictor",
        "predictor_version",
        "campaign",
        "confidence",
        "bounding_box",
        "lc",
        "with_image",
    }
)
"""The keys of an insight's public form."""

_STATUS = {0: Status.REJECTED, -1: Status.SKIPPED, 1: Status.APPLIED, 2: Status.APPLIED}


def insight_of(row: Mapping[str, Any], registry: "Registry", server_type: str) -> Insight:
    """One line as an insight. Raises :class:`LineError`."""
    unknown = sorted(row.keys() - INSIGHT_KEYS)
    if unknown:
        raise LineError(f"unknown key {unknown[0]!r}; an insight has {', '.join(sorted(INSIGHT_KEYS))}")
    try:
        insight_id = UUID(row["id"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise LineError(f"key 'id' must be a UUID, not {row.get('id')!r}") from None
    product = product_of(row, server_type, "barcode")
    kind = text_of(row, "type")
    if not kind:
        raise LineError("key 'type' is missing or empty")
    annotation = row.get("annotation")
    if annotation is not None and annotation not in _STATUS:
        raise LineError(f"key 'annotation' must be null, -1, 0, 1 or 2, not {annotation!r}")
    data = row.get("data")
    if data is not None and not isinstance(data, dict):
        raise LineError("key 'data' must be an object")
    image = text_of(row, "source_image")
    if image is not None:
        try:
            parse_source_image(image)
        except ValueError as error:
            raise LineError(f"key 'source_image': {error}") from None
    box = row.get("bounding_box")
    if box is not None and not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        raise LineError("key 'bounding_box' must be null or [y_min, x_min, y_max, x_max]")
    candidate = Candidate(
        value=text_of(row, "value"),
        value_tag=text_of(row, "value_tag"),
        data=data or {},
        source_image=image,
        predictor=text_of(row, "predictor"),
    )
    owned = registry.types.get(kind)
    importer = registry.importers.get(kind)
    claim = importer.component.claim(candidate) if importer else candidate.value_tag or candidate.value or ""
    return Insight(
        id=insight_id,
        product=product,
        type=kind,
        claim=claim,
        plugin=owned.plugin if owned else "",
        data=candidate.data,
        value=candidate.value,
        value_tag=candidate.value_tag,
        source_image=image,
        automatic=row.get("automatic_processing") is True,
        confidence=_number(row, "confidence", float),
        predictor=candidate.predictor,
        predictor_version=text_of(row, "predictor_version"),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        campaigns=_texts(row, "campaign") or (),
        lc=_texts(row, "lc"),
        countries=_texts(row, "countries") or (),
        brands=_texts(row, "brands") or (),
        unique_scans_n=_number(row, "unique_scans_n", int) or 0,
        reserved_barcode=is_reserved_barcode(product.barcode),
        with_image=row.get("with_image") if isinstance(row.get("with_image"), bool) else image is not None,
        username=text_of(row, "username"),
        annotation=annotation,
        annotated_result=_number(row, "annotated_result", int),
        n_votes=_number(row, "n_votes", int) or 0,
        status=Status.OPEN if annotation is None else _STATUS[annotation],
        origin=Origin.IMPORTED,
        timestamp=_moment(row, "timestamp"),
        completed_at=_moment(row, "completed_at"),
        process_after=_moment(row, "process_after") if annotation is None else None,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(row: Mapping[str, Any], key: str, kind: Callable[[Any], Any]) -> Any:
    value = row.get(key)
    if value is None:
        return None
    if not _is_number(value):
        raise LineError(f"key {key!r} must be a number or null, not {value!r}")
    return kind(value)


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LineError(f"key {key!r} must be a list of texts or null")
    return tuple(value)


def _moment(row: Mapping[str, Any], key: str) -> datetime | None:
    value = text_of(row, key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise LineError(f"key {key!r} must be an ISO 8601 time, not {value!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
