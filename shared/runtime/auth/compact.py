"""Reads the one form of signed token this platform has: three parts in base64url, EdDSA, typ at+jwt.

A general library parses whatever a token may be and finds out what it is not; a token that was not seen before is on
the path of every applicant at an opening, so here only the one form is read, anything else is refused, and the library
that checks an Ed25519 signature fastest checks it (ADR 0004).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
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


_HEADERS: Final = msgspec.json.Decoder(_Header)


def read_signed(token: str, keys: Mapping[str, VerifyKey]) -> bytes:
    """The payload of a token that one of `keys`, by its kid, has signed. Raises: Unreadable. Source: RFC 7515, 8725."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise UnreadableToken("length")
    try:
        head, payload, signature = token.encode("ascii").split(b".")
        read, said, sealed = _decoded(head), _decoded(payload), _decoded(signature)
    except ValueError as error:
        raise UnreadableToken("form") from error
    try:
        header = _HEADERS.decode(read)
    except msgspec.ValidationError as error:
        raise UnreadableToken("header") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableToken("form") from error
    key = keys.get(header.kid)
    if key is None:
        raise UnreadableToken("key")
    try:
        key.verify(head + b"." + payload, sealed)
    except (BadSignatureError, ValueError) as error:
        raise UnreadableToken("signature") from error
    return said


def _decoded(part: bytes) -> bytes:
    """The bytes behind one part. Raises: ValueError for any but their one canonical spelling (RFC 4648, 3.5)."""
    raw = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    # The decoder passes over what it does not know; only what it would write itself again is taken.
    if urlsafe_b64encode(raw).rstrip(b"=") != part:
        raise ValueError("not canonical base64url")
    return raw
