"""The blacklist: proposed by the operator on an external decision, approved by the bureau; lifted in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.identity.domain import organisations as rules
from services.identity.domain.blacklist import ExternalDecision, check_dated, check_follows
from services.identity.domain.organisations import Organisation
from services.identity.domain.refusals import BlacklistEntryNotOpen, SamePerson
from services.identity.domain.standing_refusals import NotProposer
from services.identity.handlers.organisations import Telling, accept_named, move
from services.identity.store import blacklist as store
from services.identity.store.blacklist import BlacklistProposal, Ending
from services.identity.store.organisations import ids_of_body, load_organisation, lock_body
from shared.contracts.messages.identity import OrganisationReinstated, OrganisationSuspended
from shared.kernel.calendar import business_date
from shared.kernel.proposals import LAPSE_REASON, check_in_time, lapse_text, lapsed_before, lapses_at
from shared.runtime.work import SYSTEM, Actor, Decision, Notice, Work

LISTING_TIMER = "blacklisting_lapses"
LIFTING_TIMER = "lifting_lapses"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeBlacklisting:
    """A code to be listed, and the external decision: which organ, its number and date (Q19)."""

    credit_code: str
    organisation_name: str
    organ: str
    number: str
    decided_on: date
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeLifting:
    """A listed code that is to be listed no more, and the new external decision that says so (Q19)."""

    entry_id: UUID
    organ: str
    number: str
    decided_on: date
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """The second person's act, on a proposal to list or to lift."""

    proposal_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """A proposal to list, or with `lifting` to lift, that comes to nothing: with `withdraw` by its proposer's wish."""

    proposal_id: UUID
    lifting: bool
    withdraw: bool
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistResult:
    """An entry, or a proposal to lift one, after an act."""

    id: UUID
    credit_code: str
    state: str


async def propose_blacklisting(work: Work, command: ProposeBlacklisting) -> BlacklistResult:
    """Propose a code for the blacklist.

    Raises: ExternalDecisionInvalid, BlacklistEntryNotOpen, and what is wrong with a code as `accept_named` says.
    Source: A12, R58, Q19.
    """
    check_dated(command.decided_on, today=business_date(work.now))
    code = await accept_named(work, command.credit_code)
    result = BlacklistResult(id=work.new_id(), credit_code=code, state="proposed")
    values = {
        "id": result.id,
        "credit_code": result.credit_code,
        "organisation_name": command.organisation_name,
        "organ": command.organ,
        "number": command.number,
        "decided_on": command.decided_on,
        "reason": command.reason,
        "state": result.state,
        "proposed_by": command.by.account_id,
        "proposed_at": work.now,
    }
    await store.lapse_entry(work, code, proposed_until=lapsed_before(work.now), now=work.now)
    await store.add_entry(work, values)
    work.set_timer(LISTING_TIMER, key=result.id, due_at=lapses_at(work.now))
    _decide(work, result, act="blacklist.propose", by=command.by, ground=command.reason)
    return result


async def approve_blacklisting(work: Work, command: Approve) -> BlacklistResult:
    """List a code, and stop at once whoever is registered with it.

    Emits: OrganisationSuspended. Raises: NotFound, BlacklistEntryNotOpen, SamePerson, ProposalLapsed.
    Source: A12, R58, Q19.
    """
    entry = await store.lock_entry(work.connection, command.proposal_id)
    _check_second(work, entry, command.by)
    await store.approve_entry(work, command.proposal_id, by=command.by.account_id, now=work.now)
    result = BlacklistResult(id=command.proposal_id, credit_code=entry.credit_code, state="approved")
    ground = f"{entry.organ} {entry.number}"
    _decide(work, result, act="blacklist.approve", by=command.by, ground=ground)
    await lock_body(work.connection, result.credit_code)
    for organisation_id in await ids_of_body(work.connection, result.credit_code):
        before = await load_organisation(work.connection, organisation_id)
        if before.blacklisted_since is None:
            await _stop(work, before, by=command.by, ground=ground)
    return result


