"""Passwords: the choosing rule, hashing, and the bound on hashing at once."""

import asyncio
from collections.abc import Iterator

import pytest

from services.identity.auth.passwords import (
    LoginsBusy,
    Passwords,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
    check_password_rule,
)
from shared.kernel.refusals import Bug, RefusalKind


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    cheap = Passwords(threads=1, waiting_max=2, memory_kib=64, passes=1)
    yield cheap
    cheap.close()


async def test_a_password_verifies_against_its_own_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await passwords.verify("correct horse battery", password_hash=stored)
    assert not await passwords.verify("correct horse batterz", password_hash=stored)


async def test_two_hashes_of_one_password_differ_by_their_salt(passwords: Passwords) -> None:
    assert await passwords.hash("correct horse battery") != await passwords.hash("correct horse battery")


async def test_a_password_typed_in_full_width_letters_is_the_same(passwords: Passwords) -> None:
    stored = await passwords.hash("ABC correct horse")
    assert await passwords.verify("ＡＢＣ correct horse", password_hash=stored)


async def test_an_unknown_user_is_refused_at_the_cost_of_a_known_one(passwords: Passwords) -> None:
    known = await passwords.hash("correct horse battery")
    assert not await passwords.verify("anything at all", password_hash=None)
    assert passwords._dummy_hash.split("$")[:4] == known.split("$")[:4]
    # Three at once over a bound of two: unknown users stand in the same queue for the same threads.
    checks = [passwords.verify("anything at all", password_hash=None) for _ in range(3)]
    answers = await asyncio.gather(*checks, return_exceptions=True)
    assert [isinstance(answer, LoginsBusy) for answer in answers] == [False, False, True]


async def test_more_logins_than_the_bound_are_refused_at_once_and_the_loop_goes_on(
    passwords: Passwords,
) -> None:
    answers = await asyncio.gather(*(passwords.hash(f"password {n}") for n in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, LoginsBusy)]
    assert len(refused) == 3
    assert refused[0].kind is RefusalKind.UNAVAILABLE
    assert (await passwords.hash("afterwards there is room")).startswith("$argon2id$")


async def test_nobody_takes_more_than_a_quarter_of_the_room() -> None:
    room = Passwords(threads=1, waiting_max=8, memory_kib=64, passes=1)
    try:
        greedy = [room.hash(f"password {number}", of="198.51.100.0/24") for number in range(20)]
        others = [room.hash(f"password {number}", of=f"203.0.{number}.0/24") for number in range(6)]
        answers = await asyncio.gather(*greedy, *others, return_exceptions=True)
        assert [isinstance(answer, LoginsBusy) for answer in answers] == [False] * 2 + [True] * 18 + [False] * 6
        assert (await room.hash("afterwards there is room", of="198.51.100.0/24")).startswith("$argon2id$")
    finally:
        room.close()


async def test_a_hash_with_older_parameters_asks_for_a_new_one(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse battery")
    stronger = Passwords(threads=1, waiting_max=1, memory_kib=128, passes=1)
    try:
        assert stronger.needs_rehash(stored)
        assert not passwords.needs_rehash(stored)
        assert await stronger.verify("correct horse battery", password_hash=stored)
    finally:
        stronger.close()


async def test_the_default_cost_is_the_asvs_floor() -> None:
    real = Passwords(threads=1)
    try:
        assert (await real.hash("correct horse battery")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    finally:
        real.close()


def test_fewer_waiting_places_than_threads_are_a_bug() -> None:
    with pytest.raises(Bug):
        Passwords(threads=2, waiting_max=1)


@pytest.mark.parametrize("password", ["correct horse", "云上贵州企业上云服务平台", "x9!x9!y8?z", "a" * 124 + "bcd?"])
def test_a_long_enough_uncommon_password_is_accepted(password: str) -> None:
    check_password_rule(password, login_name="zhang.wei")


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("", PasswordTooShort),
        ("x9!x9!y8?", PasswordTooShort),
        ("a1?b" * 33, PasswordTooLong),
        ("Password123", PasswordTooCommon),
        ("QWERTYUIOP", PasswordTooCommon),
        ("woaini1314520", PasswordTooCommon),
        ("ababababababab", PasswordTooCommon),
        ("Zhang.Wei2018", PasswordTooCommon),
    ],
)
def test_a_weak_password_is_refused_with_a_reason_in_chinese(password: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal) as refused:
        check_password_rule(password, login_name="zhang.wei")
    assert refused.value.detail.endswith("。")  # type: ignore[attr-defined]
