"""The fixtures for plugin authors do what they say."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from attrs import frozen

from robotoff_core.api import Manifest, Prediction, Predictor, TypeSpec, hookimpl
from robotoff_core.plugins.registry import PluginsError


@frozen
class Settings:
    word: str = "good"


class Word(Predictor):
    name, version, produces = "tiny.word", "1", ("tiny_thing",)

    def predict(self, document: Any, run: Any) -> list[Prediction]:
        return [Prediction("tiny_thing", value=run.settings.word)] if run.settings.word in document.text else []


class Tiny:
    manifest = Manifest("tiny", "Tiny", owns=(TypeSpec("tiny_thing"),), settings=Settings)

    @hookimpl
    def robotoff_predictors(self) -> list[Predictor]:
        return [Word()]


def test_a_test_plugin_predicts(with_plugins: Callable[..., Any], predict_with: Callable[..., Any]) -> None:
    assert [one.value for one in predict_with(with_plugins(Tiny()), "a good text")] == ["good"]
    registry = with_plugins(Tiny(), settings={"tiny": {"word": "bad"}})
    assert predict_with(registry, "a good text") == []
    assert registry.enabled_plugins == {"tiny"}


def test_a_test_plugin_that_does_not_load_fails_the_test(with_plugins: Callable[..., Any]) -> None:
    with pytest.raises(PluginsError, match="tiny"):
        with_plugins(Tiny(), settings={"tiny": {"wrod": "bad"}})


def test_a_run_and_a_taxonomy_are_quickly_made(make_run: Callable[..., Any], fake_taxonomy: Callable[..., Any]) -> None:
    taxonomy = fake_taxonomy({"en:organic": {"name": {"en": "Organic"}}})
    run = make_run(Settings(), taxonomies={"labels": taxonomy}, today=date(2025, 1, 2))
    assert run.taxonomy("labels").name("en:organic", "en") == "Organic"
    assert len(run.taxonomy("absent")) == 0
    assert (run.today, run.settings.word, run.server_type) == (date(2025, 1, 2), "good", "off")


def test_a_plugin_made_of_a_text_is_installed(installed_plugins: Callable[..., str]) -> None:
    from robotoff_core.plugins.discovery import discover

    installed_plugins("tiny", "plugin = None", version="3.1")
    (found,) = discover()["tiny"]
    assert (found.distribution, found.version) == ("robotoff-plugin-tiny", "3.1")