async def propose_lifting(work: Work, command: ProposeLifting) -> BlacklistResult:
    """Propose that a listing ends.

    Raises: NotFound, BlacklistEntryNotOpen, ExternalDecisionInvalid. Source: A12, R58, Q19.
    """
    entry = await store.lock_entry(work.connection, command.entry_id)
    if entry.state != "approved":
        raise BlacklistEntryNotOpen
    decision = ExternalDecision(organ=command.organ, number=command.number, decided_on=command.decided_on)
    check_dated(command.decided_on, today=business_date(work.now))
    check_follows(decision, first=entry.decision)
    result = BlacklistResult(id=work.new_id(), credit_code=entry.credit_code, state="proposed")
    values = {
        "id": result.id,
        "entry_id": command.entry_id,
        "organ": command.organ,
        "number": command.number,
        "decided_on": command.decided_on,
        "reason": command.reason,
        "state": result.state,
        "proposed_by": command.by.account_id,
        "proposed_at": work.now,
    }
    before = lapsed_before(work.now)
    await store.lapse_lifting(work, command.entry_id, proposed_until=before, now=work.now)
    await store.add_lifting(work, values)
    work.set_timer(LIFTING_TIMER, key=result.id, due_at=lapses_at(work.now))
    _decide(work, result, act="blacklist.propose_lifting", by=command.by, ground=command.reason)
    return result


async def approve_lifting(work: Work, command: Approve) -> BlacklistResult:
    """Take a code off the blacklist; a suspension of its own goes on.

    Emits: OrganisationReinstated. Raises: NotFound, BlacklistEntryNotOpen, SamePerson, ProposalLapsed.
    Source: A12, R58, Q19.
    """
    lifting = await store.lock_lifting(work.connection, command.proposal_id)
    _check_second(work, lifting, command.by)
    ground = f"{lifting.organ} {lifting.number}"
    approved = Ending(state="approved", reason=ground, by=command.by.account_id, at=work.now)
    await store.close_lifting(work, command.proposal_id, approved)
    await store.close_entry(work, lifting.entry_id, replace(approved, state="lifted"))
    result = BlacklistResult(id=command.proposal_id, credit_code=lifting.credit_code, state="approved")
    _decide(work, result, act="blacklist.lift", by=command.by, ground=ground)
    await lock_body(work.connection, result.credit_code)
    for organisation_id in await ids_of_body(work.connection, result.credit_code):
        before = await load_organisation(work.connection, organisation_id)
        if before.blacklisted_since is not None:
            after = rules.lift_blacklisting(before)
            text = f"{after.name}已移出黑名单。"
            if after.suspended_since is not None:
                text += "对其另行作出的暂停决定仍然有效。"
            telling = Telling(act="blacklist.lift", rule="A12", ground=ground, text=text, before="blacklisted")
            await move(work, after, fact=OrganisationReinstated, by=command.by, telling=telling)
    return result


async def close_proposal(work: Work, command: Close) -> BlacklistResult:
    """End a proposal to list or to lift: its proposer withdraws it, who could have approved it refuses it.

    Raises: NotFound, BlacklistEntryNotOpen, NotProposer. Source: A12, Q19.
    """
    lock = store.lock_lifting if command.lifting else store.lock_entry
    proposal = await lock(work.connection, command.proposal_id)
    if proposal.state != "proposed":
        raise BlacklistEntryNotOpen
    if command.withdraw and proposal.proposed_by != command.by.account_id:
        raise NotProposer
    state = "withdrawn" if command.withdraw else "refused"
    ending = Ending(state=state, reason=command.reason, by=command.by.account_id, at=work.now)
    close = store.close_lifting if command.lifting else store.close_entry
    await close(work, command.proposal_id, ending)
    result = BlacklistResult(id=command.proposal_id, credit_code=proposal.credit_code, state=state)
    act = f"blacklist.lifting_{state}" if command.lifting else f"blacklist.{state}"
    _decide(work, result, act=act, by=command.by, ground=command.reason)
    if not command.withdraw:
        text = f"{result.credit_code}{_what(lifting=command.lifting)}的提请未获批准。"
        _tell_proposer(work, result, proposal, event="blacklist.refused", text=text, reason=command.reason)
    return result


