"""What a decision or a saga's step brings besides the rows: facts, timers, history, and what the parties are told.

A step of a saga names a move of its order (`domain/saga.py`); MOVES says what is done then. Notices are in Chinese,
each with its reason and article.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from uuid import UUID

from services.order.domain import order as rules
from services.order.domain.order import Order
from services.order.domain.saga import Answer, Cancelled, Move, Saga, Signal, Stepped, step
from services.order.domain.states import CANCEL_REASONS, CancelReason
from services.order.handlers.order_batch import OrderBatch
from services.order.store.refunds import REFUNDS, returned
from shared.contracts.messages.base import Refused
from shared.kernel.money import Fen, format_yuan
from shared.kernel.refusals import Refusal, bug
from shared.runtime.work import SYSTEM, Actor, Decision, Notice, Work

CONFIRM_TIMER = "confirm_timeout"
"""Set once for an order and left standing when it is confirmed or cancelled: firing looks at the state again, and to
find and delete the timer of every purchase costs more than to let it pass."""
REFUND_TIMER = "refund_silence"
CANCEL_ARTICLES: Mapping[CancelReason, str] = {
    CancelReason.ENTERPRISE: "A20",
    CancelReason.PROVIDER: "A19",
    CancelReason.TIMEOUT: "A19",
    CancelReason.YEAR_END: "A9",
    CancelReason.DELISTED: "A12",
    CancelReason.SUSPENDED: "A12",
    CancelReason.AFFILIATED: "A13(4)",
}


def signal(batch: OrderBatch, saga: Saga, heard: Signal) -> Saga:
    """Step a saga: send what it says, move its order as it says."""
    stepped = step(saga, heard)
    batch.step(stepped)
    if stepped.move is not None:
        MOVES[stepped.move](batch, stepped, heard)
    return stepped.saga


def await_confirmation(batch: OrderBatch, order: Order) -> None:
    """The voucher is held, or none is used: ask the provider, and set the end of its time. Source: A19, Q5, Q11."""
    work = batch.work
    days = work.pack.deadlines.confirm_timeout_days
    due_at = rules.confirm_due_at(order, now=work.now, timeout_days=days)
    after = batch.put(*rules.await_confirmation(order, due_at=due_at))
    work.set_timer(CONFIRM_TIMER, key=order.id, due_at=due_at)
    tell_awaiting(work, after)


def _held(batch: OrderBatch, stepped: Stepped, heard: Signal) -> None:
    del heard
    await_confirmation(batch, batch.order_of(stepped.saga))


def _refuse(batch: OrderBatch, stepped: Stepped, heard: Signal) -> None:
    refused = heard.reply if isinstance(heard, Answer) and isinstance(heard.reply, Refused) else None
    refused = refused or bug("only a refusal refuses an order")
    after, fact = rules.refuse(
        batch.order_of(stepped.saga),
        code=refused.code,
        article=refused.article,
        detail=refused.detail,
        now=batch.work.now,
    )
    batch.put(after, fact)
    tell_refused(batch.work, after)


def _return(batch: OrderBatch, stepped: Stepped, heard: Signal) -> None:
    del heard
    batch.put(rules.returned(batch.order_of(stepped.saga)))
    batch.work.update(REFUNDS, [returned(stepped.saga.id, now=batch.work.now)])


def _unclaim(batch: OrderBatch, stepped: Stepped, heard: Signal) -> None:
    del heard
    order = batch.order_of(stepped.saga)
    batch.put(*rules.unclaim(order))
    tell_unclaimed(batch.work, order)


def _redeem(batch: OrderBatch, stepped: Stepped, heard: Signal) -> None:
    del heard
    order = batch.order_of(stepped.saga)
    batch.put(*rules.redeem(order, paid_fen=stepped.saga.paid_fen or 0, now=batch.work.now))
    tell_redeemed(batch.work, order)


MoveOrder: TypeAlias = Callable[[OrderBatch, Stepped, Signal], None]
MOVES: Mapping[Move, MoveOrder] = {
    Move.AWAIT: _held,
    Move.REFUSE: _refuse,
    Move.RETURN: _return,
    Move.UNCLAIM: _unclaim,
    Move.REDEEM: _redeem,
}


def cancel(batch: OrderBatch, order: Order, *, reason: CancelReason, by: Actor = SYSTEM, detail: str = "") -> Order:
    """Cancel on the row and let the voucher return by itself; `detail` is the provider's reason, in its words.

    Raises: Refusal. Source: A20, R72.
    """
    after = batch.put(*rules.cancel(order, reason=reason, now=batch.work.now, detail=detail))
    saga = batch.purchase(order.id)
    if saga is not None:
        signal(batch, saga, Cancelled(reason=reason.value))
    rule, ground = CANCEL_ARTICLES[reason], detail or reason.value
    decide(batch.work, order, after, act="order.cancel", by=by, rule=rule, ground=ground)
    tell_cancelled(batch.work, after, reason=reason)
    return after


def decide(  # noqa: PLR0913 - the parts of a decision
    work: Work, before: Order, after: Order, *, act: str, by: Actor, rule: str, ground: str = ""
) -> None:
    """Record a decision about an order."""
    work.decide(
        Decision(
            subject_type="order",
            subject_id=before.id,
            act=act,
            by=by,
            rule=rule,
            ground=ground,
            before=before.state.value,
            after=after.state.value,
            facts={"version": after.version},
        )
    )


def record_refusal(work: Work, order: Order, refusal: Refusal, *, act: str, by: Actor, **facts: object) -> None:
    """Put into an order's history that an act was refused, and why; a refusal about the parties names their tie."""
    work.decide(
        Decision(
            subject_type="order",
            subject_id=order.id,
            act=act,
            by=by,
            rule=refusal.article,
            ground=refusal.detail,
            before=order.state.value,
            after=order.state.value,
            facts={"version": order.version, "code": refusal.code, **refusal.facts, **facts},
        )
    )


