"""Promises of the design that are about the flow as a whole: nothing slow inside a transaction, no secret in a job."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from robotoff_core.api import AddTag, Annotator, Answer, Importer, Insight, Outcome, Prediction, Product, ProductId, Run
from robotoff_core.config import load_config
from robotoff_core.engine.answers import answer
from robotoff_core.engine.handlers import HANDLERS, predict_name_job
from robotoff_core.engine.importing import import_runs, refresh
from robotoff_core.model.answers import Result, Voter
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.plugins.manifest import TypeSpec
from robotoff_core.plugins.records import OwnedType, PluginRecord, Registered, State
from robotoff_core.plugins.registry import Registry
from robotoff_core.products.recording import Fault, RecordingProducts
from robotoff_core.runtime import Runtime
from robotoff_core.store import Store, Tx

PRODUCT = ProductId("3274080005003")
PASSWORD = "correct horse battery staple"

OUTSIDE = (
    (RecordingProducts, ("get", "send")),
    (Importer, ("candidates", "claim", "conflicts", "settled")),
)


class FactImporter(Importer):
    type = "fact"


class FactAnnotator(Annotator):
    type = "fact"

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        _outside("annotate")
        return Outcome.send(AddTag("facts", insight.value_tag or "", action="Adding a fact"))


_open = threading.local()


def _outside(what: str) -> None:
    assert not getattr(_open, "transactions", 0), f"{what} was called inside a transaction"


@pytest.fixture
def runtime(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime whose store, products and plugin notice when they meet."""
    config = load_config(overrides={"var": tmp_path, "accounts.ada.password": PASSWORD}, environ={})
    config = evolve(config, database=store.url.render_as_string(hide_password=False))
    registry = Registry(
        records=(PluginRecord("facts", State.ENABLED, decided_by="test"),),
        types={"fact": OwnedType(TypeSpec("fact"), "facts")},
        importers={"fact": Registered("facts", "facts.importer:fact", FactImporter(), None)},
        annotators={"fact": Registered("facts", "facts.annotator:fact", FactAnnotator(), None)},
    )
    runtime = Runtime.open(config, registry=registry)
    runtime.store = store
    assert isinstance(runtime.products, RecordingProducts)
    runtime.products.load([{"code": PRODUCT.barcode, "product_name": "Facts"}])
    for name in ("read", "write"):
        monkeypatch.setattr(store, name, _counted(getattr(store, name)))
    for owner, methods in OUTSIDE:
        for method in methods:
            monkeypatch.setattr(owner, method, _checked(getattr(owner, method), method))
    return runtime


def _counted(open_transaction: Any) -> Any:
    @contextmanager
    def counted() -> Iterator[Tx]:
        _open.transactions = getattr(_open, "transactions", 0) + 1
        try:
            with open_transaction() as tx:
                yield tx
        finally:
            _open.transactions -= 1

    return counted


def _checked(function: Any, name: str) -> Any:
    def checked(*args: Any, **kwargs: Any) -> Any:
        _outside(name)
        return function(*args, **kwargs)

    return checked


def run(tag: str, automatic: bool | None = None) -> PredictionRun:
    found = Prediction("fact", value_tag=tag, method="regex", automatic=automatic)
    return PredictionRun(RunKey(PRODUCT, None, "facts.text"), "facts", tag, (found,))


def insight(runtime: Runtime, claim: str) -> Insight:
    with runtime.store.read() as tx:
        return next(found for found in tx.insights.of([PRODUCT])[PRODUCT] if found.claim == claim)


def test_6_nothing_slow_happens_inside_a_transaction(runtime: Runtime) -> None:
    import_runs(runtime, [run("en:1")])
    refresh(runtime, [PRODUCT])
    ada = Voter("ada", "device", "address")
    faults: list[tuple[Fault, Result]] = [("fail", Result.FAILED_UPDATE), ("drop", Result.SAVED)]
    for fault, expected in faults:
        assert isinstance(runtime.products, RecordingProducts)
        runtime.products.fault(fault)
        assert answer(runtime, insight(runtime, "en:1").id, 1, None, True, ada, 1.0).result is expected
    payload = {"server_type": PRODUCT.server_type, "barcode": PRODUCT.barcode}
    for kind in ("send_edits", "refresh", predict_name_job(PRODUCT).kind):
        HANDLERS[kind](runtime, payload)
    assert insight(runtime, "en:1").status == "applied"


def test_6_the_check_itself_notices(runtime: Runtime) -> None:
    with runtime.store.read(), pytest.raises(AssertionError, match="get was called inside a transaction"):
        runtime.products.get([PRODUCT])


def test_7_no_secret_reaches_the_database(runtime: Runtime) -> None:
    assert runtime.identity.verify("ada", PASSWORD) == "ada"
    assert runtime.identity.verify("ada", "wrong") is None
    assert runtime.identity.verify("bob", PASSWORD) is None
    import_runs(runtime, [run("en:1"), run("en:2")])
    answer(runtime, insight(runtime, "en:2").id, 1, None, True, Voter("ada", "device", "address"), 0.0)
    with runtime.store.read() as tx:
        tables = ("job", "edit", "insight", "insight_event", "annotation_vote", "prediction")
        dump = repr([tx.connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in tables])
    assert "Adding a fact" in dump
    assert PASSWORD not in dump
    assert PASSWORD not in repr(runtime.config)
