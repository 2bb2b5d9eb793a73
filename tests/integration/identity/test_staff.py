"""Staff accounts and the operator's designation over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.identity.bootstrap import FirstAdmin, ensure_first_admins
from shared.contracts.permissions import Role
from tests.factories.staff import (
    ADMIN,
    ADMIN_PASSWORD,
    PASSWORD,
    SECOND_ADMIN,
    SECOND_ADMIN_PASSWORD,
    a_colleague,
    approved,
    set_password,
)
from tests.integration.identity.conftest import BASE, Office, with_fresh_key, with_token

DESIGNATION = {"operator_name": "云上贵州公司", "act": "黔数〔2018〕53号"}


async def propose(office: Office, name: str, *roles: str, region: str | None = None) -> Any:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    return await office.post("/staff", a_colleague(name, roles, region=region), admin)


async def second(office: Office) -> dict[str, str]:
    return await office.bearer(SECOND_ADMIN, SECOND_ADMIN_PASSWORD)


async def test_two_administrators_open_a_staff_account_and_its_holder_sets_the_password(office: Office) -> None:
    proposed = (await propose(office, "finance-a", "finance")).json()
    assert (proposed["state"], proposed["account_id"]) == ("proposed", None)
    assert (await office.sign_in("finance-a")).status_code == 401
    approved = await office.post(f"/staff-proposals/{proposed['id']}/approve", {}, await second(office))
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    whole = proposed["code_part"] + approved.json()["code_part"]
    for half in (proposed["code_part"], approved.json()["code_part"], whole[::-1]):
        body = {"sign_in_name": "finance-a", "code": half, "new": PASSWORD}
        refused = await office.client.post(f"{BASE}/password-resets", json=body)
        assert (refused.status_code, refused.json()["code"]) == (401, "identity.reset_code_wrong")
    await set_password(office.client, "finance-a", whole.lower().replace("-", " "), PASSWORD)
    me = (await office.get("/me", await office.bearer("finance-a"))).json()
    assert me["roles"] == ["finance"]
    listed = (await office.get("/staff", await office.bearer(ADMIN, ADMIN_PASSWORD))).json()["data"]
    assert [account["sign_in_name"] for account in listed] == ["finance-a", SECOND_ADMIN, ADMIN]


async def test_nobody_opens_an_account_alone(office: Office) -> None:
    proposed = (await propose(office, "lead-a", "bureau_lead")).json()
    path = f"/staff-proposals/{proposed['id']}/approve"
    same = await office.post(path, {}, await office.bearer(ADMIN, ADMIN_PASSWORD))
    assert (same.status_code, same.json()["code"]) == (422, "identity.same_person")
    assert await office.fetch("SELECT 1 FROM account WHERE sign_in_name = 'lead-a'") == []


async def test_the_part_of_a_code_is_shown_again_to_who_repeats_the_request_and_stored_nowhere(office: Office) -> None:
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    body = a_colleague("finance-a", ["finance"])
    first, again = await office.post("/staff", body, admin), await office.post("/staff", body, admin)
    assert again.headers["idempotent-replayed"] == "true"
    part = first.json()["code_part"]
    assert part == again.json()["code_part"]
    for table in ("staff_proposal", "idempotency", "fact", "decision"):
        rows = await office.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608 - the names are our own
        assert not [row for row in rows if part in row["row"] or part.encode().hex() in row["row"]], table


async def test_a_proposal_is_approved_once_and_not_after_its_time(office: Office) -> None:
    first = (await propose(office, "finance-a", "finance")).json()
    second_admin = await second(office)
    path = f"/staff-proposals/{first['id']}/approve"
    assert (await office.post(path, {}, second_admin)).status_code == 200
    again = await office.post(path, {}, with_fresh_key(second_admin))
    assert (again.status_code, again.json()["code"]) == (409, "identity.proposal_not_open")
    late = (await propose(office, "finance-b", "finance")).json()
    await office.platform.move_clock(datetime.now(UTC) + timedelta(days=8))
    refused = await office.post(f"/staff-proposals/{late['id']}/approve", {}, with_fresh_key(second_admin))
    assert (refused.status_code, refused.json()["code"]) == (409, "identity.proposal_not_open")
    waiting = (await office.get("/staff-proposals", second_admin)).json()["data"]
    assert waiting == []


async def test_a_proposal_is_withdrawn_by_its_author_and_refused_by_another_with_a_reason(office: Office) -> None:
    admin, other = await office.bearer(ADMIN, ADMIN_PASSWORD), await second(office)
    states = []
    for name, decides in (("finance-a", admin), ("finance-b", other)):
        proposed = (await propose(office, name, "finance")).json()
        path = f"/staff-proposals/{proposed['id']}/refuse"
        states.append((await office.post(path, {"reason": "岗位未定"}, with_fresh_key(decides))).json()["state"])
    assert states == ["withdrawn", "refused"]
    told = (await office.get("/notices", admin)).json()["data"]
    assert [notice["reason"] for notice in told if notice["event"] == "staff.refuse"] == ["岗位未定"]


async def test_the_bureaus_lead_is_the_second_person_for_the_operator_and_not_for_an_administrator(
    office: Office,
) -> None:
    lead = office.headers(Role.BUREAU_LEAD)
    assert (await office.post("/designations", DESIGNATION, with_fresh_key(lead))).status_code == 201
    answers = []
    for name, role in (("clerk-a", "operator_clerk"), ("admin-c", "platform_admin")):
        proposed = (await propose(office, name, role)).json()
        response = await office.post(f"/staff-proposals/{proposed['id']}/approve", {}, with_fresh_key(lead))
        answers.append((response.status_code, response.json().get("code")))
    assert answers == [(200, None), (422, "identity.proposal_needs_administrator")]
    tasks = (await office.get("/tasks", await second(office))).json()["data"]
    assert [task["kind"] for task in tasks if task["kind"] != "staff.open"] == ["staff.approve"]
    assert (await office.get("/tasks", lead)).json()["data"] == []


async def test_accounts_that_hold_exclusive_roles_from_before_keep_them_and_are_named(office: Office) -> None:
    assert (await office.post("/designations", DESIGNATION, office.headers(Role.BUREAU_LEAD))).status_code == 201
    account_id = await office.hire("clerk-a", "operator_clerk")
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute("UPDATE account SET roles = '{finance,operator_clerk}' WHERE id = $1", account_id)
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    listed = (await office.get("/staff", admin)).json()["data"]
    assert next(account["conflicts"] for account in listed) == ["财政部门、系统运营方经办"]
    tasks = (await office.get("/tasks", admin)).json()["data"]
    named = [(task["kind"], task["subject_id"]) for task in tasks if task["kind"] != "staff.open"]
    assert named == [("staff.separate_roles", str(account_id))]
    assert (await office.get("/me", await office.bearer("clerk-a"))).json()["roles"] == ["finance", "operator_clerk"]


@pytest.mark.parametrize(
    ("roles", "region", "code"),
    [
        (["enterprise"], None, "identity.staff_roles_invalid"),
        (["platform_admin", "finance"], None, "identity.staff_roles_invalid"),
        (["region"], None, "identity.staff_region_invalid"),
        (["finance"], "520100", "identity.staff_region_invalid"),
        (["region"], "110000", "identity.region_unknown"),
        (["operator_clerk", "bureau_officer"], None, "identity.roles_exclusive"),
        (["operator_clerk", "operator_lead"], None, "identity.roles_exclusive"),
        (["bureau_officer", "bureau_lead"], None, "identity.roles_exclusive"),
        (["operator_lead", "finance"], None, "identity.roles_exclusive"),
        (["bureau_lead", "finance"], None, "identity.roles_exclusive"),
    ],
)
async def test_roles_that_do_not_go_together_are_refused(
    office: Office, roles: list[str], region: str | None, code: str
) -> None:
    response = await propose(office, "somebody", *roles, region=region)
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_a_disabled_account_is_refused_everywhere_at_once(office: Office) -> None:
    account_id = await office.hire("finance-a", "finance")
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
        (2, "identity.account_ended.v1"),  # its holder set the password
        (3, "identity.account_ended.v1"),
    ]


async def test_changed_roles_end_the_tokens_with_the_old_ones(office: Office) -> None:
    account_id = await office.hire("somebody", "finance")
    headers = await office.bearer("somebody")
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    body = {"roles": ["bureau_officer"]}
    proposed = await office.client.put(f"{BASE}/staff/{account_id}/roles", json=body, headers=admin)
    assert (await office.get("/me", headers)).json()["roles"] == ["finance"]
    assert (await approved(office.client, proposed))["roles"] == ["bureau_officer"]
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
    made = await office.post("/designations", DESIGNATION, office.headers(Role.BUREAU_LEAD))
    path = f"/designations/{made.json()['id']}/end"
    ended = await office.post(path, {"reason": "另行指定"}, office.headers(Role.BUREAU_LEAD))
    assert ended.status_code == 200
    again = await office.post(path, {"reason": "另行指定"}, office.headers(Role.BUREAU_LEAD))
    assert (again.status_code, again.json()["code"]) == (409, "identity.designation_not_open")
    listed = (await office.get("/designations", office.headers(Role.AUDITOR))).json()["data"]
    assert [item["ends_at"] is not None for item in listed] == [True]


async def account_id_of(office: Office, name: str) -> str:
    rows = await office.fetch("SELECT id FROM account WHERE sign_in_name = $1", name)
    return str(rows[0]["id"])


async def disable_second_admin(office: Office) -> str:
    """The first administrator disables the other one; the id of that account."""
    other = await account_id_of(office, SECOND_ADMIN)
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    disabled = await office.post(f"/staff/{other}/disable", {"reason": "账号可能被盗"}, admin)
    assert disabled.status_code == 200, disabled.text
    return other


@pytest.mark.parametrize("act", ["enable", "open"])
async def test_the_bureaus_lead_gives_the_platform_a_second_administrator_where_only_the_proposer_is_left(
    office: Office, act: str
) -> None:
    other = await disable_second_admin(office)
    lead, admin = office.headers(Role.BUREAU_LEAD), await office.bearer(ADMIN, ADMIN_PASSWORD)
    if act == "open":
        proposed = await propose(office, "admin-c", "platform_admin")
    else:
        proposed = await office.post(f"/staff/{other}/enable", {"reason": "已核实"}, admin)
    assert proposed.status_code == 201, proposed.text
    tasks = (await office.get("/tasks", lead)).json()["data"]
    assert [(task["kind"], task["subject_id"]) for task in tasks if task["kind"] == "staff.approve"] == [
        ("staff.approve", proposed.json()["id"])
    ]
    answer = await office.post(f"/staff-proposals/{proposed.json()['id']}/approve", {}, with_fresh_key(lead))
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    active = await office.fetch("SELECT 1 FROM account WHERE state = 'active' AND 'platform_admin' = ANY(roles)")
    assert len(active) == 2


async def test_the_bureaus_lead_resets_with_the_only_other_administrator_who_lost_the_password(office: Office) -> None:
    other, admin = await account_id_of(office, SECOND_ADMIN), await office.bearer(ADMIN, ADMIN_PASSWORD)
    proposed = (await office.post(f"/staff/{other}/reset-password", {"reason": "忘记密码"}, admin)).json()
    path = f"/staff-proposals/{proposed['id']}/approve"
    answer = await office.post(path, {}, office.headers(Role.BUREAU_LEAD))
    assert answer.status_code == 200, answer.text
    await set_password(office.client, SECOND_ADMIN, proposed["code_part"] + answer.json()["code_part"], PASSWORD)


async def test_the_bureaus_lead_makes_no_administrator_of_another_account(office: Office) -> None:
    account_id = await office.hire("auditor-a", "auditor")
    await disable_second_admin(office)
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    body = {"roles": ["platform_admin"]}
    proposed = await office.client.put(f"{BASE}/staff/{account_id}/roles", json=body, headers=admin)
    path = f"/staff-proposals/{proposed.json()['id']}/approve"
    lead = office.headers(Role.BUREAU_LEAD)
    refused = await office.post(path, {}, lead)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.proposal_needs_administrator")
    tasks = (await office.get("/tasks", lead)).json()["data"]
    assert [task for task in tasks if task["kind"] == "staff.approve"] == []


async def test_nobody_takes_away_the_last_administrator(office: Office) -> None:
    first, other = await account_id_of(office, ADMIN), await account_id_of(office, SECOND_ADMIN)
    admin, before = await office.bearer(ADMIN, ADMIN_PASSWORD), await second(office)
    change = {"roles": ["auditor"]}
    path = f"{BASE}/staff/{other}/roles"
    demoted = await office.client.put(path, json=change, headers=with_fresh_key(admin))
    # Asked at the same moment, each of the other: one succeeds.
    both = await asyncio.gather(
        office.post(f"/staff/{other}/disable", {"reason": "疑似被盗"}, with_fresh_key(admin)),
        office.post(f"/staff/{first}/disable", {"reason": "疑似被盗"}, with_fresh_key(before)),
    )
    assert sorted(answer.status_code for answer in both) == [200, 422]
    assert {answer.json().get("code") for answer in both} == {None, "identity.last_administrator"}
    left = await office.fetch("SELECT id FROM account WHERE state = 'active' AND 'platform_admin' = ANY(roles)")
    assert len(left) == 1
    # Whoever else may approve could not take the role away either.
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute("UPDATE account SET state = 'active' WHERE id = $1", UUID(other))
        await work.connection.execute("UPDATE account SET state = 'disabled' WHERE id = $1", UUID(first))
    stranger = office.headers(Role.PLATFORM_ADMIN)
    refused = await office.post(f"/staff-proposals/{demoted.json()['id']}/approve", {}, stranger)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.last_administrator")


async def test_settings_name_another_administrator_where_no_second_person_is_left(office: Office) -> None:
    await disable_second_admin(office)
    runtime = office.platform.runtime("identity")
    wanted = [FirstAdmin(SECOND_ADMIN, SECOND_ADMIN_PASSWORD), FirstAdmin("platform-admin-3", PASSWORD)]
    await ensure_first_admins(runtime, wanted)
    rows = await office.fetch("SELECT sign_in_name FROM account WHERE state = 'active' ORDER BY sign_in_name")
    assert [row["sign_in_name"] for row in rows] == [ADMIN, "platform-admin-3"]


async def test_the_same_is_not_proposed_twice_while_it_waits(office: Office) -> None:
    first = await propose(office, "finance-a", "finance")
    again = await propose(office, "finance-a", "finance")
    assert (again.status_code, again.json()["code"]) == (409, "identity.proposal_open_already")
    # Other roles are another proposal, and what was withdrawn may come again.
    assert (await propose(office, "finance-a", "auditor")).status_code == 201
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    await office.post(f"/staff-proposals/{first.json()['id']}/refuse", {"reason": "稍后"}, admin)
    assert (await propose(office, "finance-a", "finance")).status_code == 201
    other = await account_id_of(office, SECOND_ADMIN)
    answers = await asyncio.gather(
        *(
            office.post(f"/staff/{other}/reset-password", {"reason": reason}, with_fresh_key(admin))
            for reason in ("忘记密码", "密码遗忘")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
