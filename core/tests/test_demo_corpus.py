"""The demo corpus: complete, readable, and drawn as its OCR documents say."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from robotoff_core.demo import demo_products, drawing, iter_images, iter_products
from robotoff_core.model.ids import ProductId, is_reserved_barcode, normalize_barcode
from robotoff_core.model.products import Product
from robotoff_core.testing.ocr import place
from robotoff_core.text import OcrDocument

IMAGES = {(code, image): (width, height, data) for code, image, width, height, data in iter_images()}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return list(iter_products())


def test_at_least_twelve_products_in_six_languages(documents: list[dict[str, Any]]) -> None:
    assert len(documents) >= 12
    assert {document["lang"] for document in documents} == {"fr", "en", "de", "es", "it", "pl"}
    assert len({document["code"] for document in documents}) == len(documents)


def test_barcodes_are_valid_and_from_the_range_for_examples(documents: list[dict[str, Any]]) -> None:
    for code in (document["code"] for document in documents):
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code))
        assert len(code) == 13
        assert code.startswith("952")
        assert total % 10 == 0, code
        assert normalize_barcode(code) == code
        assert not is_reserved_barcode(code)


def test_records_have_product_openers_form(documents: list[dict[str, Any]]) -> None:
    for document in documents:
        product = Product(ProductId(document["code"]), document)
        assert product.text("product_name")
        assert product.text("quantity") == ""
        assert product.tags("brands_tags")
        assert product.tags("countries_tags")
        assert product.popularity > 0
        assert "labels_tags" in document
        assert json.loads(json.dumps(document)) == document


def test_every_image_is_listed_with_its_size_and_used(documents: list[dict[str, Any]]) -> None:
    listed = {}
    for document in documents:
        product = Product(ProductId(document["code"]), document)
        for image in product.raw_images.values():
            listed[document["code"], image.id] = (image.width, image.height)
        lang = document["lang"]
        assert f"front_{lang}" in product.selected_images
        assert {entry["imgid"] for entry in product.selected_images.values()} == set(product.raw_images)
    assert listed == {key: (width, height) for key, (width, height, _) in IMAGES.items()}


@pytest.mark.parametrize("key", IMAGES, ids="/".join)
def test_ocr_documents_are_complete_vision_results(key: tuple[str, str]) -> None:
    width, height, data = IMAGES[key]
    (response,) = json.loads(data)["responses"]
    (page,) = response["fullTextAnnotation"]["pages"]
    assert (page["width"], page["height"]) == (width, height)
    document = OcrDocument.from_bytes(data)
    assert document.words
    for word in document.words:
        assert word.box is not None
        top, left, bottom, right = word.box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    lang = next(product for product in demo_products() if product.code == key[0]).fields["lang"]
    assert document.languages[lang] > 0


def test_nothing_printed_leaves_its_page() -> None:
    for product in demo_products():
        for image in product.images:
            for line in (
                line
                for block in place(image.blocks, width=image.page_width, height=image.page_height)
                for paragraph in block
                for line in paragraph
            ):
                where = f"{product.code}/{image.id}: {line.text}"
                assert line.left + line.width <= image.page_width, where
                assert line.top + line.size <= image.page_height, where


def test_lines_of_a_picture_do_not_overlap() -> None:
    for product in demo_products():
        for image in product.images:
            placed = place(image.blocks, width=image.page_width, height=image.page_height)
            lines = sorted((line for block in placed for paragraph in block for line in paragraph), key=lambda x: x.top)
            for upper, lower in itertools.pairwise(lines):
                assert upper.top + upper.size <= lower.top, f"{product.code}/{image.id}: {upper.text} / {lower.text}"


@pytest.mark.parametrize("key", IMAGES, ids="/".join)
def test_drawings_show_the_documents_words(key: tuple[str, str]) -> None:
    picture = drawing(*key)
    assert picture is not None
    root = ET.fromstring(picture)
    width, height, data = IMAGES[key]
    assert root.attrib["viewBox"] == f"0 0 {width} {height}"
    drawn = " ".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text"))
    document = OcrDocument.from_bytes(data)
    assert set(re.findall(r"\w+", drawn)) == set(re.findall(r"\w+", document.contiguous))


def test_unknown_pictures_have_no_drawing() -> None:
    assert drawing("9520000000110", "99") is None
    assert drawing("9999999999999", "1") is None


def test_the_corpus_holds_the_traps() -> None:
    texts = " ".join(OcrDocument.from_bytes(data).contiguous.lower() for _, _, data in IMAGES.values())
    for trap in ("égoutté", "abtropfgewicht", "escurrido", "sgocciolato", "po odsączeniu", "serving size", "pour 4"):
        assert trap in texts


def test_both_readings_of_the_corpus_are_equal() -> None:
    assert list(iter_products()) == list(iter_products())
    assert [data for *_, data in iter_images()] == [data for _, _, data in IMAGES.values()]
