"""The packages of this workspace, found by folder: a new plugin needs no edit here or anywhere else.

Runs on the standard library alone: the set-up uses it before anything is installed.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Package", "group", "packages"]

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("core", "server", "robotoff_plugin_*", "plugins/robotoff_plugin_*")


@dataclass(frozen=True)
class Package:
    """One package: its folder, its short name (``core``, ``labels``) and the parsed ``pyproject.toml``."""

    folder: Path
    project: dict[str, Any]

    @property
    def distribution(self) -> str:
        return str(self.project["name"])

    @property
    def name(self) -> str:
        """``robotoff-plugin-labels`` is ``labels``, ``robotoff-core`` is ``core``."""
        return self.distribution.removeprefix("robotoff-").removeprefix("plugin-")

    @property
    def module(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def source(self) -> Path:
        return self.folder / "src" / self.module

    @property
    def is_plugin(self) -> bool:
        return self.distribution.startswith("robotoff-plugin-")

    def requirements(self, *, extras: bool = False) -> list[str]:
        """Third-party requirements as written; siblings in this workspace are left out."""
        wanted = list(self.project.get("dependencies", ()))
        if extras:
            for extra in self.project.get("optional-dependencies", {}).values():
                wanted += extra
        return [line for line in wanted if not line.startswith("robotoff-")]


def packages() -> list[Package]:
    """All packages, core first, plugins last."""
    files = [file for pattern in FOLDERS for file in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))]
    return [Package(file.parent, tomllib.loads(file.read_text(encoding="utf-8"))["project"]) for file in files]


def group(name: str) -> list[str]:
    """The requirements of a ``[dependency-groups]`` entry of the root, included groups unfolded.

    ``robotoff-core[testing]`` becomes what that extra asks for, since core itself is installed editable.
    """
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = {
        f"{package.distribution}[{extra}]": lines
        for package in packages()
        for extra, lines in package.project.get("optional-dependencies", {}).items()
    }

    def unfold(entry: str) -> list[str]:
        lines: list[str] = []
        for item in root["dependency-groups"][entry]:
            lines += unfold(item["include-group"]) if isinstance(item, dict) else extras.get(item, [item])
        return lines

    return list(dict.fromkeys(unfold(name)))
