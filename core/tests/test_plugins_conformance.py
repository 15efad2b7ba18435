"""The conformance kit passes what is right and names what is not: each fault is put into the template in turn."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robotoff_core.plugins.scaffold import rendered

MODULE = "src/robotoff_plugin_tried/__init__.py"


def _edit(old: str, new: str, path: str = MODULE) -> Callable[[dict[str, str]], None]:
    def edit(files: dict[str, str]) -> None:
        assert files[path].count(old) == 1, f"{old!r} stands {files[path].count(old)} times in {path}"
        files[path] = files[path].replace(old, new)

    return edit


HEAVY = _edit("import re\n", "import re\nimport sqlalchemy\n")
INSIDE = _edit("import re\n", "import re\nfrom robotoff_core.model.ids import ProductId\n")
PIN = _edit("robotoff-core>=0.1,<0.2", "robotoff-core==0.1.0", "pyproject.toml")
UNASKED = _edit("[TriedQuestion()]", "[]")
NO_SCHEMA = _edit('TypeSpec(TYPE, title="Tried")', 'TypeSpec(TYPE, title="Tried", schema={"type": 7})')
READS = _edit('TYPE = "tried"', 'TYPE = "tried"\nopen("/etc/hostname").close()')
ONE_LANGUAGE = _edit('Question("Is this correct?"', 'Question({"en": "Is this correct?"}[lang]')
OTHER_SCHEMA = _edit(
    'TypeSpec(TYPE, title="Tried")',
    'TypeSpec(TYPE, title="Tried", schema={"type": "object", "required": ["absent"]})',
)
REMEMBERS = _edit(
    "        for found in",
    "        self.count = getattr(self, 'count', 0) + 1\n"
    "        if self.count > 1:\n            return\n        for found in",
)
QUADRATIC = _edit(r"\bitem no\.? ?(\w{1,30})\b", r"\w+\d+(\w{1,30})!|item no\.? ?(?P<x>42)")
CHATTY = _edit("        for found in", '        yield Prediction(TYPE, value="42")\n        for found in')
RAISES = _edit("        for found in", "        1 / 0\n        for found in")
WRONG_EXAMPLE = _edit('"value": "42"', '"value": "43"', "examples/number.json")
WRONG_NAME = _edit('name = "tried.text"', 'name = "another.text"')

FAULTS: dict[str, tuple[list[Callable[[dict[str, str]], None]], set[str]]] = {
    # several at once where they do not hide each other: each run costs seconds
    "imports, packaging, missing parts": (
        [HEAVY, INSIDE, PIN, UNASKED, NO_SCHEMA],
        {
            "test_importing_it_is_cheap",
            "test_it_imports_the_public_api_only",
            "test_it_stays_in_its_folder",
            "test_every_insight_type_can_become_a_question",
            "test_the_types_are_described",
        },
    ),
    "reading at import, languages, schema": (
        [READS, ONE_LANGUAGE, OTHER_SCHEMA],
        {
            "test_importing_it_is_cheap",
            "test_questions_have_words_in_any_language",
            "test_output_passes_the_schema",
        },
    ),
    "memory": ([REMEMBERS], {"test_predictors_are_pure", "test_the_examples_hold"}),
    "quadratic time": ([QUADRATIC], {"test_any_text_takes_linear_time[letter]", "test_the_examples_hold"}),
    "something about nothing": ([CHATTY], {"test_an_empty_text_says_nothing", "test_the_examples_hold"}),
    "an exception": ([RAISES], {"test_the_examples_hold", "test_an_empty_text_says_nothing"}),
    "a wrong example": ([WRONG_EXAMPLE], {"test_the_examples_hold"}),
    "a foreign name": ([WRONG_NAME], {"test_it_is_listed_and_enabled"}),
}


def _failed(folder: Path, changes: list[Callable[[dict[str, str]], None]]) -> set[str]:
    """The tests of the kit that fail on the template after *changes*."""
    files = {str(path): text for path, text in rendered("tried", "Tried")}
    for change in changes:
        change(files)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    metadata = folder / "src" / "robotoff_plugin_tried-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: robotoff-plugin-tried\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[robotoff.plugins]\ntried = robotoff_plugin_tried:plugin\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert " passed" in done.stdout, done.stdout + done.stderr
    lines = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return {line.rpartition("::")[2] for line in lines}


def test_the_template_conforms(tmp_path: Path) -> None:
    assert _failed(tmp_path, []) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, tmp_path: Path) -> None:
    changes, expected = FAULTS[fault]
    found = _failed(tmp_path, changes)
    assert expected <= found, f"found only {sorted(found)}"
