"""Whether an order can be claimed, as far as the copy of it knows. Source: A20, A22, R73, R76."""

from dataclasses import dataclass
from enum import StrEnum

from services.settlement.domain.refusals import OrderNotClaimable, OrderNotClaimableNow, OrderUnknown
from shared.kernel.refusals import Refusal

_NEVER = frozenset({"refused", "cancelled", "refunded", "redeemed"})


class Claimability(StrEnum):
    """What the copy says of an order."""

    CLAIMABLE = "claimable"
    NEVER = "never"
    HELD = "held"
    UNKNOWN = "unknown"
    NOT_NOW = "not_now"


NOT_CLAIMABLE: tuple[tuple[Claimability, type[Refusal]], ...] = (
    (Claimability.NEVER, OrderNotClaimable),
    (Claimability.HELD, OrderNotClaimable),
    (Claimability.UNKNOWN, OrderUnknown),
    (Claimability.NOT_NOW, OrderNotClaimableNow),
)
"""What is said of orders that cannot be claimed, the most lasting first."""


@dataclass(frozen=True, slots=True)
class OrderCopy:
    """What the copy knows of a provider's own order; `voucher_fen` is the voucher part that is left, in fen."""

    state: str
    refund_open: bool
    voucher_fen: int


def claimability(order: OrderCopy | None, *, held: bool) -> Claimability:
    """Whether an order can be claimed; `held` says that a filed claim has it.

    What has ended or has no voucher part stays so, and which claim has an order is settlement's own to know. Everything
    else may be otherwise in the order service already: a refund that was refused a moment ago, a confirmation, an
    order that an ended claim gave back.
    """
    if order is None:
        return Claimability.UNKNOWN
    if order.state in _NEVER or not order.voucher_fen:
        return Claimability.NEVER
    if held:
        return Claimability.HELD
    if order.state != "confirmed" or order.refund_open:
        return Claimability.NOT_NOW
    return Claimability.CLAIMABLE
