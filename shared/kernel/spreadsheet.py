"""CSV for people: what a spreadsheet makes of a cell is what was meant.

A spreadsheet reads a cell as a number, a day or a formula wherever it can, and thereby loses digits, leading zeros and
more. Numbers and days are given as such; a text that would be read as one begins with a tab, which every spreadsheet
takes as text and nobody sees. A text that would be a formula begins with an apostrophe, for there somebody should look
twice. Programs read the same export as JSON. docs/adr/0018.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from shared.kernel.refusals import invariant
from shared.kernel.wording import yuan

BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it some spreadsheets take Chinese for another encoding."""
LINE_END: Final = "\r\n"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in fen, written as yuan with two decimals."""

    fen: int


Cell: TypeAlias = str | int | Amount | date | None

_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\u2212")
_LEADING_CONTROLS: Final = ("\t", "\r", "\n", "\x00", "|")
_UNSEEN: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u3164 \u00a0\u3000"
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
# Digits with nothing but the signs of numbers, days, times, shares, sums of money and powers of ten, or a month's name.
_READ_OTHERWISE: Final = re.compile(
    rf"(?=.*\d)[\d\s.,:;/%‰¥￥$€£()'’+\-年月日时分秒点至周]*(?:(?:e[+\-]?|(?:{_MONTHS})[a-z]*\.?|am|pm)[\d\s.,:/\-]*)?"
    r"|true|false|真|假|n/?a|null",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED: Final = re.compile(r'[",;\t\r\n]|^\s|\s$')


def csv_text(rows: Iterable[Sequence[Cell]], *, width: int | None = None) -> str:
    """The rows as CSV without a byte order mark, each of as many cells as the first (RFC 4180, 2.4). Raises: Bug.

    For a part of a table `width` is how many cells its head has.
    """
    lines: list[str] = []
    for row in rows:
        width = len(row) if width is None else width
        invariant(len(row) == width, "every row of a table has as many cells as its head")
        lines.append(",".join(map(_written, row)) + LINE_END)
    return "".join(lines)


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return _quoted(_as_text(cell))
        case Amount():
            return yuan(cell.fen)
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


def _as_text(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    if folded.startswith(_LEADING_CONTROLS) or folded.lstrip(_UNSEEN).startswith(_FORMULA_SIGNS):
        return f"'{text}"
    return f"\t{text}" if _READ_OTHERWISE.fullmatch(folded) else text


def _quoted(text: str) -> str:
    if not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
