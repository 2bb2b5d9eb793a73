"""A holder's own password: changed with the present one, or set with a reset code that others gave out.

Neither runs under an Idempotency-Key: the answer is empty, and a request's fingerprint would be of a password.
"""

from dataclasses import replace
from uuid import UUID

from services.identity import admission
from services.identity.admission import Attempt, AttemptLane, lane_of
from services.identity.auth.passwords import Passwords, check_password_rule
from services.identity.codes import fits
from services.identity.domain.account_refusals import PasswordWrong, ResetCodeWrong
from services.identity.sealing import Vault
from services.identity.store import accounts as store
from services.identity.store import credentials
from services.identity.store.accounts import SignInAccount
from services.identity.store.credentials import OpenReset
from services.identity.store.sessions import revoke_sessions
from shared.contracts.messages.identity import AccountEnded
from shared.kernel.refusals import Refusal
from shared.runtime.service import Runtime
from shared.runtime.work import Actor, Decision, Work


async def change_password(runtime: Runtime, actor: Actor, *, attempt: Attempt, new_password: str) -> None:
    """Set another password and end every session. Emits: AccountEnded.

    `attempt` holds the present password. Raises: PasswordWrong, SignInThrottled and the password rule's refusals.
    """
    async with runtime.reading() as connection:
        name = await store.sign_in_name_of(connection, actor.account_id)
    attempt = replace(attempt, sign_in_name=name or "")
    lane = lane_of(runtime, attempt)
    account = await admission.admit(runtime, lane, attempt.name)
    known = account if account is not None and account.active and account.id == actor.account_id else None
    fits_present = await admission.verify(runtime, lane, attempt, known)
    if known is None or not fits_present:
        raise PasswordWrong
    password_hash = await _hashed(runtime, lane, attempt, new_password=new_password, login_name=known.sign_in_name)
    async with runtime.work() as work:
        await admission.clear(work, lane)
        current = await store.load_account(work.connection, known.id)
        if current.password_hash != known.password_hash:
            raise PasswordWrong
        await _set_password(work, current, password_hash=password_hash, act="account.change_password", by=actor)


async def reset_password(runtime: Runtime, attempt: Attempt) -> None:
    """Set a password with a reset code, once, and end every session; `attempt.code` is the code.

    Emits: AccountEnded. Raises: ResetCodeWrong, SignInThrottled and the password rule's refusals. Source: ASVS 6.4.
    """
    lane = lane_of(runtime, attempt)
    account = await admission.admit(runtime, lane, attempt.name)
    known = account if account is not None and account.active else None
    if known is None or await _reset_of(runtime, known.id, typed=attempt.code) is None:
        await admission.count_network_failure(runtime, lane)
        raise ResetCodeWrong
    password_hash = await _hashed(runtime, lane, attempt, new_password=attempt.password, login_name=known.sign_in_name)
    async with runtime.work() as work:
        current = await store.load_account(work.connection, known.id)
        reset = await credentials.open_reset(work.connection, known.id)
        # The code may have been used, or replaced, while the password was hashed.
        if reset is None or not current.active or not _fits(work, reset, attempt.code):
            raise ResetCodeWrong
        await credentials.use_reset(work, reset.id)
        await admission.clear(work, lane)
        by = Actor(account_id=current.id, organisation_id=current.organisation_id, role=current.roles[0])
        await _set_password(work, current, password_hash=password_hash, act="account.reset_password", by=by)


async def _hashed(runtime: Runtime, lane: AttemptLane, attempt: Attempt, *, new_password: str, login_name: str) -> str:
    """The hash of a new password, for whoever has shown the present one or a good code.

    That was no failed try, whatever comes of the new password. Raises: LoginsBusy and the password rule's refusals.
    """
    try:
        check_password_rule(new_password, login_name=login_name)
        return await runtime.ports.get(Passwords).hash(new_password, of=attempt.network)
    except Refusal:
        await admission.take_back(runtime, lane)
        raise


async def _reset_of(runtime: Runtime, account_id: UUID, *, typed: str) -> UUID | None:
    async with runtime.work() as work:
        reset = await credentials.open_reset(work.connection, account_id)
        return None if reset is None or not _fits(work, reset, typed) else reset.id


def _fits(work: Work, reset: OpenReset, typed: str) -> bool:
    return fits(work.ports.get(Vault), typed, reset_id=reset.id, parts=reset.parts)


async def _set_password(work: Work, account: SignInAccount, *, password_hash: str, act: str, by: Actor) -> None:
    version = await store.change_account(work, account, {"password_hash": password_hash})
    await revoke_sessions(work, account.id)
    await credentials.drop_resets(work, account.id)
    ended = await store.machine_now(work.connection)
    work.emit(AccountEnded(version=version, account_id=account.id, tokens_before=ended))
    work.decide(Decision(subject_type="account", subject_id=account.id, act=act, by=by, rule=""))
