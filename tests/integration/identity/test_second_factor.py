"""The second factor of staff: enrolled, confirmed, asked for, used once, and taken away by two people."""

import base64
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.identity.domain.second_factor import STEP_S, code_of
from services.identity.service import SERVICE
from shared.contracts.permissions import Role
from tests.factories.harness import open_platform
from tests.factories.staff import (
    ADMIN,
    ADMIN_PASSWORD,
    PASSWORD,
    SECOND_ADMIN,
    SECOND_ADMIN_PASSWORD,
    SETTINGS,
)
from tests.integration.identity.conftest import BASE, ENTERPRISE_CODE, Office, with_fresh_key, with_token


@pytest.fixture
async def guarded(fresh_database: Callable[[], str]) -> AsyncIterator[Office]:
    """Identity as outside a demonstration: staff need a second factor."""
    settings = {"identity": {**SETTINGS, "second_factor_required": True}}
    async with open_platform([SERVICE], fresh_database, settings=settings) as platform:
        await platform.settle()
        yield Office(platform)


async def sign_in(office: Office, name: str, password: str, code: str = "") -> Any:
    body = {"sign_in_name": name, "password": password, "code": code}
    return await office.client.post(f"{BASE}/sessions", json=body)


def now_code(secret: bytes, *, ahead: int = 0) -> str:
    return code_of(secret, step=int(time.time()) // STEP_S + ahead)


async def enrolled(office: Office, name: str, password: str) -> tuple[bytes, list[str], dict[str, Any]]:
    """The secret, the recovery codes and the session of somebody who has just enrolled."""
    session = (await sign_in(office, name, password)).json()
    headers = with_token(session["access_tokens"]["identity"])
    given = (await office.post("/me/second-factor", {}, headers)).json()
    secret = base64.b32decode(given["secret"])
    # The code of the step before, so that the present one is still good for a sign-in.
    confirmed = await office.post("/me/second-factor/confirm", {"code": now_code(secret, ahead=-1)}, headers)
    assert confirmed.status_code == 200, confirmed.text
    return secret, confirmed.json()["recovery_codes"], session


async def test_until_it_is_enrolled_a_token_of_staff_opens_nothing_else(guarded: Office) -> None:
    session = (await sign_in(guarded, ADMIN, ADMIN_PASSWORD)).json()
    assert (session["enrolment_needed"], session["roles"], list(session["access_tokens"])) == (True, [], ["identity"])
    headers = with_token(session["access_tokens"]["identity"])
    assert (await guarded.get("/staff", headers)).status_code == 403
    assert (await guarded.get("/tasks", headers)).status_code == 403
    given = (await guarded.post("/me/second-factor", {}, headers)).json()
    uri = urlsplit(given["otpauth_uri"])
    assert (uri.scheme, uri.netloc, parse_qs(uri.query)["secret"]) == ("otpauth", "totp", [given["secret"]])
    wrong = await guarded.post("/me/second-factor/confirm", {"code": "000000"}, headers)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "identity.second_factor_wrong")
    code = now_code(base64.b32decode(given["secret"]))
    assert (await guarded.post("/me/second-factor/confirm", {"code": code}, headers)).status_code == 200
    body = {"refresh_token": session["refresh_token"]}
    refreshed = (await guarded.client.post(f"{BASE}/sessions/refresh", json=body)).json()
    assert (refreshed["enrolment_needed"], refreshed["roles"]) == (False, ["platform_admin"])
    again = await guarded.post("/me/second-factor", {}, headers)
    assert (again.status_code, again.json()["code"]) == (409, "identity.second_factor_set")


async def test_a_sign_in_needs_the_code_and_takes_each_code_once(guarded: Office) -> None:
    secret, _, _ = await enrolled(guarded, ADMIN, ADMIN_PASSWORD)
    missing = await sign_in(guarded, ADMIN, ADMIN_PASSWORD)
    assert (missing.status_code, missing.json()["code"]) == (401, "identity.second_factor_needed")
    blind = await sign_in(guarded, ADMIN, "not the password", now_code(secret))
    assert blind.json()["code"] == "identity.sign_in_failed", "without the password nothing is said of a code"
    code = now_code(secret)
    assert (await sign_in(guarded, ADMIN, ADMIN_PASSWORD, code)).status_code == 201
    replayed = await sign_in(guarded, ADMIN, ADMIN_PASSWORD, code)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "identity.second_factor_wrong")
    # The clock of a telephone may be half a minute ahead, and a later code makes the earlier ones worthless.
    assert (await sign_in(guarded, ADMIN, ADMIN_PASSWORD, now_code(secret, ahead=1))).status_code == 201
    far = await sign_in(guarded, ADMIN, ADMIN_PASSWORD, now_code(secret, ahead=4))
    assert far.status_code == 401


