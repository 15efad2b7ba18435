"""The only place that calls components: one by one, measured, each failure isolated and named.

A :class:`Runner` works inline. :class:`robotoff_core.jobs.host.IsolatedRunner` offers the same methods, executed by a
Runner in a child process under a deadline. All arguments and results are plain picklable values; nothing here does
I/O.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from ..components import Predictor, Run
from ..model.answers import Answer, Outcome, Result
from ..model.ids import ProductId
from ..model.insights import Insight
from ..model.predictions import Prediction, PredictionRun, RunKey, StoredPrediction
from ..model.products import Product
from ..model.questions import Question
from ..text.errors import OcrError
from .reconcile import Plan, reconcile

if TYPE_CHECKING:
    from ..plugins.records import Registered
    from ..plugins.registry import Registry
    from ..taxonomy import Taxonomies
    from ..text import OcrDocument

__all__ = ["METHODS", "Failure", "Predicted", "ReconcileInput", "Runner"]

METHODS = ("predict", "reconcile", "annotate", "questions", "route")
"""The methods that an isolated runner offers too."""


@frozen
class Failure:
    """What a component did wrong: ``kind`` is raised, wrong type, deadline or crashed."""

    component: str
    plugin: str
    kind: str
    reason: str


@frozen
class Predicted:
    """The runs of one document, what failed meanwhile, and the seconds each component took."""

    runs: tuple[PredictionRun, ...]
    failures: tuple[Failure, ...] = ()
    timings: Mapping[str, float] = field(factory=dict)


@frozen
class ReconcileInput:
    """All that reconciliation of one (product, type) reads.

    ``existing``: its insights of the type, superseded ones left out. ``ran``: the (component, source image) pairs
    that have reported on the product, which ends the protection of imported insights. ``dormant``: predictor plugins
    that are switched off; their open insights stay.
    """

    type: str
    product_id: ProductId
    product: Product | None
    predictions: tuple[StoredPrediction, ...]
    existing: tuple[Insight, ...] = ()
    ran: frozenset[tuple[str, str | None]] = frozenset()
    dormant: frozenset[str] = frozenset()


class Runner:
    """Runs the registry's components in this very thread.

    *on_enter* is told each component's name just before it is called, so that a supervisor knows the culprit of a
    hang.
    """

    def __init__(
        self, registry: "Registry", taxonomies: "Taxonomies", on_enter: Callable[[str], None] | None = None
    ) -> None:
        self._registry = registry
        self._taxonomies = taxonomies
        self._on_enter = on_enter or _ignore
        types = registry.types
        self._default_run = frozenset(
            one.name
            for one in registry.predictors
            if any(produced not in types or types[produced].spec.default_run for produced in one.component.produces)
        )

    def predict(
        self,
        document: "bytes | str | OcrDocument",
        *,
        product: ProductId | None = None,
        source_image: str | None = None,
        types: Collection[str] | None = None,
        today: date,
        skip: Collection[str] = (),
        product_name: bool = False,
    ) -> Predicted:
        """Run the text predictors over one document.

        *document* is an OCR file's bytes, a plain text, or a parsed document. *types* restricts to these prediction
        types (and includes those outside the default run); *skip* names components that are tripped. With
        *product_name* the text is a product's name: only predictors that read names run, and nothing they say is
        automatic.

        Raises :class:`~robotoff_core.text.OcrError` for a malformed document. A failing predictor is reported in
        ``failures``; its earlier results stay as they are.
        """
        parsed = self._parse(document)
        key_product = product or ProductId("", "off")
        runs: list[PredictionRun] = []
        failures: list[Failure] = []
        timings: dict[str, float] = {}
        contexts: dict[str, Run[Any]] = {}
        for registered in self._registry.predictors:
            predictor = registered.component
            if registered.name in skip or not self._wanted(registered, types, key_product.server_type, product_name):
                continue
            run = contexts.get(registered.plugin)
            if run is None:
                run = self._run(registered, today, key_product.server_type, source_image)
                contexts[registered.plugin] = run
            self._on_enter(registered.name)
            started = perf_counter()
            try:
                found = list(predictor.predict(parsed, run))
                _check_predictions(found, predictor)
            except OcrError:
                raise  # a malformed polygon, met when the predictor asked for geometry: the document's fault
            except (Exception, SystemExit) as error:  # noqa: BLE001 (isolation is the purpose)
                failures.append(_failure(registered, error))
            else:
                if types is not None:
                    found = [prediction for prediction in found if prediction.type in types]
                runs += _runs(found, registered, parsed, key_product, source_image, product_name)
            timings[registered.name] = perf_counter() - started
        return Predicted(tuple(runs), tuple(failures), timings)

    def reconcile(
        self, batch: Sequence[ReconcileInput], *, today: date, skip: Collection[str] = ()
    ) -> "list[Plan | Failure]":
        """The plan for each (product, type) of *batch*, in order; a :class:`Failure` where its importer failed."""
        plans: list[Plan | Failure] = []
        contexts: dict[tuple[str, str], Run[Any]] = {}
        producers: dict[str, frozenset[str]] = {}
        for item in batch:
            registered = self._registry.importers[item.type]
            if registered.name in skip:
                plans.append(Failure(registered.name, registered.plugin, "tripped", "the importer is tripped"))
                continue
            key = (registered.plugin, item.product_id.server_type)
            run = contexts.get(key)
            if run is None:
                run = contexts[key] = self._run(registered, today, item.product_id.server_type, None)
            self._on_enter(registered.name)
            try:
                importer = registered.component
                if item.type not in producers:
                    producers[item.type] = self._producers(importer.reads or (importer.type,))
                ran_on = frozenset(image for component, image in item.ran if component in producers[item.type])
                plans.append(
                    reconcile(importer, run, item.product, item.predictions, item.existing, ran_on, item.dormant)
                )
            except (Exception, SystemExit) as error:  # noqa: BLE001 (isolation is the purpose)
                plans.append(_failure(registered, error))
        return plans

    def annotate(
        self, insight: Insight, answer: Answer, product: Product | None, *, today: date, skip: Collection[str] = ()
    ) -> Outcome | Failure:
        """What accepting *insight* means. Data of the user is validated first: invalid data is a code 11 outcome."""
        registered = self._registry.annotators.get(insight.type)
        if registered is None:
            return Outcome(Result.SAVED, description="no action exists for this insight type")
        if registered.name in skip:
            return Failure(registered.name, registered.plugin, "tripped", "the annotator is tripped")
        annotator = registered.component
        run = self._run(registered, today, insight.product.server_type, insight.source_image)
        self._on_enter(registered.name)
        try:
            if answer.annotation == 2:
                try:
                    answer = evolve(answer, data=annotator.validate(answer.data))
                except ValueError as error:
                    return Outcome(Result.INVALID_DATA, description=str(error))
            if product is None and annotator.needs_product:
                return Outcome(Result.MISSING_PRODUCT)
            outcome = annotator.annotate(insight, answer, product, run)
            if not isinstance(outcome, Outcome):
                raise WrongTypeError(f"annotate() returned {type(outcome).__name__} instead of Outcome")
        except (Exception, SystemExit) as error:  # noqa: BLE001 (isolation is the purpose)
            return _failure(registered, error)
        return outcome

    def questions(self, insights: Sequence[Insight], lang: str, *, today: date) -> list[Question | Failure]:
        """The question of each insight in *lang*, in order; a :class:`Failure` where its formatter failed."""
        questions: list[Question | Failure] = []
        for insight in insights:
            registered = self._registry.formatters.get(insight.type)
            if registered is None:
                questions.append(Failure("", insight.plugin, "missing", f"no question formatter for {insight.type}"))
                continue
            run = self._run(registered, today, insight.product.server_type, insight.source_image)
            self._on_enter(registered.name)
            try:
                question = registered.component.question(insight, lang, run)
                if not isinstance(question, Question):
                    raise WrongTypeError(f"question() returned {type(question).__name__} instead of Question")
                questions.append(question)
            except (Exception, SystemExit) as error:  # noqa: BLE001 (isolation is the purpose)
                questions.append(_failure(registered, error))
        return questions

    def route(self, name: str, query: Mapping[str, str]) -> Any:
        """What the plugin route called *name* answers to *query*: JSON data, or a :class:`Failure`.

        Raises :class:`LookupError` when no such route is registered.
        """
        registered = next((one for one in self._registry.routes if one.name == name), None)
        if registered is None:
            raise LookupError(f"no plugin that runs here has a route {name!r}")
        self._on_enter(name)
        try:
            return registered.component.handler(query)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (isolation is the purpose)
            return _failure(registered, error)

    def _producers(self, types: Collection[str]) -> frozenset[str]:
        """The predictors that may produce one of *types*."""
        predictors = self._registry.predictors
        return frozenset(one.name for one in predictors if not set(types).isdisjoint(one.component.produces))

    def _parse(self, document: "bytes | str | OcrDocument") -> "OcrDocument":
        from ..text import OcrDocument

        if isinstance(document, bytes):
            document = OcrDocument.from_bytes(document)
        elif isinstance(document, str):
            document = OcrDocument.from_text(document)
        document.bind(self._registry.lexicons)
        return document

    def _wanted(
        self,
        registered: "Registered[Predictor]",
        types: Collection[str] | None,
        server_type: str,
        product_name: bool,
    ) -> bool:
        predictor = registered.component
        if product_name and not predictor.product_name:
            return False
        if predictor.server_types and server_type not in predictor.server_types:
            return False
        if types is not None:
            return any(produced in types for produced in predictor.produces)
        return registered.name in self._default_run

    def _run(self, registered: "Registered[Any]", today: date, server_type: str, source_image: str | None) -> Run[Any]:
        return Run(registered.settings, today, self._taxonomies.get, server_type, source_image)


class WrongTypeError(TypeError):
    """A component returned something else than its contract says."""


def _ignore(_: str) -> None:
    return None


def _failure(registered: "Registered[Any]", error: BaseException) -> Failure:
    kind = "wrong type" if isinstance(error, WrongTypeError) else "raised"
    if isinstance(error, SystemExit):
        kind = "crashed"  # it asked for the end of the process, which is not its own
    return Failure(registered.name, registered.plugin, kind, f"{type(error).__name__}: {error}")


def _check_predictions(found: Iterable[Any], predictor: Predictor) -> None:
    for prediction in found:
        if not isinstance(prediction, Prediction):
            raise WrongTypeError(f"predict() yielded {type(prediction).__name__} instead of Prediction")
        if prediction.type not in predictor.produces:
            raise WrongTypeError(
                f"predict() yielded type {prediction.type!r}, but produces says {', '.join(predictor.produces)}"
            )


def _runs(
    found: list[Prediction],
    registered: "Registered[Predictor]",
    document: "OcrDocument",
    product: ProductId,
    source_image: str | None,
    product_name: bool,
) -> list[PredictionRun]:
    """The runs of one predictor: one for each scope it spoke about, and always one for the whole document."""
    component = registered.component
    by_scope: dict[str, dict[Any, Prediction]] = {"": {}}
    for prediction in found:
        kept = by_scope.setdefault(prediction.scope, {})
        identity = _identity(prediction, component.method)
        if identity in kept:  # before its box is looked up: packs say the same thing many times
            continue
        kept[identity] = _placed(prediction, component.method, document, product_name)
    return [
        PredictionRun(
            RunKey(product, source_image, component.name, scope),
            registered.plugin,
            component.version,
            tuple(kept.values()),
        )
        for scope, kept in by_scope.items()
    ]


def _placed(prediction: Prediction, method: str, document: "OcrDocument", product_name: bool) -> Prediction:
    """*prediction* with what core adds: its method, the box of its words, and where a name was read."""
    data, automatic = prediction.data, prediction.automatic
    if prediction.span is not None:
        box = document.box(*prediction.span)
        if box is not None:
            data = {**data, "bounding_box_absolute": list(box)}
    if product_name:
        data, automatic = {**data, "source": "product_name"}, False
    return Prediction(  # written out: evolve() costs several times as much, for every prediction of every document
        prediction.type,
        prediction.value,
        prediction.value_tag,
        data,
        automatic,
        prediction.confidence,
        prediction.span,
        prediction.box,
        prediction.method or method,
        prediction.scope,
    )


def _identity(prediction: Prediction, method: str) -> Any:
    """Two predictions of one run with the same identity say the same; the first is kept."""
    if prediction.value is None and prediction.value_tag is None:
        data = repr(sorted(prediction.data.items(), key=lambda item: item[0]))
        return (prediction.type, prediction.method or method, data, prediction.span)
    return (prediction.type, prediction.value, prediction.value_tag, prediction.method or method)
