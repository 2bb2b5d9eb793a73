"""How facts are said in Chinese sentences: amounts in yuan, days and moments as people write them in Beijing.

The facts themselves keep fen, codes and RFC 3339; only the sentence about them is for people.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Final

_BEIJING: Final = timezone(timedelta(hours=8))
_YUAN: Final = "_yuan"
_WRITTEN: Final = "_zh"


def yuan(amount_fen: int) -> str:
    """An amount in fen as yuan with two decimals: 123456 is said as 1234.56."""
    sign, amount_fen = ("-", -amount_fen) if amount_fen < 0 else ("", amount_fen)
    return f"{sign}{amount_fen // 100}.{amount_fen % 100:02d}"


def day(value: date | str) -> str:
    """A day, given as itself or in ISO 8601, as people write it: 2026年3月5日."""
    found = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{found.year}年{found.month}月{found.day}日"


def moment(value: datetime | str) -> str:
    """A moment, given as itself or in RFC 3339, as people write it in Beijing: 2026年3月5日 08:00."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = found.astimezone(_BEIJING)
    return f"{day(local.date())} {local:%H:%M}"


class Said(dict[str, object]):
    """Facts as a sentence names them.

    `{amount_yuan}` says the fact `amount_fen`, `{paid_on_zh}` the day or the moment `paid_on`, and a fact whose codes
    have `words` is said by its word. Raises: KeyError for a name that no fact stands behind.
    """

    def __init__(self, facts: Mapping[str, object], words: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(facts)
        for name, known in words.items():
            code = str(facts.get(name, ""))
            # A code that is newer than its words is passed over; it would say nothing to a person.
            self[name] = known.get(code, known.get("", ""))

    def __missing__(self, name: str) -> str:
        if name.endswith(_YUAN) and isinstance(amount_fen := self.get(name.removesuffix(_YUAN) + "_fen"), int):
            return yuan(amount_fen)
        if name.endswith(_WRITTEN) and isinstance(written := self.get(name.removesuffix(_WRITTEN)), str):
            return moment(written) if "T" in written else day(written)
        raise KeyError(name)
