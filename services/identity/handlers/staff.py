"""Staff accounts: opened, given other roles, disabled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from services.identity.domain.accounts import check_staff_roles
from services.identity.domain.refusals import (
    AccountDisabled,
    OwnAccount,
    PersonNameMalformed,
    RegionUnknown,
    SignInNameTaken,
)
from services.identity.handlers.designations import designation_for
from services.identity.store import accounts as store
from services.identity.store.accounts import Account
from shared.contracts.messages.identity import AccountEnded, AccountOpened
from shared.contracts.permissions import Role
from shared.kernel.names import is_seen
from shared.runtime.auth.tokens import CLOCK_SKEW_MAX_S
from shared.runtime.problems import NotFound
from shared.runtime.work import Actor, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenStaff:
    """A new staff account."""

    sign_in_name: str
    password_hash: str
    display_name: str
    roles: frozenset[Role]
    region: str | None
    designation_id: UUID | None = None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRoles:
    """Other roles for a staff account."""

    account_id: UUID
    roles: frozenset[Role]
    region: str | None
    designation_id: UUID | None = None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableAccount:
    """An account that signs in no more, with the reason."""

    account_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffOutcome:
    """A staff account after an act."""

    id: UUID
    sign_in_name: str
    roles: Sequence[str]
    region: str | None
    state: str
    version: int


async def open_staff(work: Work, command: OpenStaff) -> StaffOutcome:
    """Open a staff account; one of the operator's people belongs to a designation, by default the present one.

    Emits: AccountOpened. Raises: StaffRolesInvalid, StaffRegionInvalid, RegionUnknown, PersonNameMalformed,
    SignInNameTaken, NotFound, DesignationRequired, DesignationEnded. Source: N五(一), N五(四), A7-A9, R1-R9.
    """
    _check_roles(work, command.roles, command.region)
    if not is_seen(command.display_name):
        raise PersonNameMalformed(pointer="/display_name")
    designation_id = await designation_for(work, command.roles, named=command.designation_id)
    account = Account(
        id=work.new_id(),
        sign_in_name=command.sign_in_name,
        password_hash=command.password_hash,
        organisation_id=None,
        designation_id=designation_id,
        roles=sorted(role.value for role in command.roles),
        region=command.region,
        display_name=command.display_name,
        state="active",
        opened_at=work.now,
        version=1,
    )
    try:
        await store.add_account(work.connection, account)
    except asyncpg.UniqueViolationError as error:
        raise SignInNameTaken from error
    work.emit(AccountOpened(version=1, account_id=account.id, organisation_id=None, roles=tuple(account.roles)))
    _decide(work, account.id, act="account.open", by=command.by, after=",".join(account.roles))
    return _outcome(account)


async def change_roles(work: Work, command: ChangeRoles) -> StaffOutcome:
    """Change the roles of a staff account; tokens with the old ones are refused everywhere.

    Emits: AccountEnded. Raises: NotFound, OwnAccount, AccountDisabled, StaffRolesInvalid, StaffRegionInvalid,
    RegionUnknown, DesignationRequired, DesignationEnded.
    """
    before = await _load_staff(work, command.account_id, command.by)
    _check_roles(work, command.roles, command.region)
    roles = sorted(role.value for role in command.roles)
    designation_id = await designation_for(work, roles, named=command.designation_id, present=before.designation_id)
    # An account that ceases to be the operator's keeps its designation: were it the operator's again, it would be so
    # under the same one.
    kept = designation_id or before.designation_id
    changes = {"roles": roles, "region": command.region, "designation_id": kept}
    version = await store.change_account(work.connection, before, changes)
    ended = await store.machine_now(work.connection)
    work.emit(AccountEnded(version=version, account_id=before.id, tokens_before=ended))
    was = ",".join(before.roles)
    _decide(work, before.id, act="account.change_roles", by=command.by, before=was, after=",".join(roles))
    return StaffOutcome(
        id=before.id,
        sign_in_name=before.sign_in_name,
        roles=roles,
        region=command.region,
        state=before.state,
        version=version,
    )


async def disable_staff(work: Work, command: DisableAccount) -> StaffOutcome:
    """Disable a staff account: no sign-in, no refresh, and its tokens are refused everywhere.

    Emits: AccountEnded. Raises: NotFound, OwnAccount, AccountDisabled.
    """
    before = await _load_staff(work, command.account_id, command.by)
    version = await store.change_account(work.connection, before, {"state": "disabled"})
    await store.revoke_sessions(work.connection, before.id)
    # A signer whose clock is ahead may have dated a token after this moment; no later one can be good either.
    ended = await store.machine_now(work.connection) + timedelta(seconds=CLOCK_SKEW_MAX_S)
    work.emit(AccountEnded(version=version, account_id=before.id, tokens_before=ended))
    _decide(work, before.id, act="account.disable", by=command.by, ground=command.reason, after="disabled")
    return StaffOutcome(
        id=before.id,
        sign_in_name=before.sign_in_name,
        roles=before.roles,
        region=before.region,
        state="disabled",
        version=version,
    )


async def _load_staff(work: Work, account_id: UUID, by: Actor) -> Account:
    """Raises: NotFound, OwnAccount, AccountDisabled."""
    account = await store.load_account(work.connection, account_id)
    if account.organisation_id is not None:
        raise NotFound
    if account.id == by.account_id:
        raise OwnAccount
    if not account.active:
        raise AccountDisabled
    return account


def _check_roles(work: Work, roles: frozenset[Role], region: str | None) -> None:
    check_staff_roles(roles, region=region)
    if region is not None and work.pack.region_of(region) is None:
        raise RegionUnknown(region=region)


def _outcome(account: Account) -> StaffOutcome:
    return StaffOutcome(
        id=account.id,
        sign_in_name=account.sign_in_name,
        roles=account.roles,
        region=account.region,
        state=account.state,
        version=account.version,
    )


def _decide(  # noqa: PLR0913 - the parts of a decision
    work: Work, account_id: UUID, *, act: str, by: Actor, ground: str = "", before: str = "", after: str = ""
) -> None:
    work.decide(
        Decision(
            subject_type="account",
            subject_id=account_id,
            act=act,
            by=by,
            rule="N五(一), N五(四), A7-A9",
            ground=ground,
            before=before,
            after=after,
        )
    )
