"""Lexicons: one automaton for all, word boundaries, overlaps within each lexicon, the text as printed."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.api import Boundary, Lexicon, OcrDocument
from robotoff_core.testing.ocr import label_ocr, ocr_bytes
from robotoff_core.text.fold import fold
from robotoff_core.text.lexicon import Hit, LexiconIndex


def found(text: str, *lexicons: Lexicon) -> dict[str, list[tuple[str, object]]]:
    """The text found and its value, by lexicon."""
    hits = LexiconIndex(lexicons).scan(OcrDocument.from_text(text))
    return {name: [(text[hit.start : hit.end], hit.value) for hit in hits[name]] for name in hits}


def terms(*entries: tuple[str, object], **options: object) -> Lexicon:
    return Lexicon("x.terms", entries, **options)  # type: ignore[arg-type]


def test_hits_come_in_text_order_with_offsets() -> None:
    hits = LexiconIndex([terms(("bio", 1), ("sans gluten", 2))]).scan(OcrDocument.from_text("Sans Gluten et BIO"))
    assert hits == {"x.terms": [Hit(0, 11, "sans gluten", 2), Hit(15, 18, "bio", 1)]}


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("SANS PRÉSERVATIF", "sans preservatif"),
        ("sans preservatif", "Sans Préservatif"),
        ("ŁÓDŹ", "łódź"),
        ("l’huile de palme", "l'huile de palme"),
        ("bez\u00a0glutenu", "bez glutenu"),
        ("palm\u2011oil", "palm-oil"),
        ("ΧΩΡΊΣ ΓΛΟΥΤΈΝΗ", "χωρίς γλουτένη"),
        ("БЕЗ ГЛЮТЕНА", "без глютена"),
        ("İçindekiler", "içindekiler"),
        ("ＢＩＯ", "bio"),
        ("無添加", "無添加"),
    ],
)
def test_comparison_is_folded(text: str, term: str) -> None:
    assert found(text, terms((term, 1))) == {"x.terms": [(text, 1)]}


@pytest.mark.parametrize(
    "text", ["béaldi", "aldié", "aldi1", "1aldi", "aldi_", "éaldi", "aldiж", "aldi\u0301", "日aldi"]
)
def test_unicode_letters_are_no_boundary(text: str) -> None:
    assert found(text, terms(("aldi", 1))) == {"x.terms": []}
    assert found(text, terms(("aldi", 1), boundary=Boundary.NONE)) == {"x.terms": [("aldi", 1)]}


@pytest.mark.parametrize("text", ["aldi", "(aldi)", "aldi,", "l'aldi", "aldi-nord", "x|aldi|x", "aldi\nnord", "®aldi™"])
def test_everything_else_is_a_boundary(text: str) -> None:
    assert found(text, terms(("aldi", 1))) == {"x.terms": [("aldi", 1)]}


def test_line_and_block_ends_are_spaces_and_page_ends_are_not() -> None:
    document = OcrDocument.from_bytes(ocr_bytes(label_ocr(["sans", "gluten"])))
    index = LexiconIndex([terms(("sans gluten", 1))])
    assert "|" in document.text
    assert [document.contiguous[hit.start : hit.end] for hit in document.bind(index).hits("x.terms")] == []
    # Vision ends a block with a line break, so that two blanks stand between the words of two blocks.
    assert document.contiguous.startswith("sans  gluten")
    two_pages = OcrDocument("sans |gluten", "sans |gluten").bind(index)
    assert two_pages.hits("x.terms") == []


def test_overlaps_are_resolved_leftmost_then_longest_within_a_lexicon() -> None:
    lexicon = terms(("vegan", 1), ("vegan society", 2), ("the vegan", 3), ("society", 4))
    assert found("the vegan society", lexicon) == {"x.terms": [("the vegan", 3), ("society", 4)]}
    assert found("a vegan society", lexicon) == {"x.terms": [("vegan society", 2)]}


def test_a_longer_term_without_boundary_does_not_hide_a_shorter_one() -> None:
    lexicon = terms(("vegan", 1), ("vegan so", 2))
    assert found("vegan society", lexicon) == {"x.terms": [("vegan", 1)]}


def test_lexicons_do_not_see_each_other() -> None:
    first = Lexicon("x.first", [("sans gluten", 1)])
    second = Lexicon("y.second", [("gluten", 2), ("sans gluten", 3)], boundary=Boundary.NONE)
    third = Lexicon("y.third", [("gluten", 4)])
    assert found("sans gluten", first, second, third) == {
        "x.first": [("sans gluten", 1)],
        "y.second": [("sans gluten", 3)],
        "y.third": [("gluten", 4)],
    }


def test_all_values_of_a_term_are_reported_once_each() -> None:
    lexicon = terms(("bio", "a"), ("BIO", "b"), ("bio", "c"), ("bio", "a"), ("bio", ["list"]))
    assert found("Bio", lexicon) == {"x.terms": [("Bio", "a"), ("Bio", "b"), ("Bio", "c"), ("Bio", ["list"])]}


def test_case_sensitive_terms_must_stand_as_printed() -> None:
    lexicon = terms(("AOC", 1), ("Ökö", 2), case_sensitive=True)
    assert found("AOC aoc Aoc ÁOC Ökö oko", lexicon) == {"x.terms": [("AOC", 1), ("Ökö", 2)]}


def test_a_case_sensitive_term_that_is_printed_otherwise_hides_nothing() -> None:
    lexicon = terms(("ab", 1), ("AB BIO", 2), case_sensitive=True)
    assert found("ab bio", lexicon) == {"x.terms": [("ab", 1)]}


def test_no_lexicons_and_empty_ones() -> None:
    assert found("text") == {}
    assert found("text", terms()) == {"x.terms": []}
    assert found("", terms(("a", 1))) == {"x.terms": []}


def test_equal_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two lexicons are called 'x.terms'"):
        LexiconIndex([terms(), terms()])


def test_an_empty_term_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lexicon 'x.terms' has a term that is empty"):
        LexiconIndex([terms(("", 1))])


def test_hits_need_a_known_lexicon_and_a_bound_document() -> None:
    document = OcrDocument.from_text("bio")
    with pytest.raises(LookupError, match="bound to no index"):
        document.hits("x.terms")
    document.bind(LexiconIndex([terms(("bio", 1))]))
    with pytest.raises(LookupError, match=r"no lexicon is called 'x.other' \(known: x.terms\)"):
        document.hits("x.other")
    assert len(document.hits("x.terms")) == 1


def test_one_scan_serves_all_and_a_new_index_scans_again() -> None:
    document = OcrDocument.from_text("bio")
    document.bind(LexiconIndex([terms(("bio", 1))]))
    assert document.hits("x.terms") is document.hits("x.terms")
    document.bind(LexiconIndex([terms(("bio", 2))]))
    assert [hit.value for hit in document.hits("x.terms")] == [2]


WORDS = st.text(st.sampled_from("aAbé |_-"), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.text(st.sampled_from("aAbBé |_-"), max_size=40), st.lists(WORDS, min_size=1, max_size=6), st.booleans())
def test_hits_are_what_a_naive_search_finds(text: str, words: list[str], whole: bool) -> None:
    lexicon = terms(
        *((word, number) for number, word in enumerate(words)), boundary=Boundary.WORD if whole else Boundary.NONE
    )
    folded, position, expected = fold(text), 0, []
    while position < len(text):
        fitting = {
            len(word)
            for word in words
            if folded.startswith(fold(word), position)
            and not (
                whole
                and (re.search(r"\w\Z", text[:position]) or re.match(r"\w", text[position + len(word) :]) is not None)
            )
        }
        if fitting:
            end = position + max(fitting)
            same = [number for number, word in enumerate(words) if fold(word) == folded[position:end]]
            expected += [(position, end, number) for number in same]
            position = end
        else:
            position += 1
    hits = LexiconIndex([lexicon]).scan(OcrDocument.from_text(text))["x.terms"]
    assert [(hit.start, hit.end, hit.value) for hit in hits] == expected


@settings(deadline=None)
@given(st.text())
def test_folding_keeps_every_offset(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded
    assert fold(text[1:]) == folded[1:]


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0xFF)))
def test_latin_1_is_folded_like_everything_else(text: str) -> None:
    assert fold(text) == fold(text + "日")[:-1]


@pytest.mark.parametrize("unit", ["a", "7", "ab", "a ", "é"])
def test_the_scan_is_linear(unit: str) -> None:
    lexicon = terms(("a", 0), ("aa", 1), ("aaaa", 2), ("777", 3), ("ab ab", 4), ("é", 5))
    anywhere = Lexicon("x.anywhere", [("aaa", 1), ("77", 2)], boundary=Boundary.NONE)
    index = LexiconIndex([lexicon, anywhere])

    def seconds(length: int) -> float:
        document = OcrDocument.from_text(unit * (length // len(unit)))
        started = time.process_time()
        index.scan(document)
        return time.process_time() - started

    seconds(100)
    short = min(seconds(10_000) for _ in range(3))
    long = min(seconds(100_000) for _ in range(2))
    assert long < 10 * short * 2.5 + 0.05
