"""Prepare ``.venv``: ``python3 scripts/prepare.py run`` for `make up`, ``... dev`` for `make test`.

Installs exactly the versions of ``constraints.txt`` and every package of the workspace in place. What was done is
remembered in a stamp that is written last, so an interrupted run is simply repeated, and nothing is done twice.

The first lines must be understood by every Python 3, because they are the ones that say that it is too old.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (this script also runs where our own requirement is not met)
    sys.exit(
        "robotoff needs Python 3.11 or newer, and python3 here is %d.%d.\n"  # noqa: UP031
        "Install a newer one and name it: make PYTHON=python3.12 up" % sys.version_info[:2]
    )

import fcntl
import hashlib
import os
import subprocess
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from packages import ROOT, group, packages

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(level: str) -> None:
    constraints = ROOT / "constraints.txt"
    # Two at once (`make up` beside `make test`) would install into each other: the second waits for the first.
    with constraints.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = VENV / f".ready-{level}", digest()
        # What `dev` installed is enough for `run`.
        stamps = [stamp, VENV / ".ready-dev"]
        if any(each.is_file() and each.read_text() == wanted for each in stamps) and PYTHON.exists():
            return
        started = time.monotonic()
        print(f"Preparing .venv ({level}); the first time takes about a minute ...", flush=True)
        make_venv()
        for each in stamps:
            each.unlink(missing_ok=True)
        third_party = ["hatchling"]
        for package in packages():
            third_party += package.requirements()
        if level == "dev":
            third_party += group("dev")
        pip("install", "--constraint", str(constraints), *dict.fromkeys(third_party))
        # hatchling is there now, so that building the links needs no environment of its own for each package.
        links = [part for package in packages() for part in ("--editable", str(package.folder))]
        pip("install", "--no-deps", "--no-build-isolation", *links)
        stamp.write_text(wanted)
        print(f"Prepared .venv in {time.monotonic() - started:.0f} s.", flush=True)


def digest() -> str:
    """Changes whenever the installation would: versions, requirements, interpreter, or the place of the folder."""
    state = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for file in [
        ROOT / "constraints.txt",
        ROOT / "pyproject.toml",
        Path(__file__),
        *(each.folder / "pyproject.toml" for each in packages()),
    ]:
        state.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return state.hexdigest()


def make_venv() -> None:
    """Create ``.venv``, or create it anew when it is broken, half made, moved, or of another Python."""
    probe = "import sys, pip; print(sys.prefix, *sys.version_info[:2])"
    if PYTHON.exists():
        answer = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True, check=False)
        scripts_at_home = (VENV / "bin" / "pip").is_file() and str(PYTHON) in (VENV / "bin" / "pip").read_text()
        if scripts_at_home and answer.stdout.split() == [str(VENV), *map(str, sys.version_info[:2])]:
            return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        version = "%d.%d" % sys.version_info[:2]  # noqa: UP031
        sys.exit(
            f"Python {version} here cannot make virtual environments: its module venv or ensurepip is missing.\n"
            f"On Debian or Ubuntu: apt install python3-venv (or python{version}-venv), then run make again."
        )
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(VENV)


def pip(*arguments: str) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in {"PIP_USER", "PYTHONPATH", "PYTHONHOME"}}
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", *arguments]
    done = subprocess.run(command, env=environ, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(
            f"pip could not install what robotoff needs (exit code {done.returncode}); its own words stand above.\n"
            "Check the network and run make again: it goes on where it stopped."
        )


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["dev"]):
        sys.exit("usage: python3 scripts/prepare.py run|dev")
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; run make again, it starts where nothing is half done.")
