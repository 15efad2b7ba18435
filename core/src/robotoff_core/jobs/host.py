"""Components in a child process, under a deadline.

Components run inline wherever they run: a thread hop for each would cost more than the rules. But a runaway regular
expression holds the interpreter, so only a process can be stopped. :class:`IsolatedRunner` offers the methods of
:class:`robotoff_core.engine.runner.Runner`, executed by one in a child (:mod:`robotoff_core.jobs.hosted`). When a call
passes its deadline or the child dies, the child is killed and started anew, the component that was running is reported
(``on_trip``), and the work runs again without it.

Parent and child share a socket pair that nobody else can reach (so that pickles are safe on it) and a few bytes of
memory, in which the child writes what it enters.
"""

import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from ..engine.runner import Failure, Predicted, ReconcileInput
from .frames import CORE_DEADLINE, MAX_EXTENSION, NOBODY, START_DEADLINE, Status, readable, receive, send

if TYPE_CHECKING:
    from ..config import Config
    from ..engine.reconcile import Plan
    from ..model.answers import Answer, Outcome
    from ..model.ids import ProductId
    from ..model.insights import Insight
    from ..model.products import Product
    from ..model.questions import Question
    from ..plugins.registry import Registry
    from ..text import OcrDocument

__all__ = ["HostError", "IsolatedRunner"]

logger = logging.getLogger("robotoff.host")

MAX_CULPRITS = 20
"""Restarts within one call; more means that something else than single components is wrong."""


class HostError(RuntimeError):
    """The child failed and no component is to blame. The job that needed it should be tried again."""


@frozen
class _Culprit:
    """The component that hung or killed the child, and how."""

    component: str
    plugin: str
    kind: str
    reason: str

    def failure(self) -> Failure:
        return Failure(self.component, self.plugin, self.kind, self.reason)


class _CulpritFound(Exception):
    def __init__(self, culprit: _Culprit) -> None:
        self.culprit = culprit
        super().__init__(culprit.reason)


