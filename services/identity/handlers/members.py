"""The people of an organisation: invited, given another role, ended by its administrator."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.identity.codes import fits_invitation
from services.identity.domain.account_refusals import AccountDisabled, OwnAccount
from services.identity.domain.accounts import role_of_party
from services.identity.domain.member_refusals import (
    AdministratorFixed,
    InvitationNotOpen,
    InvitationWrong,
    LastPartyAdministrator,
    MembersTooMany,
)
from services.identity.handlers.accounts import disable, end_tokens
from services.identity.sealing import Vault
from services.identity.store import accounts
from services.identity.store import invitations as store
from services.identity.store.accounts import SignInAccount
from services.identity.store.invitations import Invitation
from services.identity.store.organisations import load_organisation
from shared.contracts.messages.identity import AccountOpened
from shared.contracts.scopes import MemberRole
from shared.runtime.work import Actor, Decision, NotFound, Notice, Work

MEMBERS_MAX: Final = 50
"""Active people of an organisation and open invitations together."""
INVITATION_TTL: Final = timedelta(days=7)
ROLES_ZH: Final = {"administrator": "管理员", "handler": "经办人员", "reader": "查询人员"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A wish to have somebody in the organisation, as `handler` or `reader`."""

    display_name: str
    member_role: MemberRole
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawInvitation:
    """The end of an invitation that nobody has accepted."""

    invitation_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AcceptInvitation:
    """What somebody who was invited chooses: a sign-in name and a password, of which only the hash comes here."""

    invitation_id: UUID
    code: str
    sign_in_name: str
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMember:
    """Another role within the organisation, or with None the end of a person's access."""

    account_id: UUID
    member_role: MemberRole | None
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationResult:
    """An invitation after an act; its code is added where it is shown."""

    id: UUID
    display_name: str
    member_role: str
    state: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResult:
    """A person of an organisation after an act."""

    id: UUID
    sign_in_name: str
    display_name: str
    member_role: str
    state: str


async def invite(work: Work, command: Invite) -> InvitationResult:
    """Invite somebody, who accepts with a code that is good once. Raises: MembersTooMany, AdministratorFixed."""
    organisation_id, by = _who(command.by)
    if command.member_role is MemberRole.ADMINISTRATOR:
        raise AdministratorFixed
    if await store.count_people(work.connection, organisation_id) >= MEMBERS_MAX:
        raise MembersTooMany(members_max=MEMBERS_MAX)
    invitation = Invitation(
        id=work.new_id(),
        organisation_id=organisation_id,
        display_name=command.display_name,
        member_role=command.member_role.value,
        state="open",
        good=True,
    )
    expires_at = await store.add_invitation(work, invitation, invited_by=by, ttl=INVITATION_TTL)
    _decide(work, organisation_id, act="member.invite", by=command.by, after=invitation.member_role)
    return _invited(invitation, state="open", expires_at=expires_at)


async def withdraw_invitation(work: Work, command: WithdrawInvitation) -> InvitationResult:
    """Make an invitation worth nothing. Raises: NotFound, InvitationNotOpen."""
    organisation_id, _ = _who(command.by)
    invitation = await store.load_invitation(work.connection, command.invitation_id)
    if invitation.organisation_id != organisation_id:
        raise NotFound
    if invitation.state != "open":
        raise InvitationNotOpen
    await store.close_invitation(work, invitation.id, account_id=None)
    _decide(work, organisation_id, act="member.withdraw_invitation", by=command.by, before=invitation.member_role)
    return _invited(invitation, state="withdrawn", expires_at=None)


async def accept_invitation(work: Work, command: AcceptInvitation) -> MemberResult:
    """Open the account of somebody who was invited.

    Emits: AccountOpened. Raises: InvitationWrong, SignInNameTaken.
    """
    try:
        invitation = await store.load_invitation(work.connection, command.invitation_id)
    except NotFound as error:
        raise InvitationWrong from error
    fits = fits_invitation(work.ports.get(Vault), command.code, invitation_id=invitation.id)
    organisation = await load_organisation(work.connection, invitation.organisation_id)
    if not fits or not invitation.open or organisation.closed:
        raise InvitationWrong
    account = SignInAccount(
        id=work.new_id(),
        sign_in_name=command.sign_in_name,
        password_hash=command.password_hash,
        organisation_id=organisation.id,
        roles=(role_of_party(organisation.kind).value,),
        region=None,
        display_name=invitation.display_name,
        state="active",
        opened_at=work.now,
        version=1,
        member_role=invitation.member_role,
    )
    await accounts.add_account(work, account)
    await store.close_invitation(work, invitation.id, account_id=account.id)
    work.emit(
        AccountOpened(version=1, account_id=account.id, organisation_id=organisation.id, roles=tuple(account.roles))
    )
    by = Actor(account_id=account.id, organisation_id=organisation.id, role=account.roles[0])
    _decide(work, account.id, act="member.join", by=by, after=invitation.member_role)
    _tell(work, account, event="member.join", text=f"已接受邀请，成为{ROLES_ZH[invitation.member_role]}")
    return _result(account, member_role=invitation.member_role, state="active")


