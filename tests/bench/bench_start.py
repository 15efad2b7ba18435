"""How long a command takes to start, as a multiple of a bare interpreter's start. Medians of interleaved rounds.

Compared is processor time, which other programs on the machine change little; the time on the clock is printed too.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
BARE = "bare interpreter"
COMMANDS = {
    BARE: [sys.executable, "-c", "pass"],
    "import robotoff_core.api": [sys.executable, "-c", "import robotoff_core.api"],
    "robotoff plugins list": [str(Path(sys.executable).with_name("robotoff")), "plugins", "list"],
}
LIMITS = {"import robotoff_core.api": 8.0, "robotoff plugins list": 45.0}


def seconds(command: list[str], folder: str) -> tuple[float, float]:
    """(processor time, time on the clock) of one run."""
    before, started = spent_by_children(), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return spent_by_children() - before, time.perf_counter() - started


def spent_by_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:  # without a robotoff.toml
        for command in COMMANDS.values():  # once unmeasured: byte code is written, files are in the page cache
            seconds(command, folder)
        for _ in range(ROUNDS):
            for name, command in COMMANDS.items():
                samples[name].append(seconds(command, folder))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in samples.items()
    }
    bare, bare_elapsed = medians[BARE]
    kept = True
    for name, (spent, elapsed) in medians.items():
        line = f"{name:28} {spent * 1000:7.1f} ms (clock {elapsed * 1000:7.1f} ms)"
        if name in LIMITS:
            kept &= spent <= LIMITS[name] * bare
            line += f"   {spent / bare:5.1f} x (clock {elapsed / bare_elapsed:5.1f} x; limit {LIMITS[name]:.0f} x)"
        print(line)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
