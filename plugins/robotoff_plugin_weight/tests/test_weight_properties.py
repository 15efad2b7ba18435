"""Whatever stands on a label, what is said about it holds together."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.api import Prediction
from robotoff_plugin_weight.quantities import plausible, read_value
from robotoff_plugin_weight.words import meanings

Read = Callable[[str | bytes], Sequence[Prediction]]

PIECES = [
    *("500", "1,5", "0.75", "1 000", "4", "12", "0", "1.500", "5OO", "l50", "99999"),
    *(" g", "g", " kg", "ml", " cl", " l", " oz", " fl. oz.", " lb", "e", " ℮", " mI"),
    *(" x ", "x", "×", "*", "+", "/", "(", ")", ".", ",", ":", "-", " ", "\n", "|", "'", "²"),
    *("Poids net", "net", "NET WT", "Poids net égoutté", "portion", "per serving", "pour 4 personnes", "Inhalt", "le"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60)

SCHEMA = {"raw", "value", "unit", "normalized_value", "normalized_unit", "matcher_type", "priority"}


@settings(deadline=None, max_examples=300)
@given(lead=st.sampled_from(["", "Poids net : "]), text=TEXTS)
def test_what_is_said_holds_together(read: Read, lead: str, text: str) -> None:
    text = lead + text
    predictions = read(text)
    assert len({(one.value, one.data["matcher_type"]) for one in predictions}) == len(predictions)
    assert [one.data["priority"] for one in predictions] == sorted(one.data["priority"] for one in predictions)
    for one in predictions:
        assert set(one.data) >= SCHEMA
        assert one.span is not None
        start, end = one.span
        assert 0 <= start < end <= len(text)
        assert one.data["raw"] in text
        quantity = read_value(one.value or "")
        assert quantity is not None
        assert quantity.value == one.value
        assert plausible(quantity)
        assert quantity.amount == pytest.approx(one.data["normalized_value"], abs=0.001)


def test_every_word_is_its_own(read: Read) -> None:
    """No word hides another: directly before a quantity, each is seen as the file says."""
    for word, meaning in meanings().items():
        for one in read(f"{word} 500 g"):
            assert one.data["prompt"] == word
            assert one.data["prompt_languages"] == list(meaning.languages)
