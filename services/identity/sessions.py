"""Sign-in, refresh, sign-out and change of password.

These do not run under an Idempotency-Key: a stored answer would hold a refresh token in clear. Passwords are checked
between two short transactions, never inside one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from services.identity.domain.accounts import audiences_of, effective_roles
from services.identity.domain.refusals import PasswordWrong, SessionEnded, SignInFailed, SignInThrottled
from services.identity.sealing import Vault
from services.identity.signing import SigningKeys
from services.identity.store import accounts as store
from services.identity.store.accounts import Account
from shared.contracts.messages.identity import AccountEnded
from shared.kernel.ids import AccountId, OrganisationId
from shared.runtime.auth.passwords import LoginsBusy, Passwords, check_password_rule
from shared.runtime.auth.throttle import NETWORK_RULE, count_failure, login_delay
from shared.runtime.auth.tokens import (
    RefreshState,
    RefreshToken,
    ReuseDetected,
    Rotate,
    StoredRefreshToken,
    hash_refresh_token,
    judge_refresh,
)
from shared.runtime.runtime import Runtime
from shared.runtime.work import Actor, Decision, Work

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a session lives from its sign-in on, however often it is refreshed."""

    refresh_ttl: timedelta


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """One try to sign in; `network` is the /24 or /64 it comes from."""

    sign_in_name: str
    password: str
    network: str


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Session:
    """What a signed-in client gets; the refresh token is shown this once. `expires_in_s` is of the access tokens."""

    account_id: UUID
    organisation_id: UUID | None
    roles: Sequence[str]
    refresh_token: str
    access_tokens: dict[str, str]
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class _Counters:
    account: bytes
    network: bytes


async def sign_in(runtime: Runtime, attempt: SignIn) -> Session:
    """A new session. Raises: SignInThrottled, SignInFailed, LoginsBusy. Source: ASVS 6.3.1, 6.3.8."""
    passwords = runtime.ports.get(Passwords)
    name = attempt.sign_in_name.strip().lower()
    keys = _counters(runtime, name=name, network=attempt.network)
    account = await _admit(runtime, keys, name)
    known = account if account is not None and account.active else None
    fits = await _verify(runtime, keys, attempt.password, known)
    if known is None or not fits:
        await _count_network_failure(runtime, keys)
        log.info("session.refused", network=attempt.network)
        raise SignInFailed
    rehashed = await passwords.hash(attempt.password) if passwords.needs_rehash(known.password_hash) else None
    async with runtime.work() as work:
        await store.clear_counter(work.connection, "account", key=keys.account)
        current = await store.load_account(work.connection, known.id)
        # The account may have been disabled, or its password changed, while this one was checked.
        if not current.active or current.password_hash != known.password_hash:
            raise SignInFailed
        if rehashed is not None:
            await store.set_password_hash(work.connection, known.id, password_hash=rehashed)
        expires_at = runtime.clock.machine_now() + work.ports.get(SessionRules).refresh_ttl
        blank = StoredRefreshToken(work.new_id(), b"", RefreshState.ACTIVE, expires_at)
        session = await _issue(work, current, family=blank)
    log.info("session.opened", account_id=str(session.account_id))
    return session


async def _admit(runtime: Runtime, keys: _Counters, name: str) -> Account | None:
    """The account of that name, after this try was counted against it.

    It is counted before the password is looked at, or many tries at once would all see an empty counter; a good
    password clears it. Raises: SignInThrottled.
    """
    now = runtime.clock.machine_now()
    async with runtime.work() as work:
        await store.count_alone(work.connection, key=keys.account)
        of_account = await store.failure_counter(work.connection, "account", key=keys.account)
        of_network = await store.failure_counter(work.connection, "network", key=keys.network)
        wait = login_delay(of_account, network=of_network, now=now)
        if wait is not None:
            raise SignInThrottled(retry_after_s=math.ceil(wait.total_seconds()))
        counted = count_failure(of_account, now=now)
        await store.keep_counter(work.connection, "account", key=keys.account, counter=counted)
        return await store.find_account(work.connection, name)


async def _verify(runtime: Runtime, keys: _Counters, password: str, known: Account | None) -> bool:
    """Whether the password fits; a try that was never looked at is not held against the account. Raises: LoginsBusy."""
    passwords = runtime.ports.get(Passwords)
    try:
        return await passwords.verify(password, password_hash=known.password_hash if known else None)
    except LoginsBusy:
        async with runtime.work() as work:
            await store.count_alone(work.connection, key=keys.account)
            await store.take_back_failure(work.connection, "account", key=keys.account)
        raise


