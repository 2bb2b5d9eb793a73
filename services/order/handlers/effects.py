"""What a step of a saga does to its order: rows, facts, timers, and what the parties are told.

A step names an effect on its order (`domain/saga.py`); EFFECTS says what is done then. Notices are in Chinese, each
with its reason and article.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from services.order.domain import order as rules
from services.order.domain.order import Order
from services.order.domain.saga import Answered, OrderEffect, Saga, SagaStep, Signal, step
from services.order.handlers.orders import OrderBatch, tell, tell_both
from services.order.store.refunds import REFUNDS, returned
from shared.contracts.messages.base import Refused
from shared.kernel.refusals import bug

CONFIRM_TIMER = "confirm_timeout"
"""Set once for an order and left standing when it is confirmed or cancelled: firing looks at the state again, and to
find and delete the timer of every purchase costs more than to let it pass."""


def signal(batch: OrderBatch, saga: Saga, heard: Signal) -> Saga:
    """Step a saga: send what it says, move its order as it says."""
    stepped = step(saga, heard)
    batch.step(stepped)
    if stepped.effect is not None:
        EFFECTS[stepped.effect](batch, stepped, heard)
    return stepped.saga


def await_confirmation(batch: OrderBatch, order: Order) -> None:
    """The voucher is held, or none is used: ask the provider, and set the end of its time. Source: A19, Q5, Q11."""
    work = batch.work
    days = work.pack.deadlines.confirm_timeout_days
    due_at = rules.confirm_due_at(order, now=work.now, timeout_days=days)
    after = batch.put(*rules.await_confirmation(order, due_at=due_at))
    work.set_timer(CONFIRM_TIMER, key=order.id, due_at=due_at)
    text = f"订单{after.number}等待贵单位确认。"
    tell(work, after.provider_id, after, event="order.awaiting_confirmation", text=text, article="A19")


def _held(batch: OrderBatch, stepped: SagaStep, heard: Signal) -> None:
    del heard
    await_confirmation(batch, batch.order_of(stepped.saga))


def _refuse(batch: OrderBatch, stepped: SagaStep, heard: Signal) -> None:
    refused = heard.reply if isinstance(heard, Answered) and isinstance(heard.reply, Refused) else None
    refused = refused or bug("only a refusal refuses an order")
    after, fact = rules.refuse(
        batch.order_of(stepped.saga),
        code=refused.code,
        article=refused.article,
        detail=refused.detail,
        now=batch.work.now,
    )
    batch.put(after, fact)
    text = f"订单{after.number}未成立：{after.refusal_detail}"
    tell(
        batch.work,
        after.enterprise_id,
        after,
        event="order.refused",
        text=text,
        reason=after.refusal_detail,
        article=after.refusal_article,
    )


def _return(batch: OrderBatch, stepped: SagaStep, heard: Signal) -> None:
    del heard
    batch.put(rules.returned(batch.order_of(stepped.saga)))
    batch.work.update(REFUNDS, [returned(stepped.saga.id, now=batch.work.now)])


def _unclaim(batch: OrderBatch, stepped: SagaStep, heard: Signal) -> None:
    del heard
    order = batch.order_of(stepped.saga)
    batch.put(*rules.unclaim(order))
    text = f"订单{order.number}的兑现申请已撤回、退回或未受理，订单恢复为已确认状态。"
    tell_both(batch.work, order, event="order.unclaimed", text=text, article="A22")


def _redeem(batch: OrderBatch, stepped: SagaStep, heard: Signal) -> None:
    del heard
    order = batch.order_of(stepped.saga)
    batch.put(*rules.redeem(order, paid_fen=stepped.saga.paid_fen or 0, now=batch.work.now))
    text = f"订单{order.number}的云使用券已完成兑现。"
    tell_both(batch.work, order, event="order.redeemed", text=text, article="A24")


ApplyEffect: TypeAlias = Callable[[OrderBatch, SagaStep, Signal], None]
EFFECTS: Mapping[OrderEffect, ApplyEffect] = {
    OrderEffect.AWAIT: _held,
    OrderEffect.REFUSE: _refuse,
    OrderEffect.RETURN: _return,
    OrderEffect.UNCLAIM: _unclaim,
    OrderEffect.REDEEM: _redeem,
}
