"""Malformed OCR documents: always an OcrError, and it says where."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.testing.ocr import Logo, TextBlock, label_ocr
from robotoff_core.text import OcrDocument, OcrError

FIRST = "$.responses[0]"
PAGE = f"{FIRST}.fullTextAnnotation.pages[0]"
WORD = f"{PAGE}.blocks[1].paragraphs[0].words[1]"


def valid() -> dict[str, Any]:
    document = label_ocr([TextBlock("Poids net"), TextBlock("500 g de café")], lang="fr", logos=[Logo("AB")])
    document["responses"][0]["safeSearchAnnotation"] = dict.fromkeys(
        ("adult", "spoof", "medical", "violence", "racy"), "UNLIKELY"
    )
    document["responses"][0]["faceAnnotations"] = [{"detectionConfidence": 0.5, "joyLikelihood": "LIKELY"}]
    return document


def read(document: OcrDocument) -> OcrDocument:
    """Ask for everything: geometry is read only then."""
    assert document.words is not None
    return document


def refused(data: bytes) -> OcrError:
    with pytest.raises(OcrError) as caught:
        read(OcrDocument.from_bytes(data, source="photo.json"))
    assert caught.value.source == "photo.json"
    assert str(caught.value).startswith("photo.json: ")
    return caught.value


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"", "byte 0", "not JSON: input data was truncated"),
        (b"{", "byte 1", "not JSON: input data was truncated"),
        (b'{"responses": [}', "byte 15", "not JSON: invalid character"),
        (b'{"responses": [{}]} {}', "byte 21", "not JSON: trailing characters"),
        (b'{"responses": [{}], "x": NaN}', "byte 25", "not JSON"),
        (b'\xef\xbb\xbf{"responses": [{}]}', "byte 0", "not JSON"),
        (b"null", "$", "list expected"),
        (b"[]", "$", "list expected"),
        (b"{}", "$.responses", "list expected, missing"),
        (b'{"responses": null}', "$.responses", "list expected"),
        (b'{"responses": {}}', "$.responses", "list expected, not an object"),
        (b'{"responses": "x"}', "$.responses", "list expected, not a text"),
        (b'{"responses": []}', "$.responses", "empty response"),
        (b'{"responses": [null]}', FIRST, "object expected, not null"),
        (b'{"responses": [[1]]}', FIRST, "object expected, not a list"),
        (b'{"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}', f"{FIRST}.error", "Bad image data."),
        (b'{"responses": [{"error": "quota"}, {}]}', f"{FIRST}.error", "quota"),
    ],
)
def test_envelope(data: bytes, where: str, message: str) -> None:
    error = refused(data)
    assert error.where == where
    assert message in error.message


@pytest.mark.parametrize(
    "data",
    [
        '{"responses": [{"textAnnotations": [{"description": "café"}]}]}'.encode("latin-1"),
        '{"responses": [{"logoAnnotations": [{"description": "café", "score": 1}]}]}'.encode("latin-1"),
        '{"responses": [{}]}'.encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_not_utf_8(data: bytes) -> None:
    error = refused(data)
    assert error.message.startswith("not UTF-8")
    assert error.where.startswith("byte ")


def test_what_is_not_read_is_not_checked() -> None:
    assert OcrDocument.from_bytes('{"responses": [{}], "note": "café"}'.encode("latin-1")).text == ""


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"responses":[', b'{"responses":[{"error":['])
def test_bottomless_nesting(opening: bytes) -> None:
    refused(opening * 100_000)


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        ("fullTextAnnotation", 5, f"{FIRST}.fullTextAnnotation", "object expected"),
        ("fullTextAnnotation.pages", {}, f"{FIRST}.fullTextAnnotation.pages", "list expected"),
        ("fullTextAnnotation.text", [], f"{FIRST}.fullTextAnnotation.text", "Expected `str`"),
        ("fullTextAnnotation.pages.0", "x", PAGE, "object expected, not a text"),
        ("fullTextAnnotation.pages.0.width", "wide", f"{PAGE}.width", "Expected `int`"),
        ("fullTextAnnotation.pages.0.height", None, f"{PAGE}.height", "Expected `int`, got `null`"),
        ("fullTextAnnotation.pages.0.blocks.1.blockType", 1, f"{PAGE}.blocks[1].blockType", "Expected `str`"),
        (
            "fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.symbols.0.text",
            5,
            f"{WORD}.symbols[0].text",
            "`str`",
        ),
        ("fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.symbols", 5, f"{WORD}.symbols", "list expected"),
        (
            "fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.boundingBox.vertices.2.x",
            "left",
            f"{WORD}.boundingBox.vertices[2].x",
            "Expected `int | float`",
        ),
        (
            "fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.symbols.0.property",
            {"detectedBreak": {"type": "TAB"}},
            f"{WORD}.symbols[0].property.detectedBreak.type",
            "Invalid enum value 'TAB'",
        ),
        (
            "fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.symbols.0.property",
            {"detectedBreak": {}},
            f"{WORD}.symbols[0].property.detectedBreak",
            "required key 'type' is missing",
        ),
        (
            "fullTextAnnotation.pages.0.blocks.1.paragraphs.0.words.1.property",
            {"detectedLanguages": [{}]},
            f"{WORD}.property.detectedLanguages[0]",
            "required key 'languageCode' is missing",
        ),
        ("textAnnotations", {"description": "x"}, f"{FIRST}.textAnnotations", "list expected"),
        ("textAnnotations.0.description", 1, f"{FIRST}.textAnnotations[0].description", "`str`"),
        ("logoAnnotations.0.score", "high", f"{FIRST}.logoAnnotations[0].score", "`float`"),
        ("safeSearchAnnotation.adult", "MAYBE", f"{FIRST}.safeSearchAnnotation.adult", "'MAYBE'"),
        ("faceAnnotations.0.joyLikelihood", "GREAT", f"{FIRST}.faceAnnotations[0].joyLikelihood", "'GREAT'"),
    ],
)
def test_wrong_types(path: str, value: Any, where: str, message: str) -> None:
    document = valid()
    node: Any = document["responses"][0]
    *steps, last = path.split(".")
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node[step]
    node[int(last) if isinstance(node, list) else last] = value
    error = refused(json.dumps(document).encode())
    assert error.where == where
    assert message in error.message
    with pytest.raises(OcrError) as caught:
        read(OcrDocument.from_json(document))
    assert caught.value.where == where


def test_a_malformed_polygon_is_told_when_geometry_is_asked_for_and_harms_no_text() -> None:
    document = valid()
    words = document["responses"][0]["fullTextAnnotation"]["pages"][0]["blocks"][1]["paragraphs"][0]["words"]
    words[1]["boundingBox"]["vertices"][2]["x"] = "left"
    found = OcrDocument.from_bytes(json.dumps(document).encode(), source="photo.json")
    first, last = found.text.index("|") + 1, len(found.text)
    for asked in (lambda: found.words, lambda: found.box(first, last), lambda: found.words_in_span(first, last)):
        with pytest.raises(OcrError) as caught:
            asked()
        assert (caught.value.where, caught.value.source) == (f"{WORD}.boundingBox.vertices[2].x", "photo.json")
    assert found.box(0, first - 1) is not None


@pytest.mark.parametrize(
    ("steps", "key"),
    [
        ((), "pages"),
        (("pages", 0), "width"),
        (("pages", 0), "height"),
        (("pages", 0), "blocks"),
        (("pages", 0, "blocks", 0), "blockType"),
        (("pages", 0, "blocks", 0), "paragraphs"),
        (("pages", 0, "blocks", 0, "paragraphs", 0), "words"),
        (("pages", 0, "blocks", 0, "paragraphs", 0, "words", 0), "symbols"),
        (("pages", 0, "blocks", 0, "paragraphs", 0, "words", 0), "boundingBox"),
        (("pages", 0, "blocks", 0, "paragraphs", 0, "words", 0, "boundingBox"), "vertices"),
        (("pages", 0, "blocks", 0, "paragraphs", 0, "words", 0, "symbols", 0), "text"),
    ],
)
def test_missing_keys_of_the_layout(steps: tuple[str | int, ...], key: str) -> None:
    document = valid()
    node = document["responses"][0]["fullTextAnnotation"]
    for step in steps:
        node = node[step]
    del node[key]
    error = refused(json.dumps(document).encode())
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    assert error.where == f"{FIRST}.fullTextAnnotation{place}"
    assert error.message == f"required key {key!r} is missing"


@pytest.mark.parametrize("key", ["adult", "spoof", "medical", "violence", "racy"])
def test_safe_search_is_complete_or_absent(key: str) -> None:
    document = valid()
    del document["responses"][0]["safeSearchAnnotation"][key]
    assert refused(json.dumps(document).encode()).where == f"{FIRST}.safeSearchAnnotation"


def test_optional_things_may_be_null() -> None:
    document = valid()
    for key in ("logoAnnotations", "textAnnotations", "safeSearchAnnotation", "faceAnnotations", "error"):
        document["responses"][0][key] = None
    assert OcrDocument.from_bytes(json.dumps(document).encode()).logos == ()


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values below *node*."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


VALID = valid()
PLACES = list(places(VALID))
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def usable_or_refused(data: bytes) -> None:
    """Either an OcrError or a document every part of which can be read."""
    try:
        document = read(OcrDocument.from_bytes(data, source="fuzz"))
    except OcrError:
        return
    assert len(document.text) == len(document.contiguous) == len(document.folded)
    for found in document.words:
        assert document.text[found.start : found.end] == found.text
    assert document.orientation
    assert document.languages["words"] == len(document.words)
    assert document.logos is not None
    assert document.labels is not None
    assert document.faces is not None
    document.box(0, len(document.text))
    repr(document.safe_search)


@settings(deadline=None)
@given(st.sampled_from(PLACES), JUNK)
def test_any_value_replaced(place: tuple[str | int, ...], junk: Any) -> None:
    document = copy.deepcopy(VALID)
    node: Any = document
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = junk
    usable_or_refused(json.dumps(document).encode())
    try:
        OcrDocument.from_json(document)
    except OcrError:
        pass


@settings(deadline=None)
@given(st.sampled_from(PLACES))
def test_any_value_removed(place: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(VALID)
    node: Any = document
    for step in place[:-1]:
        node = node[step]
    del node[place[-1]]
    usable_or_refused(json.dumps(document).encode())


VALID_BYTES = json.dumps(VALID).encode()


@settings(deadline=None)
@given(st.integers(0, len(VALID_BYTES) - 1), st.integers(0, 255))
def test_any_byte_replaced(index: int, byte: int) -> None:
    usable_or_refused(VALID_BYTES[:index] + bytes([byte]) + VALID_BYTES[index + 1 :])


@settings(deadline=None)
@given(st.integers(0, len(VALID_BYTES) - 1))
def test_any_cut(length: int) -> None:
    refused(VALID_BYTES[:length])


@settings(deadline=None)
@given(st.binary(max_size=50) | JUNK.map(lambda junk: json.dumps(junk).encode()))
def test_junk(data: bytes) -> None:
    usable_or_refused(data)
