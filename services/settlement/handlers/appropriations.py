"""Requests for appropriation, the bureau's approval, and the recorded payment. Source: A24, R79, R80, Q17."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import asyncpg

from services.settlement.domain.appropriations import ApprovedItem, check_approval, check_payment
from services.settlement.domain.claims import Claim, Item, appropriation_number
from services.settlement.domain.evidence import normalise_reference
from services.settlement.domain.refusals import (
    AppropriationNotApproved,
    AppropriationNotRequested,
    ClaimNotPassed,
    DeclarationOutdated,
    PaymentReferenceUsed,
    QuestionOpen,
    SamePerson,
)
from services.settlement.domain.states import CLAIM_MOVES, AppropriationState, ClaimState, ItemState
from services.settlement.handlers.claims import provider_of
from services.settlement.handlers.progress import advance, conclude, number_of, tell_provider
from services.settlement.store import appropriations as rows
from services.settlement.store import claims
from shared.contracts.messages.settlement import ClaimPaid, ItemPayment
from shared.kernel.calendar import business_date, business_year
from shared.kernel.money import Fen, format_yuan
from shared.kernel.refusals import bug
from shared.runtime.db import Record
from shared.runtime.http import Resource
from shared.runtime.problems import NotFound
from shared.runtime.work import Actor, Decision, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAppropriation:
    """A provider asks, collectively for several of its claims, to be paid."""

    claim_ids: Sequence[UUID]
    declaration_version: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveAppropriation:
    """The bureau's lead fixes the amount of every order of a request."""

    appropriation_id: UUID
    items: Sequence[ApprovedItem]
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseAppropriation:
    """The bureau's lead refuses a request as a whole."""

    appropriation_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """Finance records what the fund's own system paid."""

    appropriation_id: UUID
    reference: str
    paid_on: date
    amount_fen: int
    by: Actor


class AppropriationStatus(Resource):
    """Where a request stands after a command."""

    id: UUID
    number: str
    state: AppropriationState
    version: int
    approved_fen: int | None = None


async def request_appropriation(work: Work, command: RequestAppropriation) -> AppropriationStatus:
    """Ask for the money of all endorsed orders of these claims; emits ClaimAdvanced for each.

    Raises: NotFound, DeclarationOutdated, ClaimNotPassed. Source: A24, R10, R79.
    """
    provider_id = provider_of(command.by)
    own = await _lock_passed(work, set(command.claim_ids), provider_id=provider_id)
    declaration = work.pack.truth_declaration
    if command.declaration_version != declaration.version:
        raise DeclarationOutdated(version=declaration.version, pointer="/declaration_version")
    appropriation_id = work.new_id()
    values = {
        "id": appropriation_id,
        "provider_id": provider_id,
        "state": AppropriationState.REQUESTED.value,
        "version": 1,
        "declaration_version": declaration.version,
        "requested_by": command.by.account_id,
        "requested_at": work.now,
        "state_since": work.now,
    }
    serial = await rows.insert_appropriation(work.connection, values)
    for claim in own:
        items = [replace(item, appropriation_id=appropriation_id) for item in claim.live_items()]
        await claims.save_items(work.connection, items)
        await advance(work, claim.with_items(*items), to=ClaimState.REQUESTED)
    _decide(
        work,
        appropriation_id,
        act="appropriation.request",
        by=command.by,
        after=AppropriationState.REQUESTED,
        facts={"declaration_version": declaration.version, "claims": [str(claim.id) for claim in own]},
    )
    number = appropriation_number(serial, year=business_year(work.now))
    _tell_role(work, appropriation_id, role="bureau_lead", text=f"资金拨付申请{number}待核定。")
    return AppropriationStatus(id=appropriation_id, number=number, state=AppropriationState.REQUESTED, version=1)


async def _lock_passed(work: Work, claim_ids: set[UUID], *, provider_id: UUID) -> list[Claim]:
    """The provider's own claims, locked. Raises: NotFound, ClaimNotPassed."""
    found = await claims.lock_claims(work.connection, claim_ids)
    own = [claim for claim in found.values() if claim.provider_id == provider_id]
    if len(own) != len(claim_ids):
        raise NotFound
    not_passed = [claim for claim in own if claim.state is not ClaimState.PASSED]
    if not_passed:
        raise ClaimNotPassed(count=len(not_passed), claims=[number_of(claim) for claim in not_passed])
    return own


