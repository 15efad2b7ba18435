"""The component process: deadlines, crashes and exits cost the culprit, nobody else."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest

from robotoff_core.config import Config, load_config
from robotoff_core.engine.runner import Failure, ReconcileInput, Runner
from robotoff_core.jobs.host import HostError, IsolatedRunner
from robotoff_core.model.answers import Answer, Outcome, Result
from robotoff_core.model.ids import ProductId
from robotoff_core.model.insights import Insight
from robotoff_core.plugins.registry import Registry, load_plugins
from robotoff_core.taxonomy import Taxonomies
from robotoff_core.testing.installed import install_plugin
from robotoff_core.text import OcrError

TODAY = date(2026, 6, 1)

GOOD = """
    from robotoff_core.api import *

    class Words(Predictor):
        name, version, produces = "good.words", "1", ("good_thing",)

        def predict(self, document, run):
            if "good" in document.text:
                yield Prediction("good_thing", value="good")

    class GoodImporter(Importer):
        type = "good_thing"

    class GoodAnnotator(Annotator):
        type = "good_thing"
        needs_product = False

        def annotate(self, insight, answer, product, run):
            return Outcome.send(SetField("good", "yes", action="Setting good"))

    class Formatter(QuestionFormatter):
        type = "good_thing"

        def question(self, insight, lang, run):
            return Question("Is it good?", value="good")

    class Plugin:
        manifest = Manifest("good", "Good things", owns=[TypeSpec("good_thing")])

        @hookimpl
        def robotoff_predictors(self): return [Words()]
        @hookimpl
        def robotoff_importers(self): return [GoodImporter()]
        @hookimpl
        def robotoff_annotators(self): return [GoodAnnotator()]
        @hookimpl
        def robotoff_question_formatters(self): return [Formatter()]

    plugin = Plugin()
