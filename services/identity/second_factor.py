"""The second factor of staff: enrolled once, confirmed by a first code, asked for at every sign-in (ASVS 6.3.3)."""

import base64
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.identity.auth.throttle import SECOND_FACTOR_RULE, count_failure, wait_of
from services.identity.codes import fresh_recovery_codes, plain, recovery_index
from services.identity.domain.account_refusals import (
    SecondFactorForStaff,
    SecondFactorNeeded,
    SecondFactorNotSet,
    SecondFactorSet,
    SecondFactorThrottled,
    SecondFactorWrong,
)
from services.identity.domain.second_factor import DIGITS, SECRET_BYTES, otpauth_uri, step_of
from services.identity.endings import end_sessions
from services.identity.sealing import Vault
from services.identity.store import accounts as store
from services.identity.store import counters, credentials
from services.identity.store.accounts import SignInAccount
from services.identity.store.credentials import SecondFactor
from shared.kernel.refusals import Refusal
from shared.runtime.service import Runtime
from shared.runtime.work import Actor, Decision, Work

_FIELD = "second_factor"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Enrolment:
    """What an authenticator needs, shown this once: as an address for its camera, and as text."""

    otpauth_uri: str
    secret: str


async def judge_second_factor(work: Work, account: SignInAccount, *, typed: str) -> Refusal | None:
    """Why somebody who knows the password does not get in yet, or None. The account is locked by the caller.

    A wrong code is counted in this transaction, so the caller commits before the refusal is raised.
    """
    factor = await credentials.find_factor(work.connection, account.id)
    if factor is None or not factor.confirmed:
        return None
    if not typed.strip():
        return SecondFactorNeeded()
    return await _judge_code(work, account, factor, typed=typed)


async def _judge_code(work: Work, account: SignInAccount, factor: SecondFactor, *, typed: str) -> Refusal | None:
    key, now = account.id.bytes, await store.machine_now(work.connection)
    counter = await counters.failure_counter(work.connection, "second_factor", key=key)
    wait = wait_of(counter, now=now, rule=SECOND_FACTOR_RULE)
    if wait is not None:
        return SecondFactorThrottled(retry_after_s=math.ceil(wait.total_seconds()))
    if await _takes(work, account, factor, typed=typed):
        await counters.clear_counter(work, "second_factor", key=key)
        return None
    counted = count_failure(counter, now=now, rule=SECOND_FACTOR_RULE)
    await counters.keep_counter(work, "second_factor", key=key, counter=counted)
    return SecondFactorWrong()


async def _takes(work: Work, account: SignInAccount, factor: SecondFactor, *, typed: str) -> bool:
    """Whether a code of the authenticator or a recovery code fits; neither does a second time."""
    vault = work.ports.get(Vault)
    if len(plain(typed)) == DIGITS:
        secret = vault.open(factor.secret_sealed, record_id=account.id, field=_FIELD)
        step = step_of(secret, code=typed, now_s=time.time(), after_step=factor.last_step)
        if step is not None:
            await credentials.take_step(work, account.id, step=step)
        return step is not None
    index = recovery_index(vault, account.id, code=typed)
    used = await credentials.use_recovery_code(work, account.id, index=index)
    if used and factor.confirmed:
        by = Actor(account_id=account.id, organisation_id=None, role=account.roles[0])
        _decide(work, account, act="second_factor.use_recovery_code", by=by)
    return used


async def enrol(runtime: Runtime, actor: Actor) -> Enrolment:
    """A fresh secret for the own account, which counts once a code confirms it.

    Raises: SecondFactorForStaff, SecondFactorSet.
    """
    raw = secrets.token_bytes(SECRET_BYTES)
    async with runtime.work() as work:
        account = await _own_staff_account(work, actor)
        factor = await credentials.find_factor(work.connection, account.id)
        if factor is not None and factor.confirmed:
            raise SecondFactorSet
        sealed = work.ports.get(Vault).seal(raw, record_id=account.id, field=_FIELD)
        await credentials.keep_factor(work, account.id, secret_sealed=sealed)
    text = base64.b32encode(raw).decode()
    return Enrolment(otpauth_uri=otpauth_uri(text, sign_in_name=account.sign_in_name), secret=text)


async def confirm(runtime: Runtime, actor: Actor, *, code: str, session_id: UUID | None) -> Sequence[str]:
    """Let the second factor count from now on, and give ten recovery codes, shown this once.

    Every session but `session_id`, which has just shown the factor, ends. Emits: SessionEnded.
    Raises: SecondFactorForStaff, SecondFactorNotSet, SecondFactorSet, SecondFactorWrong, SecondFactorThrottled.
    """
    codes = fresh_recovery_codes()
    async with runtime.work() as work:
        account = await _own_staff_account(work, actor)
        factor = await credentials.find_factor(work.connection, account.id)
        if factor is None:
            raise SecondFactorNotSet
        if factor.confirmed:
            raise SecondFactorSet
        refused = await _judge_code(work, account, factor, typed=code)
        if refused is None:
            vault = work.ports.get(Vault)
            await credentials.confirm_factor(work, account.id)
            indexes = [recovery_index(vault, account.id, code=one) for one in codes]
            await credentials.keep_recovery_codes(work, account.id, indexes=indexes)
            await end_sessions(work, account.id, but=session_id)
            _decide(work, account, act="second_factor.confirm", by=actor)
    # Raised only now: a wrong code that was counted must stay counted.
    if refused is not None:
        raise refused
    return codes


async def _own_staff_account(work: Work, actor: Actor) -> SignInAccount:
    if actor.account_id is None:
        raise SecondFactorForStaff
    account = await store.load_account(work.connection, actor.account_id)
    if not account.staff:
        raise SecondFactorForStaff
    return account


def _decide(work: Work, account: SignInAccount, *, act: str, by: Actor) -> None:
    work.decide(Decision(subject_type="account", subject_id=account.id, act=act, by=by, rule="ASVS 6.3.3"))
