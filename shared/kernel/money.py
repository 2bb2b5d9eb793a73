"""Money: integer fen, rates in basis points, and every rounding in one place."""

import re
from collections.abc import Sequence
from typing import ClassVar, NewType

from shared.kernel.refusals import Refusal, RefusalKind, invariant

Fen = NewType("Fen", int)
BasisPoints = NewType("BasisPoints", int)

RATE_SCALE = 10_000
MAX_FEN = 10**15

# Input methods type full-width digits and full stops; they are the same amount and are read as such.
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．", "0123456789.")
# Fourteen places hold MAX_FEN in yuan; the bound also keeps int() away from megabytes of digits.
_YUAN = re.compile(r"(?P<yuan>[0-9]{1,14})(?:\.(?P<fraction>[0-9]{1,2}))?")
_TOO_PRECISE = re.compile(r"[0-9]{1,14}\.[0-9]{3,}")


class AmountMalformed(Refusal):
    """The text is no plain amount in yuan: digits, at most one point, no sign, exponent or separator."""

    code: ClassVar[str] = "money.malformed"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    zh: ClassVar[str] = "金额格式不正确：请填写以元为单位的数字，例如 1234.50，不带正负号、逗号或科学计数法。"


class AmountTooPrecise(Refusal):
    """The text has parts of a fen: "12.345" is refused, never rounded. Source: Q4."""

    code: ClassVar[str] = "money.too_precise"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    zh: ClassVar[str] = "金额最多保留两位小数（精确到分）。"


class AmountTooLarge(Refusal):
    """The amount passes MAX_FEN, the bound of every amount of the platform."""

    code: ClassVar[str] = "money.too_large"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    zh: ClassVar[str] = "金额超出系统允许的上限。"


def voucher_max(price_fen: Fen, *, rate_bp: BasisPoints) -> Fen:
    """Largest voucher share in fen of one line; rate_bp 0..10000. Raises: Bug. Source: A18, R32, Q4."""
    invariant(0 <= price_fen <= MAX_FEN, "a price lies between 0 and MAX_FEN")
    invariant(0 <= rate_bp <= RATE_SCALE, "a rate lies between 0 and RATE_SCALE")
    # Floors to fen: the public purse never pays the rounding.
    return Fen(price_fen * rate_bp // RATE_SCALE)


def allocate(total_fen: Fen, *, weights: Sequence[int]) -> tuple[Fen, ...]:
    """Shares in fen that follow the weights and always sum to the total.

    Largest remainder; of equal remainders the earlier position gets the fen. No share is negative, and none
    passes its weight while the total does not pass the sum of the weights. All weights may be 0 only when
    the total is 0. Raises: Bug. Source: Q12.
    """
    invariant(0 <= total_fen <= MAX_FEN, "a total lies between 0 and MAX_FEN")
    invariant(weights and min(weights) >= 0, "weights are present and never negative")
    weights_sum = sum(weights)
    invariant(weights_sum > 0 or total_fen == 0, "money needs a weight above 0 to go to")
    if total_fen == 0:
        return tuple(Fen(0) for _ in weights)
    floors, remainders = zip(*(divmod(total_fen * weight, weights_sum) for weight in weights), strict=True)
    left_fen = total_fen - sum(floors)
    by_remainder = sorted(range(len(weights)), key=lambda position: (-remainders[position], position))
    lucky = frozenset(by_remainder[:left_fen])
    return tuple(Fen(floor + (position in lucky)) for position, floor in enumerate(floors))


def parse_yuan(text: str) -> Fen:
    """The amount in fen of a text in yuan; full-width digits and outer blanks are accepted.

    Raises: AmountMalformed, AmountTooPrecise, AmountTooLarge.
    """
    plain = text.strip().translate(_FULL_WIDTH)
    match = _YUAN.fullmatch(plain)
    if match is None:
        if _TOO_PRECISE.fullmatch(plain):
            raise AmountTooPrecise
        raise AmountMalformed
    # "0.5" is five jiao: a single decimal place counts tens of fen.
    fraction = (match["fraction"] or "").ljust(2, "0")
    amount_fen = int(match["yuan"]) * 100 + int(fraction)
    if amount_fen > MAX_FEN:
        raise AmountTooLarge
    return Fen(amount_fen)


def format_yuan(amount_fen: Fen) -> str:
    """The amount in yuan with two decimals and no separators; parse_yuan reads it back. Raises: Bug."""
    invariant(amount_fen >= 0, "amounts are never negative; a movement has a direction instead")
    yuan, fraction = divmod(amount_fen, 100)
    return f"{yuan}.{fraction:02d}"
