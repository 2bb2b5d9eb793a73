"""A fresh platform tells whoever can put it right what is still missing."""

from typing import Any
from uuid import uuid4

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import Office

ROLES = ("bureau_lead", "bureau_officer", "operator_lead", "operator_clerk", "finance", "auditor")


async def missing(office: Office, role: Role) -> list[str]:
    """The first steps among the tasks of a role, last of all."""
    tasks: list[Any] = (await office.get("/tasks", office.headers(role))).json()["data"]
    return [task["title"] for task in tasks if task["kind"] in {"staff.open", "operator.designate"}]


async def open_account(office: Office, role: str) -> None:
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute(
            "INSERT INTO account (id, sign_in_name, password_hash, roles, display_name, state, opened_at, version)"
            " VALUES ($1, $2, '', ARRAY[$3], '', 'active', $4, 1)",
            uuid4(),
            role,
            role,
            work.now,
        )


async def test_an_administrator_is_told_which_roles_nobody_has_until_somebody_has_each(office: Office) -> None:
    told = await missing(office, Role.PLATFORM_ADMIN)
    assert len(told) == len(ROLES)
    assert told[-1] == "开设工作人员账号：尚无主管部门负责人", "what comes first stands where the list ends"
    for left, role in enumerate(ROLES, start=1):
        await open_account(office, role)
        assert len(await missing(office, Role.PLATFORM_ADMIN)) == len(ROLES) - left
    for role in (Role.BUREAU_OFFICER, Role.OPERATOR_LEAD, Role.ENTERPRISE):
        assert await missing(office, role) == []


async def test_the_bureau_is_told_to_designate_an_operator_while_none_is(office: Office) -> None:
    lead = office.headers(Role.BUREAU_LEAD)
    assert await missing(office, Role.BUREAU_LEAD) == ["指定系统运营方：目前没有有效的指定"]
    body = {"operator_name": "贵州云上运营有限公司", "act": "黔工信函〔2026〕1号"}
    made = await office.post("/designations", body, lead)
    assert made.status_code == 201, made.text
    assert await missing(office, Role.BUREAU_LEAD) == []
    ended = await office.post(f"/designations/{made.json()['id']}/end", {"reason": "期满"}, lead)
    assert ended.status_code == 200, ended.text
    assert await missing(office, Role.BUREAU_LEAD) == ["指定系统运营方：目前没有有效的指定"]
