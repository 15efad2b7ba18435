"""The OCR generator: what it writes has Vision's form, and the text and places that were asked for."""

import json
from itertools import pairwise
from typing import Any

import pytest

from robotoff_core.testing.ocr import Logo, TextBlock, corpus, label_ocr, ocr_bytes, place, repeat_ocr


def response(document: dict[str, Any]) -> dict[str, Any]:
    (only,) = document["responses"]
    return only  # type: ignore[no-any-return]


def words(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        word
        for page in response(document)["fullTextAnnotation"]["pages"]
        for block in page["blocks"]
        for paragraph in block["paragraphs"]
        for word in paragraph["words"]
    ]


def spelled(word: dict[str, Any]) -> str:
    return "".join(str(symbol["text"]) for symbol in word["symbols"])


def corners(word: dict[str, Any]) -> list[tuple[int, int]]:
    return [(vertex.get("x", 0), vertex.get("y", 0)) for vertex in word["boundingBox"]["vertices"]]


def break_of(word: dict[str, Any]) -> str:
    return word["symbols"][-1].get("property", {}).get("detectedBreak", {}).get("type", "")


def test_words_breaks_and_paragraphs_follow_the_lines() -> None:
    document = label_ocr(["Poids net :\n500 g\n\nÀ conserver au frais", "Zuta\u00ad\nten"], lang="fr")
    (page,) = response(document)["fullTextAnnotation"]["pages"]
    assert [len(block["paragraphs"]) for block in page["blocks"]] == [2, 1]
    assert [(spelled(word), break_of(word)) for word in words(document)] == [
        ("Poids", "SPACE"),
        ("net", "SPACE"),
        (":", "EOL_SURE_SPACE"),
        ("500", "SPACE"),
        ("g", "LINE_BREAK"),
        ("À", "SPACE"),
        ("conserver", "SPACE"),
        ("au", "SPACE"),
        ("frais", "LINE_BREAK"),
        ("Zuta", "HYPHEN"),
        ("ten", "LINE_BREAK"),
    ]


def test_flat_annotations_repeat_the_words_after_the_whole_text() -> None:
    document = label_ocr(["Net (117g)"])
    whole, *rest = response(document)["textAnnotations"]
    assert whole["locale"] == "en"
    assert whole["description"] == response(document)["fullTextAnnotation"]["text"] == "Net (117g)\n"
    assert [entry["description"] for entry in rest] == ["Net", "(", "117g", ")"]
    assert [entry["boundingPoly"] for entry in rest] == [word["boundingBox"] for word in words(document)]


def test_words_carry_their_blocks_language_and_figures_none() -> None:
    document = label_ocr(["Käse 45 %", TextBlock("fromage", lang="fr")], lang="de")
    languages = [
        [entry["languageCode"] for entry in word.get("property", {}).get("detectedLanguages", ())]
        for word in words(document)
    ]
    assert languages == [["de"], [], [], ["fr"]]
    (page,) = response(document)["fullTextAnnotation"]["pages"]
    assert {entry["languageCode"] for entry in page["property"]["detectedLanguages"]} == {"de", "fr"}


def test_words_stand_from_left_to_right_inside_the_page() -> None:
    document = label_ocr(["one two three", "four"], width=400, height=300)
    boxes = [corners(word) for word in words(document)]
    assert all(0 <= x <= 400 and 0 <= y <= 300 for box in boxes for x, y in box)
    for left, right in pairwise(boxes[:3]):
        assert left[1][0] < right[0][0]
    assert boxes[3][0][1] > boxes[0][3][1]


def test_a_placed_block_stands_where_it_was_put() -> None:
    document = label_ocr([TextBlock("here", left=0, top=70, size=20), "elsewhere"], width=500, height=500)
    first = words(document)[0]["boundingBox"]["vertices"]
    assert first[0] == {"y": 70}  # as Vision does, without the coordinate that is 0
    assert first[3] == {"y": 90}


