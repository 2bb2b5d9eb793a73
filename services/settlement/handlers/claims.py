"""Drafting, submitting and withdrawing claims. Source: A22, R10, R76, Q13."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.settlement.domain.claimable import NOT_CLAIMABLE, Claimability, OrderCopy, claimability
from services.settlement.domain.claims import Claim, claim_number, withdrawn_item
from services.settlement.domain.evidence import check_complete, check_unused
from services.settlement.domain.papers import PaperSet
from services.settlement.domain.persons import CasePart
from services.settlement.domain.refusals import (
    ClaimNotDraft,
    ClaimUnanswered,
    DeclarationOutdated,
    EvidenceUnchanged,
    ItemPastWithdrawal,
    TooManyDrafts,
)
from services.settlement.domain.standing import MoneyStep
from services.settlement.domain.states import CLAIM_MOVES, AppropriationState, ClaimState, ItemState
from services.settlement.domain.windows import closing_day
from services.settlement.handlers.checks import check_actor, check_step
from services.settlement.handlers.progress import (
    ClaimResult,
    conclude,
    lock_claim,
    number_of,
    result_of,
    tell_provider,
)
from services.settlement.handlers.requests import decide
from services.settlement.store import appropriations, claims, copies, evidence
from shared.contracts.messages.settlement import ClaimSubmitted
from shared.kernel.calendar import business_year
from shared.runtime.work import Actor, Decision, NotFound, Work

WINDOW_TIMER = "window_closes"
DRAFTS_MAX = 100
"""How many drafts a provider may have open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftClaim:
    """A provider picks 1 to 200 of its orders."""

    order_ids: Sequence[UUID]
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitClaim:
    """A provider files a draft and signs off the truth declaration."""

    claim_id: UUID
    declaration_version: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawClaim:
    """A provider takes back a claim, or some orders of it; no orders named means all."""

    claim_id: UUID
    order_ids: Sequence[UUID]
    reason: str
    by: Actor
    expected_version: int | None = None


def provider_of(actor: Actor) -> UUID:
    """The provider an actor acts for. Raises: NotFound for a token without an organisation."""
    if actor.organisation_id is None:
        raise NotFound
    return actor.organisation_id


async def draft_claim(work: Work, command: DraftClaim) -> ClaimResult:
    """Open a draft for orders that can be claimed now.

    Raises: TooManyDrafts, OrderNotClaimable, OrderNotClaimableNow. Source: A22, R76.
    """
    provider_id = provider_of(command.by)
    if await claims.drafts_of(work.connection, provider_id) >= DRAFTS_MAX:
        raise TooManyDrafts(drafts_max=DRAFTS_MAX)
    order_ids = set(command.order_ids)
    await _check_claimable(work, order_ids, provider_id=provider_id)
    claim_id = work.new_id()
    serial = await claims.insert_draft(work, claim_id, provider_id=provider_id, order_ids=order_ids)
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim_id,
            act="claim.draft",
            by=command.by,
            rule="A22",
            after=ClaimState.DRAFT.value,
            facts={"items": len(order_ids)},
        )
    )
    number = claim_number(serial, year=business_year(work.now))
    return ClaimResult(id=claim_id, number=number, state=ClaimState.DRAFT, version=0)


async def _check_claimable(work: Work, order_ids: set[UUID], *, provider_id: UUID) -> None:
    """Raises: OrderNotClaimable for good; OrderUnknown, OrderNotClaimableNow as far as the copy of orders knows."""
    own = await copies.lock_orders(work.connection, order_ids, provider_id=provider_id)
    held = await copies.held_orders(work.connection, order_ids)
    found: dict[Claimability, list[UUID]] = {}
    for order_id in sorted(order_ids):
        row = own.get(order_id)
        copy = None if row is None else OrderCopy(row["state"], row["refund_open"], row["voucher_fen"])
        found.setdefault(claimability(copy, held=order_id in held), []).append(order_id)
    # Orders that can never be claimed first: asking again would not help.
    for said, refusal in NOT_CLAIMABLE:
        if orders := found.get(said):
            raise refusal(count=len(orders), orders=[str(order_id) for order_id in orders])


async def submit_claim(work: Work, command: SubmitClaim) -> ClaimResult:
    """File a draft: its evidence is bound, its window assigned; emits ClaimSubmitted.

    Raises: ClaimNotDraft, DeclarationOutdated, OrderNotClaimable, OrderNotClaimableNow, PartiesBarred,
    EvidenceIncomplete, EvidenceUnchanged, DuplicateEvidence. Source: A12, A13(4), A22, R10, R63, R76, R77.
    """
    provider_id = provider_of(command.by)
    claim = await lock_claim(work, command.claim_id, provider_id=provider_id, expected_version=command.expected_version)
    if claim.state is not ClaimState.DRAFT:
        raise ClaimNotDraft(state=claim.state.value)
    declaration = work.pack.truth_declaration
    if command.declaration_version != declaration.version:
        raise DeclarationOutdated(version=declaration.version, pointer="/declaration_version")
    await _check_claimable(work, {item.order_id for item in claim.live_items()}, provider_id=provider_id)
    await check_actor(work, CasePart.SUBMIT, claim.live_items(), by=command.by)
    await check_step(work, MoneyStep.SUBMIT, claim.live_items())
    await _bind_evidence(work, claim)
    filed = await _file(work, claim, by=command.by)
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act="claim.submit",
            by=command.by,
            rule="A22",
            before=claim.state.value,
            after=filed.state.value,
            facts={"declaration_version": declaration.version, "items": len(claim.live_items())},
        )
    )
    return result_of(filed)


