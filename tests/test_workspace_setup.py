"""The set-up speaks clearly where it cannot work, and does nothing twice."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import prepare
from packages import ROOT, group, packages

SCRIPT = ROOT / "scripts" / "prepare.py"


def test_an_old_python_is_told_so() -> None:
    """Every Python 3 must be able to read the script: a syntax error would hide the message."""
    source = SCRIPT.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    program = f"import sys; sys.version_info = (3, 9, 2)\nexec(open({str(SCRIPT)!r}).read())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Python 3.11 or newer, and python3 here is 3.9" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Debian without python3-venv, where `ensurepip` is missing."""
    monkeypatch.setattr(prepare, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(prepare, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        prepare.make_venv()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A `.venv` elsewhere that is only an interpreter; the list of what pip was told to install into it."""
    monkeypatch.setattr(prepare, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(prepare, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(prepare, "pip", lambda *arguments: told.append(arguments))

    def make_venv() -> None:
        prepare.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        prepare.PYTHON.touch()

    monkeypatch.setattr(prepare, "make_venv", make_venv)
    return told


def test_nothing_is_done_twice(workspace: list[tuple[str, ...]]) -> None:
    prepare.main("run")
    assert len(workspace) == 2, "what others made, then our own packages"
    prepare.main("run")
    assert len(workspace) == 2
    prepare.main("dev")
    assert len(workspace) == 4
    prepare.main("run")
    assert len(workspace) == 4, "what tests need is enough to run"


def test_an_interrupted_set_up_is_repeated(workspace: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prepare, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare.main("run")
    prepare.main("run")
    assert len(workspace) == 2


def test_a_broken_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv, pip = tmp_path / ".venv", tmp_path / ".venv" / "bin" / "pip"
    monkeypatch.setattr(prepare, "VENV", venv)
    monkeypatch.setattr(prepare, "PYTHON", venv / "bin" / "python")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)  # as left by an interruption: an interpreter, no pip
    prepare.make_venv()
    assert pip.exists()
    made = pip.stat().st_mtime_ns
    prepare.make_venv()
    assert pip.stat().st_mtime_ns == made


def test_everything_declared_is_installed(workspace: list[tuple[str, ...]]) -> None:
    prepare.main("dev")
    third_party, links = workspace
    assert {line for package in packages() for line in package.requirements()} <= set(third_party)
    assert set(group("dev")) <= set(third_party)
    assert str(ROOT / "constraints.txt") in third_party
    assert [argument for argument in links if os.sep in argument] == [str(each.folder) for each in packages()]
