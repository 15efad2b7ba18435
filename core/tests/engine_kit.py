"""A runtime on a test database with one small plugin, `facts`: what the tests of the engine share."""

from pathlib import Path
from typing import Any

from robotoff_core.api import AddTag, Annotator, Answer, Candidate, Importer, Insight, Outcome, Product, ProductId, Run
from robotoff_core.config import load_config
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
