"""Memory of the whole embedded system at rest: `robotoff up --demo`, both plugins, after the demo is worked off.

Sum of PSS over the process tree, so that pages shared between the processes count once.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

LIMIT_MB = 170
PATIENCE = 120.0  # seconds until the first question, and again until it is quiet


def main() -> int:
    if not Path("/proc/self/smaps_rollup").exists():
        print("skipped: this system does not tell PSS (needs Linux's /proc/<pid>/smaps_rollup)")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="robotoff-idle-"))
    port = free_port()
    robotoff = str(Path(sys.executable).with_name("robotoff"))
    command = [robotoff, "up", "--demo", "--port", str(port), "--var", str(folder / "var")]
    log = (folder / "log").open("wb")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ROBOTOFF_")}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/questions", process, folder)
        print(f"first question after      {time.monotonic() - started:6.1f} s")
        tree = wait_until_quiet(process)
        plugins = ask(f"http://127.0.0.1:{port}/api/v1/plugins")
        running = [each["slug"] for each in plugins["plugins"] if each["state"] == "enabled"]
        print(f"plugins enabled           {', '.join(running)}")
        total = 0.0
        for member in tree:
            memory = pss_mb(member.pid)
            total += memory
            print(f"  {member.pid:>8} {memory:7.1f} MB  {' '.join(member.cmdline())[-70:]}")
        print(f"idle, sum of PSS          {total:6.1f} MB  (limit {LIMIT_MB} MB)")
        return 0 if total < LIMIT_MB else 1
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def wait_for(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until *url* lists a question."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            if ask(url)["questions"]:
                return
        except (OSError, urllib.error.URLError, ValueError):
            pass
        time.sleep(0.2)
    sys.exit(f"no question within {PATIENCE:.0f} s:\n{(folder / 'log').read_text(errors='replace')[-3000:]}")


def wait_until_quiet(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Until the whole tree used less than 5 % of a core for five seconds in a row; returns its members."""
    end = time.monotonic() + PATIENCE
    quiet = 0
    while time.monotonic() < end and quiet < 5:
        tree = members(process.pid)
        before = cpu(tree)
        time.sleep(1)
        quiet = quiet + 1 if cpu(tree) - before < 0.05 else 0
    return members(process.pid)


def members(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu(tree: list[psutil.Process]) -> float:
    total = 0.0
    for member in tree:
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