async def _count_network_failure(runtime: Runtime, keys: _Counters) -> None:
    async with runtime.work() as work:
        counter = await store.failure_counter(work.connection, "network", key=keys.network)
        counted = count_failure(counter, now=runtime.clock.machine_now(), rule=NETWORK_RULE)
        await store.keep_counter(work.connection, "network", key=keys.network, counter=counted)


def _counters(runtime: Runtime, *, name: str, network: str) -> _Counters:
    vault = runtime.ports.get(Vault)
    return _Counters(
        account=vault.index(name.encode(), purpose="sign_in_name"),
        network=vault.index(network.encode(), purpose="network"),
    )


async def refresh(runtime: Runtime, refresh_token: str) -> Session:
    """The next tokens of a session. A token that comes twice ends its session. Raises: SessionEnded."""
    session: Session | None = None
    async with runtime.work() as work:
        found = await store.load_refresh_token(work.connection, hash_refresh_token(refresh_token))
        rows = [] if found is None else [found[0]]
        verdict = judge_refresh(rows, presented=refresh_token, now=runtime.clock.machine_now())
        if isinstance(verdict, ReuseDetected):
            await store.revoke_family(work.connection, verdict.family_id)
            log.warning("session.reuse_detected", family_id=str(verdict.family_id))
        if isinstance(verdict, Rotate) and found is not None:
            account = await store.load_account(work.connection, found[1])
            if account.active:
                await store.mark_rotated(work.connection, verdict.row.token_hash)
                session = await _issue(work, account, family=verdict.row)
    # Raised only now: the revocation above must be committed.
    if session is None:
        raise SessionEnded
    return session


async def sign_out(runtime: Runtime, account_id: UUID, *, refresh_token: str | None) -> None:
    """End the session of a refresh token, or every session of the account; access tokens run out by themselves."""
    async with runtime.work() as work:
        if refresh_token is None:
            await store.revoke_sessions(work.connection, account_id)
            return
        found = await store.load_refresh_token(work.connection, hash_refresh_token(refresh_token))
        if found is not None and found[1] == account_id:
            await store.revoke_family(work.connection, found[0].family_id)


async def change_password(runtime: Runtime, actor: Actor, *, attempt: SignIn, new_password: str) -> None:
    """Set another password and end every session. Emits: AccountEnded.

    `attempt` holds the present password. Raises: PasswordWrong, SignInThrottled and the password rule's refusals.
    """
    passwords = runtime.ports.get(Passwords)
    async with runtime.reading() as connection:
        name = await connection.fetchval("SELECT sign_in_name FROM account WHERE id = $1", actor.account_id)
    keys = _counters(runtime, name=name or "", network=attempt.network)
    account = await _admit(runtime, keys, name or "")
    known = account if account is not None and account.active else None
    fits = await _verify(runtime, keys, attempt.password, known)
    if known is None or not fits:
        raise PasswordWrong
    check_password_rule(new_password, login_name=known.sign_in_name)
    password_hash = await passwords.hash(new_password)
    async with runtime.work() as work:
        await store.clear_counter(work.connection, "account", key=keys.account)
        current = await store.load_account(work.connection, known.id)
        if current.password_hash != known.password_hash:
            raise PasswordWrong
        version = await store.change_account(work.connection, current, {"password_hash": password_hash})
        await store.revoke_sessions(work.connection, known.id)
        ended = await store.machine_now(work.connection)
        work.emit(AccountEnded(version=version, account_id=known.id, tokens_before=ended))
        work.decide(
            Decision(subject_type="account", subject_id=known.id, act="account.change_password", by=actor, rule="")
        )


async def _issue(work: Work, account: Account, *, family: StoredRefreshToken) -> Session:
    """Tokens of a session; the refresh token keeps the family's end."""
    token = RefreshToken.new()
    row = StoredRefreshToken(family.family_id, token.token_hash, RefreshState.ACTIVE, family.expires_at)
    await store.add_refresh_token(work.connection, row, account_id=account.id)
    designated = await store.operator_designated(work.connection, account, now=work.now)
    roles = effective_roles(account.roles, operator_designated=designated)
    signer = await work.ports.get(SigningKeys).signer(work.connection)
    organisation_id = None if account.organisation_id is None else OrganisationId(account.organisation_id)
    return Session(
        account_id=account.id,
        organisation_id=account.organisation_id,
        roles=sorted(role.value for role in roles),
        refresh_token=token.text,
        access_tokens={
            audience: signer.sign(
                AccountId(account.id),
                audience=audience,
                organisation_id=organisation_id,
                roles=roles,
                region=account.region,
            )
            for audience in audiences_of(roles)
        },
        expires_in_s=signer.ttl_s,
    )
