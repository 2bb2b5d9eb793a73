"""Reads the one form of signed token this platform has: three parts in base64url, EdDSA, typ at+jwt.

PyJWT reads and judges the token; libsodium checks its signature, because OpenSSL takes twice as long (ADR 0004). What
PyJWT leaves to its caller is done here: which key, which header fields, how long a token may be.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import jwt
import msgspec
from jwt.algorithms import OKPAlgorithm
from jwt.utils import base64url_decode
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ALGORITHM: Final = "EdDSA"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068
TOKEN_LENGTH_MAX: Final = 4096


class UnreadableToken(ValueError):
    """The text is not a token of ours; its only argument says what is wrong, in one word."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # Whatever else a token brings along (jku, x5c, crit, b64) is refused before any key is touched.
    alg: Literal["EdDSA"]
    kid: str
    typ: Literal["at+jwt"]


class _Libsodium(OKPAlgorithm):
    """Ed25519 for verifying alone. Source: RFC 8032, RFC 8037."""

    def prepare_key(self, key: Any) -> Any:  # noqa: ANN401 - a VerifyKey, which PyJWT does not know
        return key

    def verify(self, msg: Any, key: Any, sig: Any) -> bool:  # noqa: ANN401 - as above
        try:
            key.verify(msg, sig)
        except (BadSignatureError, ValueError):
            # ValueError: a signature of another length.
            return False
        return True


_HEADERS: Final = msgspec.json.Decoder(_Header)
_JWS: Final = jwt.PyJWS(algorithms=[])
_JWS.register_algorithm(ALGORITHM, _Libsodium())


def read_signed(token: str, keys: Mapping[str, VerifyKey]) -> bytes:
    """The payload of a token that one of `keys`, by its kid, has signed. Raises: UnreadableToken.

    Source: RFC 7515, RFC 8725.
    """
    if len(token) > TOKEN_LENGTH_MAX:
        raise UnreadableToken("length")
    # PyJWT takes padding, which would give one token several spellings.
    if "=" in token:
        raise UnreadableToken("form")
    key = keys.get(_header_of(token).kid)
    if key is None:
        raise UnreadableToken("key")
    try:
        payload: bytes = _JWS.decode(token, key, algorithms=[ALGORITHM])  # type: ignore[arg-type] # a key of _Libsodium
    except jwt.InvalidSignatureError as error:
        raise UnreadableToken("signature") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise UnreadableToken("form") from error
    return payload


def _header_of(token: str) -> _Header:
    """The header, of which nothing is believed but which key to ask. Raises: UnreadableToken."""
    try:
        return _HEADERS.decode(base64url_decode(token.partition(".")[0]))
    except msgspec.ValidationError as error:
        raise UnreadableToken("header") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableToken("form") from error
