"""Local copies of parties and orders."""

from collections.abc import Sequence
from typing import Any

from services.settlement.store import copies
from services.settlement.store.copies import OrderChange
from shared.contracts.messages.identity import OrganisationFact
from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderFact,
    OrderPlaced,
    OrderRedeemed,
    OrderRefunded,
    OrderRefused,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)
from shared.runtime.work import Work


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep what settlement needs to know of organisations."""
    await copies.save_parties(work.connection, facts)


async def copy_placed(work: Work, facts: Sequence[OrderPlaced]) -> None:
    """Keep newly placed orders with the voucher share of each line."""
    await copies.add_orders(work.connection, facts)


async def copy_refunded(work: Work, facts: Sequence[OrderRefunded]) -> None:
    """Take refunded lines off orders. Source: A20, Q12."""
    lines = await copies.order_lines(work.connection, [fact.order_id for fact in facts])
    changes = [_refund(fact, lines.get(fact.order_id, [])) for fact in facts]
    await copies.change_orders(work.connection, changes)


def _refund(fact: OrderRefunded, lines: Sequence[dict[str, Any]]) -> OrderChange:
    kept = [line for line in lines if line["line"] not in fact.lines]
    return OrderChange(
        order_id=fact.order_id,
        version=fact.version,
        state="refunded" if fact.whole else None,
        refund_open=False,
        lines=copies.lines_text(kept),
        fee_fen=sum(line["fee_fen"] for line in kept),
        voucher_fen=sum(line["voucher_fen"] for line in kept),
    )


async def copy_moved(work: Work, facts: Sequence[OrderFact]) -> None:
    """Follow orders through their states."""
    await copies.change_orders(work.connection, [_change(fact) for fact in facts])


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