async def lapse_late_listings(work: Work, keys: Sequence[UUID]) -> None:
    """End proposals to list that nobody decided in time, and tell who proposed them. Source: R8."""
    for entry_id in sorted(keys):
        await _lapse_late(work, entry_id, lifting=False)


async def lapse_late_liftings(work: Work, keys: Sequence[UUID]) -> None:
    """End proposals to lift that nobody decided in time, and tell who proposed them. Source: R8."""
    for lifting_id in sorted(keys):
        await _lapse_late(work, lifting_id, lifting=True)


async def _lapse_late(work: Work, proposal_id: UUID, *, lifting: bool) -> None:
    lock, close = (store.lock_lifting, store.close_lifting) if lifting else (store.lock_entry, store.close_entry)
    proposal = await lock(work.connection, proposal_id)
    if proposal.state != "proposed":
        return
    if proposal.proposed_at > lapsed_before(work.now):
        timer = LIFTING_TIMER if lifting else LISTING_TIMER
        work.set_timer(timer, key=proposal_id, due_at=lapses_at(proposal.proposed_at))
        return
    await close(work, proposal_id, Ending(state="lapsed", reason=LAPSE_REASON, by=None, at=work.now))
    result = BlacklistResult(id=proposal_id, credit_code=proposal.credit_code, state="lapsed")
    act = "blacklist.lifting_lapsed" if lifting else "blacklist.lapsed"
    _decide(work, result, act=act, by=SYSTEM, ground=LAPSE_REASON)
    text = lapse_text(f"{result.credit_code}{_what(lifting=lifting)}的提请")
    _tell_proposer(work, result, proposal, event="proposal.lapsed", text=text, reason=LAPSE_REASON)


async def stop_listed(work: Work, *, limit: int) -> int:
    """Stop organisations whose code is listed and who are not stopped yet: what the approval could not see.

    Emits: OrganisationSuspended. Returns how many. Source: A12, R58.
    """
    listed = await store.listed_at_large(work.connection, limit=limit)
    stopped = 0
    for organisation_id, code in listed:
        await lock_body(work.connection, code)
        before = await load_organisation(work.connection, organisation_id)
        entry = await store.find_listed(work.connection, code)
        if entry is not None and before.blacklisted_since is None:
            await _stop(work, before, by=SYSTEM, ground=f"{entry.organ} {entry.number}")
            stopped += 1
    return stopped


async def _stop(work: Work, before: Organisation, *, by: Actor, ground: str) -> None:
    after = rules.blacklist(before, now=work.now)
    text = f"{after.name}已列入黑名单，即日起不得使用本系统。"
    telling = Telling(act="blacklist.stop", rule="A12", ground=ground, text=text, after="blacklisted")
    await move(work, after, fact=OrganisationSuspended, by=by, telling=telling)


def _check_second(work: Work, proposal: BlacklistProposal, by: Actor) -> None:
    """Raises: BlacklistEntryNotOpen, SamePerson, ProposalLapsed."""
    if proposal.state == "lapsed":
        check_in_time(proposal.proposed_at, now=work.now)
    if proposal.state != "proposed":
        raise BlacklistEntryNotOpen
    if proposal.proposed_by == by.account_id:
        raise SamePerson
    check_in_time(proposal.proposed_at, now=work.now)


def _what(*, lifting: bool) -> str:
    return "移出黑名单" if lifting else "列入黑名单"


def _tell_proposer(  # noqa: PLR0913 - the parts of a notice
    work: Work, result: BlacklistResult, proposal: BlacklistProposal, *, event: str, text: str, reason: str
) -> None:
    work.notify(
        Notice(
            recipient=f"account:{proposal.proposed_by}",
            subject_type="blacklist",
            subject_id=result.id,
            event=event,
            text=text,
            reason=reason,
            article="A12",
        )
    )


def _decide(work: Work, result: BlacklistResult, *, act: str, by: Actor, ground: str) -> None:
    decision = Decision(
        subject_type="blacklist",
        subject_id=result.id,
        act=act,
        by=by,
        rule="A12",
        ground=ground,
        after=result.state,
        facts={"credit_code": result.credit_code},
    )
    work.decide(decision)
