"""The recorded payment of an approved request. Source: A24, R80, Q17, Q22."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.settlement.domain.appropriations import check_payment
from services.settlement.domain.claims import Claim, ClaimItem
from services.settlement.domain.persons import CasePart
from services.settlement.domain.references import fold_reference
from services.settlement.domain.refusals import AppropriationNotApproved, PaymentReferenceUsed
from services.settlement.domain.standing import MoneyStep
from services.settlement.domain.states import CLAIM_MOVES, AppropriationState, ClaimState, ItemState
from services.settlement.handlers.checks import check_actor, check_step
from services.settlement.handlers.progress import number_of, tell_provider
from services.settlement.handlers.requests import (
    AppropriationResult,
    all_items,
    decide,
    items_of,
    lock_request,
    reductions,
    result_of,
    yuan,
)
from services.settlement.store import appropriations as rows
from services.settlement.store import claims
from shared.contracts.messages.settlement import ClaimPaid, ItemPayment
from shared.kernel.calendar import business_date
from shared.kernel.refusals import bug
from shared.runtime.sql import Record
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """Finance records what the fund's own system paid."""

    appropriation_id: UUID
    reference: str
    paid_on: date
    amount_fen: int
    by: Actor
    expected_version: int | None = None


async def record_payment(work: Work, command: RecordPayment) -> AppropriationResult:
    """Record the payment of an approved request; emits ClaimPaid for each claim.

    Raises: VersionMismatch, AppropriationNotApproved, SamePerson, OverrideMissing, PaymentAmountDiffers,
    PaymentDateWrong, PaymentReferenceUsed. Source: A12, A13(4), A24, R80, Q17, Q22.
    """
    row, concerned = await lock_request(work, command.appropriation_id, expected_version=command.expected_version)
    if row["state"] != AppropriationState.APPROVED:
        raise AppropriationNotApproved(state=row["state"])
    await check_actor(work, CasePart.PAY, all_items(concerned, row), by=command.by)
    await check_step(work, MoneyStep.PAY, [item for item in all_items(concerned, row) if item.approved_fen])
    check_payment(
        command.amount_fen,
        approved_fen=row["approved_fen"],
        paid_on=command.paid_on,
        approved_on=business_date(row["decided_at"]),
        today=business_date(work.now),
    )
    version = await _save_payment(work, row, command)
    for claim in concerned:
        await _pay(work, claim, items_of(claim, row), reference=command.reference)
    decide(
        work,
        row["id"],
        act="appropriation.pay",
        by=command.by,
        before=row["state"],
        after=AppropriationState.PAID,
        facts={"paid_fen": command.amount_fen, "reference": command.reference},
    )
    return result_of(row, AppropriationState.PAID, version=version, approved_fen=row["approved_fen"])


async def _save_payment(work: Work, row: Record, command: RecordPayment) -> int:
    key = fold_reference(command.reference)
    if not key or await rows.payment_key_used(work.connection, key):
        raise PaymentReferenceUsed(pointer="/reference")
    values = {
        "payment_reference": command.reference,
        "payment_key": key,
        "paid_on": command.paid_on,
        "paid_fen": command.amount_fen,
        "paid_by": command.by.account_id,
        "paid_at": work.now,
    }
    return await rows.save_payment(work, row, values=values)


async def _pay(work: Work, claim: Claim, items: Sequence[ClaimItem], *, reference: str) -> None:
    CLAIM_MOVES.check(claim.state, ClaimState.PAID)
    paid = [item.moved(ItemState.PAID) for item in items]
    after = replace(claim.with_items(*paid), state=ClaimState.PAID, version=claim.version + 1)
    await claims.save_items(work, paid)
    await claims.save_claim(work, after, expected_version=claim.version)
    payments = tuple(
        ItemPayment(
            order_id=item.order_id,
            paid_fen=bug("a paid item was approved") if item.approved_fen is None else item.approved_fen,
        )
        for item in paid
    )
    work.emit(
        ClaimPaid(
            version=after.version,
            claim_id=claim.id,
            provider_id=claim.provider_id,
            items=payments,
            payment_reference=reference,
        )
    )
    _tell_paid(work, after, paid)


def _tell_paid(work: Work, claim: Claim, items: Sequence[ClaimItem]) -> None:
    body = work.pack.notice("claim_paid").body
    reason = reductions(items) or "无差额"
    amount_yuan = yuan(sum(item.approved_fen or 0 for item in items))
    tell_provider(
        work,
        claim,
        event="claim.paid",
        text=body.format(claim_number=number_of(claim), amount_yuan=amount_yuan, reason=reason),
        reason=reductions(items),
        article="A24",
    )
