"""Refunds after confirmation and before a claim: asked, consented or refused, escalated by silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.order.domain import order as rules
from services.order.domain.answer_refusals import RefundNotOverdue
from services.order.domain.order import Order
from services.order.domain.refusals import NoRefundOpen, OrderNotFound
from services.order.domain.saga import begin_refund
from services.order.domain.states import RefundState
from services.order.handlers.orders import OrderBatch, OrderResult, decide, taken_back, tell, tell_both
from services.order.store import orders as store
from services.order.store import refunds
from services.order.store.refunds import Refund
from shared.kernel.money import Fen, format_yuan
from shared.runtime.work import SYSTEM, Actor, Work

REFUND_TIMER = "refund_silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefund:
    """The enterprise wants whole lines back."""

    order_id: UUID
    lines: Sequence[int]
    reason: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRefund:
    """The provider, or after its silence the operator, answers; `consent` says how."""

    order_id: UUID
    consent: bool
    reason: str
    by: Actor
    expected_version: int | None = None


async def request_refund(work: Work, command: RequestRefund) -> OrderResult:
    """Open a refund request; the provider's time begins. Raises: Refusal. Source: A20, R73, Q11, Q12.

    Emits RefundRequested.
    """
    batch = await OrderBatch.open(work, [command.order_id])
    order = batch.of(
        command.order_id, expected_version=command.expected_version, enterprise_id=command.by.organisation_id
    )
    lines = await store.find_lines(work.connection, order.id)
    after, fact = rules.request_refund(order, lines=lines, wanted=command.lines)
    batch.put(after, fact)
    due_at = work.now + timedelta(days=work.pack.deadlines.refund_silence_days)
    refund = Refund(
        id=work.new_id(),
        order_id=order.id,
        lines=fact.lines,
        reason=command.reason,
        state="requested",
        requested_at=work.now,
        due_at=due_at,
    )
    await refunds.add(work, refund)
    work.set_timer(REFUND_TIMER, key=order.id, due_at=due_at)
    decide(work, order, after, act="refund.request", by=command.by, rule="A20", ground=command.reason)
    text = f"订单{order.number}收到退款申请，请在期限内答复。"
    tell(work, order.provider_id, after, event="refund.requested", text=text, reason=command.reason, article="A20")
    return _answer(batch, after)


async def answer_refund(work: Work, command: AnswerRefund) -> OrderResult:
    """The provider consents or refuses. Raises: Refusal. Emits OrderRefunded or RefundRefused. Source: A20, R73."""
    batch = await OrderBatch.open(work, [command.order_id])
    order = batch.of(
        command.order_id, expected_version=command.expected_version, provider_id=command.by.organisation_id
    )
    return await _decide(batch, order, command)


async def decide_refund(work: Work, command: AnswerRefund) -> OrderResult:
    """The operator decides what the provider was silent on. Raises: Refusal. Source: Q11."""
    batch = await OrderBatch.open(work, [command.order_id])
    order = batch.find(command.order_id)
    if order is None:
        raise OrderNotFound
    if order.refund_state is RefundState.REQUESTED and (refund := await refunds.find_open(work.connection, order.id)):
        raise RefundNotOverdue(due_at=refund.due_at.isoformat())
    if order.refund_state is not RefundState.ESCALATED:
        raise NoRefundOpen
    return await _decide(batch, order, command)


async def _decide(batch: OrderBatch, order: Order, command: AnswerRefund) -> OrderResult:
    work = batch.work
    if order.refund_state not in {RefundState.REQUESTED, RefundState.ESCALATED}:
        raise NoRefundOpen
    refund = await refunds.find_open(work.connection, order.id)
    if refund is None:
        raise NoRefundOpen
    after = (
        await _consent(batch, order, refund, command)
        if command.consent
        else await _refuse(batch, order, refund, command)
    )
    work.drop_timer(REFUND_TIMER, key=order.id)
    return _answer(batch, after)


async def _consent(batch: OrderBatch, order: Order, refund: Refund, command: AnswerRefund) -> Order:
    """The lines are refunded on the row at once; their voucher returns by a saga that is retried until it does."""
    work = batch.work
    lines = await store.find_lines(work.connection, order.id)
    after, fact = rules.consent_refund(order, lines=lines, wanted=refund.lines)
    batch.put(after, fact)
    with_voucher = tuple(line.line for line in lines if line.line in refund.lines and line.voucher_fen)
    if with_voucher:
        batch.step(begin_refund(refund_id=refund.id, order_id=order.id, lines=with_voucher))
    state = "returning" if with_voucher else "returned"
    await refunds.close(work, refund.id, state=state, answer=command.reason, now=work.now)
    await store.mark_refunded(work, order.id, refund_id=refund.id, lines=refund.lines)
    decide(work, order, after, act="refund.consent", by=command.by, rule="A20", ground=command.reason)
    text = f"订单{order.number}的退款已获同意。"
    if fact.voucher_fen and order.taken_back(work.now):
        text += taken_back(order, fact.voucher_fen)
    elif fact.voucher_fen:
        text += f"云使用券{format_yuan(Fen(fact.voucher_fen))}元自动退回上云企业账户。"
    tell_both(work, after, event="order.refunded", text=text, reason=command.reason, article="A20")
    return after


async def _refuse(batch: OrderBatch, order: Order, refund: Refund, command: AnswerRefund) -> Order:
    work = batch.work
    after = batch.put(*rules.refuse_refund(order))
    await refunds.close(work, refund.id, state="refused", answer=command.reason, now=work.now)
    decide(work, order, after, act="refund.refuse", by=command.by, rule="A20", ground=command.reason)
    text = f"订单{order.number}的退款申请未获同意：{command.reason}"
    tell_both(work, after, event="refund.refused", text=text, reason=command.reason, article="A20")
    return after


async def escalate_silent(work: Work, order_ids: Sequence[UUID]) -> None:
    """The provider was silent: the operator is asked, nothing is consented. Source: Q11. Emits RefundEscalated."""
    batch = await OrderBatch.open(work, order_ids)
    for order_id in order_ids:
        order = batch.find(order_id)
        refund = await refunds.find_open(work.connection, order_id)
        if order is None or refund is None or order.refund_state is not RefundState.REQUESTED:
            continue
        if work.now < refund.due_at:
            work.set_timer(REFUND_TIMER, key=order_id, due_at=refund.due_at)
            continue
        after = batch.put(*rules.escalate_refund(order))
        await refunds.escalate(work, refund.id)
        decide(work, order, after, act="refund.escalate", by=SYSTEM, rule="A20", ground="silence")
        text = work.pack.notice("refund_escalated").body.format(order_number=order.number)
        tell_both(work, after, event="refund.escalated", text=text, article="A20")
    batch.write()


def _answer(batch: OrderBatch, order: Order) -> OrderResult:
    batch.write()
    return batch.result(order.id)