async def test_a_recovery_code_lets_in_once_and_is_kept_as_a_hash(guarded: Office) -> None:
    _, codes, _ = await enrolled(guarded, ADMIN, ADMIN_PASSWORD)
    assert len(set(codes)) == 10
    typed = codes[3].lower().replace("-", " ")
    assert (await sign_in(guarded, ADMIN, ADMIN_PASSWORD, typed)).status_code == 201
    again = await sign_in(guarded, ADMIN, ADMIN_PASSWORD, codes[3])
    assert (again.status_code, again.json()["code"]) == (401, "identity.second_factor_wrong")
    rows = await guarded.fetch("SELECT r::text AS row FROM recovery_code r")
    assert not [row for row in rows if codes[0].replace("-", "").encode().hex() in row["row"]]


async def test_wrong_codes_make_the_account_wait_from_whatever_network_they_come(guarded: Office) -> None:
    secret, _, _ = await enrolled(guarded, ADMIN, ADMIN_PASSWORD)
    # Other devices with the right password have lanes of their own, and one counter of codes.
    tokens = []
    async with guarded.platform.runtime("identity").work() as work:
        await work.connection.execute("DELETE FROM failed_sign_in")
    for _ in range(5):
        wrong = await sign_in(guarded, ADMIN, ADMIN_PASSWORD, "123456")
        tokens.append(wrong.json()["code"])
        async with guarded.platform.runtime("identity").work() as work:
            await work.connection.execute("DELETE FROM failed_sign_in WHERE scope <> 'second_factor'")
    waiting = await sign_in(guarded, ADMIN, ADMIN_PASSWORD, now_code(secret))
    assert tokens == ["identity.second_factor_wrong"] * 5
    assert (waiting.status_code, waiting.json()["code"]) == (429, "identity.second_factor_throttled")


async def test_two_others_take_a_second_factor_away_and_its_holder_enrols_again(guarded: Office) -> None:
    first, _, session = await enrolled(guarded, ADMIN, ADMIN_PASSWORD)
    second, _, _ = await enrolled(guarded, SECOND_ADMIN, SECOND_ADMIN_PASSWORD)
    admin = with_token(
        (await sign_in(guarded, ADMIN, ADMIN_PASSWORD, now_code(first))).json()["access_tokens"]["identity"]
    )
    own = await guarded.post(f"/staff/{session['account_id']}/reset-second-factor", {"reason": "换手机"}, admin)
    assert (own.status_code, own.json()["code"]) == (422, "identity.own_account")
    other_id = (await guarded.fetch("SELECT id FROM account WHERE sign_in_name = $1", SECOND_ADMIN))[0]["id"]
    proposed = await guarded.post(f"/staff/{other_id}/reset-second-factor", {"reason": "换手机"}, with_fresh_key(admin))
    assert proposed.status_code == 201
    path = f"/staff-proposals/{proposed.json()['id']}/approve"
    assert (await guarded.post(path, {}, with_fresh_key(admin))).json()["code"] == "identity.same_person"
    token = (await sign_in(guarded, SECOND_ADMIN, SECOND_ADMIN_PASSWORD, now_code(second))).json()
    of_himself = await guarded.post(path, {}, with_token(token["access_tokens"]["identity"]))
    assert of_himself.json()["code"] == "identity.own_account"
    # A third administrator, as a platform with one would have.
    third = guarded.headers(Role.PLATFORM_ADMIN)
    assert (await guarded.post(path, {}, third)).status_code == 200
    after = (await sign_in(guarded, SECOND_ADMIN, SECOND_ADMIN_PASSWORD)).json()
    assert after["enrolment_needed"] is True


async def test_parties_have_no_second_factor_and_need_none(guarded: Office) -> None:
    party = await guarded.party("enterprise", ENTERPRISE_CODE)
    session = await sign_in(guarded, party.sign_in_name, PASSWORD)
    assert session.json()["enrolment_needed"] is False
    headers = with_token(session.json()["access_tokens"]["identity"])
    await guarded.platform.settle()
    refused = await guarded.post("/me/second-factor", {}, headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.second_factor_for_staff")
