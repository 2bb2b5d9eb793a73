"""Staff accounts: one person proposes to open or change them, another approves; anyone in charge disables at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.identity.domain.account_refusals import (
    LastAdministrator,
    ProposalNeedsAdministrator,
    ProposalNotOpen,
    ProposalOpenAlready,
    SignInNameTaken,
)
from services.identity.domain.accounts import RESTORING_ACTS, ROLES_ZH, may_approve
from services.identity.domain.refusals import PersonNameMalformed, SamePerson
from services.identity.handlers.accounts import disable
from services.identity.handlers.designations import designation_for
from services.identity.handlers.staff_acts import (
    ACT_ZH,
    CODE_GIVEN_BY,
    StaffAct,
    change_account,
    check_act,
    check_roles,
    issue_code,
    load_staff,
    open_account,
)
from services.identity.store import accounts as store
from services.identity.store import proposals as proposals_store
from services.identity.store.accounts import SignInAccount
from services.identity.store.proposals import StaffProposal
from shared.contracts.permissions import Role
from shared.kernel.names import is_seen
from shared.runtime.work import Actor, Decision, NotFound, Notice, Work


@dataclass(frozen=True, slots=True)
class ProposalRules:
    """How long a proposal waits for its second person, in business time."""

    ttl: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStaff:
    """A new staff account; its holder sets the password."""

    sign_in_name: str
    display_name: str
    roles: frozenset[Role]
    region: str | None
    designation_id: UUID | None = None
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStaff:
    """An act on a staff account; `roles` and `region` are given when they are to change."""

    act: StaffAct
    account_id: UUID
    roles: frozenset[Role] = frozenset()
    region: str | None = None
    designation_id: UUID | None = None
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideProposal:
    """The second person's answer, or the first one's change of mind; `roles` are of whoever decides."""

    proposal_id: UUID
    reason: str
    roles: frozenset[Role]
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableAccount:
    """An account that signs in no more, with the reason."""

    account_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffResult:
    """A staff account after an act."""

    id: UUID
    sign_in_name: str
    roles: Sequence[str]
    region: str | None
    state: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalResult:
    """A proposal after an act, and the account it is about once there is one.

    `code_part` is added where it is shown, never stored: the reader's part of the code for the account's holder.
    """

    id: UUID
    act: str
    state: str
    account_id: UUID | None
    sign_in_name: str
    roles: Sequence[str]
    region: str | None
    designation_id: UUID | None
    version: int


async def propose_opening(work: Work, command: OpenStaff) -> ProposalResult:
    """Propose a staff account. Nobody can sign in with it before another person has approved it.

    Raises: StaffRolesInvalid, StaffRegionInvalid, RolesExclusive, RegionUnknown, PersonNameMalformed,
    SignInNameTaken, ProposalOpenAlready. Source: N五(一), N五(四), A7-A9, R1-R9, ASVS 2.3.5.
    """
    check_roles(work, command.roles, command.region)
    if not is_seen(command.display_name):
        raise PersonNameMalformed(pointer="/display_name")
    await designation_for(work, command.roles, named=command.designation_id)
    if await store.find_account(work.connection, command.sign_in_name) is not None:
        raise SignInNameTaken
    return await _propose(
        work,
        StaffAct.OPEN,
        account_id=None,
        sign_in_name=command.sign_in_name,
        display_name=command.display_name,
        roles=sorted(role.value for role in command.roles),
        region=command.region,
        designation_id=command.designation_id,
        reason=command.reason,
        by=command.by,
    )


async def propose_change(work: Work, command: ChangeStaff) -> ProposalResult:
    """Propose other roles, another designation, or to give a staff account its access back.

    Raises: NotFound, OwnAccount, AccountDisabled, AccountActive, StaffRolesInvalid, StaffRegionInvalid, RolesExclusive,
    RegionUnknown, SecondFactorNotSet, NotOperatorStaff, DesignationEnded, DesignationMoves, ProposalOpenAlready.
    Source: A4, A7, R2, ASVS 2.3.5.
    """
    account = await load_staff(work, command.account_id, command.by)
    await check_act(work, command.act, account, designation_id=command.designation_id)
    roles, region = list(account.roles), account.region
    if command.act is StaffAct.CHANGE_ROLES:
        check_roles(work, command.roles, command.region)
        roles, region = sorted(role.value for role in command.roles), command.region
        await designation_for(work, roles, named=command.designation_id, present=account.designation_id)
    return await _propose(
        work,
        command.act,
        account_id=account.id,
        sign_in_name=account.sign_in_name,
        display_name=account.display_name,
        roles=roles,
        region=region,
        designation_id=command.designation_id,
        reason=command.reason,
        by=command.by,
    )


async def approve(work: Work, command: DecideProposal) -> ProposalResult:
    """Do what somebody else has proposed.

    Emits: AccountOpened or AccountEnded. Raises: NotFound, ProposalNotOpen, SamePerson, OwnAccount,
    ProposalNeedsAdministrator, LastAdministrator, and what the proposal itself might raise. Source: ASVS 2.3.5.
    """
    proposal = await _load_open(work, command.proposal_id)
    if proposal.proposed_by == command.by.account_id:
        raise SamePerson
    act, before = StaffAct(proposal.act), None
    if proposal.account_id is None:
        await _check_second(work, proposal, command, proposal.roles)
        account_id = await open_account(work, proposal)
    else:
        if act is StaffAct.CHANGE_ROLES and Role.PLATFORM_ADMIN not in proposal.roles:
            await _keep_administrator(work, proposal.account_id)
        before = account = await load_staff(work, proposal.account_id, command.by)
        # Roles taken away count as well: whoever may not give them does not take them.
        await _check_second(work, proposal, command, [*proposal.roles, *account.roles])
        await check_act(work, act, account, designation_id=proposal.designation_id)
        await change_account(work, act, account, proposal)
        account_id = account.id
    if act in CODE_GIVEN_BY:
        await issue_code(work, proposal, account_id, by=command.by)
    changes = {"state": "approved", "account_id": account_id, "decision_reason": command.reason}
    return await _decide_on(work, proposal, changes, command, verb="approve", account=before)


async def refuse(work: Work, command: DecideProposal) -> ProposalResult:
    """Refuse what somebody else has proposed, or withdraw the own proposal. Raises: NotFound, ProposalNotOpen."""
    proposal = await _load_open(work, command.proposal_id)
    own = proposal.proposed_by == command.by.account_id
    if not own:
        await _check_second(work, proposal, command, proposal.roles)
    changes = {"state": "withdrawn" if own else "refused", "decision_reason": command.reason}
    return await _decide_on(work, proposal, changes, command, verb="withdraw" if own else "refuse")


async def disable_staff(work: Work, command: DisableAccount) -> StaffResult:
    """Disable a staff account: no sign-in, no refresh, and its tokens are refused everywhere.

    It takes one person, since whoever is in doubt must be able to stop an account at once. Emits: AccountEnded.
    Raises: NotFound, OwnAccount, AccountDisabled, LastAdministrator.
    """
    await _keep_administrator(work, command.account_id)
    account = await load_staff(work, command.account_id, command.by)
    version = await disable(work, account, ground=command.reason, by=command.by)
    return StaffResult(
        id=account.id,
        sign_in_name=account.sign_in_name,
        roles=account.roles,
        region=account.region,
        state="disabled",
        version=version,
    )


async def _propose(  # noqa: PLR0913 - what a proposal holds
    work: Work,
    act: StaffAct,
    *,
    account_id: UUID | None,
    sign_in_name: str,
    display_name: str,
    roles: list[str],
    region: str | None,
    designation_id: UUID | None,
    reason: str,
    by: Actor,
) -> ProposalResult:
    if by.account_id is None:
        raise NotFound
    proposal = StaffProposal(
        id=work.new_id(),
        act=act.value,
        account_id=account_id,
        sign_in_name=sign_in_name,
        display_name=display_name,
        roles=roles,
        region=region,
        designation_id=designation_id,
        reason=reason,
        state="proposed",
        proposed_by=by.account_id,
        proposed_at=work.now,
        expires_at=work.now + work.ports.get(ProposalRules).ttl,
        version=1,
    )
    if await proposals_store.is_proposed(work.connection, proposal):
        raise ProposalOpenAlready
    await proposals_store.add_proposal(work, proposal)
    _record(work, proposal, verb="propose", by=by, ground=reason)
    return _result(proposal)


async def _load_open(work: Work, proposal_id: UUID) -> StaffProposal:
    """Raises: NotFound, ProposalNotOpen."""
    proposal = await proposals_store.load_proposal(work.connection, proposal_id)
    if proposal.state != "proposed" or proposal.expires_at <= work.now:
        raise ProposalNotOpen
    return proposal


async def _check_second(work: Work, proposal: StaffProposal, command: DecideProposal, of: Sequence[str]) -> None:
    roles = frozenset(map(Role, of))
    lone = (
        proposal.act in RESTORING_ACTS
        and Role.PLATFORM_ADMIN in roles
        and not await store.administrator_beside(work.connection, proposal.proposed_by, proposal.account_id)
    )
    if not may_approve(command.roles, of=roles, no_other_administrator=lone):
        raise ProposalNeedsAdministrator


async def _keep_administrator(work: Work, account_id: UUID) -> None:
    """Refuse to take away the last administrator.

    It locks all of them, before any other account: two who disable each other must neither both succeed nor wait for
    each other. Raises: LastAdministrator.
    """
    if await store.lock_administrators(work.connection) == [account_id]:
        raise LastAdministrator


async def _decide_on(  # noqa: PLR0913 - what a decision changes
    work: Work,
    proposal: StaffProposal,
    changes: Mapping[str, object],
    command: DecideProposal,
    *,
    verb: str,
    account: SignInAccount | None = None,
) -> ProposalResult:
    decided = {**changes, "decided_by": command.by.account_id, "decided_at": work.now}
    await proposals_store.decide_proposal(work, proposal, decided)
    _record(work, proposal, verb=verb, by=command.by, ground=command.reason, account=account)
    what = ACT_ZH[StaffAct(proposal.act)]
    said = {"approve": "已获批准", "refuse": "未获批准", "withdraw": "已撤回"}[verb]
    work.notify(
        Notice(
            recipient=f"account:{proposal.proposed_by}",
            subject_type="staff_proposal",
            subject_id=proposal.id,
            event=f"staff.{verb}",
            text=f"工作人员账号“{proposal.sign_in_name}”的{what}申请{said}。",
            reason=command.reason,
        )
    )
    return _result(proposal, state=str(changes["state"]), account_id=changes.get("account_id"))


def _result(proposal: StaffProposal, *, state: str = "proposed", account_id: object = None) -> ProposalResult:
    return ProposalResult(
        id=proposal.id,
        act=proposal.act,
        state=state,
        account_id=account_id if isinstance(account_id, UUID) else proposal.account_id,
        sign_in_name=proposal.sign_in_name,
        roles=proposal.roles,
        region=proposal.region,
        designation_id=proposal.designation_id,
        version=proposal.version if state == "proposed" else proposal.version + 1,
    )


def _record(  # noqa: PLR0913 - the parts of a decision
    work: Work, proposal: StaffProposal, *, verb: str, by: Actor, ground: str, account: SignInAccount | None = None
) -> None:
    moves = proposal.act == StaffAct.MOVE
    before = account.designation_id if moves and account is not None else None
    roles = "、".join(ROLES_ZH[Role(role)] for role in proposal.roles)
    work.decide(
        Decision(
            subject_type="staff_proposal",
            subject_id=proposal.id,
            act=f"staff.{verb}_{proposal.act}",
            by=by,
            rule="A4, A7" if moves else "N五(一), N五(四), A7-A9",
            ground=ground,
            before=str(before or ""),
            after=str(proposal.designation_id) if moves else ",".join(proposal.roles),
            facts={"account_id": str(proposal.account_id or ""), "sign_in_name": proposal.sign_in_name, "roles": roles},
        )
    )
