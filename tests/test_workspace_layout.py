"""Guards of the workspace: what a newcomer is told exists, files stay small, names stay unique, versions stay exact."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from packages import ROOT, Package, group, packages

PACKAGES = {package.name: package for package in packages()}

LARGEST_FILE = 1_000_000
"""Bytes. Corpora belong into packages, models into releases."""

LONGEST_MODULE = 500
"""Lines. A longer module hides two; each exception says why it is one."""
LONG_MODULES = {
    "core/src/robotoff_core/engine/bulk.py": "four formats of lines share one reader, its batches and its refusals",
    "core/tests/test_plugins_registry.py": "each way in which loading fails, against one set of plugins",
}

LOCK_FILES = {"poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pylock.toml"}


def tracked() -> list[Path]:
    """The files under version control, or, in an unpacked archive, all files outside hidden folders."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        found = [file for file in ROOT.rglob("*") if file.is_file()]
        return [file for file in found if not any(part.startswith(".") for part in file.relative_to(ROOT).parts)]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_commands_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in ["README.md", "CONTRIBUTING.md"]:
        named = set(re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8")))
        named |= set(re.findall(r"^ *make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
        assert named, f"{page} names no make target"
        assert named <= targets, f"{page} names make targets that do not exist"


def test_the_sessions_in_the_contributing_page_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "-f", str(ROOT / "noxfile.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    sessions = set(re.findall(r"^[*-] ([a-z-]+)", done.stdout, re.MULTILINE))
    assert {f"tests-{name}" for name in PACKAGES} <= sessions
    named = set(re.findall(r"nox -s ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert named
    assert named <= sessions


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_every_package_has_the_same_skeleton(package: Package) -> None:
    for name in ["README.md", "pyproject.toml", f"src/{package.module}/__init__.py", f"src/{package.module}/py.typed"]:
        assert (package.folder / name).is_file(), f"{package.folder.relative_to(ROOT)} lacks {name}"
    assert any((package.folder / "tests").glob("test_*.py"))
    assert package.project["requires-python"] == ">=3.11"
    assert (package.folder / "README.md").read_text(encoding="utf-8").startswith(f"# {package.distribution}\n")


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_siblings_are_required_in_ranges(package: Package) -> None:
    """Exact pins between siblings make every release a version conflict; no bound at all breaks silently."""
    for line in package.project.get("dependencies", []):
        if line.startswith("robotoff-"):
            operators = {each.operator for each in Requirement(line).specifier}
            assert operators == {">=", "<"}, line


def test_constraints_pin_everything_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all([each.operator for each in requirement.specifier] == ["=="] for requirement in pinned)
    assert all(requirement.url is None for requirement in pinned)
    assert not any("://" in line or line.startswith("-") for line in lines), "index addresses belong to the machine"
    names = {canonicalize_name(requirement.name) for requirement in pinned}
    wanted = [line for package in PACKAGES.values() for line in package.requirements(extras=True)]
    for line in [*wanted, *group("dev"), "hatchling"]:
        requirement = Requirement(line)
        assert canonicalize_name(requirement.name) in names, f"constraints.txt lacks {requirement.name}"
        (pin,) = (each for each in pinned if canonicalize_name(each.name) == canonicalize_name(requirement.name))
        assert requirement.specifier.contains(str(pin.specifier).removeprefix("==")), line


def test_no_lock_file_and_no_large_file() -> None:
    for file in tracked():
        assert file.name not in LOCK_FILES, f"{file}: versions stand in constraints.txt"
        size = file.stat().st_size
        assert size <= LARGEST_FILE, f"{file.relative_to(ROOT)} has {size} bytes"


def test_no_module_is_too_long() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in tracked()
        if file.suffix in {".py", ".js", ".css"}
    }
    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE and name not in LONG_MODULES}
    assert too_long == {}


def test_test_files_have_unique_names() -> None:
    """pytest's default import mode imports them by name alone."""
    names = [file.name for file in tracked() if file.name.startswith("test_") and file.suffix == ".py"]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [file for file in tracked() if file.name == "__init__.py" and file.parent.name == "tests"] == []


def test_nothing_names_a_machine() -> None:
    """Home folders of whoever wrote it mean nothing to the reader."""
    pattern = re.compile("(?<![\\w.])/" + r"(?:home|root|Users|work)/\w")
    for file in tracked():
        if file.suffix in {".md", ".py", ".toml", ".txt", ".js", ".html", ".css", ".yml", ""}:
            text = file.read_text(encoding="utf-8", errors="replace")
            found = pattern.search(text)
            assert found is None, f"{file.relative_to(ROOT)}: {found}"