async def _bind_evidence(work: Work, claim: Claim) -> None:
    """Bind the papers of the draft's orders; those of orders that left the draft stay free."""
    papers = PaperSet.of(await evidence.evidence_of(work.connection, claim.id), claim=claim)
    papers.check_within()
    check_complete(papers.kinds, kinds=work.pack.evidence)
    await _check_changed(work, claim, papers)
    await evidence.bind_keys(work, {**papers.noted, **papers.own})
    bound = await evidence.uses_of(work.connection, {*papers.own, *papers.barring})
    for key, use in [*papers.own.items(), *papers.barring.items()]:
        check_unused(use, [key], used=bound)


async def _check_changed(work: Work, claim: Claim, papers: PaperSet) -> None:
    """Raises: EvidenceUnchanged. Source: A23."""
    before = await evidence.rejected_papers(work.connection, papers.kinds.keys(), claim_id=claim.id)
    unchanged = [order_id for order_id, found in before.items() if found == papers.stated[order_id]]
    if unchanged:
        raise EvidenceUnchanged(count=len(unchanged), orders=sorted(str(order_id) for order_id in unchanged))


async def _file(work: Work, claim: Claim, *, by: Actor) -> Claim:
    closes_at = work.pack.claim_window_closes_at(work.now)
    CLAIM_MOVES.check(claim.state, ClaimState.SUBMITTED)
    items = [item.moved(ItemState.SUBMITTED) for item in claim.live_items()]
    filed = replace(
        claim.with_items(*items), state=ClaimState.SUBMITTED, version=claim.version + 1, window_closes_at=closes_at
    )
    await claims.save_items(work, items)
    await claims.save_filing(
        work,
        claim.id,
        declaration_version=work.pack.truth_declaration.version,
        pack_version=work.pack.version,
        filed_at=work.now,
        submitted_by=by.account_id,
    )
    await claims.save_claim(work, filed, expected_version=claim.version)
    work.emit(
        ClaimSubmitted(
            version=filed.version,
            claim_id=claim.id,
            provider_id=claim.provider_id,
            order_ids=tuple(sorted(item.order_id for item in items)),
            window_closes_on=closing_day(closes_at),
        )
    )
    work.set_timer(WINDOW_TIMER, key=claim.id, due_at=closes_at)
    return filed


async def withdraw_claim(work: Work, command: WithdrawClaim) -> ClaimResult:
    """Take orders back before they are approved; emits ClaimItemEnded for each. Nobody was told of a draft's.

    Raises: ClaimUnanswered, ItemUnknown, ItemPastWithdrawal. Source: A20, A24, Q13.
    """
    claim = await lock_claim(
        work,
        command.claim_id,
        provider_id=provider_of(command.by),
        expected_version=command.expected_version,
    )
    if claim.state is ClaimState.SUBMITTED:
        raise ClaimUnanswered
    if claim.state is ClaimState.DRAFT:
        after = await _discard(work, claim, command)
    else:
        after = await _withdraw(work, claim, command)
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act="claim.withdraw",
            by=command.by,
            rule="A22",
            ground=command.reason,
            before=claim.state.value,
            after=after.state.value,
        )
    )
    return result_of(after)


async def _discard(work: Work, claim: Claim, command: WithdrawClaim) -> Claim:
    """Take orders out of a draft; without any it is discarded. Nobody was told of it, so no fact is said."""
    chosen = [claim.item(order_id) for order_id in sorted(set(command.order_ids))] or claim.live_items()
    gone = [item for item in chosen if item.state is not ItemState.DRAFT]
    if gone:
        raise ItemPastWithdrawal(state=gone[0].state.value)
    items = [item.moved(ItemState.WITHDRAWN, ended_reason=command.reason) for item in chosen]
    await claims.save_items(work, items)
    after = claim.with_items(*items)
    if not after.live_items():
        after = replace(after, state=ClaimState.WITHDRAWN)
        await claims.save_claim(work, after, expected_version=claim.version)
    return after


async def _withdraw(work: Work, claim: Claim, command: WithdrawClaim) -> Claim:
    chosen = [claim.item(order_id) for order_id in sorted(set(command.order_ids))] or claim.live_items()
    if not chosen:
        raise ItemPastWithdrawal(state=claim.state.value)
    items = [withdrawn_item(item, reason=command.reason) for item in chosen]
    after = await conclude(work, claim, changed=items, ended=items)
    for appropriation_id in sorted({item.appropriation_id for item in chosen if item.appropriation_id is not None}):
        await _empty_appropriation(work, appropriation_id, command)
    if after.state is ClaimState.WITHDRAWN:
        work.drop_timer(WINDOW_TIMER, key=claim.id)
    tell_provider(
        work,
        claim,
        event="claim.withdrawn",
        text=f"兑现申请{number_of(claim)}已撤回{len(items)}个订单，订单恢复为已确认。",
        reason=command.reason,
        article="A22",
    )
    return after


async def _empty_appropriation(work: Work, appropriation_id: UUID, command: WithdrawClaim) -> None:
    """A request whose last item was withdrawn is withdrawn itself."""
    row = await appropriations.lock_appropriation(work.connection, appropriation_id)
    if row is None or await appropriations.has_live_items(work.connection, appropriation_id):
        return
    await appropriations.move_appropriation(work, row, to=AppropriationState.WITHDRAWN, values={})
    decide(
        work,
        appropriation_id,
        act="appropriation.withdraw",
        by=command.by,
        before=row["state"],
        after=AppropriationState.WITHDRAWN,
        ground=command.reason,
    )
