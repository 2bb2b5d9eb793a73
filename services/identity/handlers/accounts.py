"""Accounts of parties: disabled and enabled by the operator's lead, given a reset code after a check of evidence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.domain.account_refusals import AccountActive, AccountDisabled
from services.identity.store import accounts as store
from services.identity.store import credentials
from services.identity.store.accounts import SignInAccount
from services.identity.store.credentials import Reset
from services.identity.store.sessions import revoke_sessions
from shared.contracts.messages.identity import AccountEnded
from shared.runtime.auth import CLOCK_SKEW_MAX_S
from shared.runtime.work import Actor, Decision, NotFound, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRules:
    """How long a reset code is good, in machine time: a party's, and a staff account's of two parts."""

    party_ttl: timedelta
    staff_ttl: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAccount:
    """An act on a party's account; `reason` says why, for a reset code which evidence of the holder was checked."""

    account_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResult:
    """A party's account after an act."""

    id: UUID
    sign_in_name: str
    state: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetResult:
    """A reset code that is good once, until a machine time; the code itself is added where it is shown."""

    id: UUID
    account_id: UUID
    expires_at: datetime


async def disable_party(work: Work, command: ChangeAccount) -> AccountResult:
    """Disable a party's account. Emits: AccountEnded. Raises: NotFound, AccountDisabled."""
    account = await _load_party(work, command.account_id)
    version = await disable(work, account, ground=command.reason, by=command.by)
    _tell(work, account, event="account.disable", text="已停用，不能再登录", reason=command.reason)
    return AccountResult(id=account.id, sign_in_name=account.sign_in_name, state="disabled", version=version)


async def enable_party(work: Work, command: ChangeAccount) -> AccountResult:
    """Let a disabled account of a party sign in again. Emits: AccountEnded. Raises: NotFound, AccountActive."""
    account = await _load_party(work, command.account_id)
    if account.active:
        raise AccountActive
    version = await store.change_account(work, account, {"state": "active"})
    await end_tokens(work, version, account.id)
    _decide(work, account, act="account.enable", by=command.by, ground=command.reason, after="active")
    _tell(work, account, event="account.enable", text="已恢复，可以登录", reason=command.reason)
    return AccountResult(id=account.id, sign_in_name=account.sign_in_name, state="active", version=version)


async def issue_reset(work: Work, command: ChangeAccount) -> ResetResult:
    """Issue a reset code for a party's account, in place of an unused one. Raises: NotFound, AccountDisabled."""
    account = await _load_party(work, command.account_id)
    # A machine has no password: its keys are its organisation's to change.
    if account.kind == "client":
        raise NotFound
    if not account.active:
        raise AccountDisabled
    by = command.by.account_id or account.id
    reset = Reset(id=work.new_id(), account_id=account.id, parts=1, issued_by=by, ground=command.reason)
    expires_at = await credentials.add_reset(work, reset, ttl=work.ports.get(ResetRules).party_ttl)
    _decide(work, account, act="account.issue_reset", by=command.by, ground=command.reason)
    _tell(work, account, event="account.issue_reset", text="由系统运营方签发了密码重置码", reason=command.reason)
    return ResetResult(id=reset.id, account_id=account.id, expires_at=expires_at)


async def disable(work: Work, account: SignInAccount, *, ground: str, by: Actor) -> int:
    """Disable a loaded account; its next version. Emits: AccountEnded. Raises: AccountDisabled."""
    if not account.active:
        raise AccountDisabled
    version = await store.change_account(work, account, {"state": "disabled"})
    await revoke_sessions(work, account.id)
    await credentials.drop_resets(work, account.id)
    # A signer whose clock is ahead may have dated a token after this moment; no later one can be good either.
    ended = await store.machine_now(work.connection) + timedelta(seconds=CLOCK_SKEW_MAX_S)
    work.emit(AccountEnded(version=version, account_id=account.id, tokens_before=ended))
    _decide(work, account, act="account.disable", by=by, ground=ground, after="disabled")
    return version


async def end_tokens(work: Work, version: int, account_id: UUID) -> None:
    """Refuse the access tokens that an account has, as `version` of its facts. Emits: AccountEnded."""
    ended = await store.machine_now(work.connection)
    work.emit(AccountEnded(version=version, account_id=account_id, tokens_before=ended))


async def _load_party(work: Work, account_id: UUID) -> SignInAccount:
    account = await store.load_account(work.connection, account_id)
    if account.staff:
        raise NotFound
    return account


def _decide(  # noqa: PLR0913 - the parts of a decision
    work: Work, account: SignInAccount, *, act: str, by: Actor, ground: str, after: str = ""
) -> None:
    work.decide(
        Decision(
            subject_type="account",
            subject_id=account.id,
            act=act,
            by=by,
            rule="N五(一), N五(四), A7-A9",
            ground=ground,
            before=account.state if after else "",
            after=after,
        )
    )


def _tell(work: Work, account: SignInAccount, *, event: str, text: str, reason: str) -> None:
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
