"""Folding: the one comparison form of text and terms, of the same length as its input.

The rule is flavour (c) of the predictor specification's section 3: only one-for-one replacements, so that an offset in
the folded text is an offset in the text. What would need two letters (``œ``, ``ß``) stays what it is, on both sides.
"""

import unicodedata
from functools import cache

__all__ = ["fold", "fold_table", "is_word_character"]

_BASE_LETTERS = {
    "ø": "o",
    "Ø": "o",
    "ł": "l",
    "Ł": "l",
    "đ": "d",
    "Đ": "d",
    "ħ": "h",
    "Ħ": "h",
    "ŧ": "t",
    "Ŧ": "t",
    "ı": "i",
    "İ": "i",
    "ς": "σ",
}
_PUNCTUATION = {
    **dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
    **dict.fromkeys("‘’‚‛′´`ʼ＇", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
_ACCENTED = (range(0xC0, 0x250), range(0x370, 0x530), range(0x1E00, 0x2000))  # Latin, Greek, Cyrillic
_WIDE = range(0xFF01, 0xFF5F)  # full-width forms of ASCII, printed beside Japanese and Chinese
_PLANE = 0x10000


@cache
def fold_table() -> str:
    """The folded character of every character of the basic plane, by code point."""
    table = list(map(chr, range(_PLANE)))
    for code in range(_PLANE):
        lower = table[code].lower()
        if len(lower) == 1:
            table[code] = lower
    for codes in _ACCENTED:
        for code in codes:
            base = [char for char in unicodedata.normalize("NFD", chr(code)) if not unicodedata.combining(char)]
            if len(base) == 1 and len(base[0].lower()) == 1:
                table[code] = base[0].lower()
    for code in _WIDE:
        table[code] = unicodedata.normalize("NFKC", chr(code)).lower()
    for char, plain in (_BASE_LETTERS | _PUNCTUATION).items():
        table[ord(char)] = plain
    return "".join(table)


def fold(text: str) -> str:
    """*text* in lower case, without accents, with plain spaces, quotes and hyphens; every offset stays.

    >>> fold("Œufs BIO\\nd’élevage")
    'œufs bio d\\'elevage'
    """
    try:  # most labels of Western Europe fit into Latin-1, where one table of 256 bytes does it ten times faster
        return text.encode("latin-1").translate(_latin1_table()).decode("latin-1")
    except UnicodeEncodeError:
        return text.translate(fold_table())


@cache
def _latin1_table() -> bytes:
    return fold_table()[:256].encode("latin-1")


def is_word_character(char: str) -> bool:
    """Whether *char* belongs to a word: a letter or digit of any script, ``_``, or a mark on a letter."""
    return char.isalnum() or char == "_" or (char > "\u02ff" and unicodedata.category(char)[0] == "M")