async def approve_appropriation(work: Work, command: ApproveAppropriation) -> AppropriationStatus:
    """Approve at most what is claimed for each order, less only with a reason; by a third person.

    Raises: AppropriationNotRequested, QuestionOpen, SamePerson, ApprovedItemsDiffer, ApprovedAboveClaimed,
    ReductionUnexplained. Source: A24, R80, Q15, Q17.
    """
    row, concerned = await _lock(work, command.appropriation_id)
    await _check_decidable(work, row, concerned, by=command.by)
    waiting = {item.order_id: item for claim in concerned for item in _items_of(claim, row)}
    claimed_fen = {order_id: _claimed(item) for order_id, item in waiting.items()}
    total_fen = check_approval(claimed_fen, approved=command.items)
    approved = {item.order_id: item for item in command.items}
    for claim in concerned:
        items = [_approved(item, approved[item.order_id]) for item in _items_of(claim, row)]
        await claims.save_items(work.connection, items)
        after = await advance(work, claim.with_items(*items), to=ClaimState.APPROVED)
        _tell_approved(work, after, items)
    values = {"decided_by": command.by.account_id, "decided_at": work.now, "approved_fen": total_fen}
    version = await rows.move_appropriation(
        work.connection, row, to=AppropriationState.APPROVED, now=work.now, values=values
    )
    _decide(
        work,
        row["id"],
        act="appropriation.approve",
        by=command.by,
        after=AppropriationState.APPROVED,
        ground="；".join(sorted({item.reason for item in command.items if item.reason})),
        facts={"claimed_fen": sum(claimed_fen.values()), "approved_fen": total_fen},
    )
    _tell_role(work, row["id"], role="finance", text=f"资金拨付申请{_number(row)}已核定，请拨付。")
    return _status(row, AppropriationState.APPROVED, version=version, approved_fen=total_fen)


async def refuse_appropriation(work: Work, command: RefuseAppropriation) -> AppropriationStatus:
    """Refuse a request: its items end and their orders are free again; emits ClaimItemEnded for each.

    Raises: AppropriationNotRequested, QuestionOpen, SamePerson. Source: A24, Q13.
    """
    row, concerned = await _lock(work, command.appropriation_id)
    await _check_decidable(work, row, concerned, by=command.by)
    for claim in concerned:
        items = [item.moved(ItemState.REJECTED, ended_reason=command.reason) for item in _items_of(claim, row)]
        await conclude(work, claim, changed=items, ended=items)
        tell_provider(
            work,
            claim,
            event="appropriation.refused",
            text=f"兑现申请{number_of(claim)}的资金拨付申请未通过审核，订单恢复为已确认。",
            reason=command.reason,
            article="A24",
        )
    values = {"decided_by": command.by.account_id, "decided_at": work.now, "reason": command.reason}
    version = await rows.move_appropriation(
        work.connection, row, to=AppropriationState.REFUSED, now=work.now, values=values
    )
    _decide(
        work,
        row["id"],
        act="appropriation.refuse",
        by=command.by,
        after=AppropriationState.REFUSED,
        ground=command.reason,
    )
    return _status(row, AppropriationState.REFUSED, version=version)


async def record_payment(work: Work, command: RecordPayment) -> AppropriationStatus:
    """Record the payment of an approved request; emits ClaimPaid for each claim.

    Raises: AppropriationNotApproved, SamePerson, PaymentAmountDiffers, PaymentDateWrong, PaymentReferenceUsed.
    Source: A24, R80, Q17, Q22.
    """
    row, concerned = await _lock(work, command.appropriation_id)
    if row["state"] != AppropriationState.APPROVED:
        raise AppropriationNotApproved(state=row["state"])
    if command.by.account_id is None or command.by.account_id == row["decided_by"]:
        raise SamePerson
    check_payment(
        command.amount_fen,
        approved_fen=row["approved_fen"],
        paid_on=command.paid_on,
        approved_on=business_date(row["decided_at"]),
        today=business_date(work.now),
    )
    version = await _save_payment(work, row, command)
    for claim in concerned:
        await _pay(work, claim, _items_of(claim, row), reference=command.reference)
    _decide(
        work,
        row["id"],
        act="appropriation.pay",
        by=command.by,
        after=AppropriationState.PAID,
        facts={"paid_fen": command.amount_fen, "reference": command.reference},
    )
    return _status(row, AppropriationState.PAID, version=version, approved_fen=row["approved_fen"])


async def _lock(work: Work, appropriation_id: UUID) -> tuple[Record, list[Claim]]:
    """A request and its claims, locked; claims first, as every act on a claim locks them."""
    claim_ids = await rows.claims_of(work.connection, appropriation_id)
    concerned = await claims.lock_claims(work.connection, claim_ids)
    row = await rows.lock_appropriation(work.connection, appropriation_id)
    if row is None:
        raise NotFound
    return row, [claim for claim in concerned.values() if _items_of(claim, row)]


