"""What every plugin promises, as tests: subclass :class:`PluginConformance` in a plugin's own tests.

    class TestConformance(PluginConformance):
        slug = "labels"

The plugin must be installed (``pip install -e .``). Its folder holds ``src/``, ``tests/`` and ``examples/``. An example
is a JSON file: a ``text`` (or ``ocr``, the name of an OCR file beside it, ``*.ocr.json`` or ``*.json.gz``) and the
``predictions`` that the plugin's rules make of it, each with at least ``type`` and ``value`` or ``value_tag``; no
others may be made. ``today`` (ISO date) is optional.
"""

import ast
import gzip
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter
from typing import Any, ClassVar

import pytest

from ..components import Predictor, QuestionFormatter
from ..config import load_config
from ..engine.runner import Predicted, Runner
from ..model.predictions import Prediction
from ..plugins.discovery import Found, discover
from ..plugins.limit import TimeLimitExceeded, time_limit
from ..plugins.records import PluginRecord, Registered, State
from ..plugins.registry import Registry, load_plugins
from ..taxonomy import Taxonomies
from ..text import OcrDocument
from .ocr import label_ocr, ocr_bytes

__all__ = ["PluginConformance", "Rules"]

NOISE_SIZE = 200_000
NOISE_SECONDS = 0.5
HEAVY = ("numpy", "PIL", "onnxruntime", "tritonclient", "sqlalchemy", "aiohttp", "redis", "cv2", "rapidfuzz", "pymongo")
"""Modules that take long or much memory to import; methods may import them, modules may not."""

_IMPORT_PROBE = """
import sys, time
import robotoff_core.api
trouble = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "urllib.")):
        trouble.append(event)
    if event == "open" and isinstance(arguments[0], str):
        if not arguments[0].endswith((".py", ".pyc", ".so", ".pyd")) and "__pycache__" not in arguments[0]:
            trouble.append("open " + arguments[0])
sys.addaudithook(watch)
before = set(sys.modules)
started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
import json
print(json.dumps([seconds, sorted(set(sys.modules) - before), list(trouble)]))
"""


class Rules:
    """A plugin's rules, run as core runs them, with the packaged sample taxonomies."""

    def __init__(self, registry: Registry, today: date) -> None:
        self.runner = Runner(registry, Taxonomies({}, None))
        self.today = today
        self._types = frozenset(name for one in registry.predictors for name in one.component.produces)

    def run(self, document: "bytes | str | OcrDocument", today: date | None = None) -> Predicted:
        """What all predictors say, those outside the default run too. Fails when one of them fails."""
        predicted = self.runner.predict(document, today=today or self.today, types=self._types)
        assert predicted.failures == ()
        return predicted

    def say(self, document: "bytes | str", example: Mapping[str, Any]) -> list[Prediction]:
        """What they say about an example."""
        today = date.fromisoformat(example["today"]) if "today" in example else None
        return [one for run in self.run(document, today).runs for one in run.predictions]


def _load(slug: str, settings: str) -> Registry:
    """The plugin alone, with *settings* (JSON), whatever the working directory holds."""
    overrides = {"plugins.enabled": [slug]}
    overrides.update({f"plugins.{slug}.{key}": value for key, value in json.loads(settings).items()})
    with NamedTemporaryFile(suffix=".toml") as empty:
        return load_plugins(load_config(empty.name, overrides, environ={}))


_loaded = lru_cache(maxsize=4)(_load)
"""The same, once for all tests of a plugin."""


@lru_cache(maxsize=4)
def _rules(registry: Registry, today: date) -> Rules:
    return Rules(registry, today)


