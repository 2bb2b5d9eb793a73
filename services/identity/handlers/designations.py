"""The bureau's designation of the operator, with which operator rights begin and end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.domain.accounts import OPERATOR_ROLES
from services.identity.domain.refusals import DesignationNotOpen, DesignationOutOfOrder
from services.identity.domain.standing_refusals import DesignationEnded, DesignationMoves, DesignationRequired
from services.identity.store import accounts as store
from services.identity.tables import DESIGNATION
from shared.contracts.messages.identity import AccountEnded
from shared.runtime.sql import execute, fetch_one
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Work

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
    """End a designation now or later, and the rights of its people with it; one that has not begun never begins.

    Emits: AccountEnded for its accounts. Raises: NotFound, DesignationNotOpen, DesignationOutOfOrder.
    """
    statement = select(DESIGNATION).where(DESIGNATION.c.id == command.designation_id).with_for_update()
    row = await fetch_one(work.connection, statement)
    if row is None:
        raise NotFound
    if row["ends_at"] is not None and row["ends_at"] <= max(row["starts_at"], work.now):
        raise DesignationNotOpen
    ends_at = command.ends_at or max(row["starts_at"], work.now)
    # A later end than the present one would be a new designation, which must not overlap another.
    if ends_at < max(row["starts_at"], work.now) or (row["ends_at"] is not None and ends_at > row["ends_at"]):
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
    """Refuse the tokens of the people of designations that have ended. Emits: AccountEnded. Source: A4, A7, R2."""
    rows = await work.connection.fetch(
        "SELECT a.id FROM account a JOIN designation d ON d.id = a.designation_id"
        " WHERE d.id = ANY($1::uuid[]) AND d.ends_at <= $2 AND a.state = 'active' ORDER BY a.id",
        list(keys),
        work.now,
    )
    await _wait_for_the_rest(work, keys)
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


async def _wait_for_the_rest(work: Work, keys: Sequence[UUID]) -> None:
    """Set the timer again of designations whose end is still to come."""
    rows = await work.connection.fetch(
        "SELECT id, ends_at FROM designation WHERE id = ANY($1::uuid[]) AND ends_at > $2", list(keys), work.now
    )
    for row in rows:
        work.set_timer(DESIGNATION_ENDS, key=row["id"], due_at=row["ends_at"])


async def designation_for(
    work: Work, roles: Collection[str], *, named: UUID | None, present: UUID | None = None
) -> UUID | None:
    """The designation that an account with these roles works under; None for who is not the operator's.

    `named` is the one that was asked for, `present` the one the account has. Without either it is the one in force; an
    account keeps its own, also an ended one, so that other roles never give rights back.

    Raises: DesignationRequired, DesignationEnded, DesignationMoves. Source: A4, A7, R2.
    """
    if present is not None and named not in {None, present}:
        raise DesignationMoves(operation="PUT /staff/{account_id}/designation")
    if OPERATOR_ROLES.isdisjoint(roles):
        return None
    if present is not None:
        return present
    if named is None:
        named = await store.designation_in_force(work.connection, now=work.now)
        if named is None:
            raise DesignationRequired
        return named
    await check_lasts(work, named)
    return named


async def check_lasts(work: Work, designation_id: UUID) -> None:
    """Refuse a designation that has ended: nobody is put under it. Raises: NotFound, DesignationEnded."""
    row = await work.connection.fetchrow(
        "SELECT starts_at, ends_at FROM designation WHERE id = $1 FOR SHARE", designation_id
    )
    if row is None:
        raise NotFound
    if row["ends_at"] is not None and row["ends_at"] <= max(row["starts_at"], work.now):
        raise DesignationEnded


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
