"""Local copies of parties and orders."""

from collections.abc import Sequence

import msgspec

from services.settlement.store import copies
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
    for fact in facts:
        await copies.save_party(work.connection, fact.organisation_id, party=fact.party, version=fact.version)


async def copy_placed(work: Work, facts: Sequence[OrderPlaced]) -> None:
    """Keep newly placed orders with the voucher share of each line."""
    for fact in facts:
        values = {
            "order_id": fact.order_id,
            "number": fact.number,
            "enterprise_id": fact.enterprise_id,
            "provider_id": fact.provider_id,
            "year": fact.year,
            "state": "placed",
            "lines": [msgspec.to_builtins(line) for line in fact.lines],
            "fee_fen": fact.fee_fen,
            "voucher_fen": fact.voucher_fen,
            "placed_at": fact.placed_at,
            "version": fact.version,
        }
        await copies.add_order(work.connection, values)


async def copy_refunded(work: Work, facts: Sequence[OrderRefunded]) -> None:
    """Take refunded lines off an order. Source: A20, Q12."""
    for fact in facts:
        lines = await copies.order_lines(work.connection, fact.order_id)
        kept = [line for line in lines if line["line"] not in fact.lines]
        values: dict[str, object] = {
            "lines": kept,
            "fee_fen": sum(line["fee_fen"] for line in kept),
            "voucher_fen": sum(line["voucher_fen"] for line in kept),
            "refund_open": False,
        }
        if fact.whole:
            values["state"] = "refunded"
        await _change(work, fact, values)


async def copy_moved(work: Work, facts: Sequence[OrderFact]) -> None:
    """Follow an order through its states."""
    for fact in facts:
        await _change(work, fact, _changes(fact))


async def _change(work: Work, fact: OrderFact, values: dict[str, object]) -> None:
    await copies.change_order(work.connection, fact.order_id, values={**values, "version": fact.version})


_STATES: dict[type[OrderFact], str] = {
    OrderAwaitingConfirmation: "awaiting_confirmation",
    OrderRefused: "refused",
    OrderCancelled: "cancelled",
    OrderRedeemed: "redeemed",
}
_REFUNDS_OPEN: dict[type[OrderFact], bool] = {RefundRequested: True, RefundRefused: False, RefundEscalated: True}


def _changes(fact: OrderFact) -> dict[str, object]:
    """The columns that a fact changes."""
    if isinstance(fact, OrderConfirmed):
        return {"state": "confirmed", "confirmed_at": fact.confirmed_at}
    if isinstance(fact, OrderClaimed):
        return {"state": "claimed", "claim_id": fact.claim_id}
    if isinstance(fact, OrderUnclaimed):
        return {"state": "confirmed", "claim_id": None}
    if type(fact) in _REFUNDS_OPEN:
        return {"refund_open": _REFUNDS_OPEN[type(fact)]}
    return {"state": _STATES[type(fact)]}
