"""Write ``constraints.txt`` from what is installed in this environment, or check it: ``... constraints.py [--check]``.

Listed is what the packages of the workspace and the root's group ``dev`` need, with everything those need in turn, and
nothing else that happens to be installed.
"""

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parent))
from packages import ROOT, group, packages

FILE = ROOT / "constraints.txt"
HEADER = """\
# Exact versions of everything that runs, tests or builds this workspace: `make` installs these and no others.
# Written by scripts/constraints.py from an environment in which all tests pass; do not edit by hand.
"""


def closure() -> dict[str, str]:
    """Name to version of all we need, found by walking the requirements of what is installed."""
    waiting = [Requirement(line) for package in packages() for line in package.requirements(extras=True)]
    waiting += [Requirement(line) for line in [*group("dev"), "hatchling"]]
    seen: set[tuple[str, str]] = set()
    versions: dict[str, str] = {}
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ["", *sorted(wanted.extras)]:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                    sys.exit(f"{name} is required but not installed here; run `make venv` or `pip install {name}`")
                continue
            versions[name] = found.version
            for line in found.requires or ():
                inner = Requirement(line)
                if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                    waiting.append(inner)
    return {name: version for name, version in sorted(versions.items()) if not name.startswith("robotoff-")}


def text() -> str:
    return HEADER + "".join(f"{name}=={version}\n" for name, version in closure().items())


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text(encoding="utf-8") != text():
            sys.exit("constraints.txt is not what is installed here; run `make constraints` and read the difference")
    else:
        FILE.write_text(text(), encoding="utf-8")
