"""The bureau's designation of the operator, with which operator rights begin and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.domain.accounts import OPERATOR_ROLES
from services.identity.domain.refusals import DesignationNotOpen, DesignationOutOfOrder
from services.identity.store import accounts as store
from services.identity.tables import DESIGNATION
from shared.contracts.messages.identity import AccountEnded
from shared.runtime.db import execute, fetch_one
from shared.runtime.problems import NotFound
from shared.runtime.work import SYSTEM, Actor, Decision, Work

DESIGNATION_ENDS = "designation_ends"
"""The timer that ends operator rights with the designation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Designate:
    """The bureau's designation of the operator by an act, from a moment on. Source: N三(三), A4."""

    operator_name: str
    act: str
    starts_at: datetime | None
    ends_at: datetime | None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class EndDesignation:
    """The end of a designation; `ends_at` None means now."""

    designation_id: UUID
    reason: str
    ends_at: datetime | None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignationOutcome:
    """A designation after an act."""

    id: UUID
    operator_name: str
    act: str
    starts_at: datetime
    ends_at: datetime | None
    version: int


async def designate(work: Work, command: Designate) -> DesignationOutcome:
    """Designate the operator. Raises: DesignationOutOfOrder, DesignationNotOpen. Source: N三(三), A4, A7, R2."""
    starts_at = command.starts_at or work.now
    if command.ends_at is not None and command.ends_at <= max(starts_at, work.now):
        raise DesignationOutOfOrder
    # One row at a time: two designations at the same moment must see each other.
    await work.connection.execute("SELECT pg_advisory_xact_lock(hashtext('identity.designation'))")
    overlaps = await work.connection.fetchval(
        "SELECT EXISTS (SELECT FROM designation WHERE tstzrange(starts_at, ends_at) && tstzrange($1, $2))",
        starts_at,
        command.ends_at,
    )
    if overlaps:
        raise DesignationNotOpen
    outcome = DesignationOutcome(
        id=work.new_id(),
        operator_name=command.operator_name,
        act=command.act,
        starts_at=starts_at,
        ends_at=command.ends_at,
        version=1,
    )
    values = {
        "id": outcome.id,
        "operator_name": outcome.operator_name,
        "act": outcome.act,
        "starts_at": starts_at,
        "ends_at": command.ends_at,
        "recorded_by": command.by.account_id,
        "version": 1,
    }
    await execute(work.connection, insert(DESIGNATION).values(**values))
    if command.ends_at is not None:
        work.set_timer(DESIGNATION_ENDS, key=outcome.id, due_at=command.ends_at)
    _decide_designation(work, outcome, act="operator.designate", by=command.by, ground=command.act)
    return outcome


async def end_designation(work: Work, command: EndDesignation) -> DesignationOutcome:
    """End a designation now or later; operator rights end with it.

    Emits: AccountEnded for operator accounts. Raises: NotFound, DesignationNotOpen, DesignationOutOfOrder.
    """
    ends_at = command.ends_at or work.now
    statement = select(DESIGNATION).where(DESIGNATION.c.id == command.designation_id).with_for_update()
    row = await fetch_one(work.connection, statement)
    if row is None:
        raise NotFound
    if row["ends_at"] is not None and row["ends_at"] <= work.now:
        raise DesignationNotOpen
    if ends_at < max(row["starts_at"], work.now):
        raise DesignationOutOfOrder
    version = row["version"] + 1
    await execute(
        work.connection,
        update(DESIGNATION).where(DESIGNATION.c.id == row["id"]).values(ends_at=ends_at, version=version),
    )
    outcome = DesignationOutcome(
        id=row["id"],
        operator_name=row["operator_name"],
        act=row["act"],
        starts_at=row["starts_at"],
        ends_at=ends_at,
        version=version,
    )
    work.set_timer(DESIGNATION_ENDS, key=outcome.id, due_at=ends_at)
    _decide_designation(work, outcome, act="operator.end_designation", by=command.by, ground=command.reason)
    return outcome


async def end_operator_rights(work: Work, keys: Sequence[UUID]) -> None:
    """Refuse the operator's tokens once no designation is in force any more. Emits: AccountEnded. Source: R2."""
    del keys
    if await store.operator_designated(work.connection, now=work.now):
        return
    roles = sorted(role.value for role in OPERATOR_ROLES)
    rows = await work.connection.fetch(
        "SELECT id FROM account WHERE roles && $1::text[] AND state = 'active' ORDER BY id", roles
    )
    ended = await store.machine_now(work.connection)
    for row in rows:
        account = await store.load_account(work.connection, row["id"])
        version = await store.change_account(work.connection, account, {})
        work.emit(AccountEnded(version=version, account_id=account.id, tokens_before=ended))
        decision = Decision(
            subject_type="account",
            subject_id=account.id,
            act="operator.rights_end",
            by=SYSTEM,
            rule="A4, A7",
            ground="指定期间已结束",
        )
        work.decide(decision)


def _decide_designation(work: Work, outcome: DesignationOutcome, *, act: str, by: Actor, ground: str) -> None:
    work.decide(
        Decision(
            subject_type="designation",
            subject_id=outcome.id,
            act=act,
            by=by,
            rule="A4, A7",
            ground=ground,
            after=f"{outcome.starts_at.isoformat()}/{outcome.ends_at.isoformat() if outcome.ends_at else ''}",
        )
    )
