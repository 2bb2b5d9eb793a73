"""The states of an order and the moves between them."""

from enum import StrEnum

from shared.kernel.states import Transitions


class OrderState(StrEnum):
    """Where an order stands. Source: A18-A22."""

    PLACED = "placed"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"


class RefundState(StrEnum):
    """The open refund of a confirmed order; `returning` until voucher has answered. Source: A20, Q11, Q12."""

    NONE = "none"
    REQUESTED = "requested"
    ESCALATED = "escalated"
    RETURNING = "returning"


class CancelReason(StrEnum):
    """Why an order ended before confirmation."""

    ENTERPRISE = "enterprise"
    PROVIDER = "provider"
    TIMEOUT = "timeout"
    YEAR_END = "year_end"
    DELISTED = "delisted"
    SUSPENDED = "suspended"


S = OrderState
UNCONFIRMED = (S.PLACED, S.AWAITING_CONFIRMATION)
ENDED_UNCONFIRMED = (S.REFUSED, S.CANCELLED)

MOVES: Transitions[OrderState] = Transitions(
    {
        (S.PLACED, S.AWAITING_CONFIRMATION),
        (S.PLACED, S.REFUSED),
        (S.PLACED, S.CANCELLED),
        (S.AWAITING_CONFIRMATION, S.CONFIRMED),
        (S.AWAITING_CONFIRMATION, S.CANCELLED),
        (S.CONFIRMED, S.CLAIMED),
        (S.CONFIRMED, S.REFUNDED),
        (S.CLAIMED, S.CONFIRMED),
        (S.CLAIMED, S.REDEEMED),
    }
)
