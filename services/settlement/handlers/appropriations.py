"""Requests for appropriation, and the bureau's approval or refusal. Source: A24, R79, R80, Q17."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.settlement.domain.appropriations import ApprovedItem, check_approval
from services.settlement.domain.claims import Claim, ClaimItem, appropriation_number
from services.settlement.domain.persons import CasePart
from services.settlement.domain.refusals import (
    AppropriationNotRequested,
    ClaimNotPassed,
    DeclarationOutdated,
    QuestionOpen,
)
from services.settlement.domain.standing import MoneyStep
from services.settlement.domain.states import AppropriationState, ClaimState, ItemState
from services.settlement.handlers.checks import check_actor, check_step
from services.settlement.handlers.claims import provider_of
from services.settlement.handlers.progress import advance, conclude, number_of, tell_provider
from services.settlement.handlers.requests import (
    AppropriationResult,
    all_items,
    decide,
    items_of,
    lock_request,
    reductions,
    request_number,
    result_of,
    tell_role,
    yuan,
)
from services.settlement.store import appropriations as rows
from services.settlement.store import claims
from shared.kernel.calendar import business_year
from shared.kernel.refusals import bug
from shared.runtime.sql import Record
from shared.runtime.work import Actor, NotFound, Work


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
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseAppropriation:
    """The bureau's lead refuses a request as a whole."""

    appropriation_id: UUID
    reason: str
    by: Actor
    expected_version: int | None = None


async def request_appropriation(work: Work, command: RequestAppropriation) -> AppropriationResult:
    """Ask for the money of all endorsed orders of these claims; emits ClaimAdvanced for each.

    Raises: NotFound, DeclarationOutdated, ClaimNotPassed, SamePerson, OverrideMissing.
    Source: A12, A13(4), A24, R10, R79.
    """
    provider_id = provider_of(command.by)
    own = await _lock_passed(work, set(command.claim_ids), provider_id=provider_id)
    endorsed = [item for claim in own for item in claim.live_items()]
    await check_actor(work, CasePart.REQUEST, endorsed, by=command.by)
    await check_step(work, MoneyStep.REQUEST, endorsed)
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
    serial = await rows.insert_appropriation(work, values)
    for claim in own:
        items = [replace(item, appropriation_id=appropriation_id) for item in claim.live_items()]
        await claims.save_items(work, items)
        await advance(work, claim.with_items(*items), to=ClaimState.REQUESTED)
    decide(
        work,
        appropriation_id,
        act="appropriation.request",
        by=command.by,
        after=AppropriationState.REQUESTED,
        facts={"declaration_version": declaration.version, "claims": [str(claim.id) for claim in own]},
    )
    number = appropriation_number(serial, year=business_year(work.now))
    tell_role(work, appropriation_id, role="bureau_lead", text=f"资金拨付申请{number}待核定。")
    return AppropriationResult(id=appropriation_id, number=number, state=AppropriationState.REQUESTED, version=1)


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


async def approve_appropriation(work: Work, command: ApproveAppropriation) -> AppropriationResult:
    """Approve at most what is claimed for each order, less only with a reason; by somebody without another part.

    An order for which nothing is approved needs no override: no money goes its way, and the others may go on.
    Raises: VersionMismatch, AppropriationNotRequested, QuestionOpen, SamePerson, ApprovedItemsDiffer,
    ApprovedAboveClaimed, ReductionUnexplained, NothingApproved, OverrideMissing.
    Source: A12, A13(4), A24, R80, Q15, Q17.
    """
    row, concerned = await lock_request(work, command.appropriation_id, expected_version=command.expected_version)
    await _check_decidable(work, row, concerned, by=command.by)
    waiting = {item.order_id: item for claim in concerned for item in items_of(claim, row)}
    claimed_fen = {order_id: _claimed(item) for order_id, item in waiting.items()}
    total_fen = check_approval(claimed_fen, approved=command.items)
    approved = {item.order_id: item for item in command.items}
    paid_for = [item for item in waiting.values() if approved[item.order_id].approved_fen]
    await check_step(work, MoneyStep.APPROVE, paid_for)
    for claim in concerned:
        items = [_approved(item, approved[item.order_id]) for item in items_of(claim, row)]
        await claims.save_items(work, items)
        after = await advance(work, claim.with_items(*items), to=ClaimState.APPROVED)
        _tell_approved(work, after, items)
    values = {"decided_by": command.by.account_id, "decided_at": work.now, "approved_fen": total_fen}
    version = await rows.move_appropriation(work, row, to=AppropriationState.APPROVED, values=values)
    decide(
        work,
        row["id"],
        act="appropriation.approve",
        by=command.by,
        before=row["state"],
        after=AppropriationState.APPROVED,
        ground="；".join(sorted({item.reason for item in command.items if item.reason})),
        facts={"claimed_fen": sum(claimed_fen.values()), "approved_fen": total_fen},
    )
    tell_role(work, row["id"], role="finance", text=f"资金拨付申请{request_number(row)}已核定，请拨付。")
    return result_of(row, AppropriationState.APPROVED, version=version, approved_fen=total_fen)


async def refuse_appropriation(work: Work, command: RefuseAppropriation) -> AppropriationResult:
    """Refuse a request: its items end and their orders are free again; emits ClaimItemEnded for each.

    Raises: VersionMismatch, AppropriationNotRequested, QuestionOpen, SamePerson. Source: A24, Q13.
    """
    row, concerned = await lock_request(work, command.appropriation_id, expected_version=command.expected_version)
    await _check_decidable(work, row, concerned, by=command.by)
    for claim in concerned:
        items = [item.moved(ItemState.REJECTED, ended_reason=command.reason) for item in items_of(claim, row)]
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
    version = await rows.move_appropriation(work, row, to=AppropriationState.REFUSED, values=values)
    decide(
        work,
        row["id"],
        act="appropriation.refuse",
        by=command.by,
        before=row["state"],
        after=AppropriationState.REFUSED,
        ground=command.reason,
    )
    return result_of(row, AppropriationState.REFUSED, version=version)


async def _check_decidable(work: Work, row: Record, concerned: Sequence[Claim], *, by: Actor) -> None:
    if row["state"] != AppropriationState.REQUESTED:
        raise AppropriationNotRequested(state=row["state"])
    await check_actor(work, CasePart.APPROVE, all_items(concerned, row), by=by)
    if await rows.open_questions(work.connection, [claim.id for claim in concerned]):
        raise QuestionOpen


def _claimed(item: ClaimItem) -> int:
    return bug("an open item has its amount") if item.voucher_fen is None else item.voucher_fen


def _approved(item: ClaimItem, approval: ApprovedItem) -> ClaimItem:
    return item.moved(ItemState.APPROVED, approved_fen=approval.approved_fen, approved_reason=approval.reason)


def _tell_approved(work: Work, claim: Claim, items: Sequence[ClaimItem]) -> None:
    approved_fen = sum(item.approved_fen or 0 for item in items)
    claimed_fen = sum(item.voucher_fen or 0 for item in items)
    tell_provider(
        work,
        claim,
        event="claim.approved",
        text=f"兑现申请{number_of(claim)}的资金拨付已核定{yuan(approved_fen)}元（申请{yuan(claimed_fen)}元）。",
        reason=reductions(items),
        article="A24",
    )
