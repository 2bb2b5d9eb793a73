"""Confirm, cancel and refuse: each a guarded move of the order row; the loser learns who won.

One handler decides all three, so that a batch of them is one transaction whatever they ask for.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

import msgspec

from services.order.answers import OrderAnswer
from services.order.domain import order as rules
from services.order.domain import parties as conditions
from services.order.domain.order import Order
from services.order.domain.parties import Pair
from services.order.domain.saga import Confirmed
from services.order.domain.states import CancelReason
from services.order.handlers import moves
from services.order.handlers.order_batch import OrderBatch
from shared.kernel.refusals import Refusal
from shared.runtime.work import Actor, Work


class Act(StrEnum):
    """What a party may want done with an order that waits for its provider."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    REFUSE = "refuse"


class OrderCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something one party wants done with one order; `version` is that of If-Match, or None.

    `reason` is why a provider does not take the order.
    """

    act: Act
    order_id: UUID
    by: Actor
    version: int | None = None
    reason: str = ""


AllParties: TypeAlias = Mapping[UUID, Pair]
"""What conditions ask of the parties of an order, by order."""


async def decide_orders(work: Work, commands: Sequence[OrderCommand]) -> Sequence[OrderAnswer | Refusal]:
    """Decide each command on the order as the commands before it left it. Emits OrderConfirmed, OrderCancelled."""
    batch, parties = await OrderBatch.open_with_parties(work, [command.order_id for command in commands])
    answers: list[OrderAnswer | Refusal] = []
    for command in commands:
        try:
            after = _DECIDE[command.act](batch, parties, command)
        except Refusal as refusal:
            answers.append(refusal)
        else:
            answers.append(batch.answer(after.id))
    batch.write()
    return answers


def _confirm(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The provider's transaction confirmation, final on the row; the commit follows by the saga.

    Source: A19, R70, Q5.
    """
    work = batch.work
    order = batch.of(command.order_id, version=command.version, provider_id=command.by.organisation_id)
    after, fact = rules.confirm(order, now=work.now)
    try:
        conditions.check_both(
            conditions.Act.CONFIRM,
            parties[order.id],
            voucher=order.voucher_fen > 0,
            small_firms_only=work.pack.limited_to_small_firms,
            now=work.now,
        )
    except Refusal as refusal:
        moves.record_refusal(work, order, refusal, act="order.confirm_refused", by=command.by)
        raise
    batch.put(after, fact)
    saga = batch.purchase(order.id)
    if saga is not None:
        moves.signal(batch, saga, Confirmed())
    moves.decide(work, order, after, act="order.confirm", by=command.by, rule="A19")
    moves.tell_confirmed(work, after)
    return after


def _cancel(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The enterprise cancels before confirmation; the voucher returns by itself. Source: A20, R72."""
    del parties
    order = batch.of(command.order_id, version=command.version, enterprise_id=command.by.organisation_id)
    return moves.cancel(batch, order, reason=CancelReason.ENTERPRISE, by=command.by)


def _refuse(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The provider does not take the order, and says why; the order is cancelled with that. Source: A19, A20."""
    del parties
    order = batch.of(command.order_id, version=command.version, provider_id=command.by.organisation_id)
    return moves.cancel(batch, order, reason=CancelReason.PROVIDER, by=command.by, detail=command.reason)


_DECIDE: Mapping[Act, Callable[[OrderBatch, AllParties, OrderCommand], Order]] = {
    Act.CONFIRM: _confirm,
    Act.CANCEL: _cancel,
    Act.REFUSE: _refuse,
}
