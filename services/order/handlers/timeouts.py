"""Time ends things: the provider's time to confirm, the year, and sagas that nobody moves."""

from collections.abc import Sequence
from uuid import UUID

from services.order.domain.saga import CommitKnown, SagaState
from services.order.domain.states import CancelReason
from services.order.handlers.effects import CONFIRM_TIMER, signal
from services.order.handlers.facts import CANCEL_MAX, cancel_all
from services.order.handlers.orders import OrderBatch, cancel
from services.order.store import orders as store
from services.order.store import sagas
from services.order.store.sagas import SWEEP_MAX
from shared.kernel.calendar import business_year, year_closes_at
from shared.kernel.refusals import invariant
from shared.runtime.work import Work


async def end_unconfirmed(work: Work, order_ids: Sequence[UUID]) -> None:
    """The provider was silent to the end of its time, or to the end of the year. Source: Q5, Q11."""
    batch = await OrderBatch.open(work, order_ids)
    for order_id in order_ids:
        order = batch.find(order_id)
        if order is None or not order.unconfirmed or order.confirm_due_at is None:
            continue
        if work.now < order.confirm_due_at:
            work.set_timer(CONFIRM_TIMER, key=order.id, due_at=order.confirm_due_at)
            continue
        closed = order.voucher_fen > 0 and work.now >= year_closes_at(order.year)
        cancel(batch, order, reason=CancelReason.YEAR_END if closed else CancelReason.TIMEOUT)
    batch.write()


async def end_years(work: Work) -> int:
    """Cancel voucher orders of closed years that are still unconfirmed, whatever they wait for. Source: Q5."""
    found = await store.find_unconfirmed_before(work.connection, business_year(work.now), limit=CANCEL_MAX)
    await cancel_all(work, found, reason=CancelReason.YEAR_END)
    return len(found)


async def sweep_sagas(work: Work) -> int:
    """Send the pending command of each saga without progress again, with its number; wake claims that waited.

    A round that sends something again is never said to be full, so that the next one waits its time: a platform that is
    slow because it is loaded gets at most SWEEP_MAX commands more in a round, however many of its sagas stand still.
    """
    looked_at, stale = await sagas.look_at_due(work)
    for saga in stale:
        invariant(saga.pending is not None, "only what is pending is sent again")
        if saga.pending is not None:
            work.send(saga.pending, saga=saga.id, number=saga.number)
    await _wake_claims(work)
    return min(looked_at, SWEEP_MAX - 1) if stale else looked_at


async def _wake_claims(work: Work) -> None:
    """Go on with claims that waited for the commit of their order's purchase."""
    waiting = await sagas.find_waiting(work.connection)
    if not waiting:
        return
    batch = await OrderBatch.open(work, [order_id for _, order_id in waiting])
    batch.add_sagas(await store.find_sagas(work.connection, [saga_id for saga_id, _ in waiting]))
    for saga_id, order_id in waiting:
        purchase, claim = batch.purchase(order_id), batch.saga(saga_id)
        if claim is None or claim.state is not SagaState.WAITING_FOR_COMMIT:
            continue
        if purchase is not None and purchase.state is SagaState.COMMITTED:
            signal(batch, claim, CommitKnown())
    batch.write()
