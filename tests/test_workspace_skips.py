"""In CI a skip that nobody expected fails the run; elsewhere it is only counted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from packages import ROOT

TESTS = """
import pytest

def test_runs():
    pass

def test_skips():
    pytest.skip("no telescope here")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sky.py").write_text(TESTS)
    (tmp_path / "tests" / "expected_skips.txt").write_text("# none\n")
    return tmp_path


def run(workspace: Path, *options: str, ci: bool) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTEST_ADDOPTS"}}
    if ci:
        environ["CI"] = "true"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=workspace, env=environ, capture_output=True, text=True, check=False)


def test_elsewhere_it_is_counted(workspace: Path) -> None:
    done = run(workspace, ci=False)
    assert done.returncode == 0
    assert "1 skipped; the reasons, if any, stand above" in done.stdout
    assert "UNEXPECTED" not in done.stdout


def test_in_ci_it_fails_the_run(workspace: Path) -> None:
    done = run(workspace, ci=True)
    assert done.returncode == 1
    assert "UNEXPECTED SKIP, which fails this run: tests/test_sky.py::test_skips: Skipped: no telescope" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("=")  # pytest's own closing line comes last


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no telescope", 0),
        ('telescope ; python_version >= "3.11"', 0),
        ('telescope ; python_version < "3.11"', 1),
        ("microscope", 1),
    ],
)
def test_what_is_expected(workspace: Path, line: str, code: int) -> None:
    (workspace / "tests" / "expected_skips.txt").write_text(f"# because\n{line}\n")
    assert run(workspace, ci=True).returncode == code


def test_expected_in_this_run(workspace: Path) -> None:
    assert run(workspace, "--expect-skip", "tele", ci=True).returncode == 0
