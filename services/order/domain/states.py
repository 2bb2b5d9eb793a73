"""The states of an order and the moves between them."""

from collections.abc import Mapping
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
    AFFILIATED = "affiliated"


CANCEL_REASONS: Mapping[str, str] = {
    CancelReason.ENTERPRISE: "上云企业取消",
    CancelReason.PROVIDER: "云服务商未接受",
    CancelReason.TIMEOUT: "云服务商逾期未确认",
    CancelReason.YEAR_END: "年度结束时尚未确认",
    CancelReason.DELISTED: "产品已下架",
    CancelReason.SUSPENDED: "交易一方已被暂停或退出",
    CancelReason.AFFILIATED: "交易双方存在隶属、共建或产权纽带关系",
}
"""The reasons as users read them."""
CANCEL_ARTICLES: Mapping[CancelReason, str] = {
    CancelReason.ENTERPRISE: "A20",
    CancelReason.PROVIDER: "A19",
    CancelReason.TIMEOUT: "A19",
    CancelReason.YEAR_END: "A9",
    CancelReason.DELISTED: "A12",
    CancelReason.SUSPENDED: "A12",
    CancelReason.AFFILIATED: "A13(4)",
}
"""The articles they rest on."""

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
