"""Plugins that hang while people wait: in wording a question, in a route, also inside one regular expression, which
nothing in the same process could stop. The others are served, and what hung is left out and told.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from robotoff_core.testing.installed import install_plugin

PATIENCE = 120.0

SOURCE = """
    import re, time
    from robotoff_core.api import *

    SLUG = "hangs"

    def spin(*_):
        re.match(r"(a+)+$", "a" * 64 + "b")

    class Words(Predictor):
        name, version, produces = "hangs.words", "1", ("hanging_thing",)
        def predict(self, document, run):
            if document.text.strip():
                yield Prediction("hanging_thing", value="thing")

    class ThingImporter(Importer):
        type = "hanging_thing"

    class ThingQuestion(QuestionFormatter):
        type = "hanging_thing"
        def question(self, insight, lang, run):
            spin()

    class Plugin:
        manifest = Manifest(SLUG, "Hangs", owns=[TypeSpec("hanging_thing", priority=1)])
        @hookimpl
        def robotoff_predictors(self): return [Words()]
        @hookimpl
        def robotoff_importers(self): return [ThingImporter()]
        @hookimpl
        def robotoff_question_formatters(self): return [ThingQuestion()]
        @hookimpl
        def robotoff_routes(self):
            return [
                Route("well", lambda query: {"well": True, **query}),
                Route("spins", spin),
                Route("sleeps", lambda query: time.sleep(600)),
                Route("leaves", lambda query: exit(3)),
                Route("odd", lambda query: lambda: None),
            ]

    plugin = Plugin()
"""


@frozen
class System:
    """A running ``robotoff up``."""

    port: int
    log: Path

    def get(self, path: str, timeout: float = 60) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=timeout) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def components(self) -> dict[str, str]:
        """The state of each component of the plugin that hangs."""
        _, record = self.get("/plugins/hangs")
        return {part["name"]: part["state"] for part in record["components"]}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("serving")
    install_plugin(folder / "installed", "hangs", SOURCE)
    (folder / "robotoff.toml").write_text("[jobs]\ncall_deadline = 0.7\n")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ROBOTOFF_")}
    environ["PYTHONPATH"] = str(folder / "installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    started = System(port, folder / "log")
    command = [str(Path(sys.executable).with_name("robotoff")), "up", "--demo", "--port", str(port)]
    with started.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environ)
    try:
        end = time.monotonic() + PATIENCE
        while "Robotoff runs at" not in started.log.read_text("utf-8", "replace"):
            assert process.poll() is None, started.log.read_text("utf-8", "replace")
            assert time.monotonic() < end, started.log.read_text("utf-8", "replace")
            time.sleep(0.1)
        yield started
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def test_a_question_that_cannot_be_worded_costs_no_other(system: System) -> None:
    status, body = system.get("/questions?count=100")
    assert status == 200
    types = {question["insight_type"] for question in body["questions"]}
    assert "hanging_thing" not in types
    assert len(types) >= 2
    started = time.monotonic()
    assert system.get("/questions?count=100")[1]["questions"]  # and now nothing is waited for
    assert time.monotonic() - started < 5
    assert system.components()["hangs.formatter:hanging_thing"] == "tripped"


def test_routes_that_hang_are_stopped(system: System) -> None:
    assert system.get("/plugins/hangs/well?a=1") == (200, {"well": True, "a": "1"})
    for name in ("spins", "sleeps"):
        started = time.monotonic()
        status, body = system.get(f"/plugins/hangs/{name}")
        assert (status, body["description"]) == (504, "Plugin hangs did not answer in time.")
        assert time.monotonic() - started < 15
        assert system.get("/status", timeout=5)[0] == 200
        assert system.get("/plugins/hangs/well") == (200, {"well": True})
        assert system.get(f"/plugins/hangs/{name}")[0] == 503  # tripped
    assert system.components()["hangs.route:GET spins"] == "tripped"
    assert system.components()["hangs.route:GET well"] == "enabled"


def test_routes_that_leave_or_answer_nonsense(system: System) -> None:
    assert system.get("/plugins/hangs/leaves")[0] == 500
    assert system.get("/plugins/hangs/odd")[0] == 500
    assert system.get("/plugins/hangs/well") == (200, {"well": True})


def test_health_names_it_and_the_rest_is_well(system: System) -> None:
    status, health = system.get("/health")
    assert (status, health["message"]["status"]) == (200, "degraded")
    assert set(health["message"]["degraded"]) == {"plugin hangs", "plugin hangs: routes"}
    states = {one["slug"]: one["state"] for one in health["message"]["plugins"]}
    assert states == {"hangs": "tripped", "labels": "enabled", "weight": "enabled"}
