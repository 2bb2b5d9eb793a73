"""What a machine client proves itself with: a short assertion that it signed, good once (RFC 7523, as revised).

PyJWT reads and judges it. What PyJWT leaves to its caller is done here: which key, which header fields, how long an
assertion may be good. That it is good once is for the store.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import jwt
import msgspec
from jwt.utils import base64url_decode

from services.identity.domain.clients import client_id_of
from services.identity.store.clients import SigningClientKey
from shared.kernel.refusals import Refusal, RefusalKind

LENGTH_MAX: Final = 4_096
TTL_MAX_S: Final = 300
SKEW_S: Final = 30
"""How far a client's clock may be ahead of ours; an assertion that has expired by ours has expired."""
_JTI_MAX: Final = 256
_CLAIMS: Final = ["iss", "sub", "aud", "exp", "iat", "jti"]


class AssertionRefused(Refusal):
    """The assertion proves nothing; `reason` is for the log alone, the caller is told no more than that."""

    code = "identity.client_assertion_refused"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "客户端身份断言无效。"


class _AssertionHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # Whatever else an assertion brings along (jku, jwk, x5c, crit, b64) is refused before any key is touched.
    alg: Literal["EdDSA", "ES256"]
    kid: str
    typ: Literal["client-authentication+jwt"]


@dataclass(frozen=True, slots=True)
class JudgedAssertion:
    """An assertion that its key has signed and that is good now: the hash of its jti, and when it ends."""

    jti_hash: bytes
    expires_at: datetime


_HEADERS: Final = msgspec.json.Decoder(_AssertionHeader)


def kid_of(assertion: str) -> str:
    """The key that an assertion names; nothing else of it is believed. Raises: AssertionRefused."""
    if len(assertion) > LENGTH_MAX:
        raise AssertionRefused(reason="length")
    # PyJWT takes padding, which would give one assertion several spellings.
    if "=" in assertion:
        raise AssertionRefused(reason="form")
    try:
        return _HEADERS.decode(base64url_decode(assertion.partition(".")[0])).kid
    except msgspec.ValidationError as error:
        raise AssertionRefused(reason="header") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise AssertionRefused(reason="form") from error


def judge_assertion(assertion: str, key: SigningClientKey, *, issuer: str) -> JudgedAssertion:
    """Check an assertion with the key that it names; `issuer` is ours, and the only audience there is.

    An endpoint's address is no audience: an assertion for another server that names our address would be good here
    (CVE-2025-27370). Raises: AssertionRefused. Source: draft-ietf-oauth-rfc7523bis, RFC 8725.
    """
    client_id = client_id_of(key.account_id)
    try:
        claims = jwt.decode(
            assertion,
            jwt.PyJWK(json.loads(key.public_jwk), algorithm=key.algorithm).key,
            algorithms=[key.algorithm],
            audience=issuer,
            issuer=client_id,
            subject=client_id,
            leeway=SKEW_S,
            options={"require": _CLAIMS, "strict_aud": True},
        )
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise AssertionRefused(reason=type(error).__name__) from error
    now_s = datetime.now(UTC).timestamp()
    expires_s, issued_s, jti = claims["exp"], claims["iat"], claims["jti"]
    # The leeway of PyJWT is for a clock ahead of ours, and would let what has expired in as well.
    if not now_s < expires_s <= now_s + TTL_MAX_S + SKEW_S or not 0 < expires_s - issued_s <= TTL_MAX_S:
        raise AssertionRefused(reason="times")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_MAX:
        raise AssertionRefused(reason="jti")
    return JudgedAssertion(hashlib.sha256(jti.encode()).digest(), datetime.fromtimestamp(expires_s, UTC))