class IsolatedRunner:
    """The runner's methods, executed in a child process. Threads may share one; calls take turns.

    *registry* says which plugins the child loads: those that run here. *on_trip* is told (component, reason) when a
    component hung or crashed; it may write to the database, so no method may be called inside a transaction.
    The child starts at the first call, or with :meth:`start`; :meth:`close` ends it.
    """

    def __init__(
        self,
        config: "Config",
        registry: "Registry",
        on_trip: Callable[[str, str], None] | None = None,
    ) -> None:
        self._config = config
        self._registry = registry
        self._on_trip = on_trip
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def start(self) -> None:
        """Start the child now, so that the first document does not wait for it."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            if self._child is not None:
                self._child.stop()
                self._child = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.process.pid if child is not None and child.process.poll() is None else None

    def predict(
        self,
        document: "bytes | str | OcrDocument",
        *,
        product: "ProductId | None" = None,
        source_image: str | None = None,
        types: Collection[str] | None = None,
        today: date,
        skip: Collection[str] = (),
        product_name: bool = False,
    ) -> Predicted:
        """See :meth:`robotoff_core.engine.runner.Runner.predict`. What hung or crashed is among the failures."""
        out = set(skip)
        culprits: list[_Culprit] = []
        whole = self._config.jobs.document_deadline
        while True:
            arguments = {
                "product": product,
                "source_image": source_image,
                "types": types,
                "today": today,
                "skip": frozenset(out),
                "product_name": product_name,
            }
            try:
                predicted: Predicted = self._call("predict", (document,), arguments, whole)
            except _CulpritFound as found:
                self._note(found.culprit, culprits)
                out.add(found.culprit.component)
                continue
            failures = tuple(culprit.failure() for culprit in culprits)
            return evolve(predicted, failures=failures + predicted.failures) if failures else predicted

    def reconcile(
        self, batch: Sequence[ReconcileInput], *, today: date, skip: Collection[str] = ()
    ) -> "list[Plan | Failure]":
        """See :meth:`robotoff_core.engine.runner.Runner.reconcile`. The deadline is that of each importer's call."""
        out = set(skip)
        culprits: list[_Culprit] = []
        while True:
            arguments = {"today": today, "skip": frozenset(out)}
            try:
                plans: list[Plan | Failure] = self._call("reconcile", (tuple(batch),), arguments)
            except _CulpritFound as found:
                self._note(found.culprit, culprits)
                out.add(found.culprit.component)
                continue
            failures = {culprit.component: culprit.failure() for culprit in culprits}
            return [failures.get(plan.component, plan) if isinstance(plan, Failure) else plan for plan in plans]

    def annotate(
        self,
        insight: "Insight",
        answer: "Answer",
        product: "Product | None",
        *,
        today: date,
        skip: Collection[str] = (),
    ) -> "Outcome | Failure":
        """See :meth:`robotoff_core.engine.runner.Runner.annotate`."""
        try:
            outcome: Outcome | Failure = self._call(
                "annotate", (insight, answer, product), {"today": today, "skip": frozenset(skip)}
            )
        except _CulpritFound as found:
            self._note(found.culprit, [])
            return found.culprit.failure()
        return outcome

    def questions(self, insights: "Sequence[Insight]", lang: str, *, today: date) -> "list[Question | Failure]":
        """See :meth:`robotoff_core.engine.runner.Runner.questions`."""
        failures: dict[str, Failure] = {}
        culprits: list[_Culprit] = []
        while True:
            asked = [insight for insight in insights if self._formatter(insight) not in failures]
            try:
                answers = iter(self._call("questions", (asked, lang), {"today": today}))
            except _CulpritFound as found:
                self._note(found.culprit, culprits)
                failures[found.culprit.component] = found.culprit.failure()
                continue
            return [failures.get(self._formatter(insight)) or next(answers) for insight in insights]

    def route(self, name: str, query: Mapping[str, str]) -> Any:
        """See :meth:`robotoff_core.engine.runner.Runner.route`."""
        try:
            return self._call("route", (name, dict(query)), {})
        except _CulpritFound as found:
            self._note(found.culprit, [])
            return found.culprit.failure()

    def _formatter(self, insight: "Insight") -> str:
        registered = self._registry.formatters.get(insight.type)
        return registered.name if registered is not None else ""

    def _note(self, culprit: _Culprit, culprits: list[_Culprit]) -> None:
        """Report *culprit*. Raises :class:`HostError` when leaving components out does not help."""
        logger.error("component %s of plugin %s: %s", culprit.component, culprit.plugin, culprit.reason)
        if self._on_trip is not None:
            self._on_trip(culprit.component, culprit.reason)
        if culprit.component in {earlier.component for earlier in culprits} or len(culprits) >= MAX_CULPRITS:
            raise HostError(f"component {culprit.component} was left out and still failed: {culprit.reason}")
        culprits.append(culprit)

    def _running(self) -> "_Child":
        if self._child is None or self._child.process.poll() is not None:
            if self._child is not None:
                self._child.stop()
            self._child = _Child(self._config, sorted(self._registry.enabled_plugins))
        return self._child

    def _call(
        self, method: str, arguments: tuple[Any, ...], keywords: dict[str, Any], whole: float | None = None
    ) -> Any:
        """One call in the child. *whole*: seconds for all of it; without, each component has ``jobs.call_deadline``.

        Raises what the runner raised there, :class:`_CulpritFound`, or :class:`HostError`.
        """
        with self._lock:
            child = self._running()
            try:
                status, value = child.request((method, arguments, keywords), whole, self._config.jobs.call_deadline)
            except (TimeoutError, EOFError, OSError) as error:
                current, slowest, spent = child.status()
                deadline = whole if whole is not None else self._config.jobs.call_deadline
                ended = child.stop()
                self._child = None
                if isinstance(error, TimeoutError):
                    # the document's time may have been used up by a component that came before the current one
                    self._blame(slowest or current, "deadline", f"past the deadline of {deadline:g} s ({spent:.1f} s)")
                self._blame(current, "crashed", f"the process ended: {ended}")
                raise HostError(f"the component process failed outside any component ({ended or error})") from None
        if status == "left":
            component, reason = value
            self._blame(component, "crashed", reason)
            raise HostError(f"the component process was asked to end outside any component: {reason}")
        if status == "raised":
            raise value
        return value

    def _blame(self, component: str, kind: str, reason: str) -> None:
        """Raise :class:`_CulpritFound` when a component was running."""
        if component:
            raise _CulpritFound(_Culprit(component, self._registry.owner_of_component(component) or "", kind, reason))