class PluginConformance:
    """Checks one plugin. Set ``slug``; override an attribute only with a reason in a comment."""

    slug: ClassVar[str] = ""
    import_seconds: ClassVar[float] = 0.25
    """What importing the plugin's module may cost beyond ``robotoff_core.api``."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """The settings to check it with, beyond their defaults."""
    today: ClassVar[date] = date(2026, 6, 1)

    @classmethod
    def folder(cls) -> Path:
        """The plugin's folder: the one above the tests."""
        return Path(inspect.getfile(cls)).resolve().parent.parent

    @pytest.fixture
    def found(self) -> Found:
        """The installed plugin."""
        found = discover().get(self.slug, [])
        assert found, f"no plugin {self.slug} is installed; run `pip install -e {self.folder()}`"
        assert len(found) == 1, f"several packages provide {self.slug}: {[one.distribution for one in found]}"
        return found[0]

    @pytest.fixture
    def registry(self, found: Found) -> Registry:
        """The registry with this plugin alone."""
        return _loaded(self.slug, json.dumps(dict(self.settings)))

    @pytest.fixture
    def record(self, registry: Registry) -> PluginRecord:
        """The plugin's record."""
        return registry.record(self.slug)

    @pytest.fixture
    def rules(self, registry: Registry) -> Rules:
        """Runs the plugin's components."""
        return _rules(registry, self.today)

    # -- who it is --

    def test_it_is_listed_and_enabled(self, record: PluginRecord) -> None:
        """It loads: manifest, hooks and what they return are well-formed (the registry checks the same)."""
        assert record.state is State.ENABLED, f"{record.state}: {record.reason}\n{record.traceback}"

    def test_the_manifest_tells_who_it_is(self, record: PluginRecord) -> None:
        """Title, version and package are known."""
        assert record.title
        assert record.version, "the package has no version"
        assert record.distribution, "the package has no name"

    def test_the_types_are_described(self, record: PluginRecord) -> None:
        """Schemas of payloads are valid JSON schemas."""
        from jsonschema import validators

        for spec in record.owns:
            if spec.schema:
                validators.validator_for(spec.schema).check_schema(spec.schema)

    def test_every_insight_type_can_become_a_question(self, record: PluginRecord, registry: Registry) -> None:
        """An insight type has an importer; one that is asked has a question formatter."""
        for spec in record.owns:
            if spec.insight:
                assert spec.name in registry.importers, f"type {spec.name} has no importer"
            if spec.insight and spec.asked:
                assert spec.name in registry.formatters, f"type {spec.name} is asked, but no formatter words it"

    def test_the_settings_have_defaults(self, found: Found) -> None:
        """It runs without a table in ``robotoff.toml``."""
        record = _loaded(self.slug, "{}").record(self.slug)
        assert record.state is State.ENABLED, record.reason

    # -- where it lives --

    def test_it_stays_in_its_folder(self, found: Found) -> None:
        """Sources below ``src/``, an entry point of its own, core required in a range, a README."""
        project = tomllib.loads((self.folder() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert list(project["entry-points"]["robotoff.plugins"]) == [self.slug]
        required = [line for line in project["dependencies"] if line.startswith("robotoff-core")]
        assert required, "pyproject.toml does not require robotoff-core"
        assert ">=" in required[0], f"write a range of robotoff-core, not {required[0]}"
        assert "==" not in required[0], f"write a range of robotoff-core, not {required[0]}"
        assert not [line for line in project["dependencies"] if line.startswith("robotoff-plugin-")]
        assert (self.folder() / "README.md").is_file()
        assert list(self._sources()), f"{self.folder() / 'src'} holds no module"

    def test_it_imports_the_public_api_only(self) -> None:
        """Of ours, only ``robotoff_core.api``; no other plugin."""
        own = self._module_name().partition(".")[0]
        for file in self._sources():
            for name, line in _imports(file):
                root = name.partition(".")[0]
                ours = root.startswith("robotoff_") and root != own
                assert not ours or name == "robotoff_core.api", f"{file}:{line}: imports {name}"

    def test_importing_it_is_cheap(self, found: Found) -> None:
        """No heavy module, no network, no data file, little time."""
        # what the module may need from the standard library is not its fault; its own imports are
        probe = _IMPORT_PROBE.format(
            module=found.entry_point.module, neighbours="json, re, functools, importlib.resources"
        )
        runs = [self._probe(probe) for _ in range(3)]
        _, modules, trouble = runs[0]
        heavy = [name for name in modules if name.partition(".")[0] in HEAVY]
        assert not heavy, f"importing it imports {', '.join(heavy)}; import them inside the methods that need them"
        assert not trouble, f"importing it touches: {', '.join(trouble)}"
        assert min(seconds for seconds, _, _ in runs) < self.import_seconds

    # -- what it says --

    def test_there_are_examples(self) -> None:
        """At least one that finds something."""
        assert any(example["predictions"] for _, example in self._examples()), "examples/ shows nothing found"

    def test_the_examples_hold(self, rules: Rules) -> None:
        """The rules say exactly what each example says."""
        for file, example in self._examples():
            document = self._document(file, example)
            said = _said(rules.say(document, example))
            expected = sorted(_key(one) for one in example["predictions"])
            assert said == expected, f"{file.name}: expected {expected}, got {said}"
            for wanted in example["predictions"]:
                assert any(_matches(one, wanted) for one in rules.say(document, example)), (
                    f"{file.name}: no prediction with {wanted}"
                )

    def test_text_and_photo_say_the_same(self, rules: Rules) -> None:
        """A plain text, and the same text laid out on a photo, give the same values."""
        for file, example in self._examples():
            if "text" in example:
                photo = ocr_bytes(label_ocr([example["text"]], width=3000, height=3000))
                assert _said(rules.say(photo, example)) == _said(rules.say(example["text"], example)), file.name

    def test_an_empty_text_says_nothing(self, rules: Rules) -> None:
        """Nothing in, nothing out, and no error."""
        for text in ("", " ", "\n\n"):
            assert rules.say(text, {}) == []

    def test_predictors_are_pure(self, rules: Rules) -> None:
        """A document says the same at any time: after others, twice, and to predictors that have seen nothing."""
        examples = sorted(self._examples(), key=lambda one: not one[1]["predictions"])
        first = [rules.say(self._document(*one), one[1]) for one in examples]
        again = [rules.say(self._document(*one), one[1]) for one in reversed(examples)]
        assert first == again[::-1]
        for one, said in list(zip(examples, first, strict=True))[:3]:
            unused = Rules(_load(self.slug, json.dumps(dict(self.settings))), self.today)
            assert unused.say(self._document(*one), one[1]) == said, one[0].name

    def test_output_passes_the_schema(self, rules: Rules, registry: Registry) -> None:
        """``data`` is JSON, as the type's owner describes it; spans lie inside the text."""
        from jsonschema import Draft202012Validator

        for file, example in self._examples():
            document = self._document(file, example)
            for one in rules.say(document, example):
                data = json.loads(json.dumps(dict(one.data)))
                owned = registry.types.get(one.type)
                if owned is not None and owned.spec.schema:
                    Draft202012Validator(owned.spec.schema).validate(data)
                assert one.confidence is None or 0 <= one.confidence <= 1
                if one.span is not None and "text" in example:
                    assert 0 <= one.span[0] < one.span[1] <= len(OcrDocument.from_text(example["text"]).text)

    @pytest.mark.parametrize("kind", ["noise", "letter", "digits", "examples", "words", "punctuation"])
    def test_any_text_takes_linear_time(self, rules: Rules, kind: str) -> None:
        """200,000 characters of anything are read within half a second, beyond reading them at all."""
        text = self._long_text(kind)
        try:
            with time_limit(8 * NOISE_SECONDS):
                rules.run(text[:200])  # builds what is built once
                seconds, slowest = min(_timed(rules, text) for _ in range(2))
        except TimeLimitExceeded as error:
            pytest.fail(f"{error} for {len(text)} characters of {kind}")
        assert seconds < NOISE_SECONDS, f"{seconds:.2f} s for {len(text)} characters of {kind}; slowest: {slowest}"

    def test_predictors_say_who_they_are(self, registry: Registry) -> None:
        """Each has a version, and a docstring that tells what it finds."""
        for registered in registry.predictors:
            predictor: Predictor = registered.component
            assert predictor.version, registered.name
            assert (type(predictor).__doc__ or "").strip(), f"{type(predictor).__name__} has no docstring"

    def test_questions_have_words_in_any_language(self, registry: Registry, rules: Rules) -> None:
        """A formatter answers in every language, falling back to English."""
        for registered in registry.formatters.values():
            for lang in ("en", "fr", "pt_BR", "xx", ""):
                question = self._question(rules, registered, lang)
                assert question.text.strip(), f"{registered.name} has no words in {lang!r}"

    # -- helpers --

    def _question(self, rules: Rules, registered: Registered[QuestionFormatter], lang: str) -> Any:
        from uuid import UUID

        from ..model.ids import ProductId
        from ..model.insights import Insight

        type_ = registered.component.type
        example: Mapping[str, Any] = next(
            (one for _, e in self._examples() for one in e["predictions"] if one["type"] == type_), {}
        )
        insight = Insight(
            UUID(int=1),
            ProductId("3274080005003"),
            type_,
            "claim",
            self.slug,
            value=example.get("value"),
            value_tag=example.get("value_tag"),
            data=example.get("data", {}),
        )
        (question,) = rules.runner.questions([insight], lang, today=self.today)
        assert hasattr(question, "text"), f"{registered.name}: {question}"
        return question

    def _long_text(self, kind: str) -> str:
        import random

        rng = random.Random(7)
        if kind == "noise":
            alphabet = "abcdefghijklmnopqrstuvwxyz éèüß 0123456789 .,:;-/%&|\n"
            return "".join(rng.choices(alphabet, k=NOISE_SIZE))
        if kind == "examples":
            text = "\n".join(example["text"] for _, example in self._examples() if "text" in example) or "text"
            return (text + "\n") * (20_000 // (len(text) + 1) + 1)
        unit = {"letter": "a", "digits": "1234567890", "words": "lorem ipsum ", "punctuation": "-.,:/ "}[kind]
        return (unit * (NOISE_SIZE // len(unit) + 1))[:NOISE_SIZE]

    def _examples(self) -> list[tuple[Path, dict[str, Any]]]:
        return [
            (file, json.loads(file.read_text(encoding="utf-8")))
            for file in sorted((self.folder() / "examples").glob("*.json"))
            if not file.name.endswith(".ocr.json")
        ]

    def _document(self, file: Path, example: Mapping[str, Any]) -> "bytes | str":
        if "text" in example:
            return str(example["text"])
        data: bytes = (file.parent / example["ocr"]).read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data

    def _module_name(self) -> str:
        found = discover().get(self.slug, [])
        return found[0].entry_point.module if found else f"robotoff_plugin_{self.slug}"

    def _sources(self) -> Iterator[Path]:
        yield from sorted((self.folder() / "src").rglob("*.py"))

    def _probe(self, probe: str) -> tuple[float, list[str], list[str]]:
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seconds, modules, trouble = json.loads(done.stdout.splitlines()[-1])
        return seconds, modules, trouble


def _timed(rules: Rules, text: str) -> tuple[float, str]:
    """Seconds for the rules on a parsed document, and the slowest predictor."""
    document = OcrDocument.from_text(text)
    started = perf_counter()
    timings = rules.run(document).timings
    return perf_counter() - started, max(timings, key=lambda name: timings[name], default="")


def _imports(file: Path) -> Iterator[tuple[str, int]]:
    """The absolute modules that a source file imports, anywhere in it, with their lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if re.fullmatch(r"robotoff_core", node.module):
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def _key(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(one["type"]), str(one.get("value_tag") or ""), str(one.get("value") or "")


def _said(predictions: list[Prediction]) -> list[tuple[str, str, str]]:
    return sorted((one.type, one.value_tag or "", one.value or "") for one in predictions)


def _matches(prediction: Prediction, wanted: Mapping[str, Any]) -> bool:
    """Whether every field that the example names (``data`` key by key) is what the prediction says."""
    for name, value in wanted.items():
        said = getattr(prediction, name)
        if name == "data":
            if any(said.get(key) != inner for key, inner in value.items()):
                return False
        elif (said or None) != (value or None):
            return False
    return True
