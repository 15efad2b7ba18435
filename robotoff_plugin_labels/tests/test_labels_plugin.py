"""The plugin as core sees it: metadata, settings from the configuration, components, command."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.api import ImageRule, Quality
from robotoff_core.testing.engine import Registry, Runner, State, Taxonomies, load_config, load_plugins
from robotoff_plugin_labels import plugin
from robotoff_plugin_labels.data import lines
from robotoff_plugin_labels.importer import LabelImporter
from robotoff_plugin_labels.known import build_data


def loaded(tmp_path: Path, text: str) -> Registry:
    file = tmp_path / "robotoff.toml"
    file.write_text(text)
    return load_plugins(load_config(file, {"plugins.enabled": ["labels"]}, environ={}))


def test_the_type() -> None:
    (label,) = plugin.manifest.owns
    assert (label.name, label.insight, label.asked, label.asked_by_default) == ("label", True, True, True)
    assert (label.image, label.priority, label.needs_login) == (ImageRule.SOURCE, 20, False)
    assert plugin.manifest.quality is Quality.STABLE


def test_components(tmp_path: Path) -> None:
    registry = loaded(tmp_path, "")
    assert [one.name for one in registry.predictors] == ["labels.text", "labels.logos"]
    assert [one.component.product_name for one in registry.predictors] == [True, False]
    assert set(registry.importers) == set(registry.annotators) == set(registry.formatters) == {"label"}


def test_settings_come_from_the_configuration(tmp_path: Path) -> None:
    registry = loaded(tmp_path, '[plugins.labels]\nautomatic_labels = ["en:vegan"]\nrefused_labels = []\n')
    settings = registry.importers["label"].settings
    assert (settings.automatic_labels, settings.refused_labels) == (("en:vegan",), ())
    assert isinstance(registry.importers["label"].component, LabelImporter)


def test_default_settings_are_the_packaged_list(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "").importers["label"].settings
    assert settings.automatic_labels == tuple(lines("automatic.txt"))
    assert settings.refused_labels == ("en:eu-agriculture", "en:non-eu-agriculture")


@pytest.mark.parametrize("wrong", ['automatic_labels = "en:vegan"', "automatic_labels = [1]", "automatic = []"])
def test_wrong_settings_stop_the_plugin_and_name_the_key(wrong: str, tmp_path: Path) -> None:
    record = loaded(tmp_path, f"[plugins.labels]\n{wrong}\n").record("labels")
    assert record.state is State.MISCONFIGURED
    assert "automatic" in record.reason + record.next_step


def test_product_names_are_read_too_and_never_automatic(tmp_path: Path) -> None:
    runner = Runner(loaded(tmp_path, ""), Taxonomies({}, None))
    predicted = runner.predict("Compote sans sucres ajoutés", today=date(2026, 1, 1), product_name=True)
    ((found,),) = [run.predictions for run in predicted.runs if run.predictions]
    assert (found.value_tag, found.automatic, found.data["source"]) == ("en:no-added-sugar", False, "product_name")


def test_build_data(tmp_path: Path) -> None:
    nodes: dict[str, Any] = {
        "en:organic": {"name": {"en": "Organic", "zz": "?"}},
        "en:fr-bio-01": {"parents": ["en:eu-organic"], "name": {"en": "FR-BIO-01"}},
        "en:es-eco-019-ct": {},
        "en:it-bio-7": {},
    }
    (tmp_path / "labels.json.in").write_text(json.dumps(nodes))
    assert build_data([str(tmp_path / "labels.json.in"), str(tmp_path)]) == 0
    assert (tmp_path / "certifiers.txt").read_text().splitlines()[1:] == ["es eco 019-ct", "fr bio 01"]
    assert json.loads((tmp_path / "labels.json").read_text()) == {
        "en:organic": {"parents": [], "names": {"en": "Organic"}}
    }


def test_build_data_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_data([]) == 2
    assert capsys.readouterr().err.startswith("use: robotoff labels build-data")
