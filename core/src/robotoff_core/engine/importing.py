"""Import: predictions into the store, and from all that is stored the insights of the products they touch.

Everything is read first, reconciled by pure code without any transaction, and written in *one* transaction that first
checks, under lock, that insights and predictions are still those that were reconciled; else it starts over. So both
are never out of step, nothing is half written, and no plugin's code runs while the database waits.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from attrs import evolve, field, frozen
from sqlalchemy.exc import OperationalError

from ..model.boxes import Box, relative_box
from ..model.candidates import Candidate, Drop
from ..model.ids import ProductId, image_number, is_reserved_barcode
from ..model.insights import Insight, Origin, Status
from ..model.predictions import PredictionRun, StoredPrediction
from ..model.products import Product
from ..plugins.manifest import ImageRule
from ..store.records import DropSet, InsightEvent, Snapshot
from .policy import automatic_allowed
from .reconcile import Closing, Plan
from .runner import Failure, ReconcileInput

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["ImportConflictError", "Imported", "import_runs", "refresh"]

ATTEMPTS = 5
"""How often an import starts over when answers arrive between reading and writing."""


class ImportConflictError(Exception):
    """The insights kept changing while they were reconciled; the job tries again later."""


class _StaleError(Exception):
    """Something changed between reading and writing: start over."""


@frozen
class Imported:
    """What an import did. ``unchanged`` counts runs, refused older ones too; ``unknown`` products do not exist."""

    created: tuple[UUID, ...] = ()
    updated: tuple[UUID, ...] = ()
    closed: tuple[UUID, ...] = ()
    predictions: int = 0
    unchanged: int = 0
    unknown: frozenset[ProductId] = frozenset()
    failures: tuple[Failure, ...] = ()


@frozen
class _State:
    """What is known of the touched products before anything is written."""

    fresh: list[PredictionRun]
    touched: set[ProductId]
    whole: set[ProductId]
    products: Mapping[ProductId, Product]
    stored: Mapping[tuple[str, str, str, str, str], str]
    predictions: Mapping[ProductId, list[StoredPrediction]]
    existing: Mapping[ProductId, list[Insight]]
    ran: Mapping[ProductId, set[tuple[str, str | None]]]


@frozen
class _Changes:
    """What will be written, in batches."""

    creates: list[Insight] = field(factory=list)
    updates: list[tuple[Insight, Insight]] = field(factory=list)
    events: list[InsightEvent] = field(factory=list)
    drops: list[DropSet] = field(factory=list)
    failures: list[Failure] = field(factory=list)
    closed: list[UUID] = field(factory=list)


def import_runs(runtime: "Runtime", runs: Sequence[PredictionRun]) -> Imported:
    """Store *runs* and bring the insights of the products they change up to date.

    Runs that say what is stored already change nothing and cost one query. Raises :class:`ImportConflictError`, and
    :class:`~robotoff_core.products.ProductSourceError` before anything is written.
    """
    return _converge(runtime, runs, ())


def refresh(runtime: "Runtime", products: Collection[ProductId]) -> Imported:
    """Bring all insights of *products* up to date with their stored predictions and the products as they are now.

    Raises as :func:`import_runs` does.
    """
    return _converge(runtime, (), products)


def _converge(runtime: "Runtime", runs: Sequence[PredictionRun], products: Collection[ProductId]) -> Imported:
    for _ in range(ATTEMPTS):
        state = _read(runtime, runs, products)
        unknown = frozenset(state.touched - state.products.keys()) if runtime.products.authoritative else frozenset()
        if not state.touched:
            return Imported(unchanged=len(runs))
        now = runtime.now()
        changes = _plan(runtime, state, unknown, now)
        try:
            predictions = _write(runtime, state, changes, now)
        except _StaleError:
            continue
        except OperationalError as error:
            if _serialization(error):
                continue
            raise
        return Imported(
            created=tuple(insight.id for insight in changes.creates),
            updated=tuple(new.id for _, new in changes.updates if new.status is not Status.SUPERSEDED),
            closed=tuple(changes.closed),
            predictions=predictions,
            unchanged=len(runs) - len(state.fresh),
            unknown=unknown,
            failures=tuple(changes.failures),
        )
    raise ImportConflictError(f"insights kept changing during {ATTEMPTS} attempts; try again")


def _serialization(error: OperationalError) -> bool:
    """Whether PostgreSQL asks to run the transaction again (serialization failure, deadlock)."""
    return getattr(error.orig, "pgcode", None) in ("40001", "40P01")


def _read(runtime: "Runtime", runs: Sequence[PredictionRun], products: Collection[ProductId]) -> _State:
    whole = set(products)
    with runtime.store.read() as tx:
        fresh = tx.predictions.changed(runs) if runs else []
        touched = {run.key.product for run in fresh} | whole
        if not touched:
            return _State([], set(), whole, {}, {}, {}, {}, {})
        stored = tx.predictions.digests(touched)  # first: what changes after it is noticed when writing
        predictions = tx.predictions.of(touched)
        existing = tx.insights.of(touched)
    ran: dict[ProductId, set[tuple[str, str | None]]] = {}
    for server_type, barcode, source_image, component, _ in stored:
        ran.setdefault(ProductId(barcode, server_type), set()).add((component, source_image or None))
    return _State(fresh, touched, whole, runtime.products.get(touched), stored, predictions, existing, ran)


def _plan(runtime: "Runtime", state: _State, unknown: frozenset[ProductId], now: datetime) -> _Changes:
    """Reconcile every touched product and turn the plans into rows."""
    changes = _Changes()
    importers = {
        name: frozenset(registered.component.reads or (name,))
        for name, registered in runtime.registry.importers.items()
    }
    produces = {registered.name: registered.component.produces for registered in runtime.registry.predictors}
    enabled = runtime.registry.enabled_plugins
    fresh: dict[ProductId, list[PredictionRun]] = {}
    for run in state.fresh:
        fresh.setdefault(run.key.product, []).append(run)

    batch: list[ReconcileInput] = []
    for product_id in state.touched:
        if product_id in unknown:
            for insight in state.existing.get(product_id, ()):
                if insight.is_open:
                    _close(changes, Closing(insight, "product-gone", "the product does not exist any more"), now)
            continue
        runs = fresh.get(product_id, [])
        merged, types = _merged(state.predictions.get(product_id, []), runs, now)
        existing = state.existing.get(product_id, [])
        types |= {produced for run in runs for produced in produces.get(run.key.component, ())}
        if product_id in state.whole:
            types |= {prediction.type for prediction in merged}
        ran = state.ran.get(product_id, set()) | {(run.key.component, run.key.source_image) for run in runs}
        open_types = {insight.type for insight in existing if insight.is_open} if product_id in state.whole else set()
        by_type: dict[str, list[StoredPrediction]] = {}
        for prediction in merged:
            if prediction.plugin in enabled:
                by_type.setdefault(prediction.type, []).append(prediction)
        for name, reads in importers.items():
            if name in open_types or not reads.isdisjoint(types):
                of_type = tuple(insight for insight in existing if insight.type == name)
                batch.append(
                    ReconcileInput(
                        name,
                        product_id,
                        state.products.get(product_id),
                        tuple(prediction for read in reads for prediction in by_type.get(read, ())),
                        of_type,
                        frozenset(ran),
                        frozenset(i.predictor_plugin for i in of_type if i.predictor_plugin) - enabled,
                    )
                )
    plans = runtime.runner.reconcile(batch, today=now.date(), skip=runtime.breaker.tripped()) if batch else []
    for item, plan in zip(batch, plans, strict=True):
        if isinstance(plan, Failure):
            changes.failures.append(plan)
        else:
            _apply(runtime, item, plan, changes, now)
    runtime.observe({importer_name(runtime, item.type) for item in batch}, changes.failures)
    _carry_over(runtime, state, changes)
    return changes


def importer_name(runtime: "Runtime", insight_type: str) -> str:
    """The component name of a type's importer."""
    return runtime.registry.importers[insight_type].name


