"""Claims: each order of a claim is locked on its row, then its money, then the item is opened or refused."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain.saga import ItemEnded, ItemPaid, Saga, SagaKind, SagaState, Signal, begin
from services.order.domain.terms import Act, OrderParties, check_both
from services.order.handlers.effects import signal
from services.order.handlers.orders import OrderBatch, decide, record_refusal, tell
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
    batch, pairs = await OrderBatch.open_with_parties(work, order_ids)
    for fact in facts:
        # A claim that names an order twice has one item of it.
        for order_id in dict.fromkeys(fact.order_ids):
            _file(batch, pairs, fact, order_id)
    batch.write()


def _file(batch: OrderBatch, pairs: Mapping[UUID, OrderParties], fact: ClaimSubmitted, order_id: UUID) -> None:
    work = batch.work
    saga = Saga(
        id=work.new_id(),
        kind=SagaKind.CLAIM,
        order_id=order_id,
        state=SagaState.CLAIMING,
        claim_id=fact.claim_id,
        last_event=fact.name,
    )
    before = batch.find(order_id)
    try:
        after, claimed = rules.claim(before, claim_id=fact.claim_id, provider_id=fact.provider_id)
        check_both(
            Act.CLAIM,
            pairs[after.id],
            voucher=after.voucher_fen > 0,
            small_firms_only=work.pack.limited_to_small_firms,
            now=work.now,
        )
    except Refusal as refusal:
        if before is not None and before.provider_id == fact.provider_id:
            claim_id = str(fact.claim_id)
            record_refusal(work, before, refusal, act="order.claim_refused", by=SYSTEM, claim_id=claim_id)
        batch.step(begin(replace(saga, state=SagaState.REFUSING), _refusal_of(fact.claim_id, order_id, refusal)))
        return
    batch.put(after, claimed)
    decide(work, before or after, after, act="order.claim", by=SYSTEM, rule="A22")
    text = f"订单{after.number}已由云服务商提交兑现，不再取消或退款。"
    tell(work, after.enterprise_id, after, event="order.claimed", text=text, article="A20")
    purchase = batch.purchase(order_id)
    if purchase is not None and purchase.state is SagaState.COMMITTED:
        batch.step(begin(saga, ClaimVoucher(order_id=order_id, claim_id=fact.claim_id)))
    else:
        # The confirmation stands, voucher's answer to the commit does not yet: the claim waits for it.
        batch.step(begin(replace(saga, state=SagaState.WAITING_FOR_COMMIT), None))


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
    batch = await OrderBatch.open(work, [order_id for _, order_id, _ in items])
    found = await store.find_claim_sagas(work.connection, [(claim_id, order_id) for claim_id, order_id, _ in items])
    batch.add_sagas(found)
    ids = {(saga.claim_id, saga.order_id): saga.id for saga in found}
    for claim_id, order_id, heard in items:
        saga = batch.saga(ids[claim_id, order_id])
        if saga is not None:
            signal(batch, saga, heard)
    batch.write()
