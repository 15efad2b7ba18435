"""Quantities in text: every number with a unit, read strictly and compared in grams or millilitres.

Works on folded text (lower case, no accents). One pattern finds the candidates, starting at digits, every part of it
bounded, so that the search is linear whatever the text is; plain functions then judge number by number.
"""

import re
from collections.abc import Iterator

from attrs import evolve, frozen

from robotoff_core.api import OcrDocument

from .units import MISREAD, UNIT_PATTERN, UNITS, Unit, unit_named

__all__ = [
    "Quantity",
    "combined",
    "find_quantities",
    "has_mark",
    "matches_in",
    "misread_match",
    "plausible",
    "read_match",
    "read_value",
    "same_amount",
    "same_item",
]

LOWEST, HIGHEST = 10, 10_000
"""Both excluded: a single item's plausible content in grams or millilitres (the specification's 4.5)."""
MOST_ITEMS = 20
"""More items than this in one package are a misreading (the specification's 4.5)."""
_TOLERANCE = 0.05
"""How far two statements of one amount, "4.11 oz (117 g)", differ by rounding and by the 30 ml fluid ounce."""
_EXACT = 0.001
_FLUID_OUNCE = UNITS["fl oz"].factor

_ZEROS = r"(?:[0-9]|o(?![zu]))"  # a letter O among digits, but not that of "oz"
_NUMBER = (
    r"(?P<number>{first}(?>[ .,'][0-9]{{3}}(?![0-9])(?:[.,][0-9]{{1,2}})?|ZEROS{{0,4}}(?:[.,]ZEROS{{0,3}})?))"
).replace("ZEROS", _ZEROS)
_UNIT = rf"[ ]{{0,2}}(?P<unit>{UNIT_PATTERN})(?P<sign>e|[ ]?℮)?(?!\w)"
_QUANTITY = re.compile(
    # The tests of what stands before look back over the first digit, because a pattern that begins with a digit lets
    # the search jump from digit to digit. "x" and "e" may touch it: "4x90 g", "e150 g".
    _NUMBER.format(first=r"[0-9](?<![^\Wex][0-9])(?<![0-9][.,/][0-9])") + _UNIT
)
_MISREAD_ONE = re.compile(_NUMBER.format(first="[il|]") + _UNIT)
"""A number whose leading 1 was read as a letter: "l50 g"."""
_COUNT_BEFORE = re.compile(r"(?<![\w.,/])([0-9]{1,3})[ ]?[x×*][ ]?$")
_COUNT_AFTER = re.compile(r"[ ]?[x×*][ ]?([0-9]{1,3})(?![ ]?[0-9.,x×*%]|[ ]?[cm]?m\b|\w)")
_MARKS = "ex×*℮"
_DIGITS = str.maketrans("oil|", "0111")
_STOPS = ("", "\n", "|", ".", ",", ";", ":", "(", ")", "[", "]")


@frozen
class Quantity:
    """A printed quantity: ``text[start:end]``, with the count of items and the estimated sign when they stand there.

    ``number`` is the item's number in plain form ("1.5", "1000"), ``amount`` the item in ``unit.base`` (grams or
    millilitres). ``misread``: a letter was taken for a digit or a unit.
    """

    start: int
    end: int
    number: str
    unit: Unit
    amount: float
    count: int | None = None
    sign: bool = False
    misread: bool = False

    @property
    def total(self) -> float:
        """All items together, in the unit's base."""
        return self.amount * (self.count or 1)

    @property
    def value(self) -> str:
        """The value as suggested: ``500 g``, ``6 x 33 cl``."""
        one = f"{self.number} {self.unit.name}"
        return one if self.count is None else f"{self.count} x {one}"


def find_quantities(folded: str, printed: str) -> Iterator[Quantity]:
    """The quantities of *folded*, in text order; *printed* is the same text unfolded, with its line and block ends.

    A letter or digit may touch a quantity on neither side, except the estimated sign and a multiplication sign.
    """
    for match in matches_in(folded):
        quantity = read_match(match, folded, printed)
        if quantity is not None:
            yield quantity