def _merged(
    stored: Iterable[StoredPrediction], runs: Sequence[PredictionRun], now: datetime
) -> tuple[list[StoredPrediction], set[str]]:
    """The predictions as they will stand once *runs* are stored, and the types that differ then."""
    replaced = {(run.key.component, run.key.source_image, run.key.scope) for run in runs}
    merged: list[StoredPrediction] = []
    types: set[str] = set()
    for prediction in stored:
        if (prediction.component, prediction.source_image, prediction.scope) in replaced:
            types.add(prediction.type)
        else:
            merged.append(prediction)
    for run in runs:
        key = run.key
        for found in run.predictions:
            types.add(found.type)
            merged.append(
                StoredPrediction(
                    0,  # not stored yet; importers never see ids that last
                    key.product,
                    found.type,
                    found.value,
                    found.value_tag,
                    found.data if found.box is None else {**found.data, "bounding_box": found.box},
                    found.automatic,
                    found.confidence,
                    key.source_image,
                    found.method,
                    run.version,
                    key.component,
                    run.plugin,
                    now,
                    key.scope,
                )
            )
    return merged, types


def _apply(runtime: "Runtime", item: ReconcileInput, plan: Plan, changes: _Changes, now: datetime) -> None:
    facts = _facts(item.product)
    for claim, candidate in plan.creates:
        created = Insight(
            id=uuid4(),
            product=item.product_id,
            type=item.type,
            claim=claim,
            plugin=runtime.registry.types[item.type].plugin,
            reserved_barcode=is_reserved_barcode(item.product_id.barcode),
            timestamp=now,
            **_said(runtime, item, candidate, None, now),
            **facts,
        )
        changes.creates.append(created)
        changes.events.append(
            InsightEvent(created.id, "created", now, {"claim": claim, "component": candidate.component})
        )
    for old, candidate in plan.updates:
        owner = runtime.registry.types[item.type].plugin
        said = _said(runtime, item, candidate, old, now)
        new = evolve(old, origin=Origin.PREDICTED, plugin=owner, **said, **facts)
        if new != old:
            changes.updates.append((old, evolve(new, timestamp=now)))
            changes.events.append(InsightEvent(old.id, "updated", now, {"component": candidate.component}))
    for closing in plan.closes:
        _close(changes, closing, now)
    changes.drops.append(DropSet(item.product_id, item.type, _with_closings(plan)))


