"""Local copies of the ties between parties, and of orders."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.settlement.store import copies
from services.settlement.store.copies import OrderChange
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderFact,
    OrderLine,
    OrderPlaced,
    OrderRedeemed,
    OrderRefunded,
    OrderRefused,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)
from shared.runtime.service import folding
from shared.runtime.work import Work


async def copy_ties(work: Work, facts: Sequence[AffiliationRecorded | AffiliationEnded]) -> None:
    """Keep ties between enterprises and providers. Source: A13(4), R63."""
    await copies.copy_ties(work, facts)


@folding
async def copy_orders(work: Work, facts: Sequence[OrderFact]) -> None:
    """Follow orders through their states: what a batch tells of an order is one row written once. Source: A20, Q12."""
    placed = {fact.order_id: fact for fact in facts if isinstance(fact, OrderPlaced)}
    lines = await _lines_before_refunds(work, facts, placed)
    changes: dict[UUID, OrderChange] = {}
    for fact in facts:
        if isinstance(fact, OrderPlaced):
            continue
        change = _refund(fact, lines) if isinstance(fact, OrderRefunded) else _change(fact)
        before = changes.get(fact.order_id)
        changes[fact.order_id] = before.then(change) if before else change
    if placed:
        await copies.add_orders(work, [(fact, changes.pop(key, None)) for key, fact in placed.items()])
    if changes:
        await copies.change_orders(work, list(changes.values()))


async def _lines_before_refunds(
    work: Work, facts: Sequence[OrderFact], placed: Mapping[UUID, OrderPlaced]
) -> dict[UUID, Sequence[OrderLine]]:
    """The lines of the orders of which some are refunded."""
    refunded = {fact.order_id for fact in facts if isinstance(fact, OrderRefunded)}
    earlier = sorted(refunded - placed.keys())
    kept = await copies.order_lines(work.connection, earlier) if earlier else {}
    return {order_id: placed[order_id].lines if order_id in placed else kept.get(order_id, ()) for order_id in refunded}


def _refund(fact: OrderRefunded, lines: dict[UUID, Sequence[OrderLine]]) -> OrderChange:
    """Take refunded lines off an order, in `lines` as well: a later fact may take more."""
    kept = [line for line in lines[fact.order_id] if line.line not in fact.lines]
    lines[fact.order_id] = kept
    return OrderChange(
        order_id=fact.order_id,
        version=fact.version,
        state="refunded" if fact.whole else None,
        refund_open=False,
        lines=copies.lines_text(kept),
        fee_fen=sum(line.fee_fen for line in kept),
        voucher_fen=sum(line.voucher_fen for line in kept),
    )


_STATES: dict[type[OrderFact], str] = {
    OrderAwaitingConfirmation: "awaiting_confirmation",
    OrderRefused: "refused",
    OrderCancelled: "cancelled",
    OrderRedeemed: "redeemed",
}
_REFUNDS_OPEN: dict[type[OrderFact], bool] = {RefundRequested: True, RefundRefused: False, RefundEscalated: True}


def _change(fact: OrderFact) -> OrderChange:
    """What a fact changes."""
    order_id, version = fact.order_id, fact.version
    if isinstance(fact, OrderConfirmed):
        return OrderChange(order_id=order_id, version=version, state="confirmed", confirmed_at=fact.confirmed_at)
    if isinstance(fact, OrderClaimed):
        return OrderChange(order_id=order_id, version=version, state="claimed", claim_id=fact.claim_id)
    if isinstance(fact, OrderUnclaimed):
        return OrderChange(order_id=order_id, version=version, state="confirmed", unclaimed=True)
    if type(fact) in _REFUNDS_OPEN:
        return OrderChange(order_id=order_id, version=version, refund_open=_REFUNDS_OPEN[type(fact)])
    return OrderChange(order_id=order_id, version=version, state=_STATES[type(fact)])
