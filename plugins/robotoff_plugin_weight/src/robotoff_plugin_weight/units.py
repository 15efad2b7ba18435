"""The units that a net quantity is printed in, and what they are in grams or millilitres.

Imperial volumes follow the labels' own rounding: a fluid ounce is 30 ml, as on United States nutrition labels (the
specification's section 3). Pints, quarts and gallons differ between countries, so they are read only to understand what
stands beside them ("1 QT (946 mL)") and never offered.
"""

import re

from attrs import frozen

__all__ = ["MISREAD", "UNITS", "UNIT_PATTERN", "Unit", "unit_named"]


@frozen
class Unit:
    """One unit: its printed name in our values, its base (``g`` or ``ml``) and how much of the base it is.

    ``metric`` quantities are whole grams or millilitres; ``offered`` ones may be suggested.
    """

    name: str
    base: str
    factor: float
    metric: bool = True
    offered: bool = True


_MILLIGRAM = Unit("mg", "g", 0.001)
_GRAM = Unit("g", "g", 1)
_KILOGRAM = Unit("kg", "g", 1000)
_MILLILITRE = Unit("ml", "ml", 1)
_CENTILITRE = Unit("cl", "ml", 10)
_DECILITRE = Unit("dl", "ml", 100)
_LITRE = Unit("l", "ml", 1000)
_OUNCE = Unit("oz", "g", 28.349523125, metric=False)
_POUND = Unit("lb", "g", 453.59237, metric=False)
_POUNDS = Unit("lbs", "g", 453.59237, metric=False)
_FLUID_OUNCE = Unit("fl oz", "ml", 30, metric=False)
_PINT = Unit("pt", "ml", 473.176, metric=False, offered=False)
_QUART = Unit("qt", "ml", 946.353, metric=False, offered=False)
_GALLON = Unit("gal", "ml", 3785.41, metric=False, offered=False)

_SPELLINGS: dict[Unit, tuple[str, ...]] = {
    _MILLIGRAM: ("mg", "мг"),
    _GRAM: (
        "g", "gr", "grs", "gm", "gms", "gram", "grams", "gramm", "gramme", "grammes", "gramo", "gramos", "grammi",
        "grammo", "grama", "gramas", "gramów", "gramy", "г", "гр", "γρ", "γραμ",
    ),
    _KILOGRAM: ("kg", "kgs", "kilo", "kilos", "kilogram", "kilogramm", "kilogramme", "kilogrammes", "kilograms", "кг"),
    _MILLILITRE: ("ml", "mls", "millilitre", "millilitres", "milliliter", "milliliters", "мл"),
    _CENTILITRE: ("cl", "centilitre", "centilitres"),
    _DECILITRE: ("dl",),
    _LITRE: (
        "l", "ℓ", "lt", "ltr", "ltrs", "litre", "litres", "liter", "liters", "litro", "litros", "litri", "litr",
        "litry", "litra", "litrów", "л",
    ),
    _OUNCE: ("oz", "ozs", "ounce", "ounces"),
    _POUND: ("lb", "pound"),
    _POUNDS: ("lbs", "pounds"),
    _FLUID_OUNCE: ("fl oz", "us fl oz", "fl ounce", "fl ounces", "fluid oz", "fluid ounce", "fluid ounces"),
    _PINT: ("pt", "pint", "pints"),
    _QUART: ("qt", "quart", "quarts"),
    _GALLON: ("gal", "gallon", "gallons"),
}  # fmt: skip

MISREAD: dict[str, Unit] = {"mi": _MILLILITRE, "m1": _MILLILITRE, "ci": _CENTILITRE, "c1": _CENTILITRE}
"""Spellings that text recognition makes of a unit: "500 mI", "75 c1". Believed only beside a prompt, never surely."""

_FOLDED = str.maketrans("óò", "oo")
UNITS: dict[str, Unit] = {
    spelling.translate(_FOLDED): unit for unit, spellings in _SPELLINGS.items() for spelling in spellings
} | MISREAD
"""Units by their folded spelling (lower case, no accents, "fl oz" without dots)."""


def _alternatives(spellings: list[str]) -> str:
    """A pattern of all *spellings* that looks at each letter once, the longest spelling first.

    A space stands for what print puts there: "fl. oz", "fl.oz" and "floz" read as "fl oz".
    """
    by_letter: dict[str, list[str]] = {}
    for spelling in spellings:
        if spelling:
            by_letter.setdefault(spelling[0], []).append(spelling[1:])
    branches = [
        (r"\.?[ ]?" if letter == " " else re.escape(letter)) + _alternatives(endings)
        for letter, endings in sorted(by_letter.items())
    ]
    if not branches:
        return ""
    whole = "|".join(branches)
    return f"(?:{whole})?" if "" in spellings else f"(?:{whole})"


UNIT_PATTERN = _alternatives(list(UNITS))


def unit_named(printed: str) -> Unit:
    """The unit that *printed* (folded, matched by the pattern) stands for."""
    unit = UNITS.get(printed)
    if unit is not None:
        return unit
    return UNITS[" ".join(re.split(r"(?<=fl)\.?[ ]?|(?<=fluid)\.?[ ]?", printed, maxsplit=1))]