def _with_closings(plan: Plan) -> tuple[Drop, ...]:
    """The drops, and the closed insights among them, so that one look tells why there is no question."""
    closed = tuple(
        Drop(c.rule, c.reason, c.insight.value, c.insight.value_tag, c.insight.source_image, c.insight.component)
        for c in plan.closes
        if all((d.rule, d.value, d.value_tag) != (c.rule, c.insight.value, c.insight.value_tag) for d in plan.drops)
    )
    return plan.drops + closed


def _close(changes: _Changes, closing: Closing, now: datetime) -> None:
    old = closing.insight
    changes.updates.append((old, evolve(old, status=Status.SUPERSEDED)))
    changes.closed.append(old.id)
    changes.events.append(InsightEvent(old.id, "superseded", now, {"rule": closing.rule, "reason": closing.reason}))


def _said(
    runtime: "Runtime", item: ReconcileInput, candidate: Candidate, old: Insight | None, now: datetime
) -> dict[str, Any]:
    """The fields of an insight that its candidate decides; all of them, so that nothing stale stays."""
    config = runtime.config.automatic
    automatic = candidate.automatic and automatic_allowed(
        config,
        insight_type=item.type,
        predictor=candidate.predictor,
        server_type=item.product_id.server_type,
    )
    process_after = None
    if automatic:
        kept = old.process_after if old is not None and old.automatic else None
        process_after = kept or now + timedelta(minutes=config.wait_minutes)
    data = dict(candidate.data)
    box = candidate.box or _box(data, candidate.source_image, item.product)
    if box is not None:
        data["bounding_box"] = list(box)
    return {
        "data": data,
        "value": candidate.value,
        "value_tag": candidate.value_tag,
        "source_image": candidate.source_image,
        "automatic": automatic,
        "confidence": candidate.confidence,
        "predictor": candidate.predictor,
        "predictor_version": candidate.predictor_version,
        "component": candidate.component,
        "predictor_plugin": candidate.plugin,
        "box": box,
        "campaigns": candidate.campaigns,
        "lc": candidate.lc,
        "username": candidate.username,
        "process_after": process_after,
        "with_image": _with_image(runtime, item, candidate),
    }


