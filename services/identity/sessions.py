"""Sign-in, refresh and sign-out.

These do not run under an Idempotency-Key: a stored answer would hold a refresh token in clear. Passwords are checked
between two short transactions, never inside one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from services.identity import admission
from services.identity.admission import Attempt, fingerprint, lane_of
from services.identity.auth.passwords import Passwords
from services.identity.auth.refresh_tokens import (
    RefreshState,
    RefreshToken,
    Repeat,
    ReuseDetected,
    Rotate,
    StoredRefreshToken,
    hash_refresh_token,
    judge_refresh,
)
from services.identity.domain.account_refusals import SecondFactorNeeded, SessionOver, SignInFailed
from services.identity.domain.accounts import audiences_of, effective_roles
from services.identity.endings import end_session, end_sessions
from services.identity.sealing import Vault
from services.identity.second_factor import judge_second_factor
from services.identity.signing import SigningKeys
from services.identity.store import accounts as store
from services.identity.store import credentials, sessions
from services.identity.store.accounts import SignInAccount
from services.identity.store.designations import operator_designated
from services.identity.store.sessions import HeldToken, TokenExchange
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId, OrganisationId
from shared.kernel.refusals import Refusal
from shared.runtime.service import Runtime
from shared.runtime.work import Work

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long a session lives from its sign-in on, however often it is refreshed, and what staff need for one.

    `refresh_grace` is how long a second tab may bring the token that another one has just exchanged.
    """

    refresh_ttl: timedelta
    refresh_grace: timedelta
    second_factor_required: bool


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Session:
    """What a signed-in client gets; the refresh token is shown this once. `expires_in_s` is of the access tokens.

    `device_token` comes with a sign-in. With `enrolment_needed` the tokens open nothing but the enrolment of a second
    factor.
    """

    account_id: UUID
    organisation_id: UUID | None
    roles: Sequence[str]
    refresh_token: str
    access_tokens: dict[str, str]
    expires_in_s: int
    device_token: str = ""
    enrolment_needed: bool = False


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class _Tokens:
    roles: frozenset[Role]
    by_audience: dict[str, str]
    expires_in_s: int
    enrolment_needed: bool


async def sign_in(runtime: Runtime, attempt: Attempt) -> Session:
    """A new session.

    Raises: SignInThrottled, SignInFailed, LoginsBusy, SecondFactorNeeded, SecondFactorWrong, SecondFactorThrottled.
    Source: ASVS 6.3.1, 6.3.3, 6.3.8.
    """
    passwords = runtime.ports.get(Passwords)
    lane = lane_of(runtime, attempt)
    account = await admission.admit(runtime, lane, attempt.name)
    known = account if account is not None and account.active else None
    fits = await admission.verify(runtime, lane, attempt, known)
    if known is None or not fits:
        await admission.count_network_failure(runtime, lane)
        log.info("session.refused", network=attempt.network)
        raise SignInFailed
    stale = passwords.needs_rehash(known.password_hash)
    rehashed = await passwords.hash(attempt.password, of=attempt.network) if stale else None
    session: Session | None = None
    async with runtime.work() as work:
        current = await store.load_account(work.connection, known.id)
        # The account may have been disabled, or its password changed, while this one was checked.
        if not current.active or current.password_hash != known.password_hash:
            raise SignInFailed
        refused = await judge_second_factor(work, current, typed=attempt.code)
        if refused is None or isinstance(refused, SecondFactorNeeded):
            await admission.clear(work, lane)
        if refused is None:
            if rehashed is not None:
                await store.set_password_hash(work, known.id, password_hash=rehashed)
            session = await _open(runtime, work, current, attempt)
    # Raised only now: a wrong code that was counted must stay counted.
    if session is None:
        raise _spoken(refused, attempt)
    log.info("session.opened", account_id=str(session.account_id))
    return session


def _spoken(refused: Refusal | None, attempt: Attempt) -> Refusal:
    if not isinstance(refused, SecondFactorNeeded):
        log.info("session.refused", network=attempt.network)
    return refused or SignInFailed()


async def _open(runtime: Runtime, work: Work, account: SignInAccount, attempt: Attempt) -> Session:
    expires_at = runtime.clock.machine_now() + work.ports.get(SessionRules).refresh_ttl
    token = RefreshToken.new()
    row = StoredRefreshToken(work.new_id(), token.token_hash, RefreshState.ACTIVE, expires_at)
    await sessions.add_refresh_token(work, row, account_id=account.id)
    tokens = await _tokens(work, account, session_id=row.family_id)
    return _session(account, tokens, refresh_token=token.text, device_token=admission.device_token(runtime, attempt))


