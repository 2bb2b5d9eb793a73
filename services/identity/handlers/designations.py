"""The bureau's designation of the operator, with which operator rights begin and end."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import UUID

from services.identity.domain.accounts import OPERATOR_ROLES
from services.identity.domain.refusals import DesignationNotOpen, DesignationOutOfOrder
from services.identity.domain.standing_refusals import DesignationEnded, DesignationMoves, DesignationRequired
from services.identity.store import accounts
from services.identity.store import designations as store
from services.identity.store.designations import Designation
from shared.contracts.messages.identity import AccountEnded
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
class DesignationResult:
    """A designation after an act."""

    id: UUID
    operator_name: str
    act: str
    starts_at: datetime
    ends_at: datetime | None
    version: int


async def designate(work: Work, command: Designate) -> DesignationResult:
    """Designate the operator. Raises: DesignationOutOfOrder, DesignationNotOpen. Source: N三(三), A4, A7, R2."""
    starts_at = command.starts_at or work.now
    if command.ends_at is not None and command.ends_at <= max(starts_at, work.now):
        raise DesignationOutOfOrder
    await store.designate_alone(work.connection)
    if await store.overlaps_another(work.connection, starts_at=starts_at, ends_at=command.ends_at):
        raise DesignationNotOpen
    designation = Designation(
        id=work.new_id(),
        operator_name=command.operator_name,
        act=command.act,
        starts_at=starts_at,
        ends_at=command.ends_at,
        version=1,
    )
    await store.add_designation(work, designation, recorded_by=command.by.account_id)
    if command.ends_at is not None:
        work.set_timer(DESIGNATION_ENDS, key=designation.id, due_at=command.ends_at)
    result = DesignationResult(**asdict(designation))
    _decide_designation(work, result, act="operator.designate", by=command.by, ground=command.act)
    return result


async def end_designation(work: Work, command: EndDesignation) -> DesignationResult:
    """End a designation now or later, and the rights of its people with it; one that has not begun never begins.

    Emits: AccountEnded for its accounts. Raises: NotFound, DesignationNotOpen, DesignationOutOfOrder.
    """
    before = await store.lock_designation(work.connection, command.designation_id)
    if before.has_ended(work.now):
        raise DesignationNotOpen
    ends_at = command.ends_at or max(before.starts_at, work.now)
    # A later end than the present one would be a new designation, which must not overlap another.
    if ends_at < max(before.starts_at, work.now) or (before.ends_at is not None and ends_at > before.ends_at):
        raise DesignationOutOfOrder
    after = replace(before, ends_at=ends_at, version=before.version + 1)
    await store.end_designation(work, after)
    work.set_timer(DESIGNATION_ENDS, key=after.id, due_at=ends_at)
    result = DesignationResult(**asdict(after))
    _decide_designation(work, result, act="operator.end_designation", by=command.by, ground=command.reason)
    return result


async def end_operator_rights(work: Work, keys: Sequence[UUID]) -> None:
    """Refuse the tokens of the people of designations that have ended. Emits: AccountEnded. Source: A4, A7, R2."""
    ids = await store.accounts_of_ended(work.connection, keys, now=work.now)
    await _wait_for_the_rest(work, keys)
    ended = await accounts.machine_now(work.connection)
    for account_id in ids:
        account = await accounts.load_account(work.connection, account_id)
        version = await accounts.change_account(work, account, {})
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
    for designation_id, ends_at in await store.ends_to_come(work.connection, keys, now=work.now):
        work.set_timer(DESIGNATION_ENDS, key=designation_id, due_at=ends_at)


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
    designation = await store.lock_designation(work.connection, designation_id, shared=True)
    if designation.has_ended(work.now):
        raise DesignationEnded


def _decide_designation(work: Work, result: DesignationResult, *, act: str, by: Actor, ground: str) -> None:
    work.decide(
        Decision(
            subject_type="designation",
            subject_id=result.id,
            act=act,
            by=by,
            rule="A4, A7",
            ground=ground,
            after=f"{result.starts_at.isoformat()}/{result.ends_at.isoformat() if result.ends_at else ''}",
        )
    )
