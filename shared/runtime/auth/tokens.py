"""Access tokens: JWT, EdDSA, typ at+jwt.

PyJWT signs, and verifies in shared.runtime.auth.compact the one form there is: one algorithm, type and set of header
fields. What the claims say is judged here, by the clock that is given.
All times here are machine time; the business clock never moves a token.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.signing import VerifyKey

from shared.contracts.permissions import Permission, Role, permissions_of
from shared.contracts.scopes import MEMBER_RIGHTS, permissions_in
from shared.kernel.ids import AccountId, OrganisationId
from shared.kernel.refusals import Refusal, RefusalKind, invariant
from shared.runtime.auth.compact import ALGORITHM, TOKEN_TYPE, UnreadableToken, read_signed

TTL_MAX_S: Final = 300
# Clocks of two machines may differ; a token from further ahead than this is not believed.
CLOCK_SKEW_MAX_S: Final = 60
OUTLIVED_AFTER_S: Final = TTL_MAX_S + CLOCK_SKEW_MAX_S
"""Seconds after which no token signed before can be good any more."""


class TokenInvalid(Refusal):
    """The access token is not one of ours, not for this service, or was ended. Source: RFC 9068, RFC 8725."""

    code = "auth.token_invalid"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "登录凭证无效，请重新登录。"


class TokenForOther(Refusal):
    """The access token is one of ours and good, and was not given for this service. Source: RFC 9068, 4."""

    code = "auth.token_for_other"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "该登录凭证不用于本服务：人员请使用登录时得到的本服务凭证；应用客户端请申请含本服务权限范围的令牌。"


class TokenExpired(Refusal):
    """The access token was good and its time is over; a refresh gives a new one."""

    code = "auth.token_expired"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "登录已过期，请刷新登录凭证。"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: the account, its organisation and region if it has one, and what it may do.

    A machine client has an account as people have, and `client_id` as well; its permissions are those of its roles
    that its scopes open.
    """

    account_id: AccountId
    organisation_id: OrganisationId | None
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    region: str | None
    session_id: UUID | None = None
    """The session that the token was signed for, of a client its key; None for one of a release that did not say so."""
    client_id: str | None = None
    """What a machine client calls itself; None for people."""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: UUID
    # A list, even of one, where the token opens less than the roles say: a release that knows nothing of that cannot
    # read it, and so refuses the caller instead of letting it do all that its organisation may.
    aud: str | tuple[str, ...]
    org: UUID | None
    roles: tuple[str, ...]
    region: str | None
    jti: str
    iat: float
    exp: float
    sid: UUID | None = None
    nbf: float | msgspec.UnsetType = msgspec.UNSET
    """Ours begin at once and leave it out; one that says it is held to it."""
    client_id: str | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET
    """The scopes of a client, with blanks between."""
    member: str | msgspec.UnsetType = msgspec.UNSET
    """What a person is within an organisation; left out of an administrator's, who may do all that it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientGrant:
    """What a machine client is given: its account and organisation, its scopes, and the key it proved itself with."""

    account_id: AccountId
    client_id: str
    organisation_id: OrganisationId
    roles: frozenset[Role]
    scopes: frozenset[str]
    key_id: UUID


class TokenSigner:
    """Makes access tokens; `ttl_s` is 1..300, `now` gives machine time in seconds since 1970. Raises: Bug."""

    def __init__(
        self, private_key: Ed25519PrivateKey, *, kid: str, issuer: str, ttl_s: int, now: Callable[[], float]
    ) -> None:
        invariant(0 < ttl_s <= TTL_MAX_S, "an access token lives 1 to 300 seconds")
        self._private_key = private_key
        self._headers = {"kid": kid, "typ": TOKEN_TYPE}
        self._issuer = issuer
        self._now = now
        self.ttl_s = ttl_s

    def sign(  # noqa: PLR0913 - the claims of a token
        self,
        account_id: AccountId,
        *,
        audience: str,
        organisation_id: OrganisationId | None,
        roles: Iterable[Role],
        region: str | None,
        session_id: UUID | None = None,
        member: str | None = None,
    ) -> str:
        """A compact JWT for one service only: `audience` is its name. It ends with its session. Source: RFC 9068.

        `member` is the role of a person within an organisation who may not do all that it may.
        """
        # Milliseconds let a token signed right after its account was ended be told from one signed right
        # before.
        issued_at = round(self._now(), 3)
        claims = _Claims(
            iss=self._issuer,
            sub=account_id,
            aud=audience if member is None else (audience,),
            org=organisation_id,
            roles=tuple(sorted(role.value for role in roles)),
            region=region,
            jti=secrets.token_urlsafe(16),
            iat=issued_at,
            exp=round(issued_at + self.ttl_s, 3),
            sid=session_id,
            member=msgspec.UNSET if member is None else member,
        )
        return self._signed(claims)

    def sign_for_client(self, grant: ClientGrant, *, audiences: Iterable[str], issuer: str) -> str:
        """A compact JWT of a machine client for the services `audiences`; it ends with its key. Source: RFC 9068."""
        issued_at = round(self._now(), 3)
        claims = _Claims(
            iss=issuer,
            sub=grant.account_id,
            aud=tuple(sorted(audiences)),
            org=grant.organisation_id,
            roles=tuple(sorted(role.value for role in grant.roles)),
            region=None,
            jti=secrets.token_urlsafe(16),
            iat=issued_at,
            exp=round(issued_at + self.ttl_s, 3),
            sid=grant.key_id,
            client_id=grant.client_id,
            scope=" ".join(sorted(grant.scopes)),
        )
        return self._signed(claims)

    def _signed(self, claims: _Claims) -> str:
        return jwt.encode(msgspec.to_builtins(claims), self._private_key, algorithm=ALGORITHM, headers=self._headers)


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    issued_at: float
    expires_at: float


class TokenVerifier:
    """Reads access tokens for one service; remembers what it verified until it expires.

    `keys` are the public keys by kid, `issuer` and `client_issuer` who signs for people and for machine clients, `now`
    gives machine time in seconds since 1970. Verifying is worth remembering: a signature costs a hundred times what the
    look-up does. Belongs to one event loop: it takes no locks.
    """

    def __init__(  # noqa: PLR0913 - the two bounds have defaults
        self,
        keys: Mapping[str, VerifyKey],
        *,
        audience: str,
        issuer: str,
        client_issuer: str = "",
        now: Callable[[], float],
        remembered_max: int = 20_000,
        ended_max: int = 20_000,
    ) -> None:
        self._keys = dict(keys)
        self._audience = audience
        self._issuer = issuer
        self._client_issuer = client_issuer
        self._now = now
        self._remembered_max = remembered_max
        self._remembered: OrderedDict[str, _Verified] = OrderedDict()
        self._ended_max = ended_max
        self._ended_until: dict[UUID, float] = {}
        self._all_ended_until = 0.0
        self._ended_sessions: dict[UUID | None, float] = {}

    def verify(self, token: str) -> Principal:
        """The caller behind a token. Raises: TokenInvalid, TokenForOther, TokenExpired. Source: RFC 8725, RFC 9068."""
        verified = self._remembered.get(token)
        if verified is None:
            verified = self._read(token)
            self._remember(token, verified)
        else:
            self._remembered.move_to_end(token)
        if verified.expires_at <= self._now():
            self._remembered.pop(token, None)
            raise TokenExpired
        principal = verified.principal
        if principal.session_id in self._ended_sessions or verified.issued_at <= self._end_of(principal.account_id):
            self._remembered.pop(token, None)
            raise TokenInvalid(reason="ended")
        return principal

    def forget(self, account_id: AccountId, *, issued_until: float | None = None) -> None:
        """Refuse every token of an account issued until now, or until `issued_until` (machine time, s).

        Dropping what is remembered would not do: an unexpired token with the old roles would simply verify
        again.
        """
        ended_until = self._now() if issued_until is None else issued_until
        ended_until = max(ended_until, self._ended_until.pop(account_id, 0.0))
        self._ended_until[account_id] = ended_until
        if len(self._ended_until) > self._ended_max:
            self._make_room()

    def forget_session(self, session_id: UUID, *, ended_at: float) -> None:
        """Refuse every token of a session that ended at `ended_at` (machine time, s).

        An ended session signs no more, so it is remembered only until its last token has run out.
        """
        if session_id in self._ended_sessions:
            return
        self._ended_sessions[session_id] = ended_at
        if len(self._ended_sessions) > self._ended_max:
            self._drop_oldest_session()

    @property
    def knows_keys(self) -> bool:
        """Whether any token could be verified."""
        return bool(self._keys)

    def replace_keys(self, keys: Mapping[str, VerifyKey]) -> None:
        """Trust exactly these keys from now on; what was verified with another key is verified anew."""
        self._keys = dict(keys)
        self._remembered.clear()

    def _end_of(self, account_id: UUID) -> float:
        return max(self._ended_until.get(account_id, 0.0), self._all_ended_until)

    def _drop_oldest_session(self) -> None:
        ended_at = self._ended_sessions.pop(next(iter(self._ended_sessions)))
        now = self._now()
        if ended_at > now - OUTLIVED_AFTER_S:
            # It still matters: end older tokens of everybody rather than let one ended session in again.
            self._all_ended_until = max(self._all_ended_until, min(ended_at + CLOCK_SKEW_MAX_S, now))

    def _make_room(self) -> None:
        outlived = self._now() - OUTLIVED_AFTER_S
        self._ended_until = {who: until for who, until in self._ended_until.items() if until > outlived}
        # Still full: end older tokens of everybody rather than let one ended account in again.
        while len(self._ended_until) > self._ended_max:
            who = next(iter(self._ended_until))
            self._all_ended_until = max(self._all_ended_until, self._ended_until.pop(who))

    def _remember(self, token: str, verified: _Verified) -> None:
        self._remembered[token] = verified
        if len(self._remembered) > self._remembered_max:
            self._remembered.popitem(last=False)

    def _read(self, token: str) -> _Verified:
        try:
            claims = _CLAIMS.decode(read_signed(token, self._keys))
        except UnreadableToken as error:
            raise TokenInvalid(reason=str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TokenInvalid(reason="claims") from error
        return self._judge(claims)

    def _judge(self, claims: _Claims) -> _Verified:
        of_client = claims.client_id is not msgspec.UNSET
        if claims.iss != (self._client_issuer if of_client else self._issuer):
            raise TokenInvalid(reason="issuer")
        # A token that says whose client it is and not what that may do would open everything, and the other way round.
        narrowed = of_client or claims.member is not msgspec.UNSET
        if of_client is (claims.scope is msgspec.UNSET) or narrowed is isinstance(claims.aud, str):
            raise TokenInvalid(reason="claims")
        if self._audience not in ((claims.aud,) if isinstance(claims.aud, str) else claims.aud):
            raise TokenForOther
        begins = claims.iat if claims.nbf is msgspec.UNSET else max(claims.iat, claims.nbf)
        if begins > self._now() + CLOCK_SKEW_MAX_S or not 0 < claims.exp - claims.iat <= TTL_MAX_S + 0.01:
            raise TokenInvalid(reason="times")
        roles, permissions = _rights(claims.roles, claims.scope, claims.member)
        principal = Principal(
            account_id=AccountId(claims.sub),
            organisation_id=None if claims.org is None else OrganisationId(claims.org),
            roles=roles,
            permissions=permissions,
            region=claims.region,
            session_id=claims.sid,
            client_id=None if claims.client_id is msgspec.UNSET else claims.client_id,
        )
        return _Verified(principal=principal, issued_at=claims.iat, expires_at=claims.exp)


_CLAIMS: Final = msgspec.json.Decoder(_Claims)
_KNOWN_ROLES = frozenset(role.value for role in Role)


@lru_cache(maxsize=1024)
def _rights(
    names: tuple[str, ...], scope: str | msgspec.UnsetType, member: str | msgspec.UnsetType
) -> tuple[frozenset[Role], frozenset[Permission]]:
    # A role that only a newer release knows gives no rights here, and does not lock its bearer out.
    roles = frozenset(Role(name) for name in names if name in _KNOWN_ROLES)
    permissions = permissions_of(roles)
    if scope is not msgspec.UNSET:
        permissions &= permissions_in(scope.split(" "))
    if member is not msgspec.UNSET:
        permissions &= MEMBER_RIGHTS.get(member, frozenset())
    return roles, permissions
