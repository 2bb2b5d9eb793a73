"""Facts of other services: copies for decisions, and orders that a suspension or a delisting ends."""

from collections.abc import Sequence
from uuid import UUID

from services.order.domain.states import CancelReason
from services.order.handlers.orders import OrderBatch, cancel
from services.order.handlers.parties import SUSPENSION_TIMER
from services.order.store import copies
from services.order.store import orders as store
from services.order.store.parties import find_parties
from shared.contracts.messages.catalog import ProductDelisted, ProductPublished
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.voucher import QuotaMoved
from shared.runtime.service import folding
from shared.runtime.work import Work

DELISTING_TIMER = "delisting"
AFFILIATION_TIMER = "affiliation"
CANCEL_MAX = 200


async def copy_ties(work: Work, facts: Sequence[AffiliationRecorded | AffiliationEnded]) -> None:
    """Keep ties between enterprises and providers; one that is recorded ends their unconfirmed orders.

    Source: A13(4), R63.
    """
    await copies.copy_ties(work, facts)
    for fact in facts:
        if isinstance(fact, AffiliationRecorded):
            work.set_timer(AFFILIATION_TIMER, key=fact.affiliation_id, due_at=work.now)


async def copy_offers(work: Work, facts: Sequence[ProductPublished]) -> None:
    """Keep published editions. Source: A11(5)."""
    await copies.copy_offers(work, facts)


async def copy_delistings(work: Work, facts: Sequence[ProductDelisted]) -> None:
    """End editions; unconfirmed orders of the product end when that takes effect. Source: A12."""
    await copies.copy_delistings(work, facts)
    for fact in facts:
        work.set_timer(DELISTING_TIMER, key=fact.product_id, due_at=max(fact.effective_at, work.now))


@folding
async def copy_balances(work: Work, facts: Sequence[QuotaMoved]) -> None:
    """Keep what is left on quota accounts, for quotes: of several facts of an account the last says it."""
    latest = {fact.aggregate_id: fact for fact in facts}
    await copies.copy_balances(work, list(latest.values()))


async def end_orders_of_suspended(work: Work, organisation_ids: Sequence[UUID]) -> None:
    """Cancel what is unconfirmed of organisations that may not act now; many orders take several firings."""
    found_parties = await find_parties(work.connection, organisation_ids)
    for organisation_id, party in found_parties.items():
        if party.stopped(work.now):
            found = await store.find_unconfirmed_of_party(work.connection, organisation_id, limit=CANCEL_MAX)
            await cancel_all(work, found, reason=CancelReason.SUSPENDED)
            if len(found) == CANCEL_MAX:
                work.set_timer(SUSPENSION_TIMER, key=organisation_id, due_at=work.now)
        elif party.suspended_since is not None:
            # Fired early: the suspension is still to come.
            work.set_timer(SUSPENSION_TIMER, key=organisation_id, due_at=party.suspended_since)


async def end_orders_of_delisted(work: Work, product_ids: Sequence[UUID]) -> None:
    """Cancel what is unconfirmed of products that are off offer now."""
    offers = await copies.find_offers(work.connection, product_ids)
    for product_id in product_ids:
        ends = [one.delisted_at for one in offers.get(product_id, ())]
        off_at = max((end for end in ends if end is not None), default=None)
        if off_at is None or None in ends:
            continue
        if work.now < off_at:
            work.set_timer(DELISTING_TIMER, key=product_id, due_at=off_at)
        else:
            found = await store.find_unconfirmed_of_product(work.connection, product_id, limit=CANCEL_MAX)
            await cancel_all(work, found, reason=CancelReason.DELISTED)
            if len(found) == CANCEL_MAX:
                work.set_timer(DELISTING_TIMER, key=product_id, due_at=work.now)


async def end_orders_of_tied(work: Work, affiliation_ids: Sequence[UUID]) -> None:
    """Cancel what is unconfirmed between parties with a tie that stands."""
    for affiliation_id, (enterprise_id, provider_id) in (
        await copies.find_ties(work.connection, affiliation_ids)
    ).items():
        found = await store.find_unconfirmed_of_pair(work.connection, enterprise_id, provider_id, limit=CANCEL_MAX)
        await cancel_all(work, found, reason=CancelReason.AFFILIATED)
        if len(found) == CANCEL_MAX:
            work.set_timer(AFFILIATION_TIMER, key=affiliation_id, due_at=work.now)


async def cancel_all(work: Work, order_ids: Sequence[UUID], *, reason: CancelReason) -> int:
    """Cancel those of the orders that are still unconfirmed under their locks; returns how many were."""
    if not order_ids:
        return 0
    batch = await OrderBatch.open(work, order_ids)
    going = [order for order_id in order_ids if (order := batch.find(order_id)) is not None and order.unconfirmed]
    for order in going:
        cancel(batch, order, reason=reason)
    batch.write()
    return len(going)
