"""What one check of the proof found, and amounts as the proof writes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.kernel.money import Fen, format_yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule that was checked: its title, how many things were examined, and each difference in words."""

    title: str
    examined: int
    differences: Sequence[str] = field(default=())


def signed_yuan(amount_fen: int) -> str:
    """An amount in yuan; a forged ledger may hold a negative one, which the proof must be able to write."""
    return f"{'-' if amount_fen < 0 else ''}{format_yuan(Fen(abs(amount_fen)))}"