def _items_of(claim: Claim, row: Record) -> list[Item]:
    return [item for item in claim.live_items() if item.appropriation_id == row["id"]]


async def _check_decidable(work: Work, row: Record, concerned: Sequence[Claim], *, by: Actor) -> None:
    if row["state"] != AppropriationState.REQUESTED:
        raise AppropriationNotRequested(state=row["state"])
    reviewers = {item.bureau_reviewed_by for claim in concerned for item in _items_of(claim, row)}
    if by.account_id is None or by.account_id in reviewers:
        raise SamePerson
    if await rows.open_questions(work.connection, [claim.id for claim in concerned]):
        raise QuestionOpen


def _claimed(item: Item) -> int:
    return bug("an open item has its amount") if item.voucher_fen is None else item.voucher_fen


def _approved(item: Item, approval: ApprovedItem) -> Item:
    return item.moved(ItemState.APPROVED, approved_fen=approval.approved_fen, approved_reason=approval.reason)


async def _save_payment(work: Work, row: Record, command: RecordPayment) -> int:
    key = normalise_reference(command.reference)
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
    try:
        return await rows.move_appropriation(
            work.connection, row, to=AppropriationState.PAID, now=work.now, values=values
        )
    except asyncpg.UniqueViolationError as error:
        raise PaymentReferenceUsed(pointer="/reference") from error


async def _pay(work: Work, claim: Claim, items: Sequence[Item], *, reference: str) -> None:
    CLAIM_MOVES.check(claim.state, ClaimState.PAID)
    paid = [item.moved(ItemState.PAID) for item in items]
    after = replace(claim.with_items(*paid), state=ClaimState.PAID, version=claim.version + 1)
    await claims.save_items(work.connection, paid)
    await claims.save_claim(work.connection, after, expected_version=claim.version, now=work.now)
    payments = tuple(
        ItemPayment(order_id=item.order_id, paid_fen=item.approved_fen or bug("a paid item was approved"))
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


def _tell_approved(work: Work, claim: Claim, items: Sequence[Item]) -> None:
    approved_fen = sum(item.approved_fen or 0 for item in items)
    claimed_fen = sum(item.voucher_fen or 0 for item in items)
    tell_provider(
        work,
        claim,
        event="claim.approved",
        text=f"兑现申请{number_of(claim)}的资金拨付已核定{_yuan(approved_fen)}元（申请{_yuan(claimed_fen)}元）。",
        reason=_reductions(items),
        article="A24",
    )


def _tell_paid(work: Work, claim: Claim, items: Sequence[Item]) -> None:
    body = work.pack.notice("claim_paid").body
    reason = _reductions(items) or "无差额"
    amount_yuan = _yuan(sum(item.approved_fen or 0 for item in items))
    tell_provider(
        work,
        claim,
        event="claim.paid",
        text=body.format(claim_number=number_of(claim), amount_yuan=amount_yuan, reason=reason),
        reason=_reductions(items),
        article="A24",
    )


def _yuan(amount_fen: int) -> str:
    return format_yuan(Fen(amount_fen))


def _reductions(items: Sequence[Item]) -> str:
    return "；".join(sorted({item.approved_reason for item in items if item.approved_reason}))


def _number(row: Record) -> str:
    return appropriation_number(row["serial"], year=business_year(row["requested_at"]))


def _status(
    row: Record, state: AppropriationState, *, version: int, approved_fen: int | None = None
) -> AppropriationStatus:
    return AppropriationStatus(
        id=row["id"], number=_number(row), state=state, version=version, approved_fen=approved_fen
    )


def _decide(  # noqa: PLR0913 - the parts of a decision
    work: Work,
    appropriation_id: UUID,
    *,
    act: str,
    by: Actor,
    after: AppropriationState,
    ground: str = "",
    facts: dict[str, object] | None = None,
) -> None:
    work.decide(
        Decision(
            subject_type="appropriation",
            subject_id=appropriation_id,
            act=act,
            by=by,
            rule="A24",
            ground=ground,
            after=after.value,
            facts=facts or {},
        )
    )


def _tell_role(work: Work, appropriation_id: UUID, *, role: str, text: str) -> None:
    work.notify(
        Notice(
            recipient=f"role:{role}",
            subject_type="appropriation",
            subject_id=appropriation_id,
            event="appropriation.waiting",
            text=text,
            article="A24",
        )
    )