@pytest.mark.parametrize(
    ("rotation", "topmost"),
    [(0, {0, 1}), (90, {0, 3}), (180, {2, 3}), (270, {1, 2})],
    ids=["up", "right", "down", "left"],
)
@pytest.mark.parametrize("tilt", [0, 4, -4])
def test_rotation_turns_page_and_polygons(rotation: int, topmost: set[int], tilt: float) -> None:
    document = label_ocr(["sideways"], width=300, height=500, rotation=rotation, tilt=tilt)
    (page,) = response(document)["fullTextAnnotation"]["pages"]
    assert (page["width"], page["height"]) == ((500, 300) if rotation in (90, 270) else (300, 500))
    box = corners(words(document)[0])
    assert set(sorted(range(4), key=lambda index: box[index][1])[:2]) == topmost


def test_other_rotations_and_overfull_pages_are_refused() -> None:
    with pytest.raises(ValueError, match="rotation 45"):
        label_ocr(["text"], rotation=45)
    with pytest.raises(ValueError, match="larger page"):
        label_ocr(["line\n" * 200], width=300, height=300)


def test_logos_and_labels_stand_beside_the_text() -> None:
    document = label_ocr(["x"], logos=[Logo("Leaf", 0.8, (0, 0, 50, 40), "/m/1")], labels={"Food": 0.9})
    (logo,) = response(document)["logoAnnotations"]
    assert (logo["description"], logo["score"], logo["mid"]) == ("Leaf", 0.8, "/m/1")
    assert logo["boundingPoly"]["vertices"] == [{}, {"x": 50}, {"x": 50, "y": 40}, {"y": 40}]
    assert response(document)["labelAnnotations"][0]["description"] == "Food"


def test_a_label_without_words_has_no_text() -> None:
    document = label_ocr([])
    assert "fullTextAnnotation" not in response(document)
    assert "textAnnotations" not in response(document)


def test_lines_take_the_size_that_fits() -> None:
    few = place(["a", "b"], width=1000, height=1000)
    many = place(["a\n" * 40], width=1000, height=1000)
    assert few[0][0][0].size > many[0][0][0].size
    assert many[0][0][-1].top + many[0][0][-1].size <= 1000


def test_repeating_moves_each_copy_down() -> None:
    document = label_ocr(["one two", "three"], width=200, height=100)
    tripled = repeat_ocr(document, 3)
    (page,) = response(tripled)["fullTextAnnotation"]["pages"]
    assert page["height"] == 300
    spelled_once = [spelled(word) for word in words(document)]
    assert [spelled(word) for word in words(tripled)] == spelled_once * 3
    assert corners(words(tripled)[3])[0][1] == corners(words(document)[0])[0][1] + 100
    assert len(response(tripled)["textAnnotations"]) == 1 + 9
    assert repeat_ocr(document, 1) == document
    with pytest.raises(ValueError, match="times is 0"):
        repeat_ocr(document, 0)


def test_the_corpus_is_seeded_and_of_label_size() -> None:
    documents = corpus(30, 7)
    assert documents == corpus(30, 7)
    assert documents != corpus(30, 8)
    assert documents[:10] == corpus(10, 7)
    counts = [len(response(json.loads(data))["fullTextAnnotation"]["text"].split()) for data in documents]
    assert 100 <= min(counts) <= max(counts) <= 400


def test_a_factor_repeats_the_same_documents() -> None:
    once, eight = corpus(3, 5), corpus(3, 5, 8)
    for single, repeated in zip(once, eight, strict=True):
        small, large = json.loads(single), json.loads(repeated)
        assert [spelled(word) for word in words(large)] == [spelled(word) for word in words(small)] * 8


def test_bytes_are_compact_utf_8() -> None:
    data = ocr_bytes(label_ocr(["Käse"]))
    assert "Käse".encode() in data
    assert b'": ' not in data
