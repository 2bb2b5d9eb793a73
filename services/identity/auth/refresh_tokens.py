"""Refresh tokens: opaque, rotated with every use, and a token that comes twice is noticed."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """An opaque refresh token: the text goes to the caller once, only `token_hash` is stored."""

    text: str
    token_hash: bytes

    @classmethod
    def new(cls) -> "RefreshToken":
        """32 random bytes and their SHA-256."""
        text = secrets.token_urlsafe(32)
        return cls(text=text, token_hash=hash_refresh_token(text))

    def __repr__(self) -> str:
        return "RefreshToken(...)"


def hash_refresh_token(text: str) -> bytes:
    """The SHA-256 a refresh token is stored under; a fast hash is fine for 256 random bits."""
    return hashlib.sha256(text.encode()).digest()


class RefreshState(StrEnum):
    """The states of a stored refresh token."""

    ACTIVE = "active"
    ROTATED = "rotated"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class StoredRefreshToken:
    """One row of a family: all tokens that came by rotation from the same login."""

    family_id: UUID
    token_hash: bytes
    state: RefreshState
    expires_at: datetime
    rotated_at: datetime | None = None
    client: bytes = b""
    """A keyed hash of the user agent and network that exchanged it."""
    newest_before: bool = False
    """Whether the token that it was exchanged for is the family's present one."""


@dataclass(frozen=True, slots=True)
class Rotate:
    """The token is good: mark this row rotated and give a new one of the same family."""

    row: StoredRefreshToken


@dataclass(frozen=True, slots=True)
class Repeat:
    """Another tab of the same client exchanged the token a moment ago: it gets the token that came of that."""

    row: StoredRefreshToken


@dataclass(frozen=True, slots=True)
class ReuseDetected:
    """A token that was already exchanged came back, so two parties hold it: revoke the whole family."""

    family_id: UUID


@dataclass(frozen=True, slots=True)
class RefreshExpired:
    """The token was never used and its time is over."""


@dataclass(frozen=True, slots=True)
class RefreshUnknown:
    """No such token, or its family was revoked."""


RefreshVerdict = Rotate | Repeat | ReuseDetected | RefreshExpired | RefreshUnknown


def judge_refresh(
    rows: Sequence[StoredRefreshToken],
    *,
    presented: str,
    now: datetime,
    client: bytes = b"",
    grace: timedelta = timedelta(0),
) -> RefreshVerdict:
    """What to do with a presented refresh token, given the rows that may hold it.

    Within `grace` of its exchange the family's last token may come again from the `client` that exchanged it: two tabs
    refreshed at once. Anything else that comes twice is in two hands. Source: RFC 9700, 4.14.2.
    """
    presented_hash = hash_refresh_token(presented)
    row = next((row for row in rows if secrets.compare_digest(row.token_hash, presented_hash)), None)
    if row is None or row.state is RefreshState.REVOKED:
        return RefreshUnknown()
    # Reuse is judged before age: a stolen old token still says that its family is in two hands.
    if row.state is RefreshState.ROTATED:
        if _is_second_tab(row, now=now, client=client, grace=grace):
            return RefreshExpired() if row.expires_at <= now else Repeat(row=row)
        return ReuseDetected(family_id=row.family_id)
    if row.expires_at <= now:
        return RefreshExpired()
    return Rotate(row=row)


def _is_second_tab(row: StoredRefreshToken, *, now: datetime, client: bytes, grace: timedelta) -> bool:
    if row.rotated_at is None or not row.newest_before or not row.client:
        return False
    return now - row.rotated_at <= grace and secrets.compare_digest(row.client, client)
