"""Claims: each order of a claim is locked on its row, then its money, then the item is opened or refused."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain.parties import Act, Pair
from services.order.domain.saga import ItemEnded, ItemPaid, Kind, Saga, Signal, Step, begin
from services.order.handlers import telling
from services.order.handlers.docket import Docket, check_both
from services.order.store import sagas as store
from shared.contracts.messages.settlement import ClaimItemEnded, ClaimPaid, ClaimSubmitted, RefuseItem
from shared.contracts.messages.voucher import ClaimVoucher
from shared.kernel.refusals import Refusal
from shared.runtime.work import SYSTEM, Work


async def file_claims(work: Work, facts: Sequence[ClaimSubmitted]) -> None:
    """Move each order confirmed -> claimed and lock its voucher, or refuse the item; never the whole claim.

    The parties are looked at again as they stand now. Emits OrderClaimed. Source: A13(4), A20, A22, R63, R74, R76.
    """
    order_ids = [order_id for fact in facts for order_id in fact.order_ids]
    docket, pairs = await Docket.open_with_parties(work, order_ids)
    for fact in facts:
        # A claim that names an order twice has one item of it.
        for order_id in dict.fromkeys(fact.order_ids):
            _file(docket, pairs, fact, order_id)
    await docket.save()


def _file(docket: Docket, pairs: Mapping[UUID, Pair], fact: ClaimSubmitted, order_id: UUID) -> None:
    work = docket.work
    saga = Saga(
        id=work.new_id(),
        kind=Kind.CLAIM,
        order_id=order_id,
        state=Step.CLAIMING,
        claim_id=fact.claim_id,
        last_event=fact.name,
    )
    before = docket.find(order_id)
    try:
        after, claimed = rules.claim(before, claim_id=fact.claim_id, provider_id=fact.provider_id)
        check_both(work, pairs[after.id], after, act=Act.CLAIM)
    except Refusal as refusal:
        if before is not None and before.provider_id == fact.provider_id:
            docket.refused(before, refusal, act="order.claim_refused", by=SYSTEM, claim_id=str(fact.claim_id))
        docket.begin(begin(replace(saga, state=Step.REFUSING), _refusal_of(fact.claim_id, order_id, refusal)))
        return
    docket.put(after, claimed)
    docket.decide(before or after, after, act="order.claim", by=SYSTEM, rule="A22")
    telling.tell_claimed(work, after)
    purchase = docket.purchase(order_id)
    if purchase is not None and purchase.state is Step.COMMITTED:
        docket.begin(begin(saga, ClaimVoucher(order_id=order_id, claim_id=fact.claim_id)))
    else:
        # The confirmation stands, voucher's answer to the commit does not yet: the claim waits for it.
        docket.begin(begin(replace(saga, state=Step.WAITING_FOR_COMMIT), None))


def _refusal_of(claim_id: UUID, order_id: UUID, refusal: Refusal) -> RefuseItem:
    return RefuseItem(
        claim_id=claim_id, order_id=order_id, code=refusal.code, article=refusal.article, detail=refusal.detail
    )


async def end_items(work: Work, facts: Sequence[ClaimItemEnded]) -> None:
    """Items left their claims unpaid: give the money back to committed, then the order to confirmed. Source: Q13."""
    await _signal(work, [(fact.claim_id, fact.order_id, ItemEnded()) for fact in facts])


async def pay_claims(work: Work, facts: Sequence[ClaimPaid]) -> None:
    """Claims were paid: redeem each item's voucher. Source: A24, Q17."""
    items = [(fact.claim_id, item.order_id, ItemPaid(paid_fen=item.paid_fen)) for fact in facts for item in fact.items]
    await _signal(work, items)


async def _signal(work: Work, items: Sequence[tuple[UUID, UUID, Signal]]) -> None:
    docket = await Docket.open(work, [order_id for _, order_id, _ in items])
    found = await store.find_claim_sagas(work.connection, [(claim_id, order_id) for claim_id, order_id, _ in items])
    docket.take(found)
    ids = {(saga.claim_id, saga.order_id): saga.id for saga in found}
    for claim_id, order_id, signal in items:
        saga = docket.saga(ids[claim_id, order_id])
        if saga is not None:
            docket.signal(saga, signal)
    await docket.save()
