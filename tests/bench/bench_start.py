"""How long a command takes to start, as a multiple of a bare interpreter's start. Medians of interleaved rounds."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
BARE = [sys.executable, "-c", "pass"]
MEASURED = {
    # name: (command, at most so many bare starts)
    "import robotoff_core.api": ([sys.executable, "-c", "import robotoff_core.api"], 8.0),
    "robotoff plugins list": ([str(Path(sys.executable).with_name("robotoff")), "plugins", "list"], 45.0),
}


def seconds(command: list[str], folder: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    kept = True
    with tempfile.TemporaryDirectory() as folder:  # without a robotoff.toml
        commands = {"bare interpreter": BARE, **{name: command for name, (command, _) in MEASURED.items()}}
        for command in commands.values():  # once unmeasured: byte code is written, files are in the page cache
            seconds(command, folder)
        samples: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                samples[name].append(seconds(command, folder))
    medians = {name: statistics.median(times) for name, times in samples.items()}
    bare = medians.pop("bare interpreter")
    print(f"{'bare interpreter':28} {bare * 1000:7.1f} ms")
    for name, median in medians.items():
        limit = MEASURED[name][1]
        kept &= median <= limit * bare
        print(f"{name:28} {median * 1000:7.1f} ms   {median / bare:5.1f} x  (limit {limit:.0f} x)")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
