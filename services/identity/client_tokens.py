"""Access tokens of machine clients: an assertion for a token (RFC 6749, 4.4).

No Idempotency-Key here: a stored answer would hold a token in clear, and an assertion is good once anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.identity.assertions import AssertionRefused, JudgedAssertion, judge_assertion, kid_of
from services.identity.domain.clients import audiences_of_scopes, client_id_of
from services.identity.signing import SigningKeys
from services.identity.store import clients as store
from services.identity.store.clients import SigningClientKey
from shared.contracts.permissions import Role
from shared.contracts.scopes import scopes_of
from shared.kernel.ids import AccountId, OrganisationId
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.auth import ClientGrant
from shared.runtime.http import RateTable, RequestRate
from shared.runtime.service import Runtime
from shared.runtime.work import Work

log = structlog.get_logger()


class ScopeNotGranted(Refusal):
    """A scope was asked for that the client does not have, or none is left of those that it has."""

    code = "identity.client_scope_not_granted"
    kind = RefusalKind.RULE
    zh = "请求的权限范围未授予该应用客户端。"


class TokenRates:
    """How many tokens a network may ask for, and a client that has proved itself; each process counts for itself.

    A client is counted only after its proof: otherwise strangers could use up what is another's.
    """

    def __init__(self) -> None:
        self.networks = RateTable(RequestRate(name="token-network", per_s=5.0, burst=150))
        self.clients = RateTable(RequestRate(name="token-client", per_s=0.5, burst=60))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenAsked:
    """A request for a token; `client_id` is what the client says it is beside its assertion, or empty."""

    assertion: str
    client_id: str
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientToken:
    """An access token, shown this once, and the scopes that it carries."""

    access_token: str
    expires_in_s: int
    scopes: Sequence[str]


async def prove(runtime: Runtime, asked: TokenAsked) -> tuple[SigningClientKey, JudgedAssertion]:
    """The key that a client has proved to hold. Raises: AssertionRefused."""
    kid = kid_of(asked.assertion)
    async with runtime.reading() as connection:
        key = await store.signing_key_of(connection, kid)
    if key is None:
        raise AssertionRefused(reason="key")
    if asked.client_id and asked.client_id != client_id_of(key.account_id):
        raise AssertionRefused(reason="client_id")
    return key, judge_assertion(asked.assertion, key, issuer=runtime.settings.public_url)


async def give_token(
    runtime: Runtime, asked: TokenAsked, key: SigningClientKey, judged: JudgedAssertion
) -> ClientToken:
    """A token for the scopes that were asked for, or for all that the client has, as far as its organisation may act.

    Raises: AssertionRefused when the assertion was used before, or the client or its key has ended; ScopeNotGranted.
    """
    refused: Refusal | None = None
    token: ClientToken | None = None
    async with runtime.work() as work:
        granted = await store.lock_granted(work.connection, key)
        if granted is None:
            raise AssertionRefused(reason="ended")
        if not await store.use_assertion(work, key.account_id, jti_hash=judged.jti_hash, expires_at=judged.expires_at):
            raise AssertionRefused(reason="used")
        await store.note_use(work, key.key_id)
        roles = frozenset(map(Role, granted.roles))
        scopes = frozenset(granted.scopes) & frozenset().union(*map(scopes_of, roles))
        chosen = frozenset(asked.scopes) or scopes
        if not chosen or not chosen <= scopes:
            refused = ScopeNotGranted()
        else:
            grant = ClientGrant(
                account_id=AccountId(key.account_id),
                client_id=client_id_of(key.account_id),
                organisation_id=OrganisationId(granted.organisation_id),
                roles=roles,
                scopes=chosen,
                key_id=key.key_id,
            )
            token = await _sign(runtime, work, grant)
    # Raised only now: an assertion that was used must stay used.
    if token is None:
        raise refused or ScopeNotGranted()
    log.info("client.token_given", account_id=str(key.account_id))
    return token


async def _sign(runtime: Runtime, work: Work, grant: ClientGrant) -> ClientToken:
    signer = await work.ports.get(SigningKeys).signer(work.connection)
    text = signer.sign_for_client(
        grant, audiences=audiences_of_scopes(grant.scopes), issuer=runtime.settings.public_url
    )
    return ClientToken(access_token=text, expires_in_s=signer.ttl_s, scopes=sorted(grant.scopes))
