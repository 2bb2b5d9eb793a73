"""Guessing passwords from many networks, and the owner who gets in all the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.identity.admission import Attempt, admit, lane_of, verify
from services.identity.service import SERVICE
from tests.factories.harness import open_platform
from tests.factories.staff import SETTINGS
from tests.integration.identity.conftest import BASE, ENTERPRISE_CODE, PASSWORD, Office, a_form

HOME = "203.0.113.9"
ATTACKERS = [f"198.51.{number}.7" for number in range(100, 106)]
A_SECOND_S = 5


@pytest.fixture
async def city(fresh_database: Callable[[], str]) -> AsyncIterator[Office]:
    """Identity behind one trusted proxy, so that a test may come from any network."""
    settings = {"identity": {**SETTINGS, "forwarded_hops": 1, "registrations_free": 10}}
    async with open_platform([SERVICE], fresh_database, settings=settings) as platform:
        await platform.settle()
        yield Office(platform)


async def sign_in(city: Office, name: str, password: str, *, address: str, device_token: str = "") -> httpx.Response:
    body = {"sign_in_name": name, "password": password, "device_token": device_token}
    return await city.client.post(f"{BASE}/sessions", json=body, headers={"X-Forwarded-For": address})


async def attack(city: Office, name: str, stop: asyncio.Event, addresses: list[str]) -> list[int]:
    """Wrong passwords for one account from several networks, five a second from each, until the test says stop."""

    async def from_one(address: str) -> list[int]:
        codes = []
        while not stop.is_set():
            codes.append((await sign_in(city, name, f"guess {uuid4().hex}", address=address)).status_code)
            await asyncio.sleep(1 / A_SECOND_S)
        return codes

    found = await asyncio.gather(*(from_one(address) for address in addresses))
    return [code for codes in found for code in codes]


async def under_attack(city: Office, name: str, act: Callable[[], Any], *, addresses: list[str]) -> tuple[Any, float]:
    """What an act answers once the attack is in full swing, and the seconds it took."""
    stop = asyncio.Event()
    attacking = asyncio.ensure_future(attack(city, name, stop, addresses))
    try:
        await asyncio.sleep(1)
        async with city.platform.runtime("identity").work() as work:
            # As after half an hour of it: every counter that the attackers have filled is as high as it gets.
            await work.connection.execute("UPDATE failed_sign_in SET failures = 60, last_failed_at = clock_timestamp()")
        began = time.monotonic()
        answer = await act()
        return answer, time.monotonic() - began
    finally:
        stop.set()
        codes = await attacking
        assert codes.count(429) > len(codes) / 2, "the attackers are made to wait"


async def test_the_owner_gets_in_at_once_while_six_networks_guess(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)
    answer, took_s = await under_attack(
        city,
        party.sign_in_name,
        lambda: sign_in(city, party.sign_in_name, PASSWORD, address=HOME),
        addresses=ATTACKERS,
    )
    assert answer.status_code == 201, answer.text
    assert took_s < 10


async def test_a_known_device_gets_in_even_from_the_network_of_the_attackers(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)
    token = (await sign_in(city, party.sign_in_name, PASSWORD, address=HOME)).json()["device_token"]
    shared = [*ATTACKERS, HOME]
    answer, _ = await under_attack(
        city,
        party.sign_in_name,
        lambda: sign_in(city, party.sign_in_name, PASSWORD, address=HOME, device_token=token),
        addresses=shared,
    )
    assert answer.status_code == 201, answer.text


async def test_a_device_token_is_good_for_its_own_account_only_and_bounds_its_own_guesses(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)
    other = await city.party("provider", ENTERPRISE_CODE)
    token = (await sign_in(city, party.sign_in_name, PASSWORD, address=HOME)).json()["device_token"]
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    for name, brought in ((other.sign_in_name, token), (party.sign_in_name, forged)):
        for number in range(6):
            last = await sign_in(city, name, f"wrong {number}", address=HOME, device_token=brought)
        assert last.status_code == 429
        assert (await sign_in(city, name, PASSWORD, address="203.0.112.1")).status_code == 201
    codes = []
    for number in range(6):
        answer = await sign_in(city, party.sign_in_name, f"wrong {number}", address=HOME, device_token=token)
        codes.append(answer.status_code)
    assert codes == [401] * 5 + [429]


async def test_a_sign_in_that_a_stop_breaks_off_counts_for_nothing(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)
    runtime = city.platform.runtime("identity")
    attempt = Attempt(sign_in_name=party.sign_in_name, password=PASSWORD, network=HOME)
    lane = lane_of(runtime, attempt)
    known = await admit(runtime, lane, attempt.name)
    looking = asyncio.ensure_future(verify(runtime, lane, attempt, known))
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    async with runtime.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM failed_sign_in WHERE scope <> 'registration'") == 0


async def test_guesses_over_many_networks_get_fewer_tries_each_than_an_owner_who_mistypes(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)
    tries = []
    for number in range(60):
        address = f"198.18.{number % 20}.1"
        tries.append((await sign_in(city, party.sign_in_name, f"wrong {number}", address=address)).status_code)
    # Five tries bring the account under attack; from then on each of the twenty networks has one.
    assert tries.count(401) == 5 + 15


async def test_one_network_registers_a_few_and_then_waits_while_sign_in_goes_on(city: Office) -> None:
    party = await city.party("enterprise", ENTERPRISE_CODE)

    async def register(address: str) -> httpx.Response:
        headers = {"Idempotency-Key": uuid4().hex, "X-Forwarded-For": address}
        body = a_form("provider", ENTERPRISE_CODE)
        return await city.client.post(f"{BASE}/registrations", json=body, headers=headers)

    answers = [await register("198.51.100.7") for _ in range(13)]
    assert [answer.status_code for answer in answers] == [201] * 11 + [429] * 2
    assert answers[-1].json()["code"] == "identity.registration_throttled"
    assert int(answers[-1].headers["retry-after"]) > 1
    assert (await register("203.0.113.9")).status_code == 201
    assert (await sign_in(city, party.sign_in_name, PASSWORD, address="198.51.100.7")).status_code == 201


async def test_a_flood_of_registrations_takes_no_room_from_sign_in(city: Office) -> None:
    parties = []
    for number in range(12):
        form = a_form("enterprise", ENTERPRISE_CODE)
        headers = {"Idempotency-Key": uuid4().hex, "X-Forwarded-For": f"10.9.{number}.1"}
        await city.client.post(f"{BASE}/registrations", json=form, headers=headers)
        parties.append(form["sign_in_name"])

    async def register(number: int) -> int:
        headers = {"Idempotency-Key": uuid4().hex, "X-Forwarded-For": f"10.1.{number % 250}.1"}
        body = a_form("enterprise", ENTERPRISE_CODE)
        return (await city.client.post(f"{BASE}/registrations", json=body, headers=headers)).status_code

    flood = [asyncio.ensure_future(register(number)) for number in range(120)]
    await asyncio.sleep(0.2)
    wanted = [sign_in(city, name, PASSWORD, address=HOME) for name in parties]
    good = [answer.status_code for answer in await asyncio.gather(*wanted)]
    codes = await asyncio.gather(*flood)
    assert good == [201] * 12
    assert set(codes) <= {201, 503}
    assert 503 in codes, "the room of registrations is bounded"