"""

BAD = """
    import os, re, signal, sys, time
    from types import MappingProxyType
    from robotoff_core.api import *

    def misbehave(how):
        if how == "sleep": time.sleep(60)
        if how == "spin":
            while True: pass
        if how == "regex": re.match(r"(a+)+$", "a" * 64 + "b")
        if how == "exit": sys.exit(3)
        if how == "hard exit": os._exit(4)
        if how == "segfault": os.kill(os.getpid(), signal.SIGSEGV)
        if how == "raise": raise ValueError("no idea")

    class Words(Predictor):
        name, version, produces = "bad.words", "1", ("bad_thing",)

        def predict(self, document, run):
            misbehave(document.text.partition(":")[2])
            if "proxy" in document.text:
                return [Prediction("bad_thing", value="x", data={"a": MappingProxyType({})})]
            if "slow" in document.text:
                time.sleep(0.9)
            return []

    class BadImporter(Importer):
        type = "bad_thing"

        def candidates(self, product, predictions, run):
            misbehave("regex")

    class BadAnnotator(Annotator):
        type = "bad_thing"

        def annotate(self, insight, answer, product, run):
            misbehave("spin")

    class Formatter(QuestionFormatter):
        type = "bad_thing"

        def question(self, insight, lang, run):
            misbehave("sleep")

    class Plugin:
        manifest = Manifest("bad", "Bad things", owns=[TypeSpec("bad_thing")])

        @hookimpl
        def robotoff_predictors(self): return [Words()]
        @hookimpl
        def robotoff_importers(self): return [BadImporter()]
        @hookimpl
        def robotoff_annotators(self): return [BadAnnotator()]
        @hookimpl
        def robotoff_question_formatters(self): return [Formatter()]

    plugin = Plugin()
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Registry]]:
    folder = tmp_path_factory.mktemp("installed")
    install_plugin(folder, "good", GOOD)
    install_plugin(folder, "bad", BAD)
    config = load_config(
        None,
        {
            "var": str(folder),
            "plugins.enabled": ["good", "bad"],
            "jobs.document_deadline": 0.6,
            "jobs.call_deadline": 0.6,
        },
        environ={},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield config, load_plugins(config)


@pytest.fixture(scope="module")
def trips() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def shared(loaded: tuple[Config, Registry], trips: list[tuple[str, str]]) -> Iterator[IsolatedRunner]:
    isolated = IsolatedRunner(*loaded, on_trip=lambda component, reason: trips.append((component, reason)))
    yield isolated
    isolated.close()


@pytest.fixture
def runner(shared: IsolatedRunner, trips: list[tuple[str, str]]) -> IsolatedRunner:
    trips.clear()
    shared.start()
    return shared


def _insight(type_: str, number: int = 1) -> Insight:
    from uuid import UUID

    return Insight(UUID(int=number), ProductId("1234567890123"), type_, "claim", type_.partition("_")[0])


def _values(runs: object) -> dict[str, list[str | None]]:
    return {run.key.component: [p.value for p in run.predictions] for run in runs}  # type: ignore[attr-defined]


def test_the_child_says_what_an_inline_runner_says(runner: IsolatedRunner, loaded: tuple[Config, Registry]) -> None:
    inline = Runner(loaded[1], Taxonomies({}, None)).predict("a good text", today=TODAY)
    isolated = runner.predict("a good text", today=TODAY)
    assert isolated.runs == inline.runs
    assert set(isolated.timings) == set(inline.timings)
    assert _values(isolated.runs) == {"good.words": ["good"], "bad.words": []}


@pytest.mark.parametrize("how", ["sleep", "spin", "regex"])
def test_a_predictor_past_the_deadline_is_killed_and_left_out(
    how: str, runner: IsolatedRunner, trips: list[tuple[str, str]]
) -> None:
    before = runner.pid
    started = time.monotonic()
    predicted = runner.predict(f"a good text :{how}", today=TODAY)
    assert time.monotonic() - started < 8
    assert _values(predicted.runs) == {"good.words": ["good"]}
    assert [(one.component, one.plugin, one.kind) for one in predicted.failures] == [("bad.words", "bad", "deadline")]
    assert [component for component, _ in trips] == ["bad.words"]
    assert runner.pid != before


@pytest.mark.parametrize(
    ("how", "reason"),
    [("hard exit", "exit code 4"), ("segfault", "signal SIGSEGV")],
)
def test_a_predictor_that_ends_the_process_is_left_out(
    how: str, reason: str, runner: IsolatedRunner, trips: list[tuple[str, str]]
) -> None:
    predicted = runner.predict(f"a good text :{how}", today=TODAY)
    assert _values(predicted.runs) == {"good.words": ["good"]}
    (failure,) = predicted.failures
    assert (failure.component, failure.kind) == ("bad.words", "crashed")
    assert reason in failure.reason
    assert [component for component, _ in trips] == ["bad.words"]


def test_sys_exit_costs_no_process_and_is_a_crash(runner: IsolatedRunner) -> None:
    before = runner.pid
    predicted = runner.predict("a good text :exit", today=TODAY)
    assert _values(predicted.runs) == {"good.words": ["good"]}
    assert [(one.component, one.kind, one.reason) for one in predicted.failures] == [
        ("bad.words", "crashed", "SystemExit: 3")
    ]
    assert runner.pid == before


def test_raising_costs_no_process_and_trips_nothing_here(runner: IsolatedRunner, trips: list[tuple[str, str]]) -> None:
    before = runner.pid
    predicted = runner.predict("a good text :raise", today=TODAY)
    assert [(one.component, one.kind, one.reason) for one in predicted.failures] == [
        ("bad.words", "raised", "ValueError: no idea")
    ]
    assert trips == []
    assert runner.pid == before


def test_values_that_cannot_leave_the_process_are_the_predictors_fault(runner: IsolatedRunner) -> None:
    predicted = runner.predict("good proxy", today=TODAY)
    assert _values(predicted.runs) == {"good.words": ["good"]}
    assert [(one.component, one.kind) for one in predicted.failures] == [("bad.words", "wrong type")]


def test_waiting_for_a_processor_does_not_count(
    runner: IsolatedRunner, trips: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is too busy must not trip anybody: the time in the queue of runnable processes is not counted."""
    assert [one.kind for one in runner.predict("good slow", today=TODAY).failures] == ["deadline"]
    trips.clear()
    monkeypatch.setattr("robotoff_core.jobs.host._Child._queued", lambda self: time.monotonic())
    assert runner.predict("good slow", today=TODAY).failures == ()
    assert trips == []
    started = time.monotonic()
    predicted = runner.predict("good :sleep", today=TODAY)  # but it extends the deadline only so far
    assert [one.kind for one in predicted.failures] == ["deadline"]
    assert time.monotonic() - started < 15


def test_a_tripped_component_is_not_called(runner: IsolatedRunner) -> None:
    predicted = runner.predict("good :spin", today=TODAY, skip={"bad.words"})
    assert predicted.failures == ()
    assert _values(predicted.runs) == {"good.words": ["good"]}


def test_a_hanging_importer_costs_its_own_type_only(runner: IsolatedRunner, trips: list[tuple[str, str]]) -> None:
    product = ProductId("1234567890123")
    batch = [ReconcileInput(name, product, None, ()) for name in ("good_thing", "bad_thing", "good_thing")]
    plans = runner.reconcile(batch, today=TODAY)
    assert isinstance(plans[1], Failure)
    assert (plans[1].component, plans[1].kind) == ("bad.importer:bad_thing", "deadline")
    assert not isinstance(plans[0], Failure)
    assert not isinstance(plans[2], Failure)
    assert [component for component, _ in trips] == ["bad.importer:bad_thing"]


def test_annotators_have_a_deadline(runner: IsolatedRunner) -> None:
    answer = Answer(1)
    outcome = runner.annotate(_insight("good_thing"), answer, None, today=TODAY)
    assert isinstance(outcome, Outcome)
    assert outcome.result is Result.UPDATED
    from robotoff_core.model.products import Product

    product = Product(ProductId("1234567890123"))
    failure = runner.annotate(_insight("bad_thing"), answer, product, today=TODAY)
    assert isinstance(failure, Failure)
    assert (failure.component, failure.kind) == ("bad.annotator:bad_thing", "deadline")


def test_a_hanging_formatter_leaves_the_other_questions(runner: IsolatedRunner) -> None:
    insights = [_insight("good_thing", 1), _insight("bad_thing", 2), _insight("good_thing", 3)]
    first, second, third = runner.questions(insights, "en", today=TODAY)
    assert not isinstance(first, Failure)
    assert first.text == "Is it good?"
    assert first == third
    assert isinstance(second, Failure)
    assert second.component == "bad.formatter:bad_thing"


def test_a_malformed_document_raises_as_inline(runner: IsolatedRunner) -> None:
    with pytest.raises(OcrError) as caught:
        runner.predict(b"[1, 2", today=TODAY)
    assert str(caught.value)


def test_a_killed_idle_child_is_replaced(runner: IsolatedRunner) -> None:
    runner.predict("good", today=TODAY)
    assert runner.pid is not None
    os.kill(runner.pid, signal.SIGKILL)
    _wait_until(lambda: runner.pid is None)
    assert _values(runner.predict("good", today=TODAY).runs)["good.words"] == ["good"]


def test_closing_ends_the_child(loaded: tuple[Config, Registry]) -> None:
    isolated = IsolatedRunner(*loaded)
    isolated.start()
    process = psutil.Process(isolated.pid)
    isolated.close()
    assert not process.is_running()


def test_an_idle_child_is_small(runner: IsolatedRunner) -> None:
    runner.predict("a good text", today=TODAY)
    pss = psutil.Process(runner.pid).memory_full_info().pss / 1e6
    assert pss < 45, f"the component process holds {pss:.1f} MB"


def test_threads_take_turns(runner: IsolatedRunner) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        predicted = list(pool.map(lambda _: runner.predict("a good text", today=TODAY), range(20)))
    assert all(_values(one.runs)["good.words"] == ["good"] for one in predicted)


def test_a_child_that_cannot_start_is_an_error_without_a_culprit(
    loaded: tuple[Config, Registry], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.executable", str(tmp_path / "absent"))
        with pytest.raises((HostError, OSError)):
            IsolatedRunner(*loaded).start()


def _wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
