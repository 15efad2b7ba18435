"""The tutorial is carried out, step by step, in an environment of its own, and says what really happens.

How the page is read:

- a block of ``sh`` is run, and its output must contain each line of the ``text`` block after it, in order (``...``
  stands for anything); one that begins with ``# in another terminal`` goes on running until the end;
- a block of ``diff`` is applied to the file named in backquotes right before it;
- any other block is the new content of the file so named.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from packages import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BACKGROUND = "# in another terminal\n"
PATIENCE = 60.0  # seconds for something that runs in the background to show what it should

CURL = """\
#!{python}
import argparse, base64, urllib.request
options = argparse.ArgumentParser()
options.add_argument("-s", action="store_true")
options.add_argument("-u", default="")
options.add_argument("-d")
options.add_argument("url")
given = options.parse_args()
headers = {{"Authorization": "Basic " + base64.b64encode(given.u.encode()).decode()}} if given.u else {{}}
data = given.d.encode() if given.d else None
print(urllib.request.urlopen(urllib.request.Request(given.url, data, headers)).read().decode(), end="")
"""


@dataclass(frozen=True)
class Step:
    language: str
    text: str
    file: str | None
    line: int


def steps(page: str) -> Iterator[Step]:
    for found in BLOCK.finditer(page):
        named = re.search(r"`([\w./-]+\.\w+)`:\n\n$", page[: found.start()])
        line = page.count("\n", 0, found.start("language")) + 1
        yield Step(found["language"], found["text"], named[1] if named else None, line)


def assert_shown(expected: str, output: str, place: str) -> None:
    """Each line of *expected* stands in *output*, in order."""
    lines = iter(output.splitlines())
    for line in filter(None, map(str.strip, expected.splitlines())):
        pattern = re.escape(line).replace(r"\.\.\.", ".*")
        pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
        assert any(re.search(pattern, each) for each in lines), f"{place}: not shown: {line}\n\n{output}"


def patched(text: str, diff: str, place: str) -> str:
    """*text* after *diff*, whose context tells the place; it must occur once."""
    old = "".join(f"{line[1:]}\n" for line in diff.splitlines() if line[:1] in {" ", "-", ""})
    new = "".join(f"{line[1:]}\n" for line in diff.splitlines() if line[:1] in {" ", "+", ""})
    assert text.count(old) == 1, f"{place}: found {text.count(old)} times:\n{old}\nin:\n{text}"
    return text.replace(old, new)


@dataclass
class Session:
    """The reader's terminals: a working folder, an environment, and what runs in the background."""

    work: Path
    environment: dict[str, str]
    output: str = ""
    log: Path | None = None
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def carry_out(self, step: Step, place: str) -> None:
        if step.language == "sh" and step.text.startswith(BACKGROUND):
            self.start(step.text.removeprefix(BACKGROUND))
        elif step.language == "sh":
            self.run(step.text, place)
        elif step.language == "text":
            self.check(step.text, place)
        else:
            assert step.file is not None, f"{place}: name the file right before, as in: `rules.py`:"
            file = self.work / step.file
            new = patched(file.read_text(encoding="utf-8"), step.text, place) if step.language == "diff" else step.text
            file.write_text(new, encoding="utf-8")

    def run(self, script: str, place: str) -> None:
        self.log = None
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.work,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output = done.stdout
        assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{script}\n{self.output}{self.logs()}"

    def start(self, script: str) -> None:
        self.log = self.work.parent / f"background-{len(self.running)}.log"
        with self.log.open("wb") as log:
            command = ["bash", "-c", f"exec {script}"]
            self.running.append(subprocess.Popen(command, cwd=self.work, env=self.environment, stdout=log, stderr=log))

    def check(self, expected: str, place: str) -> None:
        end = time.monotonic() + PATIENCE
        while self.log is not None and time.monotonic() < end and self.running[-1].poll() is None:
            with contextlib.suppress(AssertionError):
                return assert_shown(expected, self.log.read_text(), place)
            time.sleep(0.2)
        return assert_shown(expected, self.output if self.log is None else self.log.read_text(), place)

    def logs(self) -> str:
        return "".join(f"\n--- {log.name}\n{log.read_text()}" for log in self.work.parent.glob("background-*.log"))

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(30)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A virtual environment that sees what is installed here, and can be installed into without touching it."""
    folder = tmp_path / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # As a site folder, so that the packages that are installed in place are found as well.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n")
    python = folder / "bin" / "python"
    scripts = {
        name: f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n'
        for name, module in [("robotoff", "robotoff_core.cli.main"), ("pytest", "pytest"), ("pip", "pip")]
    }
    if shutil.which("curl") is None:
        scripts["curl"] = CURL.format(python=python)
    for name, script in scripts.items():
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ROBOTOFF_", "PYTEST_", "PIP_"))}
    kept["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # The build backend is the one installed here, and nothing is fetched.
    offline = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    (tmp_path / "work").mkdir()
    session = Session(tmp_path / "work", {**kept, **offline, "COLUMNS": "120"})
    yield session
    session.stop()


def test_the_tutorial_works(session: Session) -> None:
    with socket.socket() as probe:  # the page's port may be taken here
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = list(steps(PAGE.read_text(encoding="utf-8").replace("5500", str(port))))
    assert sum(step.language == "sh" for step in found) >= 5, "the tutorial lost its steps"
    for step in found:
        session.carry_out(step, f"{PAGE.relative_to(ROOT)}:{step.line}")


def test_a_wrong_claim_is_found() -> None:
    assert_shown("a ... d\nf", "a b c d\ne\nf", "here")
    with pytest.raises(AssertionError, match="here: not shown: g"):
        assert_shown("a\ng", "a\nf", "here")
    with pytest.raises(AssertionError, match="not shown: a"):
        assert_shown("b\na", "a\nb", "here")


def test_a_change_that_fits_nowhere_is_found() -> None:
    assert patched("a\nb\nc\n", " a\n-b\n+d\n+e\n c\n", "here") == "a\nd\ne\nc\n"
    with pytest.raises(AssertionError, match="found 0 times"):
        patched("a\nc\n", " a\n-b\n", "here")


def test_the_page_is_read_as_described() -> None:
    page = "Text.\n\n```sh\nls\n```\n\nIn `a/b.py`:\n\n```python\nx = 1\n```\n"
    assert [(step.language, step.text, step.file) for step in steps(page)] == [
        ("sh", "ls\n", None),
        ("python", "x = 1\n", "a/b.py"),
    ]
