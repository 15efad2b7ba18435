"""`make status` and `make down` against the lock that `robotoff up` holds."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import running

HOLDER = """
import signal, sys
from pathlib import Path
from robotoff_server.lock import RunningLock
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with RunningLock(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_down_stops_what_runs(
    tmp_path: Path, holder: "subprocess.Popen[bytes]", capsys: pytest.CaptureFixture[str]
) -> None:
    assert running.running(tmp_path) == holder.pid
    assert running.down(tmp_path) == 0
    assert holder.wait(10) == 0
    assert f"stopped process {holder.pid}" in capsys.readouterr().out
    assert running.down(tmp_path) == 0
    assert "nothing runs" in capsys.readouterr().out


def test_a_file_left_by_a_killed_process_is_nobody(tmp_path: Path, holder: "subprocess.Popen[bytes]") -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / "robotoff.pid").exists()
    assert running.running(tmp_path) is None


def test_status_when_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert running.status(tmp_path, "http://127.0.0.1:9") == 1
    printed = capsys.readouterr().out
    assert f"process: none on {tmp_path}" in printed
    assert "nothing answers" in printed


def test_status_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = [{"checker": "database", "output": "reads", "passed": True}]
    checks.append({"checker": "plugin x", "output": "failed: raised", "passed": False})
    body = json.dumps({"message": {"status": "degraded", "results": checks}}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert running.status(tmp_path, f"http://127.0.0.1:{server.server_address[1]}") == 1
        server.shutdown()
    printed = capsys.readouterr().out
    assert "health:  degraded" in printed
    assert "BAD plugin x: failed: raised" in printed
