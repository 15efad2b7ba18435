"""What stands around a quantity decides: the four matchers, and everything that is not the net quantity."""

from collections.abc import Callable, Sequence

import pytest

from robotoff_core.api import OcrDocument, Prediction
from robotoff_core.testing.ocr import label_ocr, ocr_bytes

Read = Callable[[str | bytes], Sequence[Prediction]]
Values = Callable[[str | bytes], list[str | None]]


@pytest.mark.parametrize(
    ("text", "value", "matcher", "automatic"),
    [
        ("Poids net : 500 g", "500 g", "with_mention", True),
        ("POIDS NET 500G", "500 g", "with_mention", True),
        ("Poids Net:\n500 g", "500 g", "with_mention", True),
        ("Poids net à l'emballage : 1,2 kg", "1.2 kg", "with_mention", True),
        ("poids 350 g", "350 g", "with_mention", True),
        ("Net wt. 8 oz", "8 oz", "with_mention", True),
        ("Net weight / Poids net / Nettogewicht: 250 g ℮", "250 g", "with_mention", True),
        ("Netto-Gewicht 0,5 kg", "0.5 kg", "with_mention", True),
        ("Peso líquido: 1 kg", "1 kg", "with_mention", True),
        ("net weight 1.4 fl oz", "1.4 fl oz", "with_mention", True),
        ("Net weight e 250 g", "250 g", "with_mention", True),
        ("500 g net", "500 g", "with_ending_mention", True),
        ("12 OZ (340g) NET WT", "340 g", "with_ending_mention", True),
        ("4 x 125 g", "4 x 125 g", "multi_packaging", True),
        ("Poids net : 6x33cl", "6 x 33 cl", "multi_packaging", True),
        ("250 g ℮", "250 g", "no_mention", False),
        ("75cle", "75 cl", "no_mention", False),
    ],
)
def test_matchers(read: Read, text: str, value: str, matcher: str, automatic: bool) -> None:
    (prediction,) = read(text)
    assert (prediction.value, prediction.data["matcher_type"]) == (value, matcher)
    assert prediction.automatic is automatic
    assert prediction.data["automatic_processing"] is automatic


def test_data_tells_what_was_read(read: Read) -> None:
    (prediction,) = read("Produit de France\nPoids net : 1,5 kg")
    assert prediction.type == "product_weight"
    assert prediction.value_tag is None
    assert prediction.span == (18, 36)
    assert prediction.data == {
        "raw": "1,5 kg",
        "value": "1.5",
        "unit": "kg",
        "normalized_value": 1500,
        "normalized_unit": "g",
        "matcher_type": "with_mention",
        "priority": 1,
        "prompt": "Poids net",
        "prompt_languages": ["fr"],
        "automatic_processing": True,
    }


def test_a_multipack_tells_count_item_and_total(read: Read) -> None:
    (prediction,) = read("4 x 90 g = 360 g")
    assert prediction.value == "4 x 90 g"
    assert prediction.data["count"] == "4"
    assert prediction.data["normalized_value"] == 90  # of one item
    assert prediction.data["total"] == "360 g"


def test_better_matchers_come_first(read: Read) -> None:
    predictions = read("250 g ℮\n2 x 125 g\nPoids net : 250 g")
    assert [prediction.data["priority"] for prediction in predictions] == [1, 2, 3]


def test_a_value_printed_twice_is_said_once(values: Values) -> None:
    assert values("Poids net : 500 g\nNet weight: 500 g") == ["500 g"]


