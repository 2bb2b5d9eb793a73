"""Decisions on an order: each takes the row as it is and gives the row as it shall be, with the fact that says so.

Every race (cancel v. confirm, refund v. claim) is decided here on the row; the loser's refusal names the winner.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.order.domain.refusals import (
    AlreadyCancelled,
    AlreadyClaimed,
    AlreadyConfirmed,
    AlreadyRedeemed,
    AlreadyRefunded,
    AlreadyRefused,
    ConfirmedBefore,
    ConfirmTooLate,
    HoldPending,
    LinesNotRefundable,
    NoRefundOpen,
    NotConfirmed,
    NothingToClaim,
    OrderNotFound,
    RefundOpen,
    YearClosed,
)
from services.order.domain.states import (
    MOVES,
    UNCONFIRMED,
    CancelReason,
    OrderState,
    RefundState,
)
from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderRecorded,
    OrderRedeemed,
    OrderRefunded,
    OrderRefused,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Refusal, bug


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order's row without its lines; amounts in fen, `version` is that of its last fact."""

    id: UUID
    number: str
    enterprise_id: UUID
    provider_id: UUID
    region: str
    year: int
    state: OrderState
    version: int
    fee_fen: int
    voucher_fen: int
    placed_at: datetime
    refunded_fee_fen: int = 0
    refunded_voucher_fen: int = 0
    refund_state: RefundState = RefundState.NONE
    confirm_due_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    refusal_code: str = ""
    refusal_article: str = ""
    refusal_detail: str = ""
    claim_id: UUID | None = None
    paid_fen: int | None = None

    @property
    def unconfirmed(self) -> bool:
        """Whether the order may still be cancelled."""
        return self.state in UNCONFIRMED

    @property
    def voucher_left_fen(self) -> int:
        """The voucher part that is not refunded."""
        return self.voucher_fen - self.refunded_voucher_fen

    @property
    def own_fen(self) -> int:
        """What the enterprise pays itself, outside the platform. Source: R69, Q16."""
        return self.fee_fen - self.voucher_fen

    def taken_back(self, now: datetime) -> bool:
        """Whether voucher money that returns at that moment is taken back, because its year is over. Source: Q5."""
        return self.voucher_fen > 0 and now >= year_closes_at(self.year)


class NewOrder(Order, frozen=True, kw_only=True, gc=False):
    """An order as it is placed: who placed it, and the versions of what it rests on."""

    agreement_version: str
    pack_version: str
    enterprise_version: int
    provider_version: int
    placed_by: UUID | None


class RefundableLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line as a refund sees it; amounts in fen."""

    line: int
    fee_fen: int
    voucher_fen: int
    refunded: bool


def winner(order: Order) -> Refusal:  # noqa: PLR0911 - one for each state
    """The refusal that names what the order has become already."""
    match order.state:
        case OrderState.PLACED:
            return HoldPending()
        case OrderState.AWAITING_CONFIRMATION:
            return NotConfirmed()
        case OrderState.CONFIRMED:
            return AlreadyConfirmed()
        case OrderState.CANCELLED:
            return AlreadyCancelled(reason=order.reason)
        case OrderState.REFUSED:
            return AlreadyRefused()
        case OrderState.REFUNDED:
            return AlreadyRefunded()
        case OrderState.CLAIMED:
            return AlreadyClaimed()
        case OrderState.REDEEMED:
            return AlreadyRedeemed()
        case _:
            assert_never(order.state)


def _moved(order: Order, state: OrderState, **changes: object) -> Order:
    MOVES.check(order.state, state)
    return replace(order, state=state, version=order.version + 1, **changes)


def confirm_due_at(order: Order, *, now: datetime, timeout_days: int) -> datetime:
    """The end of the provider's time: the time-out, or the year's end for a voucher order. Source: Q5, Q11."""
    due_at = now + timedelta(days=timeout_days)
    return min(due_at, year_closes_at(order.year)) if order.voucher_fen else due_at


def await_confirmation(order: Order, *, due_at: datetime) -> tuple[Order, OrderAwaitingConfirmation]:
    """The voucher part is held; the provider is asked. Source: A19."""
    after = _moved(order, OrderState.AWAITING_CONFIRMATION, confirm_due_at=due_at)
    return after, OrderAwaitingConfirmation(version=after.version, order_id=order.id)


def refuse(order: Order, *, code: str, article: str, detail: str, now: datetime) -> tuple[Order, OrderRefused]:
    """Voucher said no."""
    after = _moved(
        order,
        OrderState.REFUSED,
        refusal_code=code,
        refusal_article=article,
        refusal_detail=detail,
        ended_at=now,
    )
    return after, OrderRefused(version=after.version, order_id=order.id, code=code, article=article)


def confirm(order: Order, *, now: datetime) -> tuple[Order, OrderConfirmed]:
    """The provider's transaction confirmation. Raises: Refusal naming the winner. Source: A19, R70, Q5, Q11."""
    if order.state is OrderState.CONFIRMED:
        raise ConfirmedBefore
    if order.state is not OrderState.AWAITING_CONFIRMATION:
        raise winner(order)
    if order.voucher_fen and now >= year_closes_at(order.year):
        raise YearClosed(year=order.year)
    if order.confirm_due_at is not None and now >= order.confirm_due_at:
        raise ConfirmTooLate
    after = _moved(order, OrderState.CONFIRMED, confirmed_at=now)
    return after, OrderConfirmed(version=after.version, order_id=order.id, confirmed_at=now)


