"""Order's facts. The order row decides every race; these say how it decided. All amounts are fen."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Fact


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line as it was fixed when the order was placed."""

    line: int
    product_id: UUID
    edition: int
    class_code: str
    component: str
    quantity: int
    fee_fen: int
    voucher_fen: int


class OrderFact(Fact, frozen=True, kw_only=True):
    """A fact of one order."""

    stream: ClassVar[str] = "order.order"
    key: ClassVar[str] = "order_id"

    order_id: UUID


class OrderPlaced(OrderFact, frozen=True, kw_only=True):
    """An enterprise placed an order, agreement accepted, voucher shares fixed. Source: A18."""

    name: ClassVar[str] = "order.placed"

    number: str
    enterprise_id: UUID
    provider_id: UUID
    year: int
    lines: tuple[OrderLine, ...]
    fee_fen: int
    voucher_fen: int
    agreement_version: str
    placed_at: datetime


class OrderAwaitingConfirmation(OrderFact, frozen=True, kw_only=True):
    """The voucher part is held (or there is none); the provider is asked to confirm."""

    name: ClassVar[str] = "order.awaiting_confirmation"


class OrderRefused(OrderFact, frozen=True, kw_only=True):
    """The voucher service said no; code and article say why."""

    name: ClassVar[str] = "order.refused"

    code: str
    article: str


class OrderConfirmed(OrderFact, frozen=True, kw_only=True):
    """The provider confirmed the transaction. Source: A19."""

    name: ClassVar[str] = "order.confirmed"

    confirmed_at: datetime


class OrderCancelled(OrderFact, frozen=True, kw_only=True):
    """The order ended before confirmation.

    `reason` is enterprise, provider, timeout, year_end, delisted, suspended or affiliated.
    """

    name: ClassVar[str] = "order.cancelled"

    reason: str


class RefundRequested(OrderFact, frozen=True, kw_only=True):
    """The enterprise asks for a refund of whole lines. Source: A20, Q12."""

    name: ClassVar[str] = "order.refund_requested"

    lines: tuple[int, ...]


class RefundRefused(OrderFact, frozen=True, kw_only=True):
    """The provider refused the refund; the operator may be asked."""

    name: ClassVar[str] = "order.refund_refused"


class RefundEscalated(OrderFact, frozen=True, kw_only=True):
    """The provider was silent too long; the operator decides. Source: Q11."""

    name: ClassVar[str] = "order.refund_escalated"


class OrderRefunded(OrderFact, frozen=True, kw_only=True):
    """The provider consented: the lines are refunded; `whole` when none is left."""

    name: ClassVar[str] = "order.refunded"

    lines: tuple[int, ...]
    voucher_fen: int
    whole: bool


class OrderClaimed(OrderFact, frozen=True, kw_only=True):
    """A claim holds the order; cancel and refund exist no more. Source: A20, R74."""

    name: ClassVar[str] = "order.claimed"

    claim_id: UUID
    voucher_fen: int


class OrderUnclaimed(OrderFact, frozen=True, kw_only=True):
    """The claim was withdrawn or rejected; the order is confirmed again. Source: Q13."""

    name: ClassVar[str] = "order.unclaimed"

    claim_id: UUID


class OrderRedeemed(OrderFact, frozen=True, kw_only=True):
    """The claim was paid."""

    name: ClassVar[str] = "order.redeemed"

    claim_id: UUID
    paid_fen: int


class OrderRecorded(OrderFact, frozen=True, kw_only=True):
    """Something was put on record with the order: contract, own payment, delivery, acceptance, complaint.

    `voids` is a former record that this one corrects; a record of kind `withdrawal` only takes one back.
    """

    name: ClassVar[str] = "order.recorded"

    record: str
    document_sha256: str = ""
    record_id: UUID | None = None
    voids: UUID | None = None
