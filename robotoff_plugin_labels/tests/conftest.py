"""Shared by the tests of this package."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run, Taxonomy
from robotoff_core.testing.engine import LexiconIndex
from robotoff_plugin_labels.settings import LabelSettings
from robotoff_plugin_labels.text import LabelText, lexicons


@pytest.fixture(scope="session")
def label_index() -> LexiconIndex:
    """The lexicons of this plugin, in one automaton."""
    return LexiconIndex(lexicons())


@pytest.fixture(scope="session")
def no_taxonomy() -> Taxonomy:
    """A deployment without a label taxonomy."""
    return Taxonomy()


@pytest.fixture(scope="session")
def run(no_taxonomy: Taxonomy) -> Run[LabelSettings]:
    """The packaged settings, no taxonomy."""
    return Run(LabelSettings(), date(2026, 1, 1), lambda name: no_taxonomy)


@pytest.fixture(scope="session")
def read(label_index: LexiconIndex, run: Run[LabelSettings]) -> Callable[[str | bytes], list[Prediction]]:
    """What the text rules find in a text, or in an OCR file's bytes."""

    def _read(text: str | bytes) -> list[Prediction]:
        document = OcrDocument.from_text(text) if isinstance(text, str) else OcrDocument.from_bytes(text)
        return list(LabelText().predict(document.bind(label_index), run))

    return _read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real OCR files and taxonomies, which are not part of the repository."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside the repository")
    return folder
