"""The blacklist: proposed by the operator on an external decision, approved by the bureau, then for ever."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
from sqlalchemy import insert, select, update

from services.identity.domain import organisations as rules
from services.identity.domain.refusals import BlacklistEntryNotOpen, SamePerson
from services.identity.handlers.organisations import Telling, move
from services.identity.store.organisations import ids_of_code, load_organisation
from services.identity.tables import BLACKLIST_ENTRY
from shared.contracts.messages.identity import OrganisationSuspended
from shared.kernel.credit_code import examine
from shared.runtime.db import execute, fetch_one
from shared.runtime.problems import NotFound
from shared.runtime.work import Actor, Decision, Work


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
class ApproveBlacklisting:
    """The second person's act."""

    entry_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistOutcome:
    """An entry after an act."""

    id: UUID
    credit_code: str
    state: str


async def propose_blacklisting(work: Work, command: ProposeBlacklisting) -> BlacklistOutcome:
    """Propose a code for the blacklist.

    Raises: CreditCodeMalformed, CreditCodeUnknownKind, BlacklistEntryNotOpen. Source: A12, R58, Q19.
    """
    outcome = BlacklistOutcome(id=work.new_id(), credit_code=examine(command.credit_code).code, state="proposed")
    values = {
        "id": outcome.id,
        "credit_code": outcome.credit_code,
        "organisation_name": command.organisation_name,
        "organ": command.organ,
        "number": command.number,
        "decided_on": command.decided_on,
        "reason": command.reason,
        "state": outcome.state,
        "proposed_by": command.by.account_id,
        "proposed_at": work.now,
    }
    try:
        await execute(work.connection, insert(BLACKLIST_ENTRY).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise BlacklistEntryNotOpen from error
    _decide(work, outcome, act="blacklist.propose", by=command.by, ground=command.reason)
    return outcome


async def approve_blacklisting(work: Work, command: ApproveBlacklisting) -> BlacklistOutcome:
    """List a code, and suspend whoever is registered with it.

    Emits: OrganisationSuspended. Raises: NotFound, BlacklistEntryNotOpen, SamePerson. Source: A12, R58, Q19.
    """
    columns = [BLACKLIST_ENTRY.c[name] for name in ("credit_code", "state", "proposed_by", "organ", "number")]
    statement = select(*columns).where(BLACKLIST_ENTRY.c.id == command.entry_id).with_for_update()
    row = await fetch_one(work.connection, statement)
    if row is None:
        raise NotFound
    if row["state"] != "proposed":
        raise BlacklistEntryNotOpen
    if row["proposed_by"] == command.by.account_id:
        raise SamePerson
    approval = {"state": "approved", "approved_by": command.by.account_id, "approved_at": work.now}
    await execute(
        work.connection, update(BLACKLIST_ENTRY).where(BLACKLIST_ENTRY.c.id == command.entry_id).values(**approval)
    )
    outcome = BlacklistOutcome(id=command.entry_id, credit_code=row["credit_code"], state="approved")
    ground = f"{row['organ']} {row['number']}"
    _decide(work, outcome, act="blacklist.approve", by=command.by, ground=ground)
    for organisation_id in await ids_of_code(work.connection, outcome.credit_code):
        before = await load_organisation(work.connection, organisation_id)
        if before.suspended_since is None:
            after = rules.suspend(before, effective_at=work.now)
            text = f"{after.name}已列入黑名单，暂停使用本系统。"
            telling = Telling(act="organisation.suspend", rule="A12", ground=ground, text=text)
            await move(work, after, fact=OrganisationSuspended, by=command.by, telling=telling)
    return outcome


def _decide(work: Work, outcome: BlacklistOutcome, *, act: str, by: Actor, ground: str) -> None:
    work.decide(Decision(subject_type="blacklist", subject_id=outcome.id, act=act, by=by, rule="A12", ground=ground))
