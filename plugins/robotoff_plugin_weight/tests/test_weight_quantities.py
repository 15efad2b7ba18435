"""Numbers, units and amounts, one by one."""

import pytest

from robotoff_plugin_weight.quantities import Quantity, find_quantities, plausible, read_value, same_amount
from robotoff_plugin_weight.units import UNITS, unit_named


def found(text: str) -> list[str]:
    return [quantity.value for quantity in find_quantities(text.lower(), text)]


def amount(text: str) -> Quantity:
    quantity = read_value(text)
    assert quantity is not None, text
    return quantity


@pytest.mark.parametrize(
    ("text", "value", "base"),
    [
        ("500 g", "500 g", 500),
        ("500g", "500 g", 500),
        ("500 G", "500 g", 500),
        ("500 gr", "500 g", 500),
        ("500 grammes", "500 g", 500),
        ("1 kg", "1 kg", 1000),
        ("1,5 kg", "1.5 kg", 1500),
        ("0.5 kg", "0.5 kg", 500),
        ("150.0 g", "150 g", 150),
        ("525. g", "525 g", 525),
        ("1,50 l", "1.5 l", 1500),
        ("1 litre", "1 l", 1000),
        ("2 litri", "2 l", 2000),
        ("1,5 litrów", "1.5 l", 1500),
        ("75 cl", "75 cl", 750),
        ("5 dl", "5 dl", 500),
        ("500 mg", "500 mg", 0.5),
        ("250 ml", "250 ml", 250),
        ("4.11 oz", "4.11 oz", 116.5165),
        ("12 fl oz", "12 fl oz", 360),
        ("12 fl. oz", "12 fl oz", 360),
        ("12FLOZ", "12 fl oz", 360),
        ("8 US FL oz", "8 fl oz", 240),
        ("2 lb", "2 lb", 907.1847),
        ("2 lbs", "2 lbs", 907.1847),
        ("500 г", "500 g", 500),
        ("400 γρ", "400 g", 400),
    ],
)
def test_a_quantity_is_read_in_plain_form(text: str, value: str, base: float) -> None:
    quantity = amount(text)
    assert quantity.value == value
    assert quantity.amount == pytest.approx(base, abs=0.001)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 000 g", "1000 g"),
        ("1\u202f000 g".replace("\u202f", " "), "1000 g"),
        ("1.000 g", "1000 g"),
        ("1,000 g", "1000 g"),
        ("1'000 g", "1000 g"),
        ("1.500 kg", "1.5 kg"),
        ("0.750 kg", "0.75 kg"),
        ("1,250 ml", "1250 ml"),
        ("12.500 kg", "12.5 kg"),
    ],
)
def test_a_group_of_three_digits_is_thousands_or_decimals_as_is_plausible(text: str, value: str) -> None:
    assert amount(text).value == value


@pytest.mark.parametrize(
    ("text", "value", "total"),
    [
        ("4 x 125 g", "4 x 125 g", 500),
        ("4x125g", "4 x 125 g", 500),
        ("6 X 33 cl", "6 x 33 cl", 1980),
        ("6 × 1,5 l", "6 x 1.5 l", 9000),
        ("2 * 75 ml", "2 x 75 ml", 150),
        ("125 g x 4", "4 x 125 g", 500),
        ("100g *2", "2 x 100 g", 200),
    ],
)
def test_counts_stand_before_or_after(text: str, value: str, total: float) -> None:
    quantity = amount(text)
    assert quantity.value == value
    assert quantity.total == pytest.approx(total)


@pytest.mark.parametrize("text", ["1 x 500 g", "1x500g"])
def test_one_item_is_no_multipack(text: str) -> None:
    assert amount(text).value == "500 g"


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("250 g ℮", True),
        ("250g℮", True),
        ("℮ 250 g", True),
        ("250ge", True),
        ("1 kge", True),
        ("33 cle", True),
        ("250 g e", True),
        ("250 g e\nmade in", True),
        ("e 250 g", True),
        ("e250g", True),
        ("NEW ZEALAND e 250g", True),
        ("250 g e MANUKA", True),
        ("250 g", False),
        ("250 g e 100 g", False),
        ("zucchero e 250 g", False),
        ("per 100 g e per porzione", False),
    ],
)
def test_the_estimated_sign(text: str, signed: bool) -> None:
    assert next(iter(find_quantities(text.lower(), text))).sign is signed


@pytest.mark.parametrize(
    "text",
    [
        "box90 g",  # a letter before
        "500 gx",  # a letter behind
        "500 grill",
        "a500 g",
        "0225 g",  # a zero before, and no decimals
        "000 g",
        "1234567 g",
        "2 x 4 x 125 g",  # a box of packs
        "5 le lundi",
        "2 clé",
        "10 l'an",
        "25 g²",
        "1/2 l",
        "12 500 g",  # the end of a longer number
    ],
)
def test_what_only_looks_like_a_quantity(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("text", "value"), [("5OO g", "500 g"), ("25o g", "250 g"), ("500 mI", "500 ml")])
def test_misread_letters_are_marked(text: str, value: str) -> None:
    (quantity,) = find_quantities(text.lower(), text)
    assert (quantity.value, quantity.misread) == (value, True)


@pytest.mark.parametrize(
    ("text", "believed"),
    [
        ("10 g", False),
        ("11 g", True),
        ("9999 g", True),
        ("10000 g", False),
        ("10 kg", False),
        ("9,99 kg", True),
        ("12,5 g", False),  # whole grams, tested after conversion
        ("1,5 kg", True),
        ("37,5 cl", True),
        ("4 x 62,5 g", True),  # fractions whose total is whole
        ("4 x 62,3 g", False),
        ("20 x 30 g", True),
        ("21 x 30 g", False),
        ("279 x 163 ml", False),
        ("4.11 oz", True),
        ("1.4 fl oz", True),
        ("1.445 oz", False),
        ("1 pint", False),  # not the same everywhere
        ("500 mg", False),
    ],
)
def test_bounds_of_belief(text: str, believed: bool) -> None:
    assert plausible(amount(text)) is believed


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("4.11 oz", "117 g", True),
        ("0.5 kg", "500 g", True),
        ("4 x 90 g", "360 g", True),
        ("4 x 90 g", "380 g", False),
        ("12 fl oz", "355 ml", True),
        ("8 oz", "237 ml", True),  # "oz" printed for fluid ounces
        ("1 lb", "454 g", True),
        ("500 g", "500 ml", False),
        ("500 g", "501 g", False),
    ],
)
def test_same_amounts(one: str, other: str, same: bool) -> None:
    assert same_amount(amount(one), amount(other)) is same
    assert same_amount(amount(other), amount(one)) is same


@pytest.mark.parametrize("text", ["", "g", "about 500 g", "500 g of sugar", "500", "500 g 200 g"])
def test_a_value_is_a_quantity_and_nothing_else(text: str) -> None:
    assert read_value(text) is None


def test_every_spelling_of_a_unit_is_found() -> None:
    for spelling, unit in UNITS.items():
        (quantity,) = find_quantities(f"20 {spelling}", f"20 {spelling}")
        assert quantity.unit == unit == unit_named(spelling)
