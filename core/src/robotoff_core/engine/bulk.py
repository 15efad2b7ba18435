"""Bulk loading: JSON lines of products, images, predictions or insights, read as a stream and written in batches.

A line that is wrong is refused with its number and reason, together with the rest of its run; everything else stays.
Loading the same file again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from attrs import define, field

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
from ..model.predictions import Prediction, PredictionRun, RunKey
from ..store.records import ImageRow, InsightEvent, Lane
from .handlers import predict_image_job
from .importing import import_runs

if TYPE_CHECKING:
    from ..plugins.registry import Registry
    from ..runtime import Runtime

__all__ = ["Counts", "LineError", "load_images", "load_insights", "load_predictions", "load_products"]

BATCH = 2000
"""Lines that are written together; a batch never splits a run."""


class LineError(ValueError):
    """What is wrong with a line."""


@define
class Counts:
    """How far a load has come. ``refused`` holds (line number, reason), at most :attr:`KEPT` of them."""

    KEPT = 1000
    lines: int = 0
    counts: dict[str, int] = field(factory=dict)
    refused: list[tuple[int, str]] = field(factory=list)
    refused_lines: int = 0

    def add(self, name: str, number: int = 1) -> None:
        """Count *number* more of *name*."""
        self.counts[name] = self.counts.get(name, 0) + number

    def refuse(self, line: int, reason: str) -> None:
        """Count a refused line."""
        self.refused_lines += 1
        if len(self.refused) < self.KEPT:
            self.refused.append((line, reason))


Progress = Callable[[Counts], None]


def load_products(
    runtime: "Runtime", lines: Iterable[bytes], counts: Counts, progress: Progress, server_type: str
) -> None:
    """Load Product Opener documents (each with ``code``) into the embedded product file; known ones are replaced.

    Raises :class:`LineError` when the deployment has no such file.
    """
    from ..products.recording import RecordingProducts

    products = runtime.products
    if not isinstance(products, RecordingProducts):
        raise LineError("there is no product file to load into; set products.file")
    for batch in _batches(lines, counts):
        documents = []
        for number, row in batch:
            try:
                product = _product(row, server_type, "code")
            except LineError as error:
                counts.refuse(number, str(error))
                continue
            documents.append({**row, "code": product.barcode, "server_type": product.server_type})
        counts.add("products", products.load(documents, server_type))
        progress(counts)


def load_images(
    runtime: "Runtime",
    lines: Iterable[bytes],
    counts: Counts,
    progress: Progress,
    server_type: str,
    read: Callable[[str], bytes],
) -> None:
    """Load images: ``{"barcode", "image_id", "width", "height"}`` and optionally ``uploaded_t`` (seconds) and ``ocr``,
    the OCR document itself or the path of its file (*read* returns its bytes, raising :class:`OSError`).

    An image with a document is handed to a job that predicts from it.
    """
    from ..text import OcrDocument, OcrError

    for batch in _batches(lines, counts):
        images: list[ImageRow] = []
        jobs = []
        for number, row in batch:
            try:
                image = _image(row, server_type)
                ocr = row.get("ocr")
                if ocr is not None:
                    document = read(ocr) if isinstance(ocr, str) else orjson.dumps(ocr)
                    OcrDocument.from_bytes(document)
                    runtime.documents.put(image.product, image.source_image, document)
                    jobs.append(predict_image_job(image.product, image.source_image, Lane.LOW))
            except (LineError, OcrError, OSError) as error:
                counts.refuse(number, str(error))
                continue
            images.append(image)
        now = runtime.now()
        with runtime.store.write() as tx:
            tx.images.upsert(images)
            tx.jobs.enqueue_all(jobs, now)
        counts.add("images", len(images))
        counts.add("jobs", len(jobs))
        progress(counts)


def load_predictions(
    runtime: "Runtime", lines: Iterable[bytes], counts: Counts, progress: Progress, server_type: str
) -> None:
    """Load predictions and run the importers. The lines of one run (product, image, predictor, scope) stand together.

    A line: ``barcode``, ``type``, and optionally ``server_type``, ``source_image``, ``value``, ``value_tag``,
    ``data``, ``automatic_processing``, ``confidence``, ``predictor``, ``predictor_version``, ``component`` (the
    predictor's name here; found by type and ``predictor`` when absent) and ``scope``.
    """
    reader = _RunReader(runtime.registry, counts, server_type)
    batch: list[PredictionRun] = []
    size = 0
    for run in reader.runs(_objects(lines, counts)):
        batch.append(run)
        size += len(run.predictions)
        if size >= BATCH:
            _import(runtime, batch, counts)
            progress(counts)
            batch, size = [], 0
    if batch:
        _import(runtime, batch, counts)
    progress(counts)


def load_insights(
    runtime: "Runtime", lines: Iterable[bytes], counts: Counts, progress: Progress, server_type: str
) -> None:
    """Load insights in the public 27-key form, marked as imported: open ones stay until a predictor of ours has seen
    their image, answered ones are history. Ids are kept; an id that is known already is left as it stands here."""
    for batch in _batches(lines, counts):
        insights: dict[UUID, tuple[int, Insight]] = {}
        for number, row in batch:
            try:
                insight = _insight(row, runtime.registry, server_type)
            except LineError as error:
                counts.refuse(number, str(error))
                continue
            insights[insight.id] = (number, insight)
        now = runtime.now()
        with runtime.store.write() as tx:
            known = tx.insights.get_all(insights)
            fresh = [insight for insight_id, (_, insight) in insights.items() if insight_id not in known]
            created = tx.insights.create(fresh)
            tx.events.append([InsightEvent(i, "created", now, {"origin": "imported"}) for i in sorted(created)])
        counts.add("insights", len(created))
        counts.add("known", len(insights) - len(fresh))
        for insight in fresh:
            if insight.id not in created:
                number = insights[insight.id][0]
                counts.refuse(number, f"another open insight of {insight.product} already claims {insight.claim!r}")
        progress(counts)


def _import(runtime: "Runtime", runs: list[PredictionRun], counts: Counts) -> None:
    report = import_runs(runtime, runs)
    counts.add("runs", len(runs))
    counts.add("unchanged", report.unchanged)
    counts.add("predictions", report.predictions)
    counts.add("created", len(report.created))
    counts.add("updated", len(report.updated))
    counts.add("superseded", len(report.closed))
    if report.failures:
        counts.add("failures", len(report.failures))


def _objects(lines: Iterable[bytes], counts: Counts) -> Iterator[tuple[int, dict[str, Any] | LineError]]:
    """The lines as JSON objects with their numbers, or with what is wrong. Blank lines are skipped."""
    for number, line in enumerate(lines, start=1):
        counts.lines = number
        if not line or line.isspace():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, LineError(f"not valid JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else LineError("not a JSON object")


def _batches(lines: Iterable[bytes], counts: Counts) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The objects among *lines* in batches; other lines are refused."""
    batch: list[tuple[int, dict[str, Any]]] = []
    for number, row in _objects(lines, counts):
        if isinstance(row, LineError):
            counts.refuse(number, str(row))
            continue
        batch.append((number, row))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _RunReader:
    """Gathers lines into runs; knows which runs have ended and refuses lines that come back to them."""

    def __init__(self, registry: "Registry", counts: Counts, server_type: str) -> None:
        self._counts = counts
        self._server_type = server_type
        self._ended: set[int] = set()
        self._plugins = {one.name: one.plugin for one in registry.predictors}
        self._owners = {name: owned.plugin for name, owned in registry.types.items()}
        self._by_method: dict[tuple[str, str | None], list[str]] = {}
        for one in registry.predictors:
            for produced in one.component.produces:
                self._by_method.setdefault((produced, one.component.method), []).append(one.name)

    def runs(self, rows: Iterable[tuple[int, dict[str, Any] | LineError]]) -> Iterator[PredictionRun]:
        """The complete runs of *rows*. A line that does not even tell its run spoils the one it stands in."""
        key: RunKey | None = None
        found: list[Prediction] = []
        first: dict[str, Any] = {}
        bad: int | None = None
        unreadable: int | None = None
        for number, row in rows:
            try:
                if isinstance(row, LineError):
                    raise row
                row_key = self._key(row)
            except LineError as error:
                self._counts.refuse(number, str(error))
                unreadable = number
                continue
            if row_key != key:
                if key is not None:
                    self._ended.add(hash(key))
                    if bad is None:
                        yield self._run(key, first, found)
                key, first, found, bad = row_key, row, [], None
                if hash(row_key) in self._ended:
                    bad = number
                    self._counts.refuse(number, "the lines of a run must stand together; sort the file by run")
                    continue
            elif unreadable is not None and bad is None:
                bad = unreadable
                self._counts.refused_lines += len(found)
            unreadable = None
            if bad is not None:
                self._counts.refuse(number, f"belongs to the run refused at line {bad}")
                continue
            try:
                found.append(_prediction(row, first))
            except LineError as error:
                self._counts.refuse(number, str(error))
                self._counts.refused_lines += len(found)
                bad = number
        if key is not None and bad is None:
            yield self._run(key, first, found)

    def _key(self, row: Mapping[str, Any]) -> RunKey:
        product = _product(row, self._server_type, "barcode")
        image = _text(row, "source_image")
        kind = _text(row, "type")
        if not kind:
            raise LineError("key 'type' is missing or empty")
        return RunKey(product, image, self._component(row, kind), _text(row, "scope") or "")

    def _component(self, row: Mapping[str, Any], kind: str) -> str:
        named = _text(row, "component")
        if named:
            return named
        method = _text(row, "predictor")
        candidates = self._by_method.get((kind, method), ())
        return candidates[0] if len(candidates) == 1 else f"imported:{kind}:{method or ''}"

    def _run(self, key: RunKey, first: Mapping[str, Any], found: list[Prediction]) -> PredictionRun:
        plugin = self._plugins.get(key.component) or self._owners.get(first["type"], "")
        version = _text(first, "predictor_version") or ""
        return PredictionRun(key, plugin, version, tuple(found))


def _prediction(row: Mapping[str, Any], first: Mapping[str, Any]) -> Prediction:
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
        _text(row, "value"),
        _text(row, "value_tag"),
        data,
        automatic,
        confidence,
        method=_text(row, "predictor"),
    )


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    raise LineError(f"key {key!r} must be a text or null, not {type(value).__name__}")


