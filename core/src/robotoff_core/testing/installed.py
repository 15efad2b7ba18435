"""Real installed plugins, made of a text: a module and the metadata that a package manager would leave.

For tests that load plugins the way a deployment does, in this process or in others: put the folder on ``PYTHONPATH``.
"""

import sys
from pathlib import Path
from textwrap import dedent

__all__ = ["install_plugin"]


def install_plugin(folder: Path, slug: str, source: str, *, version: str = "1.0", distribution: str = "") -> str:
    """Install a plugin into *folder*, which need not exist; returns the module's name.

    *source* is the module's text, indented as the test likes; its ``plugin`` is the entry point. *distribution*: the
    package's name, ``robotoff-plugin-<slug>`` unless given (two packages may claim one slug).
    """
    distribution = distribution or f"robotoff-plugin-{slug.replace('_', '-')}"
    module = distribution.replace("-", "_")
    sys.modules.pop(module, None)  # one of the same name that another test installed elsewhere
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    (metadata / "entry_points.txt").write_text(f"[robotoff.plugins]\n{slug} = {module}:plugin\n", encoding="utf-8")
    return module