async def refresh(runtime: Runtime, refresh_token: str, *, agent: str, network: str) -> Session:
    """The next tokens of a session. A token that comes twice ends its session, but for a second tab's.

    Emits: SessionEnded when it comes twice. Raises: SessionOver. Source: RFC 9700, 4.14.2.
    """
    session: Session | None = None
    client = fingerprint(runtime.ports.get(Vault), agent=agent, network=network)
    rules, now = runtime.ports.get(SessionRules), runtime.clock.machine_now()
    async with runtime.work() as work:
        found = await sessions.load_refresh_token(work.connection, hash_refresh_token(refresh_token))
        rows = [] if found is None else [found.row]
        verdict = judge_refresh(rows, presented=refresh_token, now=now, client=client, grace=rules.refresh_grace)
        if found is not None and isinstance(verdict, ReuseDetected):
            await end_session(work, found.account_id, session_id=verdict.family_id)
            log.warning("session.reuse_detected", family_id=str(verdict.family_id))
        if found is not None and isinstance(verdict, Rotate | Repeat):
            account = await store.load_account(work.connection, found.account_id)
            if account.active:
                again = isinstance(verdict, Repeat)
                text = _present(work, found) if again else await _exchange(runtime, work, found, client=client)
                tokens = await _tokens(work, account, session_id=found.row.family_id)
                session = _session(account, tokens, refresh_token=text)
    # Raised only now: the revocation above must be committed.
    if session is None:
        raise SessionOver
    return session


async def _exchange(runtime: Runtime, work: Work, held: HeldToken, *, client: bytes) -> str:
    """The text of the next refresh token, which keeps the family's end."""
    token, before = RefreshToken.new(), held.row
    row = StoredRefreshToken(before.family_id, token.token_hash, RefreshState.ACTIVE, before.expires_at)
    await sessions.add_refresh_token(work, row, account_id=held.account_id)
    sealed = work.ports.get(Vault).seal(token.text.encode(), record_id=before.family_id, field="refresh_token")
    exchange = TokenExchange(
        at=runtime.clock.machine_now(), client=client, successor=token.token_hash, successor_sealed=sealed
    )
    await sessions.mark_rotated(work, before, exchange=exchange)
    return token.text


def _present(work: Work, held: HeldToken) -> str:
    """The text of the refresh token that another tab got a moment ago. Raises: SessionOver."""
    if held.successor_sealed is None:
        raise SessionOver
    vault = work.ports.get(Vault)
    return vault.open(held.successor_sealed, record_id=held.row.family_id, field="refresh_token").decode()


async def sign_out(runtime: Runtime, account_id: UUID, *, refresh_token: str | None) -> None:
    """End the session of a refresh token, or every session of the account; their access tokens end with them.

    Emits: SessionEnded.
    """
    async with runtime.work() as work:
        if refresh_token is None:
            await end_sessions(work, account_id)
            return
        found = await sessions.load_refresh_token(work.connection, hash_refresh_token(refresh_token))
        if found is not None and found.account_id == account_id:
            await end_session(work, account_id, session_id=found.row.family_id)


async def _tokens(work: Work, account: SignInAccount, *, session_id: UUID) -> _Tokens:
    """Access tokens for every service the account's rights reach."""
    designated = await operator_designated(work.connection, account.designation_id, now=work.now)
    roles = effective_roles(account.roles, operator_designated=designated)
    needed = await _enrolment_needed(work, account)
    if needed:
        roles = frozenset()
    signer = await work.ports.get(SigningKeys).signer(work.connection)
    organisation_id = None if account.organisation_id is None else OrganisationId(account.organisation_id)
    by_audience = {
        audience: signer.sign(
            AccountId(account.id),
            audience=audience,
            organisation_id=organisation_id,
            roles=roles,
            region=account.region,
            session_id=session_id,
            member=account.member_role,
        )
        for audience in audiences_of(roles)
    }
    return _Tokens(roles=roles, by_audience=by_audience, expires_in_s=signer.ttl_s, enrolment_needed=needed)


async def _enrolment_needed(work: Work, account: SignInAccount) -> bool:
    if not account.staff or not work.ports.get(SessionRules).second_factor_required:
        return False
    factor = await credentials.find_factor(work.connection, account.id)
    return factor is None or not factor.confirmed


def _session(account: SignInAccount, tokens: _Tokens, *, refresh_token: str, device_token: str = "") -> Session:
    return Session(
        account_id=account.id,
        organisation_id=account.organisation_id,
        roles=sorted(role.value for role in tokens.roles),
        refresh_token=refresh_token,
        access_tokens=tokens.by_audience,
        expires_in_s=tokens.expires_in_s,
        device_token=device_token,
        enrolment_needed=tokens.enrolment_needed,
    )
