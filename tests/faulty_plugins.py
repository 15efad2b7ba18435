"""Plugins that do everything wrong, each in its own way, really installed: what the fault suite runs Robotoff with.

``LOADING`` cannot be loaded; ``RUNNING`` load well and misbehave later. ``control`` does nothing wrong.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from robotoff_core.testing.installed import install_plugin

ROBOTOFF = [sys.executable, "-m", "robotoff_core.cli.main"]
REAL = ("labels", "weight")

_HEAD = """
    import os, re, sys, time
    from attrs import frozen
    from robotoff_core.api import *

    SLUG = "{slug}"
    TYPE = "{slug}_thing"
"""

_CIRCLE = """
    class Words(Predictor):
        name, version, produces = SLUG + ".words", "1", (TYPE,)
        def predict(self, document, run):
            if document.text.strip():
                yield Prediction(TYPE, value=SLUG)

    class ThingImporter(Importer):
        type = TYPE

    class ThingAnnotator(Annotator):
        type = TYPE
        def annotate(self, insight, answer, product, run):
            return Outcome.send(SetField("generic_name", insight.value, action="Setting the name"))

    class ThingQuestion(QuestionFormatter):
        type = TYPE
        def question(self, insight, lang, run):
            return Question("Is it a thing?", value=insight.value)

    class Plugin:
        manifest = Manifest(SLUG, "Faulty: " + SLUG, owns=[TypeSpec(TYPE)])
        @hookimpl
        def robotoff_predictors(self): return [Words()]
        @hookimpl
        def robotoff_importers(self): return [ThingImporter()]
        @hookimpl
        def robotoff_annotators(self): return [ThingAnnotator()]
        @hookimpl
        def robotoff_question_formatters(self): return [ThingQuestion()]

    plugin = Plugin()
"""

LOADING: dict[str, tuple[str, str, str]] = {
    # slug: (what follows the head, state, a part of the reason)
    "raises_at_import": (
        "raise RuntimeError('no luck')",
        "failed",
        "importing it raised RuntimeError: no luck",
    ),
    "exits_at_import": (
        "sys.exit(7)",
        "failed",
        "importing it raised SystemExit: 7",
    ),
    "misspells_a_hook": (
        _CIRCLE.replace("robotoff_importers", "robotoff_importer"),
        "failed",
        "unknown hook 'robotoff_importer'",
    ),
    "exits_in_a_hook": (
        _CIRCLE.replace("return [Words()]", "sys.exit('gone')"),
        "failed",
        "hook robotoff_predictors raised SystemExit: gone",
    ),
    "aaa_thief": (
        _CIRCLE.replace("[TypeSpec(TYPE)]", "[TypeSpec(TYPE), TypeSpec('label')]"),
        "failed",
        "it owns type label, which plugin labels owns too",
    ),
    "returns_a_wrong_type": (
        _CIRCLE.replace("return [Words()]", "return 'words'"),
        "failed",
        "hook robotoff_predictors returned a str instead of a list of Predictor objects",
    ),
    "has_bad_settings": (
        "@frozen\n    class Settings:\n        limit: int = 3\n"
        + _CIRCLE.replace("[TypeSpec(TYPE)])", "[TypeSpec(TYPE)], settings=Settings)"),
        "misconfigured",
        "plugins.has_bad_settings.limit: expected a whole number, got the text 'three'",
    ),
    "has_pending_migrations": (
        _CIRCLE.replace(
            "plugin = Plugin()",
            "    @hookimpl\n"
            "        def robotoff_migrations(self):\n"
            "            return Migrations('faulty_versions', ('has_pending_migrations_rows',))\n\n"
            "    plugin = Plugin()",
        ),
        "failed",
        "1 pending migration: 0001",
    ),
    "is_of_the_future": (
        _CIRCLE.replace("[TypeSpec(TYPE)])", "[TypeSpec(TYPE)], hook_api=(2, 0))"),
        "incompatible",
        "it was written for hook API 2.0",
    ),
}

_VERSION = """
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "0001", None, None, None

    def upgrade():
        op.create_table("has_pending_migrations_rows", sa.Column("id", sa.Integer, primary_key=True))
"""

_CONTRIBUTIONS = """
        @hookimpl
        def robotoff_routes(self):
            return [Route("well", lambda query: {{"well": True}}), Route("broken", broken)]
        @hookimpl
        def robotoff_commands(self): return [Command("broken", "Raises.", broken)]
        @hookimpl
        def robotoff_health_checks(self): return [HealthCheck("partner", lambda: broken(None))]

    def broken(_):
        raise RuntimeError("no partner")

    plugin = Plugin()
