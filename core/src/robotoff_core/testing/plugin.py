"""The pytest plugin `robotoff`: fixtures for everybody who installs robotoff-core.

Nothing of Robotoff is imported before a fixture is asked for: pytest loads this module at its start, where an import
of the library would cost every test run, and would hide it from coverage.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..components import Run
    from ..model.predictions import Prediction
    from ..plugins.registry import Registry
    from ..taxonomy import Taxonomy

__all__ = ["fake_taxonomy", "installed_plugins", "make_run", "predict_with", "with_plugins"]

pytest_plugins = ["robotoff_core.testing.services"]

TODAY = date(2026, 6, 1)


@pytest.fixture
def with_plugins() -> "Callable[..., Registry]":
    """``with_plugins(plugin, ..., settings={slug: {...}})``: a registry of these plugin objects alone, not installed.

    The test's plugin is a small class with a ``manifest`` and ``@hookimpl`` methods; it is registered for this test
    only. Fails when one of them does not load.
    """

    def load(*plugins: Any, settings: Mapping[str, Mapping[str, Any]] | None = None) -> "Registry":
        from ..config import load_config
        from ..plugins.registry import load_plugins

        overrides: dict[str, Any] = {"plugins.enabled": [plugin.manifest.slug for plugin in plugins], "strict": True}
        for slug, table in (settings or {}).items():
            overrides.update({f"plugins.{slug}.{key}": value for key, value in table.items()})
        return load_plugins(load_config(None, overrides, environ={}), extra=plugins)

    return load


@pytest.fixture
def fake_taxonomy() -> "Callable[..., Taxonomy]":
    """``fake_taxonomy({"en:organic": {"name": {"en": "Organic"}}})``: a taxonomy of these nodes."""

    def make(nodes: Mapping[str, Mapping[str, Any]], name: str = "fake") -> "Taxonomy":
        from ..taxonomy import Taxonomy

        return Taxonomy.from_dict(nodes, name=name)

    return make


@pytest.fixture
def make_run() -> "Callable[..., Run[Any]]":
    """``make_run(settings, taxonomies={name: taxonomy}, today=..., ...)``: the frozen context of a component."""

    def make(
        settings: Any = None,
        *,
        taxonomies: "Mapping[str, Taxonomy] | None" = None,
        today: date = TODAY,
        server_type: str = "off",
        source_image: str | None = None,
    ) -> "Run[Any]":
        from ..components import Run
        from ..taxonomy import Taxonomy

        known = dict(taxonomies or {})
        empty = Taxonomy()
        return Run(settings, today, lambda name: known.get(name, empty), server_type, source_image)

    return make


@pytest.fixture
def predict_with() -> "Callable[..., list[Prediction]]":
    """``predict_with(registry, document)``: what the registry's predictors say about a text or an OCR file's bytes.

    Fails when a predictor fails.
    """

    def predict(registry: "Registry", document: "bytes | str", *, today: date = TODAY) -> "list[Prediction]":
        from ..engine.runner import Runner
        from ..taxonomy import Taxonomies

        predicted = Runner(registry, Taxonomies({}, None)).predict(document, today=today)
        assert predicted.failures == ()
        return [prediction for run in predicted.runs for prediction in run.predictions]

    return predict


@pytest.fixture
def installed_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """``installed_plugins(slug, source)``: really install a plugin made of a text, for this test and its subprocesses.

    The folder stands first in ``sys.path`` and in ``PYTHONPATH``; see
    :func:`robotoff_core.testing.installed.install_plugin`.
    """
    import os
    import sys

    from .installed import install_plugin

    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([inherited] if inherited else [])]))

    def install(slug: str, source: str, **options: Any) -> str:
        return install_plugin(folder, slug, source, **options)

    yield install
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