class _Child:
    """The child seen from the parent: process, socket, shared status."""

    def __init__(self, config: "Config", plugins: list[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, _shared_file() as shared:
            os.truncate(shared, mmap.PAGESIZE)
            self._memory = mmap.mmap(shared, mmap.PAGESIZE)
            command = [sys.executable, "-m", "robotoff_core.jobs.hosted", str(theirs.fileno()), str(shared)]
            # its standard output may be ours, which can be a data stream
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=(theirs.fileno(), shared)
            )
        self._socket = ours
        self._names: tuple[str, ...] = ()
        try:
            send(ours, (sys.path, config, plugins), START_DEADLINE)
            self._names = receive(ours, monotonic() + START_DEADLINE)
        except (TimeoutError, EOFError, OSError) as error:
            ended = self.stop()
            raise HostError(f"the component process did not start: {ended or type(error).__name__}") from None

    def request(self, frame: Any, whole: float | None, each: float) -> tuple[str, Any]:
        """Send *frame* and wait for the reply.

        Raises :class:`TimeoutError` past the deadline, :class:`EOFError` when the child died.
        """
        Status(NOBODY, monotonic()).write(self._memory)
        queued = self._queued()
        send(self._socket, (frame, whole, each), CORE_DEADLINE)
        step = max((whole or each) / 8, 0.01)  # while we wait, the child moves on to other components
        while not readable(self._socket, min(max(self._patience(whole, each), step / 4), step)):
            left = self._patience(whole, each)
            if left <= 0 and left + min(self._queued() - queued, MAX_EXTENSION * (whole or each)) <= 0:
                raise TimeoutError
        reply: tuple[str, Any] = receive(self._socket, monotonic() + CORE_DEADLINE)
        return reply

    def _patience(self, whole: float | None, each: float) -> float:
        """Seconds that the current step still has."""
        now = Status.read(self._memory)
        if now.current == NOBODY:
            limit = CORE_DEADLINE
        elif whole is not None:
            limit = whole - now.spent
        else:
            limit = each
        return now.entered + limit - monotonic()

    def _queued(self) -> float:
        """Seconds for which the child was ready to run and had to wait for a processor: on a busy machine, that time is
        not its components'. 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def status(self) -> tuple[str, str, float]:
        """The component that runs now, the one that ran longest in this call, and its seconds."""
        now = Status.read(self._memory)
        slowest, seconds = now.slowest, now.seconds
        if now.current != NOBODY and monotonic() - now.entered >= seconds:
            slowest, seconds = now.current, monotonic() - now.entered
        return self._name(now.current), self._name(slowest), seconds

    def _name(self, index: int) -> str:
        return self._names[index - 1] if 0 < index <= len(self._names) else ""

    def stop(self) -> str:
        """End the child, whatever it does, and say how it ended when it was by itself ("" when we killed it)."""
        ended = ""
        try:
            self._socket.close()
            code = self.process.poll()
            if code is None:
                try:  # an idle or dying child ends by itself
                    code = self.process.wait(0.2)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            if code is not None:
                ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        finally:
            self._memory.close()
        return ended


@contextmanager
def _shared_file() -> Iterator[int]:
    """A file descriptor for memory that parent and child share."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("robotoff-host")
        try:
            yield handle
        finally:
            os.close(handle)
    else:  # not Linux
        with tempfile.TemporaryFile() as file:
            yield file.fileno()
