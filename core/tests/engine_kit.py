"""A runtime on a test database with one small plugin, `facts`: what the tests of the engine share."""

from pathlib import Path
from typing import Any

from robotoff_core.api import (
    AddTag,
    Annotator,
    Answer,
    Candidate,
    Importer,
    Insight,
    Outcome,
    Prediction,
    Product,
    ProductId,
    Run,
)
from robotoff_core.config import load_config
from robotoff_core.engine.answers import Reply, answer
from robotoff_core.engine.handlers import HANDLERS
from robotoff_core.model.answers import Voter
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.plugins.manifest import TypeSpec
from robotoff_core.plugins.records import OwnedType, PluginRecord, Registered, State
from robotoff_core.plugins.registry import Registry
from robotoff_core.products.recording import RecordingProducts
from robotoff_core.runtime import Runtime

PRODUCT = ProductId("3274080005003")
FOLDER = "/327/408/000/5003/"


class FactImporter(Importer):
    type = "fact"

    def settled(self, suggestion: Candidate | Insight, product: Product, run: Run[Any]) -> str | None:
        return "the product has it" if suggestion.value_tag in product.tags("facts_tags") else None


class FactAnnotator(Annotator):
    type = "fact"

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        assert product is not None
        assert insight.value_tag is not None
        if insight.value_tag in product.tags("facts_tags"):
            return Outcome.already()
        return Outcome.send(AddTag("facts", insight.value_tag, action=f"Adding fact '{insight.value_tag}'"))


class DelicateImporter(FactImporter):
    type = "delicate"


class DelicateAnnotator(FactAnnotator):
    type = "delicate"


def facts_registry(*, enabled: bool = True) -> Registry:
    """The plugin `facts`, which owns the types `fact` and (only for people who are logged in) `delicate`."""
    record = PluginRecord("facts", State.ENABLED if enabled else State.DISABLED, decided_by="test")
    if not enabled:
        return Registry(records=(record,))
    importers: dict[str, Registered[Importer]] = {
        one.type: Registered("facts", f"facts.importer:{one.type}", one, None)
        for one in (FactImporter(), DelicateImporter())
    }
    annotators: dict[str, Registered[Annotator]] = {
        one.type: Registered("facts", f"facts.annotator:{one.type}", one, None)
        for one in (FactAnnotator(), DelicateAnnotator())
    }
    types = (TypeSpec("fact"), TypeSpec("delicate", needs_login=True))
    return Registry(
        records=(record,),
        types={spec.name: OwnedType(spec, "facts") for spec in types},
        importers=importers,
        annotators=annotators,
    )


def facts_runtime(database_url: str, folder: Path, **overrides: Any) -> Runtime:
    """A runtime on a test database, with its files in *folder*; close it after use.

    *overrides*: configuration values by dotted key, dots written as two underscores.
    """
    values = {"var": folder, "database": database_url}
    values |= {name.replace("__", "."): value for name, value in overrides.items()}
    return Runtime.open(load_config(overrides=values, environ={}), registry=facts_registry())


def products(runtime: Runtime) -> RecordingProducts:
    """The runtime's product file."""
    assert isinstance(runtime.products, RecordingProducts)
    return runtime.products


def document(**fields: Any) -> dict[str, Any]:
    """The product with nine images."""
    images = {str(n): {"sizes": {"full": {"w": 1000, "h": 2000}}} for n in range(1, 10)}
    return {"code": PRODUCT.barcode, "images": images, "countries_tags": ["en:france"], "unique_scans_n": 7, **fields}


def run(
    *tags: str,
    image: int | None = 1,
    version: str = "1",
    component: str = "facts.text",
    kind: str = "fact",
    **fields: Any,
) -> PredictionRun:
    """What a predictor found on one image."""
    source_image = None if image is None else f"{FOLDER}{image}.jpg"
    predictions = tuple(Prediction(kind, value_tag=tag, method="regex", **fields) for tag in tags)
    return PredictionRun(RunKey(PRODUCT, source_image, component), "facts", version, predictions)


def insights(runtime: Runtime, *, history: bool = True) -> dict[str, Insight]:
    """The product's insights by claim."""
    with runtime.store.read() as tx:
        return {i.claim: i for i in tx.insights.of([PRODUCT], history=history).get(PRODUCT, [])}


def say(
    runtime: Runtime,
    claim: str,
    annotation: int,
    username: str | None = "ada",
    voter: int = 0,
    update: bool = True,
    wait: float = 0.2,
) -> Reply:
    """One answer of a person, or with *username* ``None`` of an anonymous *voter*."""
    who = Voter(username, f"device-{voter}", f"address-{voter}")
    return answer(runtime, insights(runtime)[claim].id, annotation, None, update, who, wait)


def work(runtime: Runtime) -> list[str]:
    """Run every job that is due, as a worker would; returns the kinds."""
    done: list[str] = []
    while True:
        with runtime.store.write() as tx:
            job = tx.jobs.claim("test", runtime.now(), 60.0)
        if job is None:
            return done
        try:
            HANDLERS[job.kind](runtime, job.payload)
        except Exception as error:  # noqa: BLE001 (a worker survives any job)
            with runtime.store.write() as tx:
                tx.jobs.fail(job, str(error), runtime.now())
            done.append(f"{job.kind} failed")
        else:
            with runtime.store.write() as tx:
                tx.jobs.finish(job, runtime.now())
            done.append(job.kind)
