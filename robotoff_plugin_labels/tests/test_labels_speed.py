"""Cost: linear in the text's length, whatever the text."""

import gc
import random
from collections.abc import Callable, Iterator
from time import process_time

import pytest

from robotoff_core.api import Prediction

Read = Callable[[str | bytes], list[Prediction]]

SIZE = 200_000
_dice = random.Random(7)
NASTY = {
    "noise": "".join(_dice.choices("abcdefghijklmnopqrstuvwxyzéü ,.\n-0123456789", k=SIZE)),
    "letter": "a" * SIZE,
    "digits": "".join(_dice.choices("0123456789", k=SIZE)),
    "spaces": " " * SIZE,
    "negators": "sans " * (SIZE // 5),
    "fillers": "sans " + "de la " * (SIZE // 6),
    "list": "sans " + "colorant, " * (SIZE // 10),
    "codes": "FR-BIO-" * (SIZE // 7),
    "agriculture": "agriculture ue non " * (SIZE // 19),
    "sides": "ue " * (SIZE // 3) + "agriculture",
    "origins": "made in " * (SIZE // 8),
    "acronyms": "AOC vegan " * (SIZE // 10),
    "appellation": "appellation " * (SIZE // 12),
    "homologation": "homologation n° la " * (SIZE // 19),
}


@pytest.fixture(autouse=True)
def _no_collections() -> Iterator[None]:
    """Hits by the thousand make the collector walk the whole test session's objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", NASTY)
def test_200_000_characters_of_anything(name: str, read: Read) -> None:
    read("warm up")
    started = process_time()
    read(NASTY[name])
    assert process_time() - started < 0.5


@pytest.mark.parametrize("name", ["negators", "list", "codes", "agriculture", "fillers"])
def test_eight_times_the_text_costs_about_eight_times_the_time(name: str, read: Read) -> None:
    def seconds(text: str) -> float:
        times = []
        for _ in range(5):
            started = process_time()
            read(text)
            times.append(process_time() - started)
        return min(times)

    short = NASTY[name][:20_000]
    assert seconds(short * 8) < 8 * 1.8 * seconds(short)