def cancel(order: Order, *, reason: CancelReason, now: datetime, detail: str = "") -> tuple[Order, OrderCancelled]:
    """End an order before confirmation; `detail` is why its provider does not take it.

    Raises: Refusal naming the winner. Source: A20, R72.
    """
    if not order.unconfirmed:
        raise winner(order)
    after = _moved(order, OrderState.CANCELLED, reason=reason.value, refusal_detail=detail, ended_at=now)
    return after, OrderCancelled(version=after.version, order_id=order.id, reason=reason.value)


def request_refund(
    order: Order, *, lines: Sequence[RefundableLine], wanted: Sequence[int]
) -> tuple[Order, RefundRequested]:
    """Ask for whole lines back. Raises: Refusal. Source: A20, R73, Q12."""
    _check_confirmed(order)
    if order.refund_state is not RefundState.NONE:
        raise RefundOpen
    open_lines = {line.line for line in lines if not line.refunded}
    if not wanted or len(set(wanted)) != len(wanted) or not set(wanted) <= open_lines:
        raise LinesNotRefundable(lines=sorted(wanted), lines_zh="、".join(str(line) for line in sorted(set(wanted))))
    after = replace(order, refund_state=RefundState.REQUESTED, version=order.version + 1)
    return after, RefundRequested(version=after.version, order_id=order.id, lines=tuple(sorted(wanted)))


def refuse_refund(order: Order) -> tuple[Order, RefundRefused]:
    """The provider, or the operator after silence, says no. Raises: NoRefundOpen."""
    _check_open_refund(order)
    after = replace(order, refund_state=RefundState.NONE, version=order.version + 1)
    return after, RefundRefused(version=after.version, order_id=order.id)


def escalate_refund(order: Order) -> tuple[Order, RefundEscalated]:
    """Silence hands the request to the operator and never consents. Raises: NoRefundOpen. Source: Q11."""
    if order.refund_state is not RefundState.REQUESTED:
        raise NoRefundOpen
    after = replace(order, refund_state=RefundState.ESCALATED, version=order.version + 1)
    return after, RefundEscalated(version=after.version, order_id=order.id)


def consent_refund(
    order: Order, *, lines: Sequence[RefundableLine], wanted: Sequence[int]
) -> tuple[Order, OrderRefunded]:
    """The lines are refunded on the row; the voucher follows by the saga. Raises: Refusal. Source: A20, R73."""
    _check_confirmed(order)
    _check_open_refund(order)
    going = [line for line in lines if line.line in set(wanted)]
    fee_fen, voucher_fen = sum(line.fee_fen for line in going), sum(line.voucher_fen for line in going)
    whole = all(line.refunded or line.line in set(wanted) for line in lines)
    after = _moved(order, OrderState.REFUNDED) if whole else replace(order, version=order.version + 1)
    after = replace(
        after,
        refunded_fee_fen=order.refunded_fee_fen + fee_fen,
        refunded_voucher_fen=order.refunded_voucher_fen + voucher_fen,
        # The claim stays shut out until voucher has answered, so that a claim never overtakes the return.
        refund_state=RefundState.RETURNING if voucher_fen else RefundState.NONE,
    )
    fact = OrderRefunded(
        version=after.version,
        order_id=order.id,
        lines=tuple(sorted(wanted)),
        voucher_fen=voucher_fen,
        whole=whole,
    )
    return after, fact


def returned(order: Order) -> Order:
    """Voucher has returned the refunded lines: nothing of a refund is open any more. No fact: it was said before."""
    return replace(order, refund_state=RefundState.NONE)


def claim(order: Order | None, *, claim_id: UUID, provider_id: UUID) -> tuple[Order, OrderClaimed]:
    """Lock a confirmed order for a claim: this is when a claim is filed. Raises: Refusal. Source: A20, A22, R74."""
    if order is None or order.provider_id != provider_id:
        raise OrderNotFound
    _check_confirmed(order)
    if order.refund_state is not RefundState.NONE:
        raise RefundOpen
    if order.voucher_left_fen <= 0:
        raise NothingToClaim
    after = _moved(order, OrderState.CLAIMED, claim_id=claim_id)
    fact = OrderClaimed(version=after.version, order_id=order.id, claim_id=claim_id, voucher_fen=order.voucher_left_fen)
    return after, fact


def unclaim(order: Order) -> tuple[Order, OrderUnclaimed]:
    """The claim ended unpaid; refund is open again. Source: Q13."""
    claim_id = order.claim_id or bug("only a claimed order is unclaimed")
    after = _moved(order, OrderState.CONFIRMED, claim_id=None)
    return after, OrderUnclaimed(version=after.version, order_id=order.id, claim_id=claim_id)


def redeem(order: Order, *, paid_fen: int, now: datetime) -> tuple[Order, OrderRedeemed]:
    """The claim was paid. Source: A24, Q17."""
    claim_id = order.claim_id or bug("only a claimed order is redeemed")
    after = _moved(order, OrderState.REDEEMED, paid_fen=paid_fen, ended_at=now)
    return after, OrderRedeemed(version=after.version, order_id=order.id, claim_id=claim_id, paid_fen=paid_fen)


def record(
    order: Order, *, kind: str, document_sha256: str, record_id: UUID, voids: UUID | None
) -> tuple[Order, OrderRecorded]:
    """Something goes on record with the order, perhaps in place of a former record; its state stays."""
    after = replace(order, version=order.version + 1)
    fact = OrderRecorded(
        version=after.version,
        order_id=order.id,
        record=kind,
        document_sha256=document_sha256,
        record_id=record_id,
        voids=voids,
    )
    return after, fact


def _check_confirmed(order: Order) -> None:
    if order.unconfirmed:
        raise NotConfirmed
    if order.state is not OrderState.CONFIRMED:
        raise winner(order)


def _check_open_refund(order: Order) -> None:
    if order.refund_state not in {RefundState.REQUESTED, RefundState.ESCALATED}:
        raise NoRefundOpen
