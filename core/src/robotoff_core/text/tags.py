"""Tags out of text, and the other fold flavours of the predictor specification's section 3."""

import re
import unicodedata

__all__ = ["strip_accents_v1", "tag_from_text", "to_ascii", "to_ascii_only"]

_EXPANSIONS = str.maketrans(
    {
        "œ": "oe",
        "Œ": "OE",
        "æ": "ae",
        "Æ": "AE",
        "ß": "ss",
        "ẞ": "SS",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "TH",
        "ħ": "h",
        "Ħ": "H",
        "ı": "i",
        "ĳ": "ij",
        "Ĳ": "IJ",
        "ŉ": "'n",
        **dict.fromkeys("‘’‚‛′´ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
        "€": "EUR",
        "™": "TM",
        "\u00a0": " ",
        "\u202f": " ",
    }
)
_TO_HYPHEN = re.compile(r"[\s'.\-]+")
_DROPPED = re.compile(r"[!?]")


def to_ascii(text: str) -> str:
    """Flavour (b): Latin letters without accents and ligatures written out (the length may grow); what has no ASCII
    equivalent is kept. Pure ASCII is returned as is.

    >>> to_ascii("Bœuf fumé ΑΒ")
    'Boeuf fume ΑΒ'
    """
    if text.isascii():
        return text
    return "".join(map(_ascii_or_same, text.translate(_EXPANSIONS)))


def to_ascii_only(text: str) -> str:
    """Flavour (a): like :func:`to_ascii`, but what has no ASCII equivalent is dropped.

    >>> to_ascii_only("Bœuf fumé ΑΒ")
    'Boeuf fume '
    """
    return to_ascii(text).encode("ascii", "ignore").decode("ascii")


def strip_accents_v1(text: str) -> str:
    """The accent strip "v1" of older tags: compatibility decomposition, then everything outside ASCII vanishes.

    >>> strip_accents_v1("Crème ½ Ж")
    'Creme 12 '
    """
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def tag_from_text(text: str) -> str:
    """The tag of a name: folded (flavour b), lower case, " & ", spaces, apostrophes and dots as one hyphen, no ``!``
    and ``?``, no hyphens at the ends.

    >>> tag_from_text("Marks & Spencer"), tag_from_text("D. Or")
    ('marks-spencer', 'd-or')
    """
    tag = _DROPPED.sub("", to_ascii(text).lower().replace(" & ", "-"))
    return _TO_HYPHEN.sub("-", tag).strip("-")


def _ascii_or_same(char: str) -> str:
    if char.isascii():
        return char
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return base if base.isascii() and base else char
