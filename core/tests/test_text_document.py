"""OCR documents: the variants of their text, the places of words, and what else the cloud said."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.text import OcrDocument
from robotoff_core.text.annotations import Likelihood, Orientation

BREAKS = {"SPACE": " ", "SURE_SPACE": " ", "EOL_SURE_SPACE": " ", "LINE_BREAK": "\n", "UNKNOWN": "", "HYPHEN": ""}
SQUARE = [{"x": 10, "y": 20}, {"x": 30, "y": 20}, {"x": 30, "y": 40}, {"x": 10, "y": 40}]


def word(
    text: str,
    end: str | None = "SPACE",
    *,
    vertices: list[dict[str, int]] | None = None,
    languages: tuple[str, ...] | None = None,
    prefix: str | None = None,
) -> dict[str, Any]:
    """A word in the cloud's form; *end* is the break after its last symbol, *prefix* one before its first."""
    symbols: list[dict[str, Any]] = [{"text": char, "confidence": 0.9} for char in text]
    if end is not None:
        symbols[-1]["property"] = {"detectedBreak": {"type": end}}
    if prefix is not None:
        symbols[0]["property"] = {"detectedBreak": {"type": prefix, "isPrefix": True}}
    found: dict[str, Any] = {"boundingBox": {"vertices": vertices or SQUARE}, "symbols": symbols}
    if languages is not None:
        found["property"] = {"detectedLanguages": [{"languageCode": code} for code in languages]}
    return found


def block(*paragraphs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"blockType": "TEXT", "paragraphs": [{"words": words} for words in paragraphs]}


def page(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"width": 1000, "height": 800, "blocks": list(blocks)}


def response(*pages: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"responses": [{"fullTextAnnotation": {"text": "unused", "pages": list(pages)}, **other}]}


def parse(document: Any) -> OcrDocument:
    return OcrDocument.from_bytes(json.dumps(document).encode())


def test_variants_of_two_pages() -> None:
    document = parse(
        response(
            page(
                block([word("Poids", "SPACE"), word("net", "LINE_BREAK")], [word("500", "SPACE"), word("g", None)]),
                block([word("BIO", "EOL_SURE_SPACE")]),
            ),
            page(block([word("fin", None)])),
        )
    )
    assert document.text == "Poids net\n500 g|BIO |fin"
    assert document.contiguous == "Poids net 500 g BIO |fin"
    assert document.default == document.contiguous
    assert document.folded == "poids net 500 g bio |fin"
    assert not document.is_plain


@pytest.mark.parametrize(("kind", "written"), BREAKS.items())
def test_each_break_is_written_after_its_symbol(kind: str, written: str) -> None:
    assert parse(response(page(block([word("a", kind), word("b", None)])))).text == f"a{written}b"


def test_a_prefix_break_is_written_before_its_symbol() -> None:
    document = parse(response(page(block([word("a", None), word("b", None, prefix="SPACE")]))))
    assert document.text == "a b"
    assert [(found.text, found.start) for found in document.words] == [("a", 0), ("b", 2)]


def test_paragraphs_are_separated_by_a_space_and_offsets_count_it() -> None:
    """Robotoff's offsets of the second paragraph were one too low when the space had to be inserted."""
    vertices = [{"x": 100, "y": 50}, {"x": 140, "y": 50}, {"x": 140, "y": 70}, {"x": 100, "y": 70}]
    document = parse(response(page(block([word("one", None)], [word("two", None, vertices=vertices)]))))
    assert document.text == "one two"
    second = document.words[1]
    assert (second.text, second.start, second.end) == ("two", 4, 7)
    assert document.box(4, 5) == (50, 100, 70, 140)
    assert document.words_in_span(3, 4) == []


@pytest.mark.parametrize("end", ["SPACE", "LINE_BREAK"])
def test_no_second_space_between_paragraphs(end: str) -> None:
    document = parse(response(page(block([word("one", end)], [word("two", None)]))))
    assert document.text == f"one{BREAKS[end]}two"


def test_a_word_without_symbols_neither_joins_nor_moves_its_neighbours() -> None:
    empty = {"boundingBox": {"vertices": SQUARE}, "symbols": []}
    document = parse(response(page(block([word("one", None), empty], [empty, word("two", None)]))))
    assert document.text == "one two"
    assert [found.text for found in document.words] == ["one", "", "", "two"]
    assert document.languages == {"words": 4, "null": 4}


def test_box_is_the_union_of_the_words_touched() -> None:
    left = [{"x": 10, "y": 20}, {"x": 30, "y": 22}, {"x": 30, "y": 40}, {"x": 10, "y": 38}]
    right = [{"x": 50, "y": 15}, {"x": 90, "y": 15}, {"x": 90, "y": 35}, {"x": 50, "y": 35}]
    document = parse(response(page(block([word("ab", vertices=left), word("cd", None, vertices=right)]))))
    assert document.box(0, 5) == (15, 10, 40, 90)
    assert document.box(1, 3) == (20, 10, 40, 30)
    assert document.box(4, 99) == (15, 50, 35, 90)
    assert document.box(2, 3) is None
    assert document.box(3, 3) is None
    assert document.box(50, 60) is None


