"""What the bureau suspended, the bureau ends; the operator asks for it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import ENTERPRISE_CODE, Office, Party

pytestmark = pytest.mark.requirement("R8")
LEAD, OPERATOR = Role.BUREAU_LEAD, Role.OPERATOR_LEAD


async def act(office: Office, party: Party, path: str, role: Role, **who: Any) -> Any:
    body = {"reason": "核查情况见卷宗"}
    return await office.post(f"/organisations/{party.id}/{path}", body, office.headers(role, **who))


async def seen(office: Office, party: Party) -> dict[str, Any]:
    found: dict[str, Any] = (await office.get(f"/organisations/{party.id}", office.headers(LEAD))).json()
    return found


async def tasks(office: Office, role: Role) -> list[str]:
    listed = (await office.get("/tasks", office.headers(role))).json()["data"]
    return [task["subject_id"] for task in listed if task["kind"] == "organisation.reinstate"]


async def notices(office: Office, recipient: str) -> list[str]:
    rows = await office.fetch("SELECT text FROM notice WHERE recipient = $1 ORDER BY id", recipient)
    return [row["text"] for row in rows]


async def test_the_operator_does_not_end_what_the_bureau_decided(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await act(office, party, "suspension", LEAD)).status_code == 200
    refused = await act(office, party, "reinstatement", OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.suspended_by_bureau")
    assert "只能由省大数据局解除" in refused.json()["detail"]
    before = await seen(office, party)
    assert (before["suspended_by_bureau"], before["suspended_since"] is None) == (True, False)
    assert "可向省大数据局申诉" in (await notices(office, f"org:{party.id}"))[-1]
    assert (await act(office, party, "reinstatement", LEAD)).status_code == 200
    after = await seen(office, party)
    assert (after["suspended_by_bureau"], after["suspended_since"]) == (False, None)


async def test_what_the_operator_decided_it_ends_unless_the_bureau_joined(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await act(office, party, "suspension", OPERATOR)).status_code == 200
    assert "可向系统运营方申诉" in (await notices(office, f"org:{party.id}"))[-1]
    assert (await act(office, party, "reinstatement", OPERATOR)).status_code == 200
    assert (await act(office, party, "suspension", OPERATOR)).status_code == 200
    since = (await seen(office, party))["suspended_since"]
    assert (await act(office, party, "suspension", LEAD)).status_code == 200
    assert (await seen(office, party))["suspended_since"] == since
    assert (await act(office, party, "reinstatement", OPERATOR)).json()["code"] == "identity.suspended_by_bureau"


async def test_the_operator_asks_and_the_bureau_answers(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await act(office, party, "suspension", LEAD)).status_code == 200
    assert await tasks(office, LEAD) == []
    asker = uuid4()
    asked = await act(office, party, "reinstatement/ask", OPERATOR, account_id=asker)
    assert asked.status_code == 200
    assert (await tasks(office, LEAD), await tasks(office, OPERATOR)) == ([str(party.id)], [])
    twice = await act(office, party, "reinstatement/ask", OPERATOR)
    assert (twice.status_code, twice.json()["code"]) == (409, "identity.reinstatement_not_for_bureau")
    # The operator does not answer itself.
    assert (await act(office, party, "reinstatement/refuse", OPERATOR)).json()["code"] == "identity.suspended_by_bureau"
    assert (await act(office, party, "reinstatement/refuse", LEAD)).status_code == 200
    assert await tasks(office, LEAD) == []
    again = await act(office, party, "reinstatement/refuse", LEAD)
    assert (again.status_code, again.json()["code"]) == (409, "identity.reinstatement_not_asked")
    assert (await act(office, party, "reinstatement/ask", OPERATOR, account_id=asker)).status_code == 200
    assert (await act(office, party, "reinstatement", LEAD)).status_code == 200
    assert await tasks(office, LEAD) == []
    told = await notices(office, f"account:{asker}")
    assert [text[-6:] for text in told] == ["，未获同意。", "公司的暂停。"]
    history = (await office.get(f"/organisations/{party.id}/history", office.headers(Role.AUDITOR))).json()["data"]
    acts = [item["act"].rpartition(".")[2] for item in history]
    assert acts[:5] == ["reinstate", "ask_reinstatement", "refuse_reinstatement", "ask_reinstatement", "suspend"]


async def test_the_bureau_is_asked_only_about_what_it_decided(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await act(office, party, "suspension", OPERATOR)).status_code == 200
    for role in (OPERATOR, LEAD):
        refused = await act(office, party, "reinstatement/ask", role)
        assert refused.json()["code"] == "identity.reinstatement_not_for_bureau"
    assert (await act(office, party, "reinstatement/ask", Role.OPERATOR_CLERK)).status_code == 403
    versions = [version for version, _ in await office.facts(UUID(str(party.id)))]
    assert versions == list(range(1, len(versions) + 1))
