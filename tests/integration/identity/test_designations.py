"""The operator's people belong to a designation, and their rights live and die with it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.permissions import Role
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, PASSWORD, a_colleague, approved, set_password
from tests.integration.identity.conftest import BASE, Office


async def propose(office: Office, name: str, *roles: str, **changes: Any) -> Any:
    body = {**a_colleague(name, roles), **changes}
    return await office.post("/staff", body, await office.bearer(ADMIN, ADMIN_PASSWORD))


async def hire(office: Office, name: str, *roles: str, **changes: Any) -> UUID:
    opened = await approved(office.client, await propose(office, name, *roles, **changes))
    await set_password(office.client, name, opened["code"], PASSWORD)
    return UUID(opened["account_id"])


async def designate(office: Office, name: str, **changes: Any) -> Any:
    body = {"operator_name": name, "act": "黔数〔2018〕53号", **changes}
    return await office.post("/designations", body, office.headers(Role.BUREAU_LEAD))


async def roles_of(office: Office, name: str) -> list[str]:
    return list((await office.get("/me", await office.bearer(name))).json()["roles"])


async def end(office: Office, designation_id: str, **changes: Any) -> Any:
    body = {"reason": "另行指定", **changes}
    return await office.post(f"/designations/{designation_id}/end", body, office.headers(Role.BUREAU_LEAD))


async def move(office: Office, moved_id: UUID, designation_id: str, **who: Any) -> Any:
    return await office.client.put(
        f"{BASE}/staff/{moved_id}/designation",
        json={"designation_id": designation_id, "reason": "由新运营方聘用"},
        headers=office.headers(Role.BUREAU_LEAD, **who),
    )


@pytest.mark.requirement("R2")
async def test_operator_rights_are_granted_only_while_a_designation_is_in_force(office: Office) -> None:
    nobody = await propose(office, "clerk-z", "operator_clerk")
    assert (nobody.status_code, nobody.json()["code"]) == (422, "identity.designation_required")
    starts_at = datetime.now(UTC) + timedelta(days=2)
    ends_at = starts_at + timedelta(days=365)
    moments = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    made = (await designate(office, "云上贵州公司", **moments)).json()
    overlapping = await designate(office, "别的公司", **moments)
    assert (overlapping.status_code, overlapping.json()["code"]) == (409, "identity.designation_not_open")
    account_id = await hire(office, "clerk-a", "operator_clerk", designation_id=made["id"])
    before = (await office.get("/me", await office.bearer("clerk-a"))).json()
    assert (before["roles"], before["permissions"]) == ([], [])
    await office.platform.move_clock(starts_at)
    clerk = await office.bearer("clerk-a")
    assert (await office.get("/authentications", clerk)).status_code == 200
    await office.platform.move_clock(ends_at + timedelta(minutes=1))
    assert (await office.get("/authentications", clerk)).status_code == 401
    assert await roles_of(office, "clerk-a") == []
    # Opened, its password set, and its rights ended.
    assert await office.facts(account_id) == [
        (1, "identity.account_opened.v1"),
        (2, "identity.account_ended.v1"),
        (3, "identity.account_ended.v1"),
    ]


@pytest.mark.requirement("R2")
async def test_the_next_designation_gives_the_former_operators_people_nothing_back(office: Office) -> None:
    first = (await designate(office, "云上贵州公司")).json()["id"]
    account_id = await hire(office, "clerk-a", "operator_clerk")
    assert await roles_of(office, "clerk-a") == ["operator_clerk"]
    assert (await end(office, first)).status_code == 200
    await office.platform.settle()
    second = (await designate(office, "贵阳大数据公司")).json()["id"]
    assert await roles_of(office, "clerk-a") == []
    # Nor does a change of roles.
    for roles in (["finance"], ["operator_lead"]):
        body = {"roles": roles, "reason": "岗位调整"}
        admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
        url = f"{BASE}/staff/{account_id}/roles"
        await approved(office.client, await office.client.put(url, json=body, headers=admin))
        await office.platform.settle()
    assert await roles_of(office, "clerk-a") == []
    await hire(office, "clerk-b", "operator_clerk")
    assert await roles_of(office, "clerk-b") == ["operator_clerk"]
    ended = await propose(office, "clerk-c", "operator_clerk", designation_id=first)
    assert (ended.status_code, ended.json()["code"]) == (409, "identity.designation_ended")
    # The bureau says so, in an act of its own that another person approves, and the record shows it.
    assert (await move(office, account_id, second, account_id=account_id)).json()["code"] == "identity.own_account"
    moved = await move(office, account_id, second)
    assert (moved.status_code, moved.json()["designation_id"], moved.json()["state"]) == (201, second, "proposed")
    await office.platform.settle()
    assert await roles_of(office, "clerk-a") == []
    await approved(office.client, moved)
    await office.platform.settle()
    assert await roles_of(office, "clerk-a") == ["operator_lead"]
    seen = (await office.get(f"/accounts/{account_id}", office.headers(Role.AUDITOR))).json()
    assert (seen["operator_name"], seen["acts"][0]["act"]) == ("贵阳大数据公司", "staff.approve_move")
    assert (seen["acts"][0]["before"], seen["acts"][0]["after"]) == (first, second)
    assert (seen["acts"][1]["act"], seen["acts"][1]["ground"]) == ("staff.propose_move", "由新运营方聘用")


async def test_only_the_operators_people_are_moved_and_only_to_a_designation_that_lasts(office: Office) -> None:
    first = (await designate(office, "云上贵州公司")).json()["id"]
    clerk = await hire(office, "clerk-a", "operator_clerk")
    payer = await hire(office, "payer-a", "finance")
    assert (await move(office, payer, first)).json()["code"] == "identity.not_operator_staff"
    assert (await move(office, clerk, first)).json()["code"] == "identity.not_operator_staff"
    assert (await move(office, clerk, str(uuid4()))).status_code == 404
    party = await office.party("enterprise", "91520100MA6DK0X17T")
    assert (await move(office, party.account_id, first)).status_code == 404


async def answer(office: Office, proposal_id: str, verb: str, **who: Any) -> Any:
    headers = office.headers(Role.BUREAU_LEAD, **who)
    return await office.post(f"/staff-proposals/{proposal_id}/{verb}", {"reason": "已核对劳动合同"}, headers)


async def tasks_of(office: Office, **who: Any) -> list[str]:
    listed = (await office.get("/tasks", office.headers(Role.BUREAU_LEAD, **who))).json()["data"]
    return [task["subject_id"] for task in listed if task["kind"] == "staff.approve"]


@pytest.mark.requirement("R2")
async def test_a_move_to_another_designation_gives_rights_back_and_takes_two_people(office: Office) -> None:
    first = (await designate(office, "云上贵州公司")).json()["id"]
    clerk = await hire(office, "clerk-a", "operator_clerk")
    assert (await end(office, first)).status_code == 200
    second = (await designate(office, "贵阳大数据公司")).json()["id"]
    one, other = uuid4(), uuid4()
    proposal = (await move(office, clerk, second, account_id=one)).json()["id"]
    # Whoever proposed it has no task and no second word; another lead has both.
    assert await tasks_of(office, account_id=one) == []
    assert await tasks_of(office, account_id=other) == [proposal]
    alone = await answer(office, proposal, "approve", account_id=one)
    assert (alone.status_code, alone.json()["code"]) == (422, "identity.same_person")
    refused = await answer(office, proposal, "refuse", account_id=other)
    assert (refused.json()["state"], await roles_of(office, "clerk-a")) == ("refused", [])
    again = (await move(office, clerk, second, account_id=one)).json()["id"]
    listed = (await office.get("/staff-proposals", office.headers(Role.BUREAU_LEAD))).json()["data"]
    assert [(item["act"], item["designation_id"]) for item in listed if item["id"] == again] == [("move", second)]
    assert (await answer(office, again, "approve", account_id=other)).status_code == 200
    await office.platform.settle()
    assert await roles_of(office, "clerk-a") == ["operator_clerk"]


async def test_nobody_is_moved_to_a_designation_that_ended_before_the_second_person_came(office: Office) -> None:
    first = (await designate(office, "云上贵州公司")).json()["id"]
    clerk = await hire(office, "clerk-a", "operator_clerk")
    assert (await end(office, first)).status_code == 200
    second = (await designate(office, "贵阳大数据公司")).json()["id"]
    proposal = (await move(office, clerk, second, account_id=uuid4())).json()["id"]
    assert (await end(office, second)).status_code == 200
    late = await answer(office, proposal, "approve", account_id=uuid4())
    assert (late.status_code, late.json()["code"]) == (409, "identity.designation_ended")


async def test_who_opens_accounts_proposes_no_move(office: Office) -> None:
    designation = (await designate(office, "云上贵州公司")).json()["id"]
    clerk = await hire(office, "clerk-a", "operator_clerk")
    denied = await office.client.put(
        f"{BASE}/staff/{clerk}/designation",
        json={"designation_id": designation, "reason": "由新运营方聘用"},
        headers=await office.bearer(ADMIN, ADMIN_PASSWORD),
    )
    assert denied.status_code == 403


async def test_a_designation_that_has_not_begun_is_taken_back_and_none_is_put_off(office: Office) -> None:
    now = datetime.now(UTC)
    later = (await designate(office, "云上贵州公司", starts_at=(now + timedelta(days=30)).isoformat())).json()["id"]
    assert (await end(office, later)).status_code == 200
    assert (await end(office, later)).json()["code"] == "identity.designation_not_open"
    made = (await designate(office, "贵阳公司", ends_at=(now + timedelta(days=60)).isoformat())).json()["id"]
    next_ = await designate(office, "遵义公司", starts_at=(now + timedelta(days=60)).isoformat())
    assert next_.status_code == 201
    put_off = await end(office, made, ends_at=(now + timedelta(days=90)).isoformat())
    assert (put_off.status_code, put_off.json()["code"]) == (422, "identity.designation_out_of_order")


@pytest.mark.requirement("R2")
async def test_other_roles_put_nobody_under_another_designation(office: Office) -> None:
    change = datetime.now(UTC) + timedelta(days=30)
    first = (await designate(office, "云上贵州公司", ends_at=change.isoformat())).json()["id"]
    second = (await designate(office, "黔云服务公司", starts_at=change.isoformat())).json()["id"]
    account_id = await hire(office, "clerk-a", "operator_clerk")

    async def ask(designation_id: str) -> tuple[int, str | None, str | None]:
        body = {"roles": ["operator_lead"], "designation_id": designation_id}
        admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
        answer = await office.client.put(f"{BASE}/staff/{account_id}/roles", json=body, headers=admin)
        return answer.status_code, answer.json().get("code"), answer.json().get("facts", {}).get("operation")

    assert await ask(second) == (422, "identity.designation_moves", "PUT /staff/{account_id}/designation")
    assert await ask(first) == (201, None, None)
