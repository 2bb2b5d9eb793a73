"""Histories name the person to whoever supervises or audits, and the role to everybody else."""

from uuid import UUID, uuid4

import pytest

from shared.contracts.permissions import Role
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, a_colleague, approved
from tests.integration.identity.conftest import ENTERPRISE_CODE, OTHER_ENTERPRISE_CODE, Office

SUPERVISORS = (Role.AUDITOR, Role.BUREAU_LEAD, Role.OPERATOR_LEAD)


async def a_clerk(office: Office) -> UUID:
    body = {"operator_name": "云上贵州公司", "act": "黔数〔2018〕53号"}
    assert (await office.post("/designations", body, office.headers(Role.BUREAU_LEAD))).status_code == 201
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    form = {**a_colleague("clerk-a", ["operator_clerk"]), "display_name": "王审核"}
    opened = await approved(office.client, await office.post("/staff", form, admin))
    return UUID(opened["account_id"])


@pytest.mark.requirement("R7")
async def test_a_history_says_what_was_done_when_why_and_by_whom(office: Office) -> None:
    clerk = await a_clerk(office)
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    await office.submit(party)
    path = f"/organisations/{party.id}/authentication/send-back"
    await office.post(path, {"reason": "请补正"}, office.headers(Role.OPERATOR_CLERK, account_id=clerk))
    for role in SUPERVISORS:
        acts = (await office.get(f"/organisations/{party.id}/history", office.headers(role))).json()["data"]
        assert [act["act"] for act in acts] == [
            "authentication.send_back",
            "authentication.submit",
            "organisation.register",
        ]
        back = acts[0]
        assert (back["account_id"], back["sign_in_name"], back["display_name"]) == (str(clerk), "clerk-a", "王审核")
        assert (back["role"], back["ground"], back["rule"]) == ("operator_clerk", "请补正", "A14(3)")
        assert (back["before"], back["after"]) == ("submitted", "sent_back")
        assert acts[1]["account_id"] == str(party.account_id)


@pytest.mark.requirement("R7")
async def test_a_party_and_a_clerk_see_roles_and_no_persons(office: Office) -> None:
    clerk = await a_clerk(office)
    party = await office.party("enterprise", ENTERPRISE_CODE)
    other = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    body = {"reason": "核查"}
    lead = office.headers(Role.OPERATOR_LEAD, account_id=clerk)
    assert (await office.post(f"/organisations/{party.id}/suspension", body, lead)).status_code == 200
    for headers in (office.own(party), office.headers(Role.OPERATOR_CLERK), office.headers(Role.BUREAU_OFFICER)):
        answer = await office.get(f"/organisations/{party.id}/history", headers)
        [act, _] = answer.json()["data"]
        assert (act["act"], act["role"], act["account_id"]) == ("organisation.suspend", "operator_lead", None)
        assert str(clerk) not in answer.text
        assert "王审核" not in answer.text
        assert (await office.get(f"/accounts/{clerk}", headers)).status_code == 403
        assert (await office.get(f"/accounts?ids={clerk}", headers)).status_code == 403
        assert (await office.get("/decisions", headers)).status_code == 403
    assert (await office.get(f"/organisations/{party.id}/history", office.own(other))).status_code == 404


@pytest.mark.requirement("R9")
async def test_account_ids_are_resolved_one_and_many_with_the_roles_they_had(office: Office) -> None:
    clerk = await a_clerk(office)
    party = await office.party("enterprise", ENTERPRISE_CODE, name="贵阳云上制造有限公司")
    admin = await office.bearer(ADMIN, ADMIN_PASSWORD)
    url = f"/api/identity/v1/staff/{clerk}/roles"
    body = {"roles": ["operator_lead"], "reason": "晋升"}
    await approved(office.client, await office.client.put(url, json=body, headers=admin))
    auditor = office.headers(Role.AUDITOR)
    many = (await office.get(f"/accounts?ids={clerk}&ids={party.account_id}&ids={uuid4()}", auditor)).json()
    assert {row["sign_in_name"]: row["organisation_name"] for row in many} == {
        "clerk-a": None,
        party.sign_in_name: "贵阳云上制造有限公司",
    }
    one = (await office.get(f"/accounts/{clerk}", auditor)).json()
    assert (one["display_name"], one["roles"], one["operator_name"]) == ("王审核", ["operator_lead"], "云上贵州公司")
    assert [(act["act"], act["after"]) for act in one["acts"]] == [
        ("staff.approve_change_roles", "operator_lead"),
        ("staff.propose_change_roles", "operator_lead"),
        ("staff.approve_open", "operator_clerk"),
        ("staff.propose_open", "operator_clerk"),
    ]
    assert len({act["account_id"] for act in one["acts"]}) == 2
    assert (await office.get(f"/accounts/{uuid4()}", auditor)).status_code == 404
    assert (await office.get("/accounts", auditor)).status_code == 400
    decisions = (await office.get("/decisions?act=staff.propose_open", auditor)).json()["data"]
    assert [(row["sign_in_name"], row["role"]) for row in decisions] == [(ADMIN, "platform_admin")]