def test_a_missing_coordinate_is_zero() -> None:
    corners: list[dict[str, int]] = [{"y": 5}, {"x": 7, "y": 5}, {"x": 7}, {}]
    document = parse(response(page(block([word("a", vertices=corners)]))))
    assert document.box(0, 1) == (0, 0, 5, 7)


def test_words_in_area() -> None:
    far = [{"x": 500, "y": 500}, {"x": 600, "y": 500}, {"x": 600, "y": 520}, {"x": 500, "y": 520}]
    document = parse(response(page(block([word("near"), word("far", vertices=far)]))))
    assert [found.text for found in document.words_in_area((0, 0, 100, 100))] == ["near"]
    assert [found.text for found in document.words_in_area((20, 10, 520, 600))] == ["near", "far"]
    assert document.words_in_area((21, 10, 40, 30)) == []


def corners_of(direction: Orientation, width: float, height: float, tilt: float = 0.0) -> list[dict[str, int]]:
    """A word's corners, turned by quarters and tilted by *tilt* (a slope)."""
    points = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    across, down = {
        Orientation.UP: ((1, 0), (0, 1)),
        Orientation.RIGHT: ((0, 1), (-1, 0)),
        Orientation.DOWN: ((-1, 0), (0, -1)),
        Orientation.LEFT: ((0, -1), (1, 0)),
    }[direction]
    tilted = [(x - tilt * y, y + tilt * x) for x, y in points]
    turned = [(x * across[0] + y * down[0], x * across[1] + y * down[1]) for x, y in tilted]
    return [{"x": round(x + 500), "y": round(y + 500)} for x, y in turned]


@pytest.mark.parametrize("direction", [Orientation.UP, Orientation.RIGHT, Orientation.DOWN, Orientation.LEFT])
@pytest.mark.parametrize("tilt", [-0.2, -0.05, 0, 0.05, 0.2])
@pytest.mark.parametrize(("width", "height"), [(400, 20), (40, 20), (6, 40)])
def test_orientation_survives_a_slight_tilt(direction: Orientation, tilt: float, width: int, height: int) -> None:
    document = parse(response(page(block([word("a", vertices=corners_of(direction, width, height, tilt))]))))
    assert document.orientation is direction


def test_orientation_of_odd_polygons_is_unknown() -> None:
    crossed = [{"x": 1, "y": 0}, {"x": 0, "y": 9}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]
    assert parse(response(page(block([word("a", vertices=crossed)])))).orientation is Orientation.UNKNOWN
    assert parse(response(page(block([word("a", vertices=SQUARE[:3])])))).orientation is Orientation.UNKNOWN
    assert parse(response(page())).orientation is Orientation.UNKNOWN


def test_the_most_frequent_orientation_is_the_documents() -> None:
    left = corners_of(Orientation.LEFT, 40, 20)
    document = parse(response(page(block([word("a", vertices=left), word("b"), word("c", vertices=left)]))))
    assert document.orientation is Orientation.LEFT


def test_languages_count_words() -> None:
    words = [word("a", languages=("fr",)), word("b", languages=("fr", "en")), word("c"), word("d", languages=())]
    assert parse(response(page(block(words)))).languages == {"words": 4, "fr": 2, "en": 1, "null": 2}


def test_cloud_annotations() -> None:
    document = parse(
        response(
            page(),
            logoAnnotations=[{"description": "AB", "score": 0.9, "mid": "/m/1"}, {"description": "X", "score": 1}],
            labelAnnotations=[{"description": "Food", "score": 0.8}],
            safeSearchAnnotation=dict.fromkeys(("adult", "spoof", "medical", "violence", "racy"), "LIKELY"),
            faceAnnotations=[{"joyLikelihood": "POSSIBLE"}, {"detectionConfidence": 0.7}],
        )
    )
    assert [(logo.description, logo.score, logo.mid) for logo in document.logos] == [
        ("AB", 0.9, "/m/1"),
        ("X", 1, None),
    ]
    assert [thing.description for thing in document.labels] == ["Food"]
    assert document.safe_search is not None
    assert document.safe_search.racy is Likelihood.LIKELY > Likelihood.POSSIBLE
    assert document.faces[0].likelihoods == {"joyLikelihood": Likelihood.POSSIBLE}
    assert [face.confidence for face in document.faces] == [0.0, 0.7]


def test_without_full_text_the_first_text_annotation_serves() -> None:
    document = parse({"responses": [{"textAnnotations": [{"description": "Sans\ngluten"}, {"description": "Sans"}]}]})
    assert (document.text, document.contiguous, document.folded) == ("Sans\ngluten", "Sans gluten", "sans gluten")
    assert document.box(0, 4) is None
    assert document.words == ()


