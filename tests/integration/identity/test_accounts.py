"""Accounts of parties: reset codes, disabling and enabling; staff passwords that two people reset."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.permissions import Role
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, approved, set_password
from tests.integration.identity.conftest import (
    BASE,
    ENTERPRISE_CODE,
    PASSWORD,
    Office,
    Party,
    with_fresh_key,
    with_token,
)

NEW = "another long one 5"


async def issue(office: Office, party: Party, **who: Any) -> Any:
    body = {"reason": "核对营业执照原件与联系人身份证"}
    headers = office.headers(Role.OPERATOR_CLERK, **who)
    return await office.post(f"/accounts/{party.account_id}/reset-codes", body, headers)


async def reset(office: Office, name: str, code: str, new: str = NEW) -> Any:
    return await office.client.post(f"{BASE}/password-resets", json={"sign_in_name": name, "code": code, "new": new})


async def test_a_reset_code_sets_another_password_once_and_ends_every_session(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    session = (await office.sign_in(party.sign_in_name)).json()
    issued = await issue(office, party)
    assert issued.status_code == 201
    code = issued.json()["code"]
    assert (await reset(office, party.sign_in_name, code)).status_code == 204
    await office.platform.settle()
    assert (await office.get("/me", with_token(session["access_tokens"]["identity"]))).status_code == 401
    body = {"refresh_token": session["refresh_token"]}
    assert (await office.client.post(f"{BASE}/sessions/refresh", json=body)).status_code == 401
    assert (await office.sign_in(party.sign_in_name)).status_code == 401
    assert (await office.sign_in(party.sign_in_name, NEW)).status_code == 201
    again = await reset(office, party.sign_in_name, code, "yet another one 6")
    assert (again.status_code, again.json()["code"]) == (401, "identity.reset_code_wrong")
    decided = await office.fetch("SELECT act, ground FROM decision WHERE subject_id = $1 ORDER BY id", party.account_id)
    assert [row["act"] for row in decided] == ["account.issue_reset", "account.reset_password"]
    assert decided[0]["ground"] == "核对营业执照原件与联系人身份证"
    told = (await office.get("/notices", office.own(party))).json()["data"]
    assert told[0]["event"] == "account.issue_reset"


async def test_a_reset_code_is_short_lived_and_a_newer_one_replaces_it(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    older = (await issue(office, party)).json()["code"]
    newer = (await issue(office, party)).json()["code"]
    assert (await reset(office, party.sign_in_name, older)).status_code == 401
    async with office.platform.runtime("identity").work() as work:
        # Machine time cannot be moved: the code is made older instead.
        aged = "UPDATE password_reset SET issued_at = issued_at - $1::interval, expires_at = expires_at - $1::interval"
        await work.connection.execute(aged, timedelta(minutes=61))
    assert (await reset(office, party.sign_in_name, newer)).status_code == 401
    assert (await office.sign_in(party.sign_in_name)).status_code == 201


async def test_a_wrong_reset_code_and_an_unknown_name_get_one_answer_and_are_throttled(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await issue(office, party)
    wrong, unknown = await reset(office, party.sign_in_name, "AAAA"), await reset(office, "nobody-at-all", "AAAA")
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    for _ in range(5):
        last = await reset(office, party.sign_in_name, "BBBB")
    assert (last.status_code, last.json()["code"]) == (429, "identity.sign_in_throttled")


async def test_a_reset_password_obeys_the_rule_and_leaves_the_code_good(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    code = (await issue(office, party)).json()["code"]
    weak = await reset(office, party.sign_in_name, code, "1234567890")
    assert (weak.status_code, weak.json()["code"]) == (422, "auth.password_too_common")
    assert (await reset(office, party.sign_in_name, code)).status_code == 204


async def test_the_operators_lead_disables_a_partys_account_and_gives_it_back(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    session = (await office.sign_in(party.sign_in_name)).json()
    code = (await issue(office, party)).json()["code"]
    path = f"/accounts/{party.account_id}"
    lead = lambda: office.headers(Role.OPERATOR_LEAD, account_id=uuid4())  # noqa: E731 - a fresh key each time
    disabled = await office.post(f"{path}/disable", {"reason": "冒用他人代码"}, lead())
    assert (disabled.status_code, disabled.json()["state"]) == (200, "disabled")
    await office.platform.settle()
    assert (await office.get("/me", with_token(session["access_tokens"]["identity"]))).status_code == 401
    assert (await office.sign_in(party.sign_in_name)).status_code == 401
    assert (await reset(office, party.sign_in_name, code)).status_code == 401
    again = await office.post(f"{path}/disable", {"reason": "再次"}, lead())
    assert (again.status_code, again.json()["code"]) == (409, "identity.account_disabled")
    assert (await issue(office, party)).json()["code"] == "identity.account_disabled"
    enabled = await office.post(f"{path}/enable", {"reason": "已核实"}, lead())
    assert (enabled.status_code, enabled.json()["state"]) == (200, "active")
    assert (await office.sign_in(party.sign_in_name)).status_code == 201
    listed = await office.get(f"/organisations/{party.id}/accounts", office.headers(Role.OPERATOR_CLERK))
    assert [item["id"] for item in listed.json()["data"]] == [str(party.account_id)]


@pytest.mark.parametrize("act", ["disable", "enable", "reset-codes"])
async def test_staff_accounts_are_not_within_the_operators_reach(office: Office, act: str) -> None:
    account_id = await office.hire("finance-a", "finance")
    lead = office.headers(Role.OPERATOR_LEAD)
    assert (await office.post(f"/accounts/{account_id}/{act}", {"reason": "试"}, lead)).status_code == 404


async def test_two_people_reset_a_staff_password_and_the_old_one_is_worth_nothing_at_once(office: Office) -> None:
    account_id = await office.hire("finance-a", "finance")
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    proposed = await office.post(f"/staff/{account_id}/reset-password", {"reason": "忘记密码"}, admin)
    assert (await office.sign_in("finance-a")).status_code == 201
    done = await approved(office.client, proposed)
    assert (await office.sign_in("finance-a", PASSWORD)).status_code == 401
    await set_password(office.client, "finance-a", done["code"], NEW)
    assert (await office.sign_in("finance-a", NEW)).status_code == 201


async def test_a_disabled_staff_account_is_given_back_by_two_people(office: Office) -> None:
    account_id = await office.hire("finance-a", "finance")
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    early = await office.post(f"/staff/{account_id}/enable", {"reason": "试"}, admin)
    assert (early.status_code, early.json()["code"]) == (409, "identity.account_active")
    path = f"/staff/{account_id}"
    assert (await office.post(f"{path}/disable", {"reason": "休假"}, with_fresh_key(admin))).status_code == 200
    proposed = await office.post(f"{path}/enable", {"reason": "返岗"}, with_fresh_key(admin))
    assert (await office.sign_in("finance-a")).status_code == 401
    await approved(office.client, proposed)
    assert (await office.sign_in("finance-a")).status_code == 201
