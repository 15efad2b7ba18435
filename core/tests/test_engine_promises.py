"""Promises of the design that are about the flow as a whole: nothing slow inside a transaction, no secret in a job."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine_kit import PRODUCT, FactAnnotator, FactImporter, facts_runtime, products

from robotoff_core.api import Importer, Insight, Prediction
from robotoff_core.engine.answers import answer
from robotoff_core.engine.handlers import HANDLERS, predict_name_job
from robotoff_core.engine.importing import import_runs, refresh
from robotoff_core.model.answers import Result, Voter
from robotoff_core.model.predictions import PredictionRun, RunKey
from robotoff_core.products.recording import Fault, RecordingProducts
from robotoff_core.runtime import Runtime
from robotoff_core.store import Tx

PASSWORD = "correct horse battery staple"

OUTSIDE = (
    (RecordingProducts, ("get", "send")),
    (Importer, ("candidates", "claim", "conflicts")),
    (FactImporter, ("settled",)),
    (FactAnnotator, ("annotate",)),
)


_open = threading.local()


def _outside(what: str) -> None:
    assert not getattr(_open, "transactions", 0), f"{what} was called inside a transaction"


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime whose store, products and plugin notice when they meet."""
    runtime = facts_runtime(database_url, tmp_path, accounts__ada__password=PASSWORD)
    products(runtime).load([{"code": PRODUCT.barcode, "product_name": "Facts"}])
    for name in ("read", "write"):
        monkeypatch.setattr(runtime.store, name, _counted(getattr(runtime.store, name)))
    for owner, methods in OUTSIDE:
        for method in methods:
            monkeypatch.setattr(owner, method, _checked(getattr(owner, method), method))
    yield runtime
    runtime.close()


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
        products(runtime).fault(fault)
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
    assert "Adding fact" in dump
    assert PASSWORD not in dump
    assert PASSWORD not in repr(runtime.config)
