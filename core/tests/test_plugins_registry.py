"""Loading plugins: states with reason and next step, decided before import; nothing one does stops another."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from robotoff_core.api import (
    HOOK_API,
    Command,
    HealthCheck,
    Importer,
    Lexicon,
    Manifest,
    Migrations,
    Prediction,
    Predictor,
    Quality,
    Route,
    TypeSpec,
    hookimpl,
)
from robotoff_core.config import load_config
from robotoff_core.plugins.records import PluginRecord, State, Trip
from robotoff_core.plugins.registry import PluginsError, Registry, load_plugins
from robotoff_core.testing.installed import install_plugin

PLAIN = """
    from robotoff_core.api import *

    class Words(Predictor):
        name, version, produces = "{slug}.words", "1", ("{slug}_thing",)

        def predict(self, document, run):
            return [Prediction("{slug}_thing", value="x")]

    class Plugin:
        manifest = Manifest("{slug}", "Things of {slug}", owns=[TypeSpec("{slug}_thing")])

        @hookimpl
        def robotoff_predictors(self):
            return [Words()]

    plugin = Plugin()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to install plugins into; what is installed in this environment is out of sight."""
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


def _load(*slugs: str, **overrides: Any) -> Registry:
    return load_plugins(
        load_config(
            None, {"plugins.enabled": list(slugs), **{k.replace("__", "."): v for k, v in overrides.items()}}, {}
        )
    )


def _of(slug: str, **members: Any) -> object:
    """A plugin object with these hooks: ``_of("one", predictors=lambda: [...], owns=[...])``."""
    manifest_keys = {
        key: members.pop(key)
        for key in ("owns", "produces", "reads", "settings", "hook_api", "quality")
        if key in members
    }
    namespace: dict[str, Any] = {"manifest": Manifest(slug, slug.title(), **manifest_keys)}
    for hook, function in members.items():
        function.__name__ = f"robotoff_{hook}"
        namespace[f"robotoff_{hook}"] = staticmethod(hookimpl(function))
    return type("Plugin", (), namespace)()


def _with(*plugins: object, **overrides: Any) -> Registry:
    slugs = [plugin.manifest.slug for plugin in plugins]  # type: ignore[attr-defined]
    return load_plugins(load_config(None, {"plugins.enabled": slugs, **overrides}, {}), extra=plugins)


def _predictor(name_: str, *produces_: str) -> Predictor:
    class Words(Predictor):
        name, version, produces = name_, "1", produces_

        def predict(self, document: Any, run: Any) -> list[Prediction]:
            return []

    return Words()


# -- deciding --


def test_an_installed_plugin_runs_by_default(folder: Path) -> None:
    install_plugin(folder, "one", PLAIN.format(slug="one"), version="2.5")
    record = load_plugins(load_config(environ={})).record("one")
    assert (record.state, record.version, record.distribution) == (State.ENABLED, "2.5", "robotoff-plugin-one")
    assert record.decided_by == "default (installed)"
    assert [(part.kind, part.name, part.version) for part in record.components] == [("predictor", "one.words", "1")]


def test_a_disabled_plugin_is_never_imported(folder: Path) -> None:
    module = install_plugin(folder, "one", "raise SystemExit('imported!')")
    install_plugin(folder, "two", PLAIN.format(slug="two"))
    registry = load_plugins(load_config(None, {"plugins.disabled": ["one"]}, {}))
    assert registry.record("one").state is State.DISABLED
    assert registry.record("one").decided_by == "option plugins.disabled (plugins.disabled)"
    assert module not in sys.modules
    assert "two" in registry.enabled_plugins


@pytest.mark.parametrize(
    ("file", "environ", "options", "state", "decided_by"),
    [
        ('enabled = ["two"]', {}, {}, "disabled", "{file}:2 (plugins.enabled)"),
        ('enabled = ["one"]', {}, {}, "enabled", "{file}:2 (plugins.enabled)"),
        ('disabled = ["one"]', {}, {}, "disabled", "{file}:2 (plugins.disabled)"),
        ('disabled = ["one"]', {"ENABLED": "one"}, {}, "enabled", "ROBOTOFF_PLUGINS__ENABLED (plugins.enabled)"),
        ('enabled = ["one"]', {"DISABLED": "one"}, {}, "disabled", "ROBOTOFF_PLUGINS__DISABLED (plugins.disabled)"),
        ("", {"DISABLED": "one"}, {"plugins.enabled": ["one"]}, "enabled", "option plugins.enabled (plugins.enabled)"),
        ('enabled = ["one"]\ndisabled = ["one"]', {}, {}, "disabled", "{file}:3 (plugins.disabled)"),
    ],
)
def test_the_later_layer_decides(
    folder: Path, file: str, environ: dict[str, str], options: dict[str, Any], state: str, decided_by: str
) -> None:
    install_plugin(folder, "one", PLAIN.format(slug="one"))
    written = folder / "robotoff.toml"
    written.write_text(f"[plugins]\n{file}\n", encoding="utf-8")
    variables = {f"ROBOTOFF_PLUGINS__{key}": value for key, value in environ.items()}
    record = load_plugins(load_config(written, options, variables)).record("one")
    assert (record.state, record.decided_by) == (state, decided_by.format(file=written))


def test_a_plugin_that_is_not_installed_is_missing(folder: Path) -> None:
    record = _load("nobody").record("nobody")
    assert record.state is State.MISSING
    assert "Install" in record.next_step
    registry = load_plugins(load_config(None, {"plugins.settings_only.key": 1, "plugins.disabled": ["off"]}, {}))
    assert registry.record("settings_only").state is State.MISSING
    assert registry.record("off").state is State.DISABLED


# -- loading --


@pytest.mark.parametrize(
    ("source", "state", "reason"),
    [
        ("raise RuntimeError('no luck')", "failed", "importing it raised RuntimeError: no luck"),
        ("import sys; sys.exit(0)", "failed", "importing it raised SystemExit: 0"),
        ("def broken(:", "failed", "importing it raised SyntaxError"),
        ("import absent_module", "failed", "importing it raised ModuleNotFoundError"),
        ("x = 1", "failed", "importing it raised AttributeError"),
        ("from robotoff_core.api import Absent", "incompatible", "it needs a name that this core's API lacks"),
        (
            "plugin = object()",
            "failed",
            "its manifest is malformed: the entry point's object (object) has no `manifest`",
        ),
        (
            "from robotoff_core.api import Manifest\nclass plugin: manifest = Manifest('other', 'x')",
            "failed",
            "manifest.slug is 'other', but its entry point is called 'one'",
        ),
        (
            "from robotoff_core.api import Manifest\nclass plugin: manifest = Manifest('one', 'x', hook_api=(99, 0))",
            "incompatible",
            "it was written for hook API 99.0",
        ),
        (
            "from robotoff_core.api import Manifest\nclass plugin: manifest = Manifest('one', 'x', hook_api=(1, 999))",
            "incompatible",
            "it was written for hook API 1.999",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded(folder: Path, source: str, state: str, reason: str) -> None:
    install_plugin(folder, "one", source)
    install_plugin(folder, "two", PLAIN.format(slug="two"))
    registry = _load("one", "two")
    record = registry.record("one")
    assert (record.state, record.next_step != "") == (state, True)
    assert reason in record.reason
    assert registry.enabled_plugins == {"two"}
    assert [one.name for one in registry.predictors] == ["two.words"]


@pytest.mark.parametrize("line", ["import time; time.sleep(60)", "import re; re.match('(a+)+$', 'a' * 64 + 'b')"])
def test_an_import_that_hangs_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr("robotoff_core.plugins.registry.LOAD_DEADLINE", 0.3)
    install_plugin(folder, "one", line)
    install_plugin(folder, "two", PLAIN.format(slug="two"))
    registry = _load("one", "two")
    assert registry.record("one").reason == "importing it raised TimeLimitExceeded: it took longer than 0.3 s"
    assert registry.enabled_plugins == {"two"}


def test_ctrl_c_during_an_import_still_stops(folder: Path) -> None:
    install_plugin(folder, "one", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        _load("one")


def test_output_while_loading_stays_off_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_plugin(folder, "one", "print('hello')\n" + _dedented(PLAIN.format(slug="one")))
    assert _load("one").record("one").state is State.ENABLED
    assert capsys.readouterr().out == ""


def _dedented(text: str) -> str:
    from textwrap import dedent

    return dedent(text)


def test_the_previous_minor_version_of_the_hook_api_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotoff_core.plugins.checks.HOOK_API", (HOOK_API[0], HOOK_API[1] + 1))
    old = _of("old", owns=[TypeSpec("old_thing")], predictors=lambda: [_predictor("old.words", "old_thing")])
    assert _with(old).record("old").state is State.ENABLED
    monkeypatch.setattr("robotoff_core.plugins.checks.HOOK_API", (HOOK_API[0] + 1, 0))
    assert _with(old).record("old").state is State.INCOMPATIBLE


def _misspelt() -> object:
    plugin = _of("one")
    type(plugin).robotoff_predictor = hookimpl(lambda self: [])  # type: ignore[attr-defined]
    return plugin


def _unmarked() -> object:
    plugin = _of("one")
    type(plugin).robotoff_predictors = lambda self: []  # type: ignore[attr-defined]
    return plugin


def _wrapped() -> object:
    plugin = _of("one")

    def robotoff_predictors(self: object) -> Iterator[None]:
        return (yield)

    type(plugin).robotoff_predictors = hookimpl(wrapper=True)(robotoff_predictors)  # type: ignore[attr-defined]
    return plugin


def _strange_argument() -> object:
    plugin = _of("one")
    type(plugin).robotoff_predictors = hookimpl(lambda self, nonsense: [])  # type: ignore[attr-defined]
    return plugin


def _raising() -> object:
    def predictors() -> None:
        raise ZeroDivisionError("oops")

    return _of("one", predictors=predictors)


def _leaving() -> object:
    return _of("one", predictors=lambda: sys.exit(5))


OWNS = [TypeSpec("one_thing")]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_misspelt, "unknown hook 'robotoff_predictor'"),
        (_unmarked, "`robotoff_predictors` is not marked with @hookimpl"),
        (_wrapped, "wrappers are not allowed"),
        (_strange_argument, "nonsense"),
        (_raising, "hook robotoff_predictors raised ZeroDivisionError: oops"),
        (_leaving, "hook robotoff_predictors raised SystemExit: 5"),
        (lambda: _of("one", predictors=lambda: None), "returned a NoneType instead of a list of Predictor"),
        (lambda: _of("one", predictors=lambda: "abc"), "returned a str instead of a list of Predictor"),
        (lambda: _of("one", predictors=lambda: [1]), "returned a int where a Predictor is wanted"),
        (
            lambda: _of("one", predictors=lambda: [Predictor]),
            "the class Predictor where a Predictor is wanted (an instance",
        ),
        (lambda: _of("one", predictors=lambda: [_predictor("two.words", "x")]), "must begin with the plugin's slug"),
        (lambda: _of("one", predictors=lambda: [_predictor("one.words", "x")]), "neither owns nor produces"),
        (lambda: _of("one", predictors=lambda: [_predictor("one.words")]), "produces names no type"),
        (
            lambda: _of("one", owns=OWNS, predictors=lambda: [_predictor("one.w", "one_thing")] * 2),
            "two components are called `one.w` (Words and Words)",
        ),
        (lambda: _of("one", owns=OWNS, importers=lambda: [Importer()]), "lacks an attribute"),
        (
            lambda: _of("one", importers=lambda: [type("Other", (Importer,), {"type": "two_thing"})()]),
            "type is 'two_thing', which the manifest does not own",
        ),
        (lambda: _of("one", lexicons=lambda: [Lexicon("one.words", [("a", 1), ("b",)])]), "an entry is a pair"),
        (lambda: _of("one", lexicons=lambda: [Lexicon("words", [])]), "must begin with the plugin's slug"),
        (lambda: _of("one", routes=lambda: [Route("/", print)]), "it needs a path"),
        (lambda: _of("one", commands=lambda: [Command("", "help", lambda _: 0)]), "needs a name and a function"),
        (lambda: _of("one", health_checks=lambda: [HealthCheck("x", None)]), "needs a name and a function"),  # type: ignore[arg-type]
        (lambda: _of("one", migrations=lambda: "x"), "returned a str instead of Migrations"),
        (
            lambda: _of("one", migrations=lambda: Migrations("m", ("insight",))),
            "tables must begin with `one_`: insight",
        ),
        (lambda: _of("one", owns=[TypeSpec("a"), TypeSpec("a")]), "names a type twice: a"),
        (lambda: _of("one", owns=["a"]), "must hold TypeSpecs"),
    ],
)
def test_a_plugin_that_breaks_the_contract(make: Callable[[], object], reason: str) -> None:
    other = _of("two", owns=[TypeSpec("two_thing")], predictors=lambda: [_predictor("two.words", "two_thing")])
    registry = _with(make(), other)
    record = registry.record("one")
    assert record.state is State.FAILED
    assert reason in record.reason
    assert record.next_step
    assert registry.enabled_plugins == {"two"}


def test_an_implementation_may_take_fewer_arguments() -> None:
    seen: list[Any] = []

    def lexicons(settings: Any) -> list[Lexicon]:
        seen.append(settings)
        return [Lexicon("one.words", [("a", 1)])]

    registry = _with(_of("one", lexicons=lexicons, health_checks=lambda: [HealthCheck("files", lambda: "well")]))
    assert registry.record("one").state is State.ENABLED
    assert seen == [None]
    assert [one.name for one in registry.health_checks] == ["one.health:files"]


# -- conflicts --


def test_two_owners_of_a_type_are_both_named() -> None:
    registry = _with(_of("first", owns=[TypeSpec("thing")]), _of("second", owns=[TypeSpec("thing")]))
    record = registry.record("second")
    assert record.state is State.FAILED
    assert record.summary == "it owns type thing, which plugin first owns too"
    assert "first" in record.next_step
    assert "second" in record.next_step
    assert registry.types["thing"].plugin == "first"


def test_the_operators_order_then_quality_decides_who_owns() -> None:
    early, stable = _of("early", owns=[TypeSpec("t")]), _of("late", owns=[TypeSpec("t")], quality=Quality.STABLE)
    default = load_plugins(load_config(environ={}), extra=[early, stable])
    assert default.types["t"].plugin == "late"
    assert default.record("early").state is State.FAILED
    assert _with(early, stable).types["t"].plugin == "early"


def test_a_misconfigured_owner_keeps_its_types() -> None:
    owner = _of("owner", owns=[TypeSpec("t")], quality=Quality.STABLE)
    registry = load_plugins(
        load_config(None, {"plugins.owner.nonsense": 1}, {}), extra=[owner, _of("thief", owns=[TypeSpec("t")])]
    )
    assert registry.record("owner").state is State.MISCONFIGURED
    assert registry.record("thief").state is State.FAILED
    assert "t" not in registry.types


def test_two_packages_with_one_slug_are_both_named(folder: Path) -> None:
    install_plugin(folder, "one", PLAIN.format(slug="one"))
    install_plugin(folder, "one", PLAIN.format(slug="one"), distribution="another-package")
    record = _load("one").record("one")
    assert record.state is State.FAILED
    assert "another-package" in record.reason
    assert "robotoff-plugin-one" in record.reason
    assert "Uninstall all but one of: another-package, robotoff-plugin-one" in record.next_step


def test_a_read_type_without_a_producer_waits() -> None:
    reader = _of("reader", reads=["two_thing", "nobodys"])
    producer = _of("two", owns=[TypeSpec("two_thing")], predictors=lambda: [_predictor("two.words", "two_thing")])
    alone = _with(reader).record("reader")
    assert (alone.state, alone.waiting_for) == (State.ENABLED, ("two_thing", "nobodys"))
    assert alone.status == "enabled (waiting for two_thing, nobodys)"
    assert _with(reader, producer).record("reader").waiting_for == ("nobodys",)


def test_several_plugins_may_predict_one_type() -> None:
    owner = _of("owner", owns=[TypeSpec("t")], predictors=lambda: [_predictor("owner.a", "t")])
    guest = _of("guest", produces=["t"], predictors=lambda: [_predictor("guest.a", "t")])
    registry = _with(owner, guest)
    assert {one.name for one in registry.predictors} == {"owner.a", "guest.a"}
    assert registry.types["t"].plugin == "owner"


# -- settings --


@frozen
class Limits:
    low: int = 1
    high: float = 2.0


@frozen
class Settings:
    words: tuple[str, ...] = ()
    strict: bool = False
    limits: Limits = field(factory=Limits)


def _settings_of(**overrides: Any) -> tuple[PluginRecord, list[Any]]:
    seen: list[Any] = []

    def predictors(settings: Any) -> list[Predictor]:
        seen.append(settings)
        return []

    plugin = _of("one", settings=Settings, predictors=predictors)
    return _with(plugin, **{f"plugins.one.{k.replace('__', '.')}": v for k, v in overrides.items()}).record("one"), seen


def test_settings_are_structured() -> None:
    assert _settings_of()[1] == [Settings()]
    assert _settings_of(words=["a"], strict=True, limits__high=3)[1] == [Settings(("a",), True, Limits(1, 3.0))]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            {"strict": "false"},
            "option plugins.one.strict: plugins.one.strict: expected true or false, got the text 'false'",
        ),
        ({"strikt": True}, "plugins.one.strikt: unknown key (did you mean `strict`?)"),
        ({"limits__low": "x"}, "plugins.one.limits.low: expected a whole number"),
        ({"words": "a"}, "plugins.one.words: expected a list, got the text 'a'"),
    ],
)
def test_wrong_settings_name_place_and_key(overrides: dict[str, Any], reason: str) -> None:
    record, seen = _settings_of(**overrides)
    assert record.state is State.MISCONFIGURED
    assert reason in record.reason
    assert seen == []
    assert "'" not in record.summary  # the public part shows keys, never values


def test_settings_name_the_line_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "robotoff.toml"
    file.write_text('[plugins]\nenabled = ["one"]\n[plugins.one]\nstrict = 1\n', encoding="utf-8")
    registry = load_plugins(load_config(file, environ={}), extra=[_of("one", settings=Settings)])
    assert f"{file}:4: plugins.one.strict: expected true or false" in registry.record("one").reason


def test_settings_for_a_plugin_without_any(tmp_path: Path) -> None:
    record = _with(_of("one"), **{"plugins.one.key": 1}).record("one")
    assert record.state is State.MISCONFIGURED
    assert "this plugin has no settings" in record.reason


# -- strict, migrations, trips, what is public --


def test_strict_makes_trouble_fatal() -> None:
    good = _of("good", owns=[TypeSpec("g")])
    assert _with(good, strict=True).record("good").state is State.ENABLED
    with pytest.raises(PluginsError, match=r"plugin one: failed: .*oops") as caught:
        _with(good, _raising(), strict=True)
    assert [record.slug for record in caught.value.records] == ["one"]
    with pytest.raises(PluginsError, match="plugin nobody: missing"):
        _load("nobody", strict=True)


def test_a_pending_migration_stops_its_plugin_only() -> None:
    owner = _of("one", owns=[TypeSpec("a")], migrations=lambda: Migrations("one.versions", ("one_rows",)))
    other = _of("two", owns=[TypeSpec("b")], migrations=lambda: Migrations("two.versions", ("two_rows",)))
    config = load_config(None, {"plugins.enabled": ["one", "two"]}, {})
    registry = load_plugins(
        config, extra=[owner, other], pending=lambda _config, slug, _migrations: ("r1", "r2") if slug == "one" else ()
    )
    record = registry.record("one")
    assert (record.state, record.summary, record.detail) == (State.FAILED, "2 pending migrations", "r1, r2")
    assert "robotoff db upgrade" in record.next_step
    assert registry.enabled_plugins == {"two"}
    assert set(registry.migrations) == {"one", "two"}

    def unreadable(*_: Any) -> tuple[str, ...]:
        raise ValueError("no such folder")

    record = load_plugins(config, extra=[owner, other], pending=unreadable).record("one")
    assert "reading its migrations raised ValueError: no such folder" in record.reason


def test_trips_show_in_the_records_and_go_away() -> None:
    plugin = _of(
        "one", owns=OWNS, predictors=lambda: [_predictor("one.a", "one_thing"), _predictor("one.b", "one_thing")]
    )
    registry = _with(plugin)
    tripped = registry.with_trips([Trip("one.b", "one", "too slow")])
    record = tripped.record("one")
    assert (record.state, record.summary) == (State.TRIPPED, "left out after failures: one.b")
    assert "too slow" in record.reason
    assert "robotoff plugins reset one.b" in record.next_step
    assert {part.name: str(part.state) for part in record.components} == {"one.a": "enabled", "one.b": "tripped"}
    assert tripped.enabled_plugins == {"one"}  # the rest of it works
    assert tripped.with_trips([]).record("one") == registry.record("one")


def test_public_records_tell_no_texts_and_paths(folder: Path) -> None:
    install_plugin(folder, "one", "raise RuntimeError('secret /etc/path')")
    record = _load("one").record("one")
    assert record.public()["reason"] == "importing it raised RuntimeError"
    assert "secret" not in str(record.public())
    assert str(folder) not in str(record.public())
    assert record.detailed()["reason"] == "importing it raised RuntimeError: secret /etc/path"
    assert "Traceback" in record.traceback


def test_trouble_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    _with(_raising())
    assert "plugin one: failed: hook robotoff_predictors raised ZeroDivisionError: oops" in caplog.text
