"""The tutorial is carried out, step by step, in an environment of its own, and says what really happens.

How the page is read: a block of ``sh`` is run, and its output must contain each line of the ``text`` block after it, in
order (``...`` stands for anything). Any other block is a file: its introduction ends in the name, in backquotes, and a
colon.
"""

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from packages import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(r"^(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    language: str
    text: str
    file: str | None
    line: int


def steps(page: str) -> Iterator[Step]:
    for found in BLOCK.finditer(page):
        named = re.search(r"`([\w./-]+\.\w+)`:$", found["before"])
        line = page.count("\n", 0, found.start("language")) + 1
        yield Step(found["language"], found["text"], named[1] if named else None, line)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A virtual environment that sees what is installed here, and can be installed into without touching it."""
    folder = tmp_path / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_paths()["purelib"]
    # As a site folder, so that the packages that are installed in place are found as well.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    python = folder / "bin" / "python"
    for name, module in [("robotoff", "robotoff_core.cli.main"), ("pytest", "pytest"), ("pip", "pip")]:
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n')
        script.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ROBOTOFF_", "PYTEST_", "PIP_"))}
    # The build backend is the one installed here, and nothing is fetched.
    settings = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    return {**kept, **settings, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}


def assert_shown(expected: str, output: str, place: str) -> None:
    """Each line of *expected* stands in *output*, in order."""
    lines = iter(output.splitlines())
    for line in filter(None, map(str.rstrip, expected.splitlines())):
        pattern = re.escape(line.strip()).replace(r"\.\.\.", ".*")
        pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
        if line.strip() != "...":
            assert any(re.search(pattern, each) for each in lines), f"{place}: not shown: {line}\n\n{output}"


def test_the_tutorial_works(tmp_path: Path, environment: dict[str, str]) -> None:
    work = tmp_path / "work"
    work.mkdir()
    output = ""
    done = 0
    for step in steps(PAGE.read_text(encoding="utf-8")):
        place = f"{PAGE.relative_to(ROOT)}:{step.line}"
        if step.language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", step.text]
            ran = subprocess.run(
                command,
                cwd=work,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            output = ran.stdout
            assert ran.returncode == 0, f"{place}: exit code {ran.returncode}\n{step.text}\n{output}"
            done += 1
        elif step.language == "text":
            assert_shown(step.text, output, place)
        else:
            assert step.file is not None, f"{place}: say which file this is, as in: `rules.py`:"
            assert (work / step.file).exists(), f"{place}: {step.file} was not made by an earlier step"
            (work / step.file).write_text(step.text, encoding="utf-8")
    assert done >= 5, "the tutorial lost its steps"


def test_a_wrong_claim_is_found() -> None:
    assert_shown("a ... d\nf", "a b c d\ne\nf", "here")
    with pytest.raises(AssertionError, match="here: not shown: g"):
        assert_shown("a\ng", "a\nf", "here")
    with pytest.raises(AssertionError, match="not shown: a"):
        assert_shown("b\na", "a\nb", "here")


def test_the_page_is_read_as_described() -> None:
    page = "Text.\n\n```sh\nls\n```\n\nIn `a/b.py`:\n\n```python\nx = 1\n```\n"
    assert [(step.language, step.text, step.file) for step in steps(page)] == [
        ("sh", "ls\n", None),
        ("python", "x = 1\n", "a/b.py"),
    ]