@pytest.mark.parametrize(
    "text",
    [
        "500 g",  # nothing says what it is
        "Poids net égoutté : 240 g",
        "P.N.E. 240 g",
        "240 g égoutté",
        "Poids net 240 g (égoutté)",
        "Drained weight 240 g",
        "Abtropfgewicht: 240 g e",
        "Peso sgocciolato: 156 g (3 x 52 g)",
        "serving size 2 x 25 g",
        "Serving size 30 g e",
        "Net weight per serving 30 g",
        "Net weight 30 g per serving",
        "1 portion de 2 x 15 g",
        "pour 100 g e",
        "Énergie 100 ml ℮ / 50 kJ",
        "Pour 4 personnes : 400 g de Penne, 150 g de fromage",
        "Ingrédients pour 6 : 2 x 200 g de tomates",
        "150 g de fromage de chèvre frais, 10 dl de crème fraiche liquide",
        "Farine de blé 45 g, sucre 30 g",
        "Matières grasses 15,7 g dont saturées 2,3 g",
        "Calcium 120 mg/100 g",
        "Net carbs 12 g",
        "12 g net carbs",
        "www.example.net 500 g",
        "Poids net : 5 g",
        "Poids net : 15 kg",
        "Poids net : 1580 kg",  # kJ, misread
        "Poids net : 0225 g",
        "Poids net : 12,5 g",
        "24 x 33 cl",
        "279 x 163 ml",
        "",
    ],
)
def test_not_a_net_quantity(values: Values, text: str) -> None:
    assert values(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Poids net : 400 g - Poids net égoutté : 240 g", "400 g"),
        ("Poids net égoutté : 240 g - Poids net : 400 g", "400 g"),
        ("Poids net / égoutté : 400 g / 240 g", "400 g"),
        ("Peso neto/escurrido 350 g/150 g", "350 g"),
        ("Net Wt 500 g Serving size 30 g", "500 g"),
        ("NET WT 500 g\nPer serving: 120 kcal", "500 g"),
        ("Portion 30 g\nPoids net : 500 g", "500 g"),
        ("Serving suggestion e 500 g ℮", "500 g"),
        ("Protéines 20 g Net 500 g", "500 g"),
        ("Pour 4 personnes : 400 g de penne. Poids net : 500 g", "500 g"),
    ],
)
def test_the_net_quantity_among_others(values: Values, text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "value", "also"),
    [
        ("NET WT 4.11 oz. (117g)", "117 g", "4.11 oz"),
        ("NET WT 1 LB 4 OZ (567g)", "567 g", "20 oz"),
        ("NET WT 1 LB. 4 OZ.", "20 oz", None),
        ("NET 16 fl. oz. (1 pt) 473 mL", "473 ml", "16 fl oz"),
        ("NET 1 QT (946 mL)", "946 ml", "1 qt"),
        ("Net weight 250 g / 8.8 oz", "250 g", "8.8 oz"),
        ("NET WT 8 OZ (237 ml)", "237 ml", "8 oz"),
    ],
)
def test_both_systems_make_one_statement(read: Read, text: str, value: str, also: str | None) -> None:
    (prediction,) = read(text)
    assert prediction.value == value
    assert prediction.data.get("also") == also
    assert prediction.automatic is True


@pytest.mark.parametrize(
    "text",
    [
        "Poids net 2532 g",  # large and odd
        "NET WT 4.11 oz (17g)",  # the two systems disagree
        "Poids net : l50 g",  # letters for digits
        "NET WT 5OO g",
        "Net weight 500 mI",
        "Poids net 500 g + 100 g offerts",
        "Contents: 250 ml",  # a word for other amounts too
        "4 x 125 g 450 g",  # beside another total
    ],
)
def test_doubtful_readings_are_asked_not_applied(read: Read, text: str) -> None:
    (prediction,) = read(text)
    assert prediction.automatic is False


def test_a_round_large_amount_is_not_suspicious(read: Read) -> None:
    (prediction,) = read("Poids net 2530 g")
    assert prediction.automatic is True


def test_offsets_are_those_of_a_photo(read: Read) -> None:
    data = ocr_bytes(label_ocr(["Fromage\n\nfrais", "Poids net :", "250 g ℮"], width=800, height=800))
    document = OcrDocument.from_bytes(data)
    (prediction,) = read(data)
    assert prediction.span is not None
    start, end = prediction.span
    assert document.contiguous[start:end].split() == ["Poids", "net", ":", "250", "g", "℮"]  # across two blocks
    box = document.box(start, end)
    assert box is not None
    boxes = {word.text: word.box for word in document.words}
    first, last = boxes["Poids"], boxes["℮"]
    assert first is not None
    assert last is not None
    assert (box[0], box[2]) == (first[0], last[2])
