"""Bulk loading: JSON lines of products, images, predictions or insights, read as a stream and written in batches.

A line that is wrong is refused with its number and reason, together with the rest of its run; everything else stays.
Loading the same file again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from attrs import define, evolve, field

from ..model.insights import Insight, Origin
from ..model.predictions import Prediction, PredictionRun, RunKey
from ..store.records import ImageRow, InsightEvent, JobSpec, Lane
from .applying import refresh_job
from .handlers import predict_image_job
from .importing import import_runs
from .lines import LineError, image_of, insight_of, prediction_of, product_of, text_of

if TYPE_CHECKING:
    from ..plugins.registry import Registry
    from ..runtime import Runtime
    from ..store import Tx

__all__ = ["Counts", "LineError", "load_images", "load_insights", "load_predictions", "load_products"]

BATCH = 2000
"""Lines that are written together; a batch never splits a run."""


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
                product = product_of(row, server_type, "code")
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
                image = image_of(row, server_type)
                ocr = row.get("ocr")
                if ocr is not None:
                    document = read(ocr) if isinstance(ocr, str) else orjson.dumps(ocr)
                    OcrDocument.from_bytes(document)
                    runtime.documents.put(image.product, image.source_image, document)
                    jobs.append(predict_image_job(image.product, image.source_image, Lane.LOW))
            except (LineError, OcrError) as error:
                counts.refuse(number, str(error))
                continue
            except OSError as error:
                counts.refuse(number, f"key 'ocr': {error.filename or ocr} cannot be read: {error.strerror or error}")
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
    their image, answered ones are history. Ids are kept; an id that is known already is left as it stands here. What we
    ask already and somebody answered there, a job of its product closes."""
    for batch in _batches(lines, counts):
        insights: dict[UUID, tuple[int, Insight]] = {}
        for number, row in batch:
            try:
                insight = insight_of(row, runtime.registry, server_type)
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
            tx.jobs.enqueue_all(_refreshes(tx, fresh), now)
        counts.add("insights", len(created))
        counts.add("known", len(insights) - len(fresh))
        for insight in fresh:
            if insight.id not in created:
                number = insights[insight.id][0]
                counts.refuse(number, f"another open insight of {insight.product} already claims {insight.claim!r}")
        progress(counts)


def _refreshes(tx: "Tx", loaded: Sequence[Insight]) -> list[JobSpec]:
    """The jobs that reconcile what was answered elsewhere with what our predictors ask here."""
    answered = {(insight.product, insight.type) for insight in loaded if insight.annotation is not None}
    asked = tx.insights.of({product for product, _ in answered}, history=False)
    return [
        evolve(refresh_job(product), lane=Lane.LOW)
        for product, found in asked.items()
        if any(one.origin is Origin.PREDICTED and (product, one.type) in answered for one in found)
    ]


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
                found.append(prediction_of(row, first))
            except LineError as error:
                self._counts.refuse(number, str(error))
                self._counts.refused_lines += len(found)
                bad = number
        if key is not None and bad is None:
            yield self._run(key, first, found)

    def _key(self, row: Mapping[str, Any]) -> RunKey:
        product = product_of(row, self._server_type, "barcode")
        image = text_of(row, "source_image")
        kind = text_of(row, "type")
        if not kind:
            raise LineError("key 'type' is missing or empty")
        return RunKey(product, image, self._component(row, kind), text_of(row, "scope") or "")

    def _component(self, row: Mapping[str, Any], kind: str) -> str:
        named = text_of(row, "component")
        if named:
            return named
        method = text_of(row, "predictor")
        candidates = self._by_method.get((kind, method), ())
        return candidates[0] if len(candidates) == 1 else f"imported:{kind}:{method or ''}"

    def _run(self, key: RunKey, first: Mapping[str, Any], found: list[Prediction]) -> PredictionRun:
        plugin = self._plugins.get(key.component) or self._owners.get(first["type"], "")
        version = text_of(first, "predictor_version") or ""
        return PredictionRun(key, plugin, version, tuple(found))
