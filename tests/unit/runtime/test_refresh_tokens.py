"""Refresh tokens rotate and tell on reuse."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.identity.auth.refresh_tokens import (
    RefreshExpired,
    RefreshState,
    RefreshToken,
    RefreshUnknown,
    Repeat,
    ReuseDetected,
    Rotate,
    StoredRefreshToken,
    hash_refresh_token,
    judge_refresh,
)

NOON = datetime(2018, 9, 3, 12, tzinfo=UTC)


def a_row(token: RefreshToken, *, state: RefreshState = RefreshState.ACTIVE, days: int = 7) -> StoredRefreshToken:
    return StoredRefreshToken(UUID(int=9), token.token_hash, state, NOON + timedelta(days=days))


def test_only_the_hash_of_a_refresh_token_is_stored_and_its_text_is_not_shown() -> None:
    token = RefreshToken.new()
    assert token.token_hash == hashlib.sha256(token.text.encode()).digest() == hash_refresh_token(token.text)
    assert len(base64.urlsafe_b64decode(token.text + "=")) == 32
    assert token.text not in repr(token)
    assert RefreshToken.new() != token


def test_an_active_refresh_token_is_rotated() -> None:
    token = RefreshToken.new()
    row = a_row(token)
    assert judge_refresh([a_row(RefreshToken.new()), row], presented=token.text, now=NOON) == Rotate(row)


def test_a_rotated_token_that_comes_back_revokes_its_family_even_when_it_is_old() -> None:
    token = RefreshToken.new()
    for days in (7, -7):
        rows = [a_row(token, state=RefreshState.ROTATED, days=days)]
        assert judge_refresh(rows, presented=token.text, now=NOON) == ReuseDetected(UUID(int=9))


SECONDS_20 = timedelta(seconds=20)


def a_rotated(token: RefreshToken, **changes: Any) -> StoredRefreshToken:
    row = a_row(token, state=RefreshState.ROTATED)
    return replace(row, **{"rotated_at": NOON, "client": b"one", "newest_before": True, **changes})


@pytest.mark.parametrize("seconds", [0, 20])
def test_the_last_token_of_a_family_may_come_again_at_once_from_the_same_client(seconds: int) -> None:
    token = RefreshToken.new()
    row = a_rotated(token)
    now = NOON + timedelta(seconds=seconds)
    judged = judge_refresh([row], presented=token.text, now=now, client=b"one", grace=SECONDS_20)
    assert judged == Repeat(row)


@pytest.mark.parametrize(
    ("changes", "client", "seconds"),
    [
        ({}, b"two", 1),
        ({}, b"one", 20.1),
        ({"newest_before": False}, b"one", 1),
        ({"rotated_at": None}, b"one", 1),
        ({"client": b""}, b"", 1),
    ],
    ids=["another client", "too late", "behind another exchange", "from before", "a client that is not known"],
)
def test_any_other_token_that_comes_again_is_in_two_hands(
    changes: dict[str, Any], client: bytes, seconds: float
) -> None:
    token = RefreshToken.new()
    now = NOON + timedelta(seconds=seconds)
    rows = [a_rotated(token, **changes)]
    judged = judge_refresh(rows, presented=token.text, now=now, client=client, grace=SECONDS_20)
    assert judged == ReuseDetected(UUID(int=9))


def test_a_second_tab_gets_nothing_after_the_end_of_its_session() -> None:
    token = RefreshToken.new()
    rows = [a_rotated(token, expires_at=NOON)]
    judged = judge_refresh(rows, presented=token.text, now=NOON, client=b"one", grace=SECONDS_20)
    assert judged == RefreshExpired()


def test_a_refresh_token_is_expired_from_the_moment_it_expires() -> None:
    token = RefreshToken.new()
    assert judge_refresh([a_row(token, days=0)], presented=token.text, now=NOON) == RefreshExpired()


def test_a_token_of_nobody_and_one_of_a_revoked_family_are_unknown() -> None:
    token = RefreshToken.new()
    assert judge_refresh([], presented=token.text, now=NOON) == RefreshUnknown()
    revoked = [a_row(token, state=RefreshState.REVOKED)]
    assert judge_refresh(revoked, presented=token.text, now=NOON) == RefreshUnknown()
