"""Every live hook is documented and tested: a new one without either fails here."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from generate_docs import REFERENCE
from hooks_page import FIELDS, fields_of, hooks, signature_of
from robotoff_core import api
from robotoff_core.plugins.registry import Registry


class Words(api.Predictor):
    name, version, produces = "tiny.words", "1", ("tiny_thing",)

    def predict(self, document: Any, run: Any) -> list[api.Prediction]:
        return []


class TinyImporter(api.Importer):
    type = "tiny_thing"


class TinyAnnotator(api.Annotator):
    type = "tiny_thing"

    def annotate(self, insight: Any, answer: Any, product: Any, run: Any) -> api.Outcome:
        return api.Outcome.send()


class TinyQuestion(api.QuestionFormatter):
    type = "tiny_thing"

    def question(self, insight: Any, lang: str, run: Any) -> api.Question:
        return api.Question("?")


MIGRATIONS = api.Migrations("tiny.versions", ("tiny_rows",))

WHERE: dict[str, tuple[Any, Callable[[Registry], list[str]], list[str]]] = {
    # hook: (what it returns, where the registry has it, the components' names)
    "robotoff_predictors": ([Words()], lambda r: [one.name for one in r.predictors], ["tiny.words"]),
    "robotoff_importers": (
        [TinyImporter()],
        lambda r: [one.name for one in r.importers.values()],
        ["tiny.importer:tiny_thing"],
    ),
    "robotoff_annotators": (
        [TinyAnnotator()],
        lambda r: [one.name for one in r.annotators.values()],
        ["tiny.annotator:tiny_thing"],
    ),
    "robotoff_question_formatters": (
        [TinyQuestion()],
        lambda r: [one.name for one in r.formatters.values()],
        ["tiny.formatter:tiny_thing"],
    ),
    "robotoff_lexicons": (
        [api.Lexicon("tiny.terms", [("a term", 1)])],
        lambda r: [one.name for one in r.lexicon_list],
        ["tiny.terms"],
    ),
    "robotoff_migrations": (MIGRATIONS, lambda r: list(r.migrations), ["tiny"]),
    "robotoff_routes": (
        [api.Route("rows", dict)],
        lambda r: [one.name for one in r.routes],
        ["tiny.route:GET rows"],
    ),
    "robotoff_commands": (
        [api.Command("build", "Build.", len)],
        lambda r: [one.name for one in r.commands],
        ["tiny.command:build"],
    ),
    "robotoff_health_checks": (
        [api.HealthCheck("files", lambda: "well")],
        lambda r: [one.name for one in r.health_checks],
        ["tiny.health:files"],
    ),
}


@pytest.mark.parametrize("name", hooks())
def test_the_hook_is_documented_with_its_arguments(name: str) -> None:
    page = (REFERENCE / "hooks.md").read_text(encoding="utf-8")
    assert f"\n## `{signature_of(name, hooks()[name])}`\n" in page, (
        f"docs/reference/hooks.md lacks {name}; run `make docs`"
    )


@pytest.mark.parametrize("name", hooks())
def test_its_docstring_says_everything(name: str) -> None:
    parts = fields_of(hooks()[name].__doc__)
    assert parts[""], "no summary"
    assert [field for field in FIELDS if parts.get(field)] == list(FIELDS)
    assert re.search(r"hook API \d+\.\d+", parts["Since"])
    assert "failed" in parts["On failure"]


def test_every_hook_is_tested() -> None:
    assert set(WHERE) == set(hooks()), "a hook without a row in WHERE is not tested"


@pytest.mark.parametrize("name", WHERE)
def test_the_hook_registers_what_it_returns(name: str, with_plugins: Callable[..., Registry]) -> None:
    returned, where, names = WHERE[name]
    seen: list[str] = []

    def implementation(self: Any) -> Any:
        seen.append(name)
        return returned

    implementation.__name__ = name
    manifest = api.Manifest("tiny", "Tiny", owns=[api.TypeSpec("tiny_thing")])
    plugin = type("Plugin", (), {"manifest": manifest, name: api.hookimpl(implementation)})()
    registry = with_plugins(plugin)
    assert where(registry) == names
    assert seen == [name], "it is called once"
    listed = [part.name for part in registry.record("tiny").components]
    assert listed == ([] if name == "robotoff_migrations" else names)


@pytest.mark.parametrize("name", [name for name in WHERE if name != "robotoff_migrations"])
def test_settings_reach_the_hook(name: str, with_plugins: Callable[..., Registry]) -> None:
    seen: list[Any] = []

    def implementation(self: Any, settings: Any) -> Any:
        seen.append(settings)
        return WHERE[name][0]

    manifest = api.Manifest("tiny", "Tiny", owns=[api.TypeSpec("tiny_thing")])
    plugin = type("Plugin", (), {"manifest": manifest, name: api.hookimpl(implementation)})()
    with_plugins(plugin)
    assert seen == [None]
