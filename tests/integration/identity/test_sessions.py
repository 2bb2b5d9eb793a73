"""Sign-in, refresh, sign-out, passwords and signing keys over HTTP."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from services.identity.auth.passwords import Passwords
from services.identity.jobs import forget_successors
from services.identity.service import SERVICE
from services.identity.signing import retire_outlived_keys
from shared.contracts.permissions import Role
from shared.runtime.auth.tokens import TokenVerifier
from shared.runtime.operator.keys import load_keys
from tests.factories.harness import open_platform
from tests.factories.staff import SETTINGS
from tests.integration.identity.conftest import (
    ADMIN,
    ADMIN_PASSWORD,
    BASE,
    ENTERPRISE_CODE,
    PASSWORD,
    Office,
    Party,
    with_token,
)


async def a_session(office: Office) -> tuple[Party, dict[str, Any]]:
    """A registered party and its open session."""
    party = await office.party("enterprise", ENTERPRISE_CODE)
    response = await office.sign_in(party.sign_in_name)
    assert response.status_code == 201, response.text
    await office.platform.settle()
    return party, response.json()


async def refresh(office: Office, token: str, *, agent: str = "a browser") -> Any:
    body, headers = {"refresh_token": token}, {"User-Agent": agent}
    return await office.client.post(f"{BASE}/sessions/refresh", json=body, headers=headers)


async def test_a_session_holds_one_token_for_each_service(office: Office) -> None:
    party, session = await a_session(office)
    services = {"identity", "catalog", "voucher", "order", "settlement", "oversight"}
    assert set(session["access_tokens"]) == services
    assert session["expires_in_s"] == 300
    me = (await office.get("/me", with_token(session["access_tokens"]["identity"]))).json()
    assert (me["organisation_id"], me["roles"]) == (str(party.id), ["enterprise"])
    for service in services - {"identity"}:
        response = await office.get("/me", with_token(session["access_tokens"][service]))
        assert (response.status_code, response.json()["code"]) == (401, "auth.token_for_other")


async def test_unknown_names_and_wrong_passwords_get_the_same_answer(office: Office) -> None:
    party, _ = await a_session(office)
    wrong = await office.sign_in(party.sign_in_name, "not the password")
    unknown = await office.sign_in("nobody-at-all", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


async def test_a_refresh_token_works_once_and_coming_twice_ends_the_session(office: Office) -> None:
    _, session = await a_session(office)
    second = await refresh(office, session["refresh_token"])
    assert second.status_code == 200
    assert (await refresh(office, session["refresh_token"], agent="a thief")).status_code == 401
    assert (await refresh(office, second.json()["refresh_token"])).status_code == 401


async def test_devices_that_sign_in_to_one_account_at_once_all_get_in(office: Office) -> None:
    party, _ = await a_session(office)

    async def again_and_again() -> list[int]:
        return [(await office.sign_in(party.sign_in_name)).status_code for _ in range(15)]

    codes = await asyncio.gather(*(again_and_again() for _ in range(4)))
    assert codes == [[201] * 15] * 4


async def test_two_tabs_that_refresh_at_once_stay_signed_in_with_one_token(office: Office) -> None:
    _, session = await a_session(office)
    answers = await asyncio.gather(*(refresh(office, session["refresh_token"]) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    (present,) = {answer.json()["refresh_token"] for answer in answers}
    assert present != session["refresh_token"]
    third = await refresh(office, present)
    assert third.status_code == 200
    assert (await refresh(office, third.json()["refresh_token"])).status_code == 200


async def test_a_second_tab_that_comes_late_or_behind_another_exchange_ends_the_session(office: Office) -> None:
    party, session = await a_session(office)
    other = (await office.sign_in(party.sign_in_name)).json()
    first = await refresh(office, session["refresh_token"])
    async with office.platform.runtime("identity").work() as work:
        # Machine time cannot be moved: the exchange is made older instead.
        await work.connection.execute("UPDATE refresh_token SET rotated_at = rotated_at - interval '21 seconds'")
    assert (await refresh(office, session["refresh_token"])).status_code == 401
    assert (await refresh(office, first.json()["refresh_token"])).status_code == 401
    then = await refresh(office, other["refresh_token"])
    assert (await refresh(office, then.json()["refresh_token"])).status_code == 200
    assert (await refresh(office, other["refresh_token"])).status_code == 401


async def test_the_token_for_a_second_tab_is_kept_sealed_and_only_while_it_may_be_asked_for(office: Office) -> None:
    _, session = await a_session(office)
    given = (await refresh(office, session["refresh_token"])).json()["refresh_token"]
    sealed = "SELECT successor_sealed FROM refresh_token WHERE successor_sealed IS NOT NULL"
    (row,) = await office.fetch(sealed)
    assert given.encode() not in row["successor_sealed"]
    await refresh(office, given)
    assert len(await office.fetch(sealed)) == 1
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute("UPDATE refresh_token SET rotated_at = rotated_at - interval '21 seconds'")
        assert await forget_successors(work) == 1
    assert await office.fetch(sealed) == []


async def test_access_tokens_end_with_sign_out_and_another_session_goes_on(office: Office) -> None:
    party, session = await a_session(office)
    other = (await office.sign_in(party.sign_in_name)).json()
    headers = with_token(session["access_tokens"]["identity"])
    leaving = {**headers, "Refresh-Token": session["refresh_token"]}
    assert (await office.client.delete(f"{BASE}/sessions/current", headers=leaving)).status_code == 204
    await office.platform.settle()
    assert (await office.get("/me", headers)).status_code == 401
    going_on = with_token(other["access_tokens"]["identity"])
    assert (await office.get("/me", going_on)).status_code == 200
    assert (await office.client.delete(f"{BASE}/sessions/current", headers=going_on)).status_code == 204
    await office.platform.settle()
    assert (await office.get("/me", going_on)).status_code == 401
    assert [name for _, name in await office.facts(party.account_id)] == [
        "identity.account_opened.v1",
        "identity.session_ended.v1",
        "identity.session_ended.v1",
    ]


async def test_access_tokens_end_when_a_refresh_token_comes_twice(office: Office) -> None:
    _, session = await a_session(office)
    second = (await refresh(office, session["refresh_token"])).json()
    assert (await refresh(office, session["refresh_token"], agent="a thief")).status_code == 401
    await office.platform.settle()
    for tokens in (session, second):
        assert (await office.get("/me", with_token(tokens["access_tokens"]["identity"]))).status_code == 401


async def test_ended_sessions_and_accounts_are_not_forgotten_when_the_process_starts_again(
    fresh_database: Callable[[], str],
) -> None:
    def again(databases: Mapping[str, str] | None = None) -> Any:
        return open_platform([SERVICE], fresh_database, settings={"identity": SETTINGS}, databases=databases)

    async with again() as platform:
        office = Office(platform)
        await platform.settle()
        party, session = await a_session(office)
        headers = with_token(session["access_tokens"]["identity"])
        leaving = {**headers, "Refresh-Token": session["refresh_token"]}
        await office.client.delete(f"{BASE}/sessions/current", headers=leaving)
        staff = await office.hire("finance-a", "finance")
        ended = await office.bearer("finance-a")
        admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
        other = (await office.sign_in(party.sign_in_name)).json()
        assert (await office.post(f"/staff/{staff}/disable", {"reason": "离岗"}, admin)).status_code == 200
        await platform.settle()
    async with again(platform.databases) as platform:
        office = Office(platform)
        assert (await office.get("/me", headers)).status_code == 401
        assert (await office.get("/me", ended)).status_code == 401
        assert (await office.get("/me", with_token(other["access_tokens"]["identity"]))).status_code == 200


async def test_a_disabled_account_does_not_refresh_though_its_token_is_good(office: Office) -> None:
    await office.hire("finance-a", "finance")
    session = (await office.sign_in("finance-a")).json()
    async with office.platform.runtime("identity").work() as work:
        # As if the sessions of the account had been forgotten when it was disabled.
        await work.connection.execute("UPDATE account SET state = 'disabled' WHERE sign_in_name = 'finance-a'")
    assert (await refresh(office, session["refresh_token"])).status_code == 401


async def test_a_signed_out_session_does_not_refresh_and_another_one_does(office: Office) -> None:
    party, session = await a_session(office)
    other = (await office.sign_in(party.sign_in_name)).json()
    headers = {
        **with_token(session["access_tokens"]["identity"]),
        "Refresh-Token": session["refresh_token"],
    }
    assert (await office.client.delete(f"{BASE}/sessions/current", headers=headers)).status_code == 204
    assert (await refresh(office, session["refresh_token"])).status_code == 401
    assert (await refresh(office, other["refresh_token"])).status_code == 200


async def test_nobody_signs_out_anothers_session(office: Office) -> None:
    _, session = await a_session(office)
    await office.hire("finance-a", "finance")
    other = (await office.sign_in("finance-a")).json()
    headers = {**with_token(other["access_tokens"]["identity"]), "Refresh-Token": session["refresh_token"]}
    assert (await office.client.delete(f"{BASE}/sessions/current", headers=headers)).status_code == 204
    assert (await refresh(office, session["refresh_token"])).status_code == 200


async def test_many_wrong_passwords_make_the_account_wait_and_not_its_neighbour(office: Office) -> None:
    party, _ = await a_session(office)
    answers = [await office.sign_in(party.sign_in_name, f"wrong {number}") for number in range(7)]
    assert [answer.status_code for answer in answers][:5] == [401] * 5
    waiting = await office.sign_in(party.sign_in_name)
    assert (waiting.status_code, waiting.json()["code"]) == (429, "identity.sign_in_throttled")
    assert int(waiting.headers["retry-after"]) >= 1
    assert (await office.sign_in(ADMIN, ADMIN_PASSWORD)).status_code == 201


async def test_wrong_passwords_at_the_same_moment_are_all_counted(office: Office) -> None:
    party, _ = await a_session(office)
    answers = await asyncio.gather(*(office.sign_in(party.sign_in_name, f"wrong {n}") for n in range(20)))
    # Four tries are free and the fifth is the first that makes the next one wait.
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


async def test_a_network_that_tries_many_names_waits(office: Office) -> None:
    codes = [(await office.sign_in(f"name-{number}", "wrong")).status_code for number in range(32)]
    assert codes == [401] * 31 + [429]


async def test_a_changed_password_ends_every_session(office: Office) -> None:
    party, session = await a_session(office)
    headers = with_token(session["access_tokens"]["identity"])
    wrong = {"present": "not the password", "new": "another long one 5"}
    refused = await office.client.put(f"{BASE}/me/password", json=wrong, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.password_wrong")
    body = {"present": PASSWORD, "new": "another long one 5"}
    changed = await office.client.put(f"{BASE}/me/password", json=body, headers=headers)
    assert changed.status_code == 204
    await office.platform.settle()
    assert (await office.get("/me", headers)).status_code == 401
    assert (await refresh(office, session["refresh_token"])).status_code == 401
    assert (await office.sign_in(party.sign_in_name)).status_code == 401
    assert (await office.sign_in(party.sign_in_name, "another long one 5")).status_code == 201
    assert await office.facts(party.account_id) == [
        (1, "identity.account_opened.v1"),
        (2, "identity.account_ended.v1"),
    ]


async def test_a_new_signing_key_takes_over_and_old_tokens_stay_good(office: Office) -> None:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    before = (await office.get("/keys")).json()["keys"]
    rotated = await office.post("/keys/rotation", {"reason": "年度轮换"}, admin)
    assert rotated.status_code == 201
    await office.platform.settle()
    after = (await office.get("/keys")).json()["keys"]
    assert [key["kid"] for key in after] == [before[0]["kid"], rotated.json()["kid"]]
    assert (await office.get("/me", admin)).status_code == 200
    assert (await office.get("/me", await office.bearer(ADMIN, ADMIN_PASSWORD))).status_code == 200


async def test_an_outlived_signing_key_is_retired_and_its_tokens_are_refused(office: Office) -> None:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    old = (await office.get("/keys")).json()["keys"][0]["kid"]
    await office.post("/keys/rotation", {"reason": "疑似泄露"}, admin)
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        assert await retire_outlived_keys(work) == 0
        # Machine time cannot be moved: the keys are made older instead.
        await work.connection.execute("UPDATE issuing_key SET usable_from = usable_from - interval '10 minutes'")
        assert await retire_outlived_keys(work) == 1
    await office.platform.settle()
    assert old not in [key["kid"] for key in (await office.get("/keys")).json()["keys"]]
    async with runtime.reading() as connection:
        await load_keys(connection, runtime.ports.get(TokenVerifier))
    assert (await office.get("/me", admin)).status_code == 401


async def test_a_try_that_was_never_looked_at_does_not_count(office: Office) -> None:
    party, _ = await a_session(office)
    runtime = office.platform.runtime("identity")
    passwords = runtime.ports.get(Passwords)
    runtime.ports.add(Passwords, Passwords(threads=1, waiting_max=1))
    answers = await asyncio.gather(*(office.sign_in(party.sign_in_name, "wrong") for _ in range(4)))
    assert 503 in {answer.status_code for answer in answers}
    runtime.ports.add(Passwords, passwords)
    looked_at = sum(answer.status_code == 401 for answer in answers)
    counted = await office.fetch("SELECT failures FROM failed_sign_in WHERE scope = 'account'")
    assert [row["failures"] for row in counted] == [looked_at]


async def test_only_the_administrator_rotates_keys(office: Office) -> None:
    response = await office.post("/keys/rotation", {"reason": "试"}, office.headers(Role.OPERATOR_LEAD))
    assert response.status_code == 403


@pytest.mark.parametrize("path", ["/me", "/organisations", "/staff", "/tasks", "/authentications"])
async def test_without_a_token_nothing_is_shown(office: Office, path: str) -> None:
    assert (await office.get(path)).status_code == 401


async def test_neither_tokens_nor_the_private_key_are_stored_in_clear(office: Office) -> None:
    _, session = await a_session(office)
    rows = await office.fetch("SELECT t::text AS row FROM refresh_token t UNION ALL SELECT t::text FROM idempotency t")
    assert all(session["refresh_token"] not in row["row"] for row in rows)
    sealed = await office.fetch("SELECT private_key_sealed FROM issuing_key")
    # Magic, kid, two nonces, wrapped data key, 32 bytes and two tags: an envelope, not a key.
    assert [len(row["private_key_sealed"]) for row in sealed] == [4 + 1 + 1 + 12 + 48 + 12 + 48]


async def test_a_new_password_that_the_rule_refuses_is_no_failed_try(office: Office) -> None:
    party, _ = await a_session(office)
    headers = office.own(party)
    tries: list[tuple[int, str]] = []
    for _ in range(6):
        body = {"present": PASSWORD, "new": "short0"}
        answer = await office.client.put(f"{BASE}/me/password", json=body, headers=headers)
        tries.append((answer.status_code, answer.json()["code"]))
    assert set(tries) == {(422, "auth.password_too_short")}
    assert await office.fetch("SELECT 1 FROM failed_sign_in WHERE scope <> 'registration'") == []
    wrong = {"present": "not the one 2 know", "new": "short0"}
    answer = await office.client.put(f"{BASE}/me/password", json=wrong, headers=headers)
    assert answer.json()["code"] == "identity.password_wrong"
    counted = await office.fetch("SELECT scope FROM failed_sign_in WHERE scope <> 'registration' ORDER BY scope")
    assert [row["scope"] for row in counted] == ["account", "lane"]


async def test_a_good_reset_code_with_a_weak_password_is_no_failed_try(office: Office) -> None:
    party, _ = await a_session(office)
    path = f"/accounts/{party.account_id}/reset-codes"
    issued = await office.post(path, {"reason": "已核对营业执照"}, office.headers(Role.OPERATOR_CLERK))
    body = {"sign_in_name": party.sign_in_name, "code": issued.json()["code"], "new": "short0"}
    for _ in range(6):
        answer = await office.client.post(f"{BASE}/password-resets", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "auth.password_too_short")
    assert await office.fetch("SELECT 1 FROM failed_sign_in WHERE scope <> 'registration'") == []
    answer = await office.client.post(f"{BASE}/password-resets", json={**body, "new": "another good one 8"})
    assert answer.status_code == 204


@pytest.mark.parametrize("typed", [f"{PASSWORD} ", f" {PASSWORD}"], ids=["after", "before"])
async def test_blanks_at_its_ends_belong_to_a_password(office: Office, typed: str) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE, password=typed)
    assert (await office.sign_in(party.sign_in_name, PASSWORD)).status_code == 401
    assert (await office.sign_in(party.sign_in_name, typed)).status_code == 201
