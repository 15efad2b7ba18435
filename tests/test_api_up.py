"""``robotoff up`` and ``robotoff serve`` as an operator meets them: what they say, what they keep, how they stop."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

ROBOTOFF = str(Path(sys.executable).with_name("robotoff"))
PATIENCE = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Command:
    """A running ``robotoff`` and what it has written."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out = folder / f"out-{time.monotonic_ns()}"
        environ = {key: value for key, value in os.environ.items() if not key.startswith("ROBOTOFF_")}
        with self._out.open("wb") as out:
            self.process = subprocess.Popen([ROBOTOFF, *arguments], cwd=folder, stdout=out, stderr=out, env=environ)

    @property
    def output(self) -> str:
        return self._out.read_text("utf-8", "replace")

    def wait_for(self, pattern: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if re.search(pattern, self.output):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in: {self.output}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Command]:
    command = Command(folder, *arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.terminate()
            try:
                command.process.wait(40)
            except subprocess.TimeoutExpired:
                command.process.kill()
                command.process.wait()


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
        return json.load(reply)


def post(port: int, values: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/insights/annotate",
        values.encode(),
        {"Authorization": "Basic ZGVtbzpkZW1v", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def processor_seconds(pid: int, seconds: float) -> float:
    """What the process itself computes in so many seconds."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system)


def test_up_serves_questions_keeps_its_data_and_stops(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("up", "--demo", "--port", str(port), "--var", "data")
    with running(tmp_path, *arguments) as up:
        up.wait_for(r"Robotoff runs at ")
        assert f"http://127.0.0.1:{port}" in up.output
        assert (tmp_path / "data" / "robotoff.pid").read_text().strip() == str(up.process.pid)
        found = get(port, "/api/v1/questions?count=100")
        assert found["count"] >= 10
        first = found["questions"][0]
        assert post(port, f"insight_id={first['insight_id']}&annotation=1")["status_code"] == 2
        (edit,) = get(port, "/console/api/edits")["edits"]
        assert first["insight_id"] in edit["comment"]

        again = Command(tmp_path, *arguments)
        assert again.process.wait(60) == 1
        assert f"already runs on data (process {up.process.pid})" in again.output
        other = Command(tmp_path, "up", "--port", str(port), "--var", "other")
        assert other.process.wait(60) == 1
        assert f"port {port} on 127.0.0.1 cannot be used" in other.output
        assert "--port" in other.output

        children = psutil.Process(up.process.pid).children(recursive=True)
        assert len(children) >= 1  # the components
        assert processor_seconds(up.process.pid, 3) < 1  # at rest it rests
        assert up.stop() == 0
        assert "Stopped." in up.output
        assert not (tmp_path / "data" / "robotoff.pid").exists()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []

    with running(tmp_path, *arguments) as second:
        second.wait_for(r"Robotoff runs at ")
        assert "Reading the labels" not in second.output
        assert get(port, f"/api/v1/insights/detail/{first['insight_id']}")["annotation"] == 1
        assert len(get(port, "/console/api/edits")["edits"]) == 1
        assert get(port, "/api/v1/questions?count=100")["count"] < found["count"]


def test_up_starts_again_after_a_kill(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("up", "--demo", "--port", str(port), "--var", "data")
    with running(tmp_path, *arguments) as up:
        up.wait_for("Reading the labels")  # in the midst of it
        time.sleep(0.5)
        up.process.kill()
        up.process.wait(10)
    with running(tmp_path, *arguments) as second:
        second.wait_for(r"Robotoff runs at ")
        end = time.monotonic() + PATIENCE  # jobs that ran when it was killed come back when their lease is over
        while (count := get(port, "/api/v1/questions")["count"]) < 10 and time.monotonic() < end:
            time.sleep(0.2)
        assert count >= 10


def test_up_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "robotoff.toml").write_text("[server]\nprot = 1\n")
    wrong = Command(tmp_path, "up", "--var", "data")
    assert wrong.process.wait(60) == 2
    assert "robotoff.toml:2: server.prot" in wrong.output
    assert "Traceback" not in wrong.output
    (tmp_path / "robotoff.toml").write_text('[server]\ntrusted_proxies = ["proxy"]\n')
    wrong = Command(tmp_path, "up", "--var", "data", "--port", str(free_port()))
    assert wrong.process.wait(60) == 2
    assert "server.trusted_proxies: 'proxy'" in wrong.output
    assert "robotoff.toml:2" in wrong.output
    assert "Traceback" not in wrong.output


def test_serve_replaces_a_process_that_dies(tmp_path: Path) -> None:
    port = free_port()
    environ = ("--set", "var=data")
    subprocess.run([ROBOTOFF, *environ, "db", "upgrade"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    with running(tmp_path, *environ, "serve", "--processes", "2", "--port", str(port)) as serve:
        serve.wait_for("Serving http")
        parent = psutil.Process(serve.process.pid)

        def workers(other_than: set[int]) -> list[int]:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                found = [child.pid for child in parent.children() if child.pid not in other_than]
                if len(parent.children()) == 2 and found:
                    return found
                time.sleep(0.05)
            raise AssertionError(serve.output)

        first = set(workers(set()))
        wait_until_served(port)
        os.kill(min(first), signal.SIGKILL)
        workers(first)
        for _ in range(20):
            assert get(port, "/api/v1/status") == {"status": "running"}
        assert serve.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in first)


def test_processes_of_serve_do_not_outlive_their_parent(tmp_path: Path) -> None:
    port = free_port()
    environ = ("--set", "var=data")
    subprocess.run([ROBOTOFF, *environ, "db", "upgrade"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    with running(tmp_path, *environ, "serve", "--processes", "2", "--port", str(port)) as serve:
        serve.wait_for("Serving http")
        wait_until_served(port)
        children = psutil.Process(serve.process.pid).children(recursive=True)
        assert len(children) >= 2
        serve.process.kill()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []


def test_serve_does_not_go_on_when_it_cannot_serve(tmp_path: Path) -> None:
    environ = ("--set", "var=data")
    subprocess.run([ROBOTOFF, *environ, "db", "upgrade"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    broken = ("--strict", "--set", "plugins.enabled=absent")
    for processes in ("1", "2"):
        failed = Command(tmp_path, *environ, *broken, "serve", "--processes", processes, "--port", str(free_port()))
        assert failed.process.wait(60) == 1
        assert "absent" in failed.output
        assert "Traceback" not in failed.output


def wait_until_served(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            get(port, "/api/v1/status")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nothing was served")


def test_serve_wants_a_database_that_is_ready(tmp_path: Path) -> None:
    failed = Command(tmp_path, "--set", "database=postgresql://nobody@127.0.0.1:1/none", "serve", "--port", "0")
    assert failed.process.wait(60) == 1
    assert "Traceback" not in failed.output


@pytest.mark.parametrize("command", ["up", "serve"])
def test_help(tmp_path: Path, command: str) -> None:
    reply = subprocess.run([ROBOTOFF, command, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "--port" in reply.stdout