def _box(data: Mapping[str, Any], source_image: str | None, product: Product | None) -> Box | None:
    """The relative box of a prediction's data; absolute ones (pixels) need the size of the product's image."""
    relative = data.get("bounding_box")
    if relative is not None:
        return (relative[0], relative[1], relative[2], relative[3])
    absolute = data.get("bounding_box_absolute")
    number = image_number(source_image)
    if absolute is None or number is None or product is None:
        return None
    image = product.raw_images.get(str(number))
    if image is None or not image.width or not image.height:
        return None
    return relative_box((absolute[0], absolute[1], absolute[2], absolute[3]), image.width, image.height)


def _with_image(runtime: "Runtime", item: ReconcileInput, candidate: Candidate) -> bool | None:
    """Whether the question will show a picture: the prediction's own, or any of the product's, as the type declares."""
    if runtime.registry.types[item.type].spec.image is ImageRule.SOURCE:
        return candidate.source_image is not None
    return None if item.product is None else bool(item.product.raw_images)


def _facts(product: Product | None) -> dict[str, Any]:
    """The product's facts that its insights carry copies of; nothing when the product is not known."""
    if product is None:
        return {}
    return {
        "countries": product.tags("countries_tags"),
        "brands": product.tags("brands_tags"),
        "unique_scans_n": product.popularity,
    }


def _carry_over(runtime: "Runtime", state: _State, changes: _Changes) -> None:
    """Carry changed facts, and the type's owner, over to the open insights that reconciliation left alone.

    An insight that was imported before the plugin of its type was there has no owner until then. Timestamps stay.
    """
    types = runtime.registry.types
    written = {old.id for old, _ in changes.updates}
    for product_id in state.whole:
        facts = _facts(state.products.get(product_id))
        for old in state.existing.get(product_id, ()):
            if old.is_open and old.id not in written:
                owner = types[old.type].plugin if old.type in types else old.plugin
                new = evolve(old, plugin=owner, **facts)
                if new != old:
                    changes.updates.append((old, new))


def _write(runtime: "Runtime", state: _State, changes: _Changes, now: datetime) -> int:
    """Write everything in one transaction; returns the number of predictions written.

    Raises :class:`_StaleError` (and rolls back) when the insights or predictions are not those that were read.
    """
    snapshots = [_snapshot(product, now) for product in state.products.values()]
    fresh = [run for run in state.fresh if run.key.product in state.products or not runtime.products.authoritative]
    with runtime.store.write() as tx:
        tx.lock_products(list(state.touched))  # a command may import beside the workers
        if tx.insights.of(state.touched, lock=True) != state.existing:
            raise _StaleError
        if tx.predictions.digests(state.touched) != state.stored:
            raise _StaleError
        stored = tx.predictions.store_runs(fresh, now)
        if stored.stored != len(fresh):
            raise _StaleError
        tx.insights.update(changes.updates)
        if len(tx.insights.create(changes.creates)) != len(changes.creates):
            raise _StaleError
        tx.events.append(changes.events)
        tx.drops.replace(changes.drops, now)
        tx.products.upsert(snapshots)
    return stored.predictions


def _snapshot(product: Product, now: datetime) -> Snapshot:
    return Snapshot(
        product.id,
        now,
        product.tags("countries_tags"),
        product.tags("brands_tags"),
        product.popularity,
        product.text("lang") or None,
        tuple(product.raw_images),
    )