def _product(row: Mapping[str, Any], server_type: str, key: str) -> ProductId:
    barcode = row.get(key)
    if not isinstance(barcode, str) or not barcode.strip():
        raise LineError(f"key {key!r} must be a non-empty text")
    named = row.get("server_type") or server_type
    if named not in SERVER_TYPES:
        raise LineError(f"key 'server_type' must be one of {', '.join(SERVER_TYPES)}, not {named!r}")
    return ProductId(normalize_barcode(barcode.strip()), named)


def _image(row: Mapping[str, Any], server_type: str) -> ImageRow:
    product = _product(row, server_type, "barcode")
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


_KEYS = frozenset(
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


def _insight(row: Mapping[str, Any], registry: "Registry", server_type: str) -> Insight:
    """One line as an insight. Raises :class:`LineError`."""
    unknown = sorted(row.keys() - _KEYS)
    if unknown:
        raise LineError(f"unknown key {unknown[0]!r}; an insight has {', '.join(sorted(_KEYS))}")
    try:
        insight_id = UUID(row["id"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise LineError(f"key 'id' must be a UUID, not {row.get('id')!r}") from None
    product = _product(row, server_type, "barcode")
    kind = _text(row, "type")
    if not kind:
        raise LineError("key 'type' is missing or empty")
    annotation = row.get("annotation")
    if annotation is not None and annotation not in _STATUS:
        raise LineError(f"key 'annotation' must be null, -1, 0, 1 or 2, not {annotation!r}")
    data = row.get("data")
    if data is not None and not isinstance(data, dict):
        raise LineError("key 'data' must be an object")
    image = _text(row, "source_image")
    if image is not None:
        try:
            parse_source_image(image)
        except ValueError as error:
            raise LineError(f"key 'source_image': {error}") from None
    box = row.get("bounding_box")
    if box is not None and not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        raise LineError("key 'bounding_box' must be null or [y_min, x_min, y_max, x_max]")
    candidate = Candidate(
        value=_text(row, "value"),
        value_tag=_text(row, "value_tag"),
        data=data or {},
        source_image=image,
        predictor=_text(row, "predictor"),
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
        predictor_version=_text(row, "predictor_version"),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        campaigns=_texts(row, "campaign") or (),
        lc=_texts(row, "lc"),
        countries=_texts(row, "countries") or (),
        brands=_texts(row, "brands") or (),
        unique_scans_n=_number(row, "unique_scans_n", int) or 0,
        reserved_barcode=is_reserved_barcode(product.barcode),
        with_image=row.get("with_image") if isinstance(row.get("with_image"), bool) else image is not None,
        username=_text(row, "username"),
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
    value = _text(row, key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise LineError(f"key {key!r} must be an ISO 8601 time, not {value!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