@pytest.mark.parametrize("empty", [{}, {"textAnnotations": []}, {"fullTextAnnotation": None}])
def test_an_image_without_text(empty: dict[str, Any]) -> None:
    document = parse({"responses": [empty]})
    assert document.text == document.contiguous == document.folded == ""
    assert not any((document.logos, document.labels, document.faces, document.words))
    assert document.safe_search is None
    assert document.languages == {"words": 0}


def test_a_plain_string() -> None:
    document = OcrDocument.from_text("Crème\n|brûlée")
    assert document.is_plain
    assert document.text == document.contiguous == document.default == "Crème\n|brûlée"
    assert document.folded == "creme |brulee"
    assert document.box(0, 5) is None
    assert document.orientation is Orientation.UNKNOWN


def test_only_the_first_response_is_read() -> None:
    document = response(page(block([word("one", None)])))
    document["responses"].append({"fullTextAnnotation": 5})
    assert parse(document).text == "one"


def test_the_input_is_not_changed() -> None:
    document = response(page(block([word("one")])))
    before = json.dumps(document)
    parsed = OcrDocument.from_json(document)
    assert parsed.words[0].text == "one"
    assert json.dumps(document) == before


# Properties over documents of any shape.

CHARACTERS = st.one_of(st.sampled_from("aÉß 1|\n&œİΣ日’"), st.characters(exclude_categories=["Cs"]))
BREAK = st.one_of(
    st.none(),
    st.builds(
        lambda kind, before: {"type": kind, "isPrefix": before} if before else {"type": kind},
        st.sampled_from(list(BREAKS)),
        st.booleans(),
    ),
)
SYMBOL = st.builds(
    lambda text, brk: {"text": text, "property": {"detectedBreak": brk}} if brk else {"text": text},
    st.text(CHARACTERS, max_size=2),
    BREAK,
)
WORD = st.builds(
    lambda symbols: {"boundingBox": {"vertices": SQUARE}, "symbols": symbols}, st.lists(SYMBOL, max_size=4)
)
BLOCK = st.builds(lambda paragraphs: block(*paragraphs), st.lists(st.lists(WORD, max_size=4), max_size=3))
PAGES = st.lists(st.builds(lambda blocks: page(*blocks), st.lists(BLOCK, max_size=3)), max_size=3)


def written(symbol: dict[str, Any]) -> str:
    brk = symbol.get("property", {}).get("detectedBreak")
    if brk is None:
        return str(symbol["text"])
    space = BREAKS[brk["type"]]
    text = str(symbol["text"])
    return space + text if brk.get("isPrefix") else text + space


def text_by_the_book(pages: list[dict[str, Any]]) -> tuple[str, str]:
    """The full and the contiguous text, by the specification's words."""
    texts = []
    for one_page in pages:
        blocks = []
        for one_block in one_page["blocks"]:
            text = ""
            for paragraph in one_block["paragraphs"]:
                if text and text[-1] not in " \n":
                    text += " "
                text += "".join(written(symbol) for found in paragraph["words"] for symbol in found["symbols"])
            blocks.append(text)
        texts.append("|".join(blocks))
    return "|".join(texts), "|".join(text.replace("\n", " ").replace("|", " ") for text in texts)


@settings(deadline=None)
@given(PAGES)
def test_variants_follow_the_book_and_have_one_length(pages: list[dict[str, Any]]) -> None:
    document = OcrDocument.from_json(response(*pages))
    assert (document.text, document.contiguous) == text_by_the_book(pages)
    assert len(document.text) == len(document.contiguous) == len(document.folded) == len(document.default)


@settings(deadline=None)
@given(PAGES)
def test_words_lie_where_they_say(pages: list[dict[str, Any]]) -> None:
    document = parse(response(*pages))
    symbols = [
        found["symbols"]
        for one in pages
        for blk in one["blocks"]
        for par in blk["paragraphs"]
        for found in par["words"]
    ]
    assert len(document.words) == len(symbols)
    position = 0
    for found, parts in zip(document.words, symbols, strict=True):
        assert document.text[found.start : found.end] == found.text
        assert found.text == "".join(map(written, parts)).strip(" \n")
        assert found.start >= position
        position = found.end
        if found.text:
            assert found in document.words_in_span(found.start, found.start + 1)
            assert document.box(found.start, found.end) is not None


@settings(deadline=None)
@given(PAGES, st.integers(0, 60), st.integers(0, 60))
def test_span_look_up_is_the_definition(pages: list[dict[str, Any]], start: int, end: int) -> None:
    document = parse(response(*pages))
    if start < end:
        expected = [found for found in document.words if found.end > start and found.start < end]
        assert document.words_in_span(start, end) == expected
    else:
        assert document.words_in_span(start, end) == []


@settings(deadline=None)
@given(PAGES)
def test_bytes_and_decoded_json_are_the_same(pages: list[dict[str, Any]]) -> None:
    first, second = parse(response(*pages)), OcrDocument.from_json(response(*pages))
    assert (first.text, first.contiguous, first.words) == (second.text, second.contiguous, second.words)
