"""Names of people, firms and products: which can be seen, and how two spellings of one are known to be the same.

What was written is kept. Compared and searched is the folded form, which knows no width, case or kind of bracket.
"""

import re
import unicodedata
from typing import Final

# Planes 2 and 3 are set aside for ideographs. An interpreter's own table ends with the Unicode of its day, and the rare
# characters of people's names are the newest.
_IDEOGRAPHS: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD))
_VARIATIONS: Final = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# Letters, marks and signs that show nothing though their category does not say so.
_BLANK_SIGNS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159")
_MARKUP: Final = frozenset("<>\ufe64\ufe65\uff1c\uff1e")
"""Angle brackets in every width; the marks of Chinese titles are others."""
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

_BRACKETS: Final = str.maketrans("〔〕【】〖〗［］[]｛｝{}﹙﹚⦅⦆", "()()()()()()()()()")
_CONTROLS: Final = dict.fromkeys((*range(32), 127), " ")
_PHONE_MARKS: Final = re.compile(r"[\s()\-‐‑‒–—−.·]+")
_COUNTRY: Final = re.compile(r"(?:\+|00)86(?=\d{7,})|86(?=1\d{10}$)")


def is_ideograph(symbol: str) -> bool:
    """Whether a character is a Chinese one, of any extension of Unicode, those to come included."""
    return _within(symbol, _IDEOGRAPHS)


def is_shown(text: str) -> bool:
    """Whether nothing in a text shows nothing: no control, direction, format or unassigned character.

    A variation selector behind an ideograph chooses one of its forms, which people's names need.
    """
    if text.isascii():
        return text.isprintable()
    for position, symbol in enumerate(text):
        if _within(symbol, _VARIATIONS):
            if position == 0 or not is_ideograph(text[position - 1]):
                return False
        elif not is_ideograph(symbol) and (
            symbol in _BLANK_SIGNS or unicodedata.category(symbol) in _UNSEEN_CATEGORIES
        ):
            return False
    return True


def is_plain(name: str) -> bool:
    """Whether a name holds no angle brackets, and nothing that shows nothing."""
    return _MARKUP.isdisjoint(name) and is_shown(name)


def is_seen(name: str, *, letters_min: int = 1) -> bool:
    """Whether a name is plain, and has so many letters or ideographs."""
    return is_plain(name) and sum(is_ideograph(symbol) or symbol.isalpha() for symbol in name) >= letters_min


def fold(text: str) -> str:
    """The text as one would search it: width, case, kinds of brackets and chosen forms are one, blanks are single."""
    narrowed = unicodedata.normalize("NFKC", text).casefold().translate(_BRACKETS).translate(_CONTROLS)
    shown = (
        " " if symbol in _BLANK_SIGNS else symbol
        for symbol in narrowed
        if not _within(symbol, _VARIATIONS) and unicodedata.category(symbol) != "Cf"
    )
    return " ".join("".join(shown).split())


def fold_name(name: str) -> str:
    """The name as one would compare it: folded, without the blanks, brackets and marks that some write and others not.

    May be empty.
    """
    folded = unicodedata.normalize("NFKC", fold(name))
    return "".join(symbol for symbol in folded if is_ideograph(symbol) or unicodedata.category(symbol)[0] in "LMN")


def fold_phone(number: str) -> str:
    """A telephone number as one would compare it: without the country's prefix, blanks, hyphens and brackets."""
    plain = _PHONE_MARKS.sub("", unicodedata.normalize("NFKC", number))
    return _COUNTRY.sub("", plain, count=1)


def _within(symbol: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(symbol) <= last for first, last in ranges)