def tell(  # noqa: PLR0913 - the parts of a notice
    work: Work, organisation_id: UUID, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify one party of its order."""
    work.notify(
        Notice(
            recipient=f"org:{organisation_id}",
            subject_type="order",
            subject_id=order.id,
            event=event,
            text=text,
            reason=reason,
            article=article,
        )
    )


def tell_both(  # noqa: PLR0913 - the parts of a notice
    work: Work, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify enterprise and provider alike."""
    for party in (order.enterprise_id, order.provider_id):
        tell(work, party, order, event=event, text=text, reason=reason, article=article)


def tell_awaiting(work: Work, order: Order) -> None:
    """The provider is asked to confirm."""
    text = f"订单{order.number}等待贵单位确认。"
    tell(work, order.provider_id, order, event="order.awaiting_confirmation", text=text, article="A19")


def tell_refused(work: Work, order: Order) -> None:
    """The enterprise learns why its voucher could not be held."""
    text = f"订单{order.number}未成立：{order.refusal_detail}"
    tell(
        work,
        order.enterprise_id,
        order,
        event="order.refused",
        text=text,
        reason=order.refusal_detail,
        article=order.refusal_article,
    )


def tell_confirmed(work: Work, order: Order) -> None:
    """The enterprise learns of the confirmation."""
    text = f"订单{order.number}已由云服务商完成交易确认。"
    tell(work, order.enterprise_id, order, event="order.confirmed", text=text, article="A19")


def tell_cancelled(work: Work, order: Order, *, reason: CancelReason) -> None:
    """Both learn of the cancellation; the enterprise's notice is the pack's and names what returns."""
    words, article = CANCEL_REASONS[reason], CANCEL_ARTICLES[reason]
    if order.refusal_detail:
        words = f"{words}：{order.refusal_detail}"
    plain = f"订单{order.number}已取消。原因：{words}。"
    text = plain
    if order.taken_back(work.now):
        text = f"{plain}{taken_back(order, order.voucher_fen)}"
    elif order.voucher_fen:
        body = work.pack.notice("order_cancelled").body
        text = body.format(order_number=order.number, amount_yuan=format_yuan(Fen(order.voucher_fen)), reason=words)
    tell(work, order.enterprise_id, order, event="order.cancelled", text=text, reason=words, article=article)
    tell(work, order.provider_id, order, event="order.cancelled", text=plain, reason=words, article=article)


def taken_back(order: Order, amount_fen: int) -> str:
    """What becomes of voucher money that returns after its year is over. Source: Q5, R36."""
    amount_yuan = format_yuan(Fen(amount_fen))
    return f"云使用券{amount_yuan}元属{order.year}年度，该年度已结束，按规定收回，不再退回上云企业账户。"


def tell_refunded(work: Work, order: Order, *, voucher_fen: int, reason: str) -> None:
    """Both learn of the consent; what returns goes to the enterprise, or is taken back in a closed year."""
    text = f"订单{order.number}的退款已获同意。"
    if voucher_fen and order.taken_back(work.now):
        text += taken_back(order, voucher_fen)
    elif voucher_fen:
        text += f"云使用券{format_yuan(Fen(voucher_fen))}元自动退回上云企业账户。"
    tell_both(work, order, event="order.refunded", text=text, reason=reason, article="A20")


def tell_unclaimed(work: Work, order: Order) -> None:
    """The claim ended unpaid: refund is open again. Source: Q13."""
    text = f"订单{order.number}的兑现申请已撤回、退回或未受理，订单恢复为已确认状态。"
    tell_both(work, order, event="order.unclaimed", text=text, article="A22")


def tell_redeemed(work: Work, order: Order) -> None:
    """The voucher of the order is redeemed. Source: A24."""
    text = f"订单{order.number}的云使用券已完成兑现。"
    tell_both(work, order, event="order.redeemed", text=text, article="A24")


def tell_claimed(work: Work, order: Order) -> None:
    """A claim was filed: cancel and refund exist no more. Source: A20, R74."""
    text = f"订单{order.number}已由云服务商提交兑现，不再取消或退款。"
    tell(work, order.enterprise_id, order, event="order.claimed", text=text, article="A20")
