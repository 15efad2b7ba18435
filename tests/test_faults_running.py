"""Plugins that load well and misbehave at work, beside the real ones, in a running system.

One `robotoff up` for all tests: its process stays up, the others' results are stored and asked, and the states agree in
the command line, the API and health.
"""

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from faulty_plugins import LOADING, REAL, ROBOTOFF, RUNNING, environment, install_all, listing, robotoff, write_config

PATIENCE = 120.0
TRIPPED = {slug: (component, reason) for slug, (_, component, reason) in RUNNING.items() if component}


@frozen
class System:
    """A running ``robotoff up`` and how to speak with it."""

    port: int
    environ: dict[str, str]
    process: "subprocess.Popen[bytes]"
    log: Path

    def get(self, path: str) -> Any:
        """The JSON of a GET, and of the error when it is one."""
        return self._send(urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1{path}"))[1]

    def status(self, path: str) -> int:
        """The status of a GET."""
        return self._send(urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1{path}"))[0]

    def answer(self, insight_id: str, annotation: int = 1) -> Any:
        """Answer as the demo's account."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/insights/annotate",
            f"insight_id={insight_id}&annotation={annotation}".encode(),
            {"Authorization": "Basic ZGVtbzpkZW1v", "Content-Type": "application/x-www-form-urlencoded"},
        )
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def health(self) -> Any:
        """What health says, as the object itself."""
        message = self.get("/health")["message"]
        return json.loads(message) if isinstance(message, str) else message

    def questions(self, type_: str) -> list[Any]:
        """The open questions of one type."""
        found: list[Any] = self.get(f"/questions?insight_types={type_}&count=100")["questions"]
        return found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("running")
    install_all(folder / "installed")
    write_config(folder / "robotoff.toml")
    environ = {**environment(folder / "installed", folder / "robotoff.toml"), "ROBOTOFF_VAR": str(folder / "var")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "log"
    with log.open("wb") as out:
        command = [*ROBOTOFF, "up", "--demo", "--port", str(port)]
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
    try:
        started = System(port, environ, process, log)
        _wait(lambda: "Robotoff runs at" in log.read_text("utf-8", "replace"), started)
        _wait(lambda: _idle(started), started)
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _idle(system: System) -> bool:
    (ledger,) = [one for one in system.health()["results"] if one["checker"] == "ledger"]
    return bool(re.match(r"0 pending, 0 running", ledger["output"]))


def _wait(condition: Any, system: System) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert system.process.poll() is None, system.log.read_text("utf-8", "replace")
        assert time.monotonic() < end, system.log.read_text("utf-8", "replace")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def told(system: System) -> dict[str, Any]:
    """The command line's listing when the demonstration's documents are done."""
    return listing(system.environ)


@pytest.mark.parametrize("slug", TRIPPED)
def test_the_component_is_tripped_and_its_reason_told(slug: str, told: dict[str, Any]) -> None:
    component, reason = TRIPPED[slug]
    record = told[slug]
    assert record["state"] == "tripped", record
    (part,) = [part for part in record["components"] if part["name"] == component]
    assert part["state"] == "tripped"
    assert reason in part["reason"]
    assert f"robotoff plugins reset {component}" in record["next_step"]
    assert all(other["state"] == "enabled" for other in record["components"] if other["name"] != component)


@pytest.mark.parametrize("slug", [slug for slug in RUNNING if slug not in TRIPPED])
def test_what_was_not_called_or_did_well_is_enabled(slug: str, told: dict[str, Any]) -> None:
    assert told[slug]["state"] == "enabled"


def test_command_line_api_and_health_agree(system: System) -> None:
    told = listing(system.environ)
    served = {record["slug"]: record for record in system.get("/plugins")["plugins"]}
    healthy = {record["slug"]: record for record in system.health()["plugins"]}
    assert set(told) == set(served) == set(healthy)
    for slug, record in told.items():
        assert record["state"] == served[slug]["state"] == healthy[slug]["state"], slug
        assert served[slug]["reason"] == healthy[slug]["reason"] == record["summary"], slug
        assert record["reason"].startswith(served[slug]["reason"]), slug
        assert served[slug]["next_step"] == record["next_step"], slug
        assert system.get(f"/plugins/{slug}") == served[slug]


def test_public_listings_tell_no_error_texts_and_paths(system: System) -> None:
    public = json.dumps([system.get("/plugins"), system.health()])
    for secret in ("no luck", "cannot read this", "three", "Traceback", str(system.log.parent), "site-packages"):
        assert secret not in public


def test_health_is_200_and_names_who_is_in_trouble(system: System) -> None:
    assert system.status("/health") == 200
    degraded = " ".join(system.health()["degraded"])
    for slug in [*LOADING, *TRIPPED]:
        if slug != "has_pending_migrations":  # `up` migrates its own embedded database
            assert slug in degraded
    for slug in ("control", *REAL):
        assert f"plugin {slug}" not in system.health()["degraded"]
    assert "breaks_its_routes: partner" in degraded


@pytest.mark.parametrize("type_", ["label", "product_weight", "control_thing"])
def test_the_others_results_are_stored_and_asked(type_: str, system: System) -> None:
    assert system.questions(type_)


def test_the_control_spoke_about_every_document(system: System) -> None:
    """No kill of a process lost a document: each product with a text has the control's question."""
    about = {question["barcode"] for question in system.questions("control_thing")}
    others = {question["barcode"] for type_ in ("label", "product_weight") for question in system.questions(type_)}
    assert others <= about
    assert len(about) >= 12


def test_a_tripped_plugin_asks_nothing_and_an_importers_fault_keeps_predictions(system: System) -> None:
    for slug in TRIPPED:
        assert system.questions(f"{slug}_thing") == []


def test_a_raising_formatter_costs_its_own_questions_only(system: System) -> None:
    asked = system.get("/questions?count=200")["questions"]
    assert asked
    assert "raises_in_question_thing" not in {question["insight_type"] for question in asked}


@pytest.mark.parametrize(("slug", "kind"), [("raises_in_annotate", "raises"), ("spins_in_annotate", "spins")])
def test_an_annotators_fault_costs_its_own_answers_only(slug: str, kind: str, system: System) -> None:
    question = system.questions(f"{slug}_thing")[0]
    started = time.monotonic()
    _, said = system.answer(question["insight_id"])
    assert time.monotonic() - started < 20
    assert said.get("status_code") not in (1, 2), said
    control = next(one for one in system.questions("control_thing"))
    assert system.answer(control["insight_id"])[1]["status_code"] == 2
    assert system.process.poll() is None
    insight = system.get(f"/insights/detail/{question['insight_id']}")
    assert insight.get("annotation") != 2
    if kind == "spins":
        assert listing(system.environ)[slug]["state"] == "tripped"


def test_a_raising_route_is_a_500_of_its_own(system: System) -> None:
    assert system.status("/plugins/breaks_its_routes/broken") == 500
    assert system.get("/plugins/breaks_its_routes/well") == {"well": True}
    assert system.status("/status") == 200
    assert "breaks_its_routes: routes" in " ".join(system.health()["degraded"])


def test_a_raising_command_ends_with_its_name_and_exit_code_1(system: System) -> None:
    done = robotoff(system.environ, "breaks_its_routes", "broken")
    assert done.returncode == 1
    assert "plugin breaks_its_routes: command broken raised RuntimeError: no partner" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_log_names_plugin_and_component(system: System) -> None:
    log = system.log.read_text("utf-8", "replace")
    assert "spins_in_a_regex.words" in log
    assert "raises_at_import" in log


def test_reset_puts_a_component_back_to_work_everywhere(system: System) -> None:
    component = TRIPPED["raises_in_predict"][0]
    done = robotoff(system.environ, "plugins", "reset", component)
    assert done.returncode == 0, done.stderr
    assert listing(system.environ)["raises_in_predict"]["state"] == "enabled"
    _wait(lambda: system.get("/plugins/raises_in_predict")["state"] == "enabled", system)


@pytest.mark.parametrize("slug", ["sleeps_in_predict", "raises_in_import"])
def test_strict_starts_nothing_with_a_tripped_component(slug: str, system: System) -> None:
    done = robotoff(system.environ, "--strict", "--set", f"plugins.enabled={','.join([*REAL, slug])}", "worker")
    assert done.returncode == 1
    assert f"robotoff plugins reset {TRIPPED[slug][0]}" in done.stderr


def test_strict_ends_a_process_in_which_a_component_trips(system: System, tmp_path: Path) -> None:
    environ = {**system.environ, "ROBOTOFF_VAR": str(tmp_path), "ROBOTOFF_PLUGINS__ENABLED": "control,exits_in_predict"}
    done = robotoff(environ, "--strict", "up", "--demo", "--port", "0")
    assert done.returncode == 1
    assert "plugin exits_in_predict: tripped: " in done.stderr
    assert "Traceback" not in done.stderr


def test_strict_does_not_come_up(system: System, tmp_path: Path) -> None:
    environ = {**system.environ, "ROBOTOFF_VAR": str(tmp_path)}
    done = robotoff(environ, "--strict", "up", "--port", "0")
    assert done.returncode == 1
    assert "raises_at_import" in done.stderr
    assert "Traceback" not in done.stderr
