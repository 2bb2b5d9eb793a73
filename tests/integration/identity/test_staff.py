"""Staff accounts and the operator's designation over HTTP."""

from typing import Any
from uuid import UUID

import pytest

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import ADMIN, ADMIN_PASSWORD, BASE, PASSWORD, Office, with_token


async def hire(office: Office, name: str, *roles: str, region: str | None = None) -> Any:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    body = {
        "sign_in_name": name,
        "password": PASSWORD,
        "display_name": "审核科",
        "roles": list(roles),
        "region": region,
    }
    return await office.post("/staff", body, admin)


async def test_the_first_administrator_opens_staff_accounts(office: Office) -> None:
    opened = await hire(office, "finance-a", "finance")
    assert opened.status_code == 201
    me = (await office.get("/me", await office.bearer("finance-a"))).json()
    assert me["roles"] == ["finance"]
    listed = (await office.get("/staff", await office.bearer(ADMIN, ADMIN_PASSWORD))).json()["data"]
    assert [account["sign_in_name"] for account in listed] == ["finance-a", ADMIN]


@pytest.mark.parametrize(
    ("roles", "region", "code"),
    [
        (["enterprise"], None, "identity.staff_roles_invalid"),
        (["platform_admin", "finance"], None, "identity.staff_roles_invalid"),
        (["region"], None, "identity.staff_region_invalid"),
        (["finance"], "520100", "identity.staff_region_invalid"),
        (["region"], "110000", "identity.region_unknown"),
    ],
)
async def test_roles_that_do_not_go_together_are_refused(
    office: Office, roles: list[str], region: str | None, code: str
) -> None:
    response = await hire(office, "somebody", *roles, region=region)
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_a_disabled_account_is_refused_everywhere_at_once(office: Office) -> None:
    account_id = UUID((await hire(office, "finance-a", "finance")).json()["id"])
    session = (await office.sign_in("finance-a")).json()
    headers = with_token(session["access_tokens"]["identity"])
    assert (await office.get("/me", headers)).status_code == 200
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    disabled = await office.post(f"/staff/{account_id}/disable", {"reason": "离岗"}, admin)
    assert (disabled.status_code, disabled.json()["state"]) == (200, "disabled")
    await office.platform.settle()
    assert (await office.get("/me", headers)).status_code == 401
    refreshed = await office.client.post(f"{BASE}/sessions/refresh", json={"refresh_token": session["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await office.sign_in("finance-a")).status_code == 401
    assert await office.facts(account_id) == [
        (1, "identity.account_opened.v1"),
        (2, "identity.account_ended.v1"),
    ]


async def test_changed_roles_end_the_tokens_with_the_old_ones(office: Office) -> None:
    account_id = (await hire(office, "somebody", "finance")).json()["id"]
    headers = await office.bearer("somebody")
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    body = {"roles": ["bureau_officer"]}
    changed = await office.client.put(f"{BASE}/staff/{account_id}/roles", json=body, headers=admin)
    assert changed.status_code == 200
    await office.platform.settle()
    assert (await office.get("/me", headers)).status_code == 401
    assert (await office.get("/me", await office.bearer("somebody"))).json()["roles"] == ["bureau_officer"]


async def test_nobody_changes_the_own_rights(office: Office) -> None:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    own = (await office.get("/me", admin)).json()["account_id"]
    response = await office.post(f"/staff/{own}/disable", {"reason": "试"}, admin)
    assert (response.status_code, response.json()["code"]) == (422, "identity.own_account")


@pytest.mark.requirement("R2")
async def test_the_bureau_ends_a_designation_with_a_reason(office: Office) -> None:
    body = {"operator_name": "云上贵州公司", "act": "黔数〔2018〕53号"}
    made = await office.post("/designations", body, office.headers(Role.BUREAU_LEAD))
    path = f"/designations/{made.json()['id']}/end"
    ended = await office.post(path, {"reason": "另行指定"}, office.headers(Role.BUREAU_LEAD))
    assert ended.status_code == 200
    again = await office.post(path, {"reason": "另行指定"}, office.headers(Role.BUREAU_LEAD))
    assert (again.status_code, again.json()["code"]) == (409, "identity.designation_not_open")
    listed = (await office.get("/designations", office.headers(Role.AUDITOR))).json()["data"]
    assert [item["ends_at"] is not None for item in listed] == [True]
