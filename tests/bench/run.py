"""Runs the benchmarks beside this file and says which kept their limits: ``run.py [NAME]... [-- OPTION]...``.

Each ``bench_<name>.py`` is a program: it measures against a baseline in the same run (absolute times mean little on
somebody else's machine), prints its figures, and exits 1 when a limit is missed.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    names, options = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        names, options = arguments[:at], arguments[at + 1 :]
    found = {file.stem.removeprefix("bench_"): file for file in sorted(HERE.glob("bench_*.py"))}
    unknown = sorted(set(names) - set(found))
    if unknown:
        print(f"no benchmark called {', '.join(unknown)}; there are: {', '.join(found)}", file=sys.stderr)
        return 2
    results = {}
    for name in names or found:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        results[name] = subprocess.run([sys.executable, str(found[name]), *options], check=False).returncode
        print(f"   ({time.monotonic() - started:.0f} s)\n", flush=True)
    for name, code in results.items():
        print(f"{name:10} {'kept' if code == 0 else 'MISSED'}")
    return int(any(results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
