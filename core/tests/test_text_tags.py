"""Tags out of text, and the fold flavours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.text.fold import fold, is_word_character
from robotoff_core.text.tags import strip_accents_v1, tag_from_text, to_ascii, to_ascii_only


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Marks & Spencer", "marks-spencer"),
        ("d. Or", "d-or"),
        ("L'Oréal", "l-oreal"),
        ("L’Oréal", "l-oreal"),
        ("Yahoo!", "yahoo"),
        ("Quoi ?", "quoi"),
        ("  - Œufs -  ", "oeufs"),
        ("Müller's Straße", "muller-s-strasse"),
        ("St. Michel", "st-michel"),
        ("Łódź", "lodz"),
        ("H&M", "h&m"),
        ("a--b - c", "a-b-c"),
        ("Бородино", "бородино"),
        ("", ""),
    ],
)
def test_tag_from_text(text: str, tag: str) -> None:
    assert tag_from_text(text) == tag


@settings(deadline=None)
@given(st.text())
def test_a_tag_has_no_spaces_and_no_doubled_or_outer_hyphens(text: str) -> None:
    tag = tag_from_text(text)
    assert "--" not in tag
    assert tag == tag.strip("-")
    assert not any(char in tag for char in " '.!?")
    assert tag_from_text(tag) == tag


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_returned_as_it_is(text: str) -> None:
    assert to_ascii(text) is text
    assert to_ascii_only(text) == text
    assert strip_accents_v1(text) == text


def test_the_three_flavours_differ_where_nothing_corresponds() -> None:
    text = "Cœur d’été №5 Ж ½"
    assert to_ascii(text) == "Coeur d'ete No5 Ж 1⁄2".replace("1⁄2", "½")
    assert to_ascii_only(text) == "Coeur d'ete No5  "
    assert strip_accents_v1("Été Ж") == "Ete "
    assert fold(text) == "cœur d'ete №5 ж ½"


@pytest.mark.parametrize("char", "aZé0_ßж日\u0301")
def test_word_characters(char: str) -> None:
    assert is_word_character(char)


@pytest.mark.parametrize("char", " -'|.®€\u00a0")
def test_other_characters(char: str) -> None:
    assert not is_word_character(char)