def matches_in(folded: str) -> list[re.Match[str]]:
    """Where a number with a unit may stand; cheap, to be read by :func:`read_match` where it matters."""
    return list(_QUANTITY.finditer(folded))


def misread_match(folded: str, position: int) -> re.Match[str] | None:
    """The same for a quantity at *position* whose leading 1 was read as a letter."""
    return _MISREAD_ONE.match(folded, position)


def has_mark(match: re.Match[str], folded: str) -> bool:
    """Whether a count or the estimated sign may stand at the quantity: what :func:`read_match` would look into."""
    start, end = match.span()
    before = folded[start - 1 : start]
    if before == " ":
        before = folded[start - 2 : start - 1]
    if (before and before in _MARKS) or match.lastgroup == "sign":
        return True
    after = folded[end : end + 1]
    if after == " ":
        after = folded[end + 1 : end + 2]
    return bool(after) and after in _MARKS


def read_value(value: str) -> Quantity | None:
    """The quantity that the whole of *value* states ("500 g", "6 x 33 cl"), or ``None``."""
    document = OcrDocument.from_text(value.strip())
    for quantity in find_quantities(document.folded, document.text):
        if quantity.start == 0 and quantity.end == len(document.text):
            return quantity
    return None


def same_amount(one: Quantity, other: Quantity) -> bool:
    """Whether both state the same total, up to the rounding between units. "oz" beside millilitres is fluid ounces."""
    return _agree(one, one.count or 1, other, other.count or 1)


def same_item(multipack: Quantity, other: Quantity) -> bool:
    """Whether *other*, a single quantity, repeats one item of *multipack*: the "150 g" of "10 x 5.2 oz (150 g)"."""
    return other.count is None and _agree(multipack, 1, other, 1)


def _agree(one: Quantity, of_one: int, other: Quantity, of_other: int) -> bool:
    first, second = one.amount, other.amount
    if one.unit.base != other.unit.base:
        if one.unit.name == "oz":
            first = float(one.number) * _FLUID_OUNCE
        elif other.unit.name == "oz":
            second = float(other.number) * _FLUID_OUNCE
        else:
            return False
    first, second = first * of_one, second * of_other
    tolerance = _EXACT if one.unit.metric and other.unit.metric else _TOLERANCE
    return abs(first - second) <= tolerance * max(first, second)


def plausible(quantity: Quantity) -> bool:
    """Whether the extractor believes *quantity* at all: its size, its count, and whole grams or millilitres.

    Imperial amounts are not whole in grams; there at most two decimals are believed. The items of a multipack may be
    fractions when their total is whole ("4 x 62,5 g").
    """
    if not quantity.unit.offered or not LOWEST < quantity.amount < HIGHEST:
        return False
    if quantity.count is not None and not 2 <= quantity.count <= MOST_ITEMS:
        return False
    if quantity.unit.metric:
        return abs(quantity.total - round(quantity.total)) < 1e-6 * max(1.0, quantity.total)
    return len(quantity.number.partition(".")[2]) <= 2


def read_match(match: re.Match[str], folded: str, printed: str) -> Quantity | None:
    """The quantity that *match* is, or ``None`` when it only looks like one."""
    unit = unit_named(match["unit"])
    raw = match["number"]
    misread = match["unit"] in MISREAD or "o" in raw or not raw[0].isdigit()
    number = _plain_number(raw.translate(_DIGITS) if misread else raw, unit)
    if number is None:
        return None
    start, end = match.span()
    count: int | None = None
    before = folded[max(start - 8, 0) : start]
    if before.endswith(("x", "×", "*", "x ", "× ", "* ")):
        counted = _COUNT_BEFORE.search(before)
        if counted is None or before[: counted.start()].rstrip().endswith(("x", "×", "*")):
            return None  # "box90 g", "4 x 4 x 90 g"
        count = int(counted[1])
        start -= len(before) - counted.start()
    elif _continues(before, raw):
        return None
    sign = match["sign"] is not None
    if sign and match["sign"] == "e" and (unit.name == "l" or printed[end - 1] not in "eE"):
        return None  # "5 le", "2 clé"
    if folded[end : end + 1] in ("'", "²", "³"):
        return None  # "2 l'an", "15 g²"
    if not sign:
        length = _sign_after(printed, end)
        sign, end = length > 0, end + length
    begin, signed = _sign_before(folded, printed, start)
    if begin is None:
        return None
    start, sign = begin, sign or signed
    if count is None and folded[end : end + 2].strip()[:1] in ("x", "×", "*"):
        after = _COUNT_AFTER.match(folded, end)
        if after is not None:
            count, end = int(after[1]), after.end()
    if count == 1:
        count = None
    amount = float(number) * unit.factor
    return Quantity(start, end, number, unit, amount, count, sign, misread)