"""


def _predicting(line: str) -> str:
    return _CIRCLE.replace("yield Prediction(TYPE, value=SLUG)", line)


RUNNING: dict[str, tuple[str, str, str]] = {
    # slug: (what follows the head, the component that is tripped or "", a part of the reason)
    "control": (_CIRCLE, "", ""),
    "raises_in_predict": (
        _predicting("raise ValueError('cannot read this')"),
        "raises_in_predict.words",
        "times in a row: ValueError: cannot read this",
    ),
    "yields_a_wrong_type": (
        _predicting("yield 'a thing'"),
        "yields_a_wrong_type.words",
        "predict() yielded str instead of Prediction",
    ),
    "sleeps_in_predict": (
        _predicting("time.sleep(600)"),
        "sleeps_in_predict.words",
        "past the deadline of 1 s",
    ),
    "spins_in_a_regex": (
        _predicting("re.match('(a+)+$', 'a' * 64 + 'b')"),
        "spins_in_a_regex.words",
        "past the deadline of 1 s",
    ),
    "exits_in_predict": (
        _predicting("sys.exit(3)"),
        "exits_in_predict.words",
        "SystemExit: 3",
    ),
    "kills_its_process": (
        _predicting("os._exit(9)"),
        "kills_its_process.words",
        "the process ended: exit code 9",
    ),
    "raises_in_import": (
        _CIRCLE.replace(
            "    class ThingAnnotator",
            "        def candidates(self, product, predictions, run):\n            raise KeyError('gone')\n\n"
            "    class ThingAnnotator",
        ),
        "raises_in_import.importer:raises_in_import_thing",
        "times in a row: KeyError: 'gone'",
    ),
    "spins_in_import": (
        _CIRCLE.replace(
            "    class ThingAnnotator",
            "        def claim(self, candidate):\n            while True: pass\n\n    class ThingAnnotator",
        ),
        "spins_in_import.importer:spins_in_import_thing",
        "past the deadline of 1 s",
    ),
    "raises_in_annotate": (
        _CIRCLE.replace("return Outcome.send(", "raise ArithmeticError('cannot count'); ("),
        "",
        "",
    ),
    "spins_in_annotate": (
        _CIRCLE.replace("return Outcome.send(", "re.match('(a+)+$', 'a' * 64 + 'b'); ("),
        "",
        "",
    ),
    "raises_in_question": (
        _CIRCLE.replace("return Question(", "raise LookupError('no words')\n            return Question("),
        "",
        "",
    ),
    "breaks_its_routes": (
        _CIRCLE.replace("\n    plugin = Plugin()\n", _CONTRIBUTIONS.replace("{{", "{").replace("}}", "}")),
        "",
        "",
    ),
}


def install_all(folder: Path) -> None:
    """Install every faulty plugin into *folder*."""
    for slug, (source, *_) in {**LOADING, **RUNNING}.items():
        body = source if source[0] == "\n" else "    " + source
        install_plugin(folder, slug, dedent(_HEAD.format(slug=slug)) + dedent(body))
    versions = folder / "faulty_versions"
    versions.mkdir()
    (versions / "__init__.py").write_text("", encoding="utf-8")
    (versions / "v0001.py").write_text(dedent(_VERSION), encoding="utf-8")


def write_config(file: Path) -> None:
    """``robotoff.toml`` with short deadlines, and the bad settings."""
    file.write_text(
        "[jobs]\ndocument_deadline = 1.0\ncall_deadline = 1.0\ntrip_after = 4\n"
        '[plugins.has_bad_settings]\nlimit = "three"\n',
        encoding="utf-8",
    )


def environment(folder: Path, config: Path) -> dict[str, str]:
    """The environment of a process that finds the plugins of *folder* and the configuration."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ROBOTOFF_")}
    inherited = [environ["PYTHONPATH"]] if environ.get("PYTHONPATH") else []
    return {**environ, "PYTHONPATH": os.pathsep.join([str(folder), *inherited]), "ROBOTOFF_CONFIG": str(config)}


def robotoff(environ: dict[str, str], *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run ``robotoff`` to its end."""
    return subprocess.run(
        [*ROBOTOFF, *arguments], env=environ, input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def listing(environ: dict[str, str], *options: str) -> dict[str, Any]:
    """``robotoff plugins list --json`` by slug."""
    done = robotoff(environ, *options, "plugins", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {record["slug"]: record for record in json.loads(done.stdout)}
