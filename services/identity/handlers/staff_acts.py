"""What is done to a staff account once two people agree, and when each act can be done at all."""

from enum import StrEnum
from uuid import UUID

from services.identity.domain.account_refusals import (
    AccountActive,
    AccountDisabled,
    OwnAccount,
    ProposalNotOpen,
    SecondFactorNotSet,
)
from services.identity.domain.accounts import OPERATOR_ROLES, check_staff_roles
from services.identity.domain.refusals import RegionUnknown
from services.identity.domain.standing_refusals import NotOperatorStaff
from services.identity.handlers.accounts import ResetRules, end_tokens
from services.identity.handlers.designations import check_lasts, designation_for
from services.identity.store import accounts as store
from services.identity.store import credentials
from services.identity.store.accounts import SignInAccount
from services.identity.store.credentials import Reset
from services.identity.store.proposals import StaffProposal
from services.identity.store.sessions import revoke_sessions
from shared.contracts.messages.identity import AccountOpened
from shared.contracts.permissions import Role
from shared.runtime.work import Actor, NotFound, Work


class StaffAct(StrEnum):
    """What takes two people."""

    OPEN = "open"
    CHANGE_ROLES = "change_roles"
    MOVE = "move"
    ENABLE = "enable"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of an act
    RESET_SECOND_FACTOR = "reset_second_factor"


ACT_ZH = {
    StaffAct.OPEN: "开立账号",
    StaffAct.CHANGE_ROLES: "更改角色",
    StaffAct.MOVE: "调整所属指定",
    StaffAct.ENABLE: "恢复账号",
    StaffAct.RESET_PASSWORD: "重置密码",
    StaffAct.RESET_SECOND_FACTOR: "重置身份验证器",
}
CODE_GIVEN_BY = frozenset({StaffAct.OPEN, StaffAct.RESET_PASSWORD})
"""Acts after which the holder sets a password with a code of two parts: one from each of the two people."""


async def check_act(work: Work, act: StaffAct, account: SignInAccount, *, designation_id: UUID | None = None) -> None:
    """Refuse what cannot be done to an account as it is; `designation_id` is where it is to be moved.

    Raises: AccountActive, AccountDisabled, SecondFactorNotSet, NotOperatorStaff, NotFound, DesignationEnded.
    """
    if act is StaffAct.ENABLE:
        if account.active:
            raise AccountActive
        return
    if not account.active:
        raise AccountDisabled
    if act is StaffAct.RESET_SECOND_FACTOR and await credentials.find_factor(work.connection, account.id) is None:
        raise SecondFactorNotSet
    if act is StaffAct.MOVE:
        # A move without a designation is not proposed at all.
        if designation_id is None or designation_id == account.designation_id:
            raise NotOperatorStaff
        if OPERATOR_ROLES.isdisjoint(account.roles):
            raise NotOperatorStaff
        await check_lasts(work, designation_id)


async def open_account(work: Work, proposal: StaffProposal) -> UUID:
    """Open the account that was proposed; its id.

    Emits: AccountOpened. Raises: SignInNameTaken, DesignationRequired, DesignationEnded, and as `check_roles`.
    """
    # The scheme's rules may have changed since, and roles are never given against them.
    check_roles(work, frozenset(map(Role, proposal.roles)), proposal.region)
    account = SignInAccount(
        id=work.new_id(),
        sign_in_name=proposal.sign_in_name,
        password_hash="",
        organisation_id=None,
        designation_id=await designation_for(work, proposal.roles, named=proposal.designation_id),
        roles=proposal.roles,
        region=proposal.region,
        display_name=proposal.display_name,
        state="active",
        opened_at=work.now,
        version=1,
    )
    await store.add_account(work, account)
    work.emit(AccountOpened(version=1, account_id=account.id, organisation_id=None, roles=tuple(account.roles)))
    return account.id


async def change_account(work: Work, act: StaffAct, account: SignInAccount, proposal: StaffProposal) -> None:
    """Do what was proposed to an account. Emits: AccountEnded. Raises: ProposalNotOpen, and as `check_roles`."""
    match act:
        case StaffAct.CHANGE_ROLES:
            check_roles(work, frozenset(map(Role, proposal.roles)), proposal.region)
            designation_id = await designation_for(
                work, proposal.roles, named=proposal.designation_id, present=account.designation_id
            )
            # An account that ceases to be the operator's keeps its designation: were it the operator's again, it would
            # be so under the same one.
            kept = designation_id or account.designation_id
            changes = {"roles": proposal.roles, "region": proposal.region, "designation_id": kept}
            version = await store.change_account(work, account, changes)
            await end_tokens(work, version, account.id)
        case StaffAct.MOVE:
            changes = {"designation_id": proposal.designation_id}
            await end_tokens(work, await store.change_account(work, account, changes), account.id)
        case StaffAct.ENABLE:
            # Roles that exclude each other since are not given back with the account.
            check_roles(work, frozenset(map(Role, account.roles)), account.region)
            await end_tokens(work, await store.change_account(work, account, {"state": "active"}), account.id)
        case StaffAct.RESET_SECOND_FACTOR:
            await credentials.drop_factor(work, account.id)
            await _start_anew(work, account)
        case StaffAct.RESET_PASSWORD:
            # The old password is worth nothing from now on, whoever knows it.
            await store.set_password_hash(work, account.id, password_hash="")
            await _start_anew(work, account)
        case StaffAct.OPEN:
            raise ProposalNotOpen


async def _start_anew(work: Work, account: SignInAccount) -> None:
    await revoke_sessions(work, account.id)
    version = await store.change_account(work, account, {})
    await end_tokens(work, version, account.id)


async def issue_code(work: Work, proposal: StaffProposal, account_id: UUID, *, by: Actor) -> None:
    """Let the holder set a password with a code, of which each of the two people is shown a part."""
    # Whoever proposes and whoever approves each hold a part: neither can take the account for themselves.
    reset = Reset(
        id=proposal.id,
        account_id=account_id,
        parts=2,
        issued_by=by.account_id or proposal.proposed_by,
        ground=proposal.reason,
    )
    await credentials.add_reset(work, reset, ttl=work.ports.get(ResetRules).staff_ttl)


async def load_staff(work: Work, account_id: UUID, by: Actor) -> SignInAccount:
    """A staff account of somebody else, locked until the commit. Raises: NotFound, OwnAccount."""
    account = await store.load_account(work.connection, account_id)
    if not account.staff:
        raise NotFound
    if account.id == by.account_id:
        raise OwnAccount
    return account


def check_roles(work: Work, roles: frozenset[Role], region: str | None) -> None:
    """Raises: StaffRolesInvalid, StaffRegionInvalid, RolesExclusive, RegionUnknown. Source: R5, R9, ASVS 2.3.5."""
    check_staff_roles(roles, region=region)
    if region is not None and work.pack.region_of(region) is None:
        raise RegionUnknown(region=region)
