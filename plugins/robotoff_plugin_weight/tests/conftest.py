"""The plugin's rules on plain texts and on OCR files, with its own words only."""

from collections.abc import Callable, Sequence
from datetime import date

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run, Taxonomy
from robotoff_core.testing.engine import LexiconIndex
from robotoff_plugin_weight import plugin
from robotoff_plugin_weight.predictor import WeightPredictor
from robotoff_plugin_weight.settings import WeightSettings


def no_taxonomy(name: str) -> Taxonomy:
    raise LookupError(f"the weight plugin reads no taxonomy, not even {name}")


@pytest.fixture(scope="session")
def run() -> Run[WeightSettings]:
    """A run with the plugin's default settings."""
    return Run(WeightSettings(), date(2026, 6, 1), no_taxonomy)


@pytest.fixture(scope="session")
def parsed() -> Callable[[str | bytes], OcrDocument]:
    """A text or an OCR file's bytes as a document that knows the plugin's words."""
    index = LexiconIndex(plugin.robotoff_lexicons())

    def parse(text: str | bytes) -> OcrDocument:
        document = OcrDocument.from_text(text) if isinstance(text, str) else OcrDocument.from_bytes(text)
        return document.bind(index)

    return parse


@pytest.fixture(scope="session")
def read(
    parsed: Callable[[str | bytes], OcrDocument], run: Run[WeightSettings]
) -> Callable[[str | bytes], Sequence[Prediction]]:
    """All predictions of a text, or of an OCR file's bytes."""
    return lambda text: list(WeightPredictor().predict(parsed(text), run))


@pytest.fixture(scope="session")
def values(read: Callable[[str | bytes], Sequence[Prediction]]) -> Callable[[str | bytes], list[str | None]]:
    """The predicted values, best matcher first."""
    return lambda text: [prediction.value for prediction in read(text)]