def _sign_after(printed: str, end: int) -> int:
    """How long the estimated sign with its space is that follows *end*; 0 without one.

    Recognition makes an "e" of it. An "e" apart is the sign at the end of a line or statement and before capitals;
    elsewhere it may be the Italian and Portuguese "and".
    """
    ahead = printed[end : end + 5]
    space = ahead[:1] == " "
    mark, rest = ahead[space : space + 1], ahead[space + 1 :]
    if mark == "℮" or (mark == "e" and space and (rest[:1] in _STOPS or (rest[:1] == " " and rest[1:3].isupper()))):
        return space + 1
    return 0


def _continues(before: str, raw: str) -> bool:
    """Whether the number is the last group of a longer one: the "500" of "15 500 g"."""
    return len(raw) == 3 and re.search(r"(?<![0-9])[0-9]{2,3} $", before) is not None


def _sign_before(folded: str, printed: str, start: int) -> tuple[int | None, bool]:
    """Where the quantity starts with the estimated sign before it ("℮ 250 g", "e250g"), and whether there is one.

    ``None`` as the start: a letter touches the number.
    """
    if folded[start - 1 : start] == "e" and start:
        alone = start < 2 or not (folded[start - 2].isalnum() or folded[start - 2] == "_")
        return (start - 1, True) if alone and printed[start - 1] == "e" else (None, False)
    begin = start - 1 if start and folded[start - 1] == " " else start
    mark = printed[begin - 1] if begin else ""
    if mark == "℮":
        return begin - 1, True
    if mark == "e":
        before = printed[max(begin - 4, 0) : begin - 1]
        if before[-1:] in ("", "\n", "|", ":", "(", "["):
            return begin - 1, True
        if before[-1] == " " and (before[-2:-1] in _STOPS or before[:2].isupper()):
            return begin - 1, True
    return start, False


def _plain_number(raw: str, unit: Unit) -> str | None:
    """The number in plain form (dot for decimals, no zeros at its end), or ``None`` when it is none.

    A group of three digits after a dot or comma is thousands or decimals; the reading that makes a plausible amount
    wins, decimals first: "1.500 kg" is 1.5 kg, "1.500 g" is 1500 g.
    """
    digits = raw.rstrip(".,")
    if len(digits) > 4 and (digits[1] in " '" or (len(digits) > 5 and digits[1] in ".,")):
        digits = digits[0] + digits[2:]  # 1 000, 1'000, 1.000,5
    elif len(digits) == 5 and digits[1] in ".,":
        grouped = digits[0] + digits[2:]
        decimal = float(digits.replace(",", ".")) * unit.factor
        if not LOWEST < decimal < HIGHEST and LOWEST < float(grouped) * unit.factor < HIGHEST:
            digits = grouped
    digits = digits.replace(",", ".")
    whole, point, fraction = digits.partition(".")
    if whole.startswith("0") and (len(whole) > 1 or not fraction):
        return None
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if point and fraction else whole


def combined(pounds: Quantity, ounces: Quantity) -> Quantity:
    """ "1 lb 4 oz" as one quantity in ounces."""
    total = float(pounds.number) * 16 + float(ounces.number)
    return evolve(ounces, start=pounds.start, number=f"{total:g}", amount=total * ounces.unit.factor)