async def change_role(work: Work, command: ChangeMember) -> MemberResult:
    """Let a handler only read, or a reader handle; tokens with the old role end.

    Emits: AccountEnded. Raises: NotFound, AccountDisabled, AdministratorFixed.
    """
    account = await _load(work, command)
    wanted = command.member_role
    if account.member_role is None or wanted is None or wanted is MemberRole.ADMINISTRATOR:
        raise AdministratorFixed
    version = await accounts.change_account(work, account, {"member_role": wanted.value})
    await end_tokens(work, version, account.id)
    _decide(
        work,
        account.id,
        act="member.change_role",
        by=command.by,
        ground=command.reason,
        before=account.member_role,
        after=wanted.value,
    )
    _tell(work, account, event="member.change_role", text=f"已改为{ROLES_ZH[wanted]}", reason=command.reason)
    return _result(account, member_role=wanted.value, state=account.state)


async def end_access(work: Work, command: ChangeMember) -> MemberResult:
    """End a person's access for this organisation; sessions and tokens end everywhere.

    Emits: AccountEnded. Raises: NotFound, AccountDisabled, LastPartyAdministrator.
    """
    organisation_id, _ = _who(command.by)
    administrators = await accounts.lock_party_administrators(work.connection, organisation_id)
    account = await _load(work, command, own=True)
    if administrators == [account.id]:
        raise LastPartyAdministrator
    await disable(work, account, ground=command.reason, by=command.by)
    _tell(work, account, event="member.end", text="已停用，不能再登录", reason=command.reason)
    return _result(account, member_role=account.member_role or "administrator", state="disabled")


async def _load(work: Work, command: ChangeMember, *, own: bool = False) -> SignInAccount:
    """An active person of the actor's organisation, locked. Raises: NotFound, AccountDisabled, OwnAccount."""
    account = await accounts.load_account(work.connection, command.account_id)
    if account.organisation_id != _who(command.by)[0] or account.kind != "person":
        raise NotFound
    if not account.active:
        raise AccountDisabled
    if account.id == command.by.account_id and not own:
        raise OwnAccount
    return account


def _who(by: Actor) -> tuple[UUID, UUID]:
    """The organisation and the account of whoever acts. Raises: NotFound for somebody without one."""
    if by.organisation_id is None or by.account_id is None:
        raise NotFound
    return by.organisation_id, by.account_id


def _invited(invitation: Invitation, *, state: str, expires_at: datetime | None) -> InvitationResult:
    return InvitationResult(
        id=invitation.id,
        display_name=invitation.display_name,
        member_role=invitation.member_role,
        state=state,
        expires_at=expires_at,
    )


def _result(account: SignInAccount, *, member_role: str, state: str) -> MemberResult:
    return MemberResult(
        id=account.id,
        sign_in_name=account.sign_in_name,
        display_name=account.display_name,
        member_role=member_role,
        state=state,
    )


def _decide(  # noqa: PLR0913 - the parts of a decision
    work: Work, subject_id: UUID, *, act: str, by: Actor, ground: str = "", before: str = "", after: str = ""
) -> None:
    subject = "organisation" if subject_id == by.organisation_id else "account"
    work.decide(
        Decision(
            subject_type=subject,
            subject_id=subject_id,
            act=act,
            by=by,
            rule="",
            ground=ground,
            before=before,
            after=after,
        )
    )


def _tell(work: Work, account: SignInAccount, *, event: str, text: str, reason: str = "") -> None:
    work.notify(
        Notice(
            recipient=f"org:{account.organisation_id}",
            subject_type="account",
            subject_id=account.id,
            event=event,
            text=f"账号“{account.sign_in_name}”{text}。",
            reason=reason,
        )
    )
