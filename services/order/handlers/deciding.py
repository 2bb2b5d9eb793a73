"""Confirm, cancel and refuse: each a guarded move of the order row; the loser learns who won."""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from services.order.answers import OrderAnswer, answer
from services.order.domain import order as rules
from services.order.domain.order import Order
from services.order.domain.refusals import EnterpriseSuspended, ProviderSuspended
from services.order.domain.saga import Confirmed
from services.order.domain.states import CancelReason
from services.order.handlers import telling
from services.order.handlers.docket import Docket
from shared.kernel.refusals import Refusal
from shared.runtime.work import Actor, Work


class OrderCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something one party wants done with one order; `version` is that of If-Match, or None."""

    order_id: UUID
    by: Actor
    version: int | None = None


async def confirm_orders(work: Work, commands: Sequence[OrderCommand]) -> Sequence[OrderAnswer | Refusal]:
    """The provider's transaction confirmation, final on the row; the commit follows by the saga.

    Emits OrderConfirmed. Source: A19, R70, Q5.
    """
    docket, parties = await Docket.open_with_parties(work, [command.order_id for command in commands])

    def confirm(command: OrderCommand) -> Order:
        order = docket.of(command.order_id, version=command.version, provider_id=command.by.organisation_id)
        after, fact = rules.confirm(order, now=work.now)
        if parties[order.id].provider.stopped(work.now):
            raise ProviderSuspended
        if parties[order.id].enterprise.stopped(work.now):
            raise EnterpriseSuspended
        docket.put(after, fact)
        saga = docket.purchase(order.id)
        if saga is not None:
            docket.signal(saga, Confirmed())
        docket.decide(order, after, act="order.confirm", by=command.by, rule="A19")
        telling.tell_confirmed(work, after)
        return after

    return await _decide(docket, commands, confirm)


async def cancel_orders(work: Work, commands: Sequence[OrderCommand]) -> Sequence[OrderAnswer | Refusal]:
    """The enterprise cancels before confirmation; the voucher returns by itself. Source: A20, R72.

    Emits OrderCancelled.
    """
    docket = await Docket.open(work, [command.order_id for command in commands])

    def cancel(command: OrderCommand) -> Order:
        order = docket.of(command.order_id, version=command.version, enterprise_id=command.by.organisation_id)
        return docket.cancel(order, reason=CancelReason.ENTERPRISE, by=command.by)

    return await _decide(docket, commands, cancel)


async def refuse_orders(work: Work, commands: Sequence[OrderCommand]) -> Sequence[OrderAnswer | Refusal]:
    """The provider does not take the order; it is cancelled with that reason. Source: A19, A20.

    Emits OrderCancelled.
    """
    docket = await Docket.open(work, [command.order_id for command in commands])

    def refuse(command: OrderCommand) -> Order:
        order = docket.of(command.order_id, version=command.version, provider_id=command.by.organisation_id)
        return docket.cancel(order, reason=CancelReason.PROVIDER, by=command.by)

    return await _decide(docket, commands, refuse)


async def _decide(
    docket: Docket, commands: Sequence[OrderCommand], decide: Callable[[OrderCommand], Order]
) -> Sequence[OrderAnswer | Refusal]:
    answers: list[OrderAnswer | Refusal] = []
    for command in commands:
        try:
            after = decide(command)
        except Refusal as refusal:
            answers.append(refusal)
        else:
            answers.append(answer(after, docket.purchase(after.id)))
    await docket.save()
    return answers
