"""`make status` and `make down`: is the system in this data folder running, and stop it.

``running.py status --var DIR --host HOST --port PORT``, ``running.py down --var DIR``. `robotoff up` holds a lock on
``robotoff.pid`` in its data folder while it runs; the lock, not the file, says whether it does.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0


def running(var: Path) -> int | None:
    """The id of the process that runs on *var*, if one does."""
    try:
        with (var / "robotoff.pid").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = (var / "robotoff.pid").read_text().strip()
        return int(text) if text.isdigit() else None
    except FileNotFoundError:
        pass
    return None


def down(var: Path) -> int:
    """Ask it to stop, and wait until it has. Not running is fine."""
    pid = running(var)
    if pid is None:
        print(f"nothing runs on {var}")
        return 0
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if running(var) is None:
            print(f"stopped process {pid}; the data stays in {var}")
            return 0
        time.sleep(0.1)
    print(f"process {pid} was asked to stop {STOP_SECONDS:.0f} s ago and still runs", file=sys.stderr)
    return 1


def status(var: Path, url: str) -> int:
    """Print the process and its health; 0 when it runs and is well, 1 when not."""
    pid = running(var)
    print(f"process: {f'{pid}, data in {var}' if pid else f'none on {var}'}")
    health = asked(f"{url}/api/v1/health")
    if health is None:
        print(f"address: nothing answers at {url}" + ("; is it another port? make status PORT=..." if pid else ""))
        return 1
    message = health["message"]
    print(f"address: {url}\nhealth:  {message['status']}")
    for result in message["results"]:
        print(f"  {'ok ' if result['passed'] else 'BAD'} {result['checker']}: {result['output']}")
    return 0 if message["status"] == "success" else 1


def asked(url: str) -> Any:
    """The JSON answer, also of a failing health check; ``None`` when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
    except OSError:
        return None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["status", "down"])
    parser.add_argument("--var", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="5500")
    given = parser.parse_args()
    return down(given.var) if given.what == "down" else status(given.var, f"http://{given.host}:{given.port}")


if __name__ == "__main__":
    sys.exit(main())
