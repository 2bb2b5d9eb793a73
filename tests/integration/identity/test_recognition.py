"""Recognition of providers, standing, ties and the lists of parties over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import (
    BASE,
    ENTERPRISE_CODE,
    INDIVIDUAL_CODE,
    OTHER_ENTERPRISE_CODE,
    PROVIDER_CODE,
    Office,
    Party,
    with_fresh_key,
)


async def recognise(office: Office, party: Party, role: Role = Role.BUREAU_OFFICER, **changes: Any) -> Any:
    body = {"outcome": "recognised", "criteria": ["重点领域"], "reason": "平台能力突出", **changes}
    return await office.post(f"/organisations/{party.id}/recognition", body, office.headers(role))


@pytest.mark.requirement("R43")
@pytest.mark.requirement("R46")
async def test_the_bureau_recognises_an_authenticated_provider_and_the_directory_shows_it(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    early = await recognise(office, party)
    assert (early.status_code, early.json()["code"]) == (409, "identity.recognition_not_open")
    await office.upload_all(party)
    assert (await office.submit(party)).json()["state"] == "submitted"
    approved = (await office.approve(party)).json()
    assert (approved["state"], approved["recognition"]) == ("authenticated", "requested")
    assert (await office.get("/directory")).json()["data"] == []
    tasks = (await office.get("/tasks", office.headers(Role.BUREAU_OFFICER))).json()["data"]
    assert [task["kind"] for task in tasks] == ["recognition.decide"]
    assert (await recognise(office, party)).json()["recognition"] == "recognised"
    directory = (await office.get("/directory")).json()["data"]
    assert [row["credit_code"] for row in directory] == [PROVIDER_CODE]


async def test_the_reviewer_of_an_authentication_does_not_recognise_it(office: Office) -> None:
    party, person = await office.party("provider", PROVIDER_CODE), uuid4()
    await office.upload_all(party)
    await office.submit(party)
    await office.approve(party, account_id=person)
    body = {"outcome": "recognised", "criteria": ["重点领域"], "reason": "平台能力突出"}
    headers = office.headers(Role.BUREAU_OFFICER, account_id=person)
    response = await office.post(f"/organisations/{party.id}/recognition", body, headers)
    assert (response.status_code, response.json()["code"]) == (422, "identity.same_person")


@pytest.mark.requirement("R37")
async def test_a_provider_that_is_no_legal_person_is_recognised_by_exception_of_the_lead(office: Office) -> None:
    party = await office.party("provider", INDIVIDUAL_CODE)
    await office.upload_all(party)
    await office.submit(party, legal_person=False)
    assert (await office.approve(party)).status_code == 200
    plain = await recognise(office, party)
    assert (plain.status_code, plain.json()["code"]) == (422, "identity.recognition_needs_exception")
    officer = await recognise(office, party, exception_reason="独有技术")
    assert officer.status_code == 403
    lead = await recognise(office, party, Role.BUREAU_LEAD, exception_reason="独有技术")
    assert lead.json()["recognition"] == "recognised"


async def test_a_suspended_provider_leaves_the_directory_until_it_is_reinstated(office: Office) -> None:
    party = await office.authenticated("provider", PROVIDER_CODE)
    await recognise(office, party)
    lead = Role.OPERATOR_LEAD
    effective_at = datetime.now(UTC) + timedelta(days=3)
    body = {"reason": "涉嫌虚假服务", "effective_at": effective_at.isoformat()}
    path = f"/organisations/{party.id}/suspension"
    assert (await office.post(path, body, office.headers(Role.OPERATOR_CLERK))).status_code == 403
    assert (await office.post(path, body, office.headers(lead))).status_code == 200
    assert len((await office.get("/directory")).json()["data"]) == 1
    await office.platform.move_clock(effective_at)
    assert (await office.get("/directory")).json()["data"] == []
    twice = await office.post(path, body, office.headers(lead))
    assert (twice.status_code, twice.json()["code"]) == (409, "identity.suspension_not_open")
    path = f"/organisations/{party.id}/reinstatement"
    assert (await office.post(path, {"reason": "查无此事"}, office.headers(lead))).status_code == 200
    assert len((await office.get("/directory")).json()["data"]) == 1
    assert [version for version, _ in await office.facts(party.id)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.requirement("R31")
async def test_the_priority_list_keeps_its_source(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    url, body = f"{BASE}/organisations/{party.id}/priority", {"listed": True, "source": "万企融合名单第一批"}
    put = await office.client.put(url, json=body, headers=office.headers(Role.BUREAU_OFFICER))
    assert put.status_code == 200
    again = await office.client.put(url, json=body, headers=office.headers(Role.BUREAU_OFFICER))
    assert (again.status_code, again.json()["code"]) == (409, "identity.priority_unchanged")
    entries = (await office.get("/priority-entries", office.own(party))).json()["data"]
    assert [(entry["listed"], entry["source"]) for entry in entries] == [(True, "万企融合名单第一批")]
    assert (await office.facts(party.id))[-1] == (2, "identity.priority_listed.v1")


@pytest.mark.requirement("R63")
async def test_whom_somebody_else_ties_alone_learns_who_did_and_how_to_object(office: Office) -> None:
    enterprise = await office.party("enterprise", ENTERPRISE_CODE)
    provider = await office.party("provider", PROVIDER_CODE)
    body = {
        "organisation_id": str(enterprise.id),
        "counterpart_code": PROVIDER_CODE,
        "kind": "property_tie",
        "source": "自行申报",
    }
    assert (await office.post("/affiliations", body, office.own(enterprise))).status_code == 201
    name = (await office.get(f"/organisations/{enterprise.id}", office.own(enterprise))).json()["name"]
    told = (await office.get("/notices", office.own(provider))).json()["data"][0]
    assert told["text"].startswith(f"上云企业“{name}”申报与贵单位存在关联关系")
    assert "如有异议，请向系统运营方提出" in told["text"]
    own = (await office.get("/notices", office.own(enterprise))).json()["data"][0]
    assert own["text"] == "与贵单位有关的一项上云企业与云服务商的关联关系已登记。"


@pytest.mark.requirement("R63")
async def test_a_tie_is_declared_by_a_party_and_ended_by_the_operator(office: Office) -> None:
    enterprise = await office.party("enterprise", ENTERPRISE_CODE)
    provider = await office.party("provider", PROVIDER_CODE)
    body = {
        "organisation_id": str(provider.id),
        "counterpart_code": ENTERPRISE_CODE,
        "kind": "property_tie",
        "source": "持股30%",
    }
    declared = await office.post("/affiliations", body, office.own(provider))
    assert declared.status_code == 201
    assert declared.json()["enterprise_id"] == str(enterprise.id)
    again = await office.post("/affiliations", body, office.headers(Role.OPERATOR_CLERK))
    assert (again.status_code, again.json()["code"]) == (409, "identity.affiliation_recorded_already")
    path = f"/affiliations/{declared.json()['id']}/end"
    assert (await office.post(path, {"reason": "转让"}, office.own(provider))).status_code == 403
    ended = await office.post(path, {"reason": "已转让股权"}, office.headers(Role.OPERATOR_CLERK))
    assert (ended.status_code, ended.json()["version"]) == (200, 2)
    listed = (await office.get("/affiliations", office.own(enterprise))).json()["data"]
    assert [item["ended_reason"] for item in listed] == ["已转让股权"]
    renewed = await office.post("/affiliations", body, office.own(provider))
    assert (renewed.status_code, renewed.json()["standing"]) == (201, "repeated")


@pytest.mark.requirement("R63")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (ENTERPRISE_CODE[:17] + "A", "credit_code.check_digit"),
        (ENTERPRISE_CODE[:17], "credit_code.malformed"),
        (ENTERPRISE_CODE[:17] + "\n", "credit_code.malformed"),
        (ENTERPRISE_CODE[:17] + "\n" + ENTERPRISE_CODE[17], "credit_code.malformed"),
    ],
    ids=["check-place", "seventeen", "line-end", "line-within"],
)
async def test_a_tie_takes_no_code_that_registration_would_refuse(office: Office, code: str, said: str) -> None:
    await office.party("enterprise", ENTERPRISE_CODE)
    provider = await office.party("provider", PROVIDER_CODE)
    body = {
        "organisation_id": str(provider.id),
        "counterpart_code": code,
        "kind": "property_tie",
        "source": "持股30%",
    }
    refused = await office.post("/affiliations", body, office.own(provider))
    assert refused.json()["code"] == said
    assert await office.fetch("SELECT 1 FROM affiliation") == []


async def test_a_party_sees_its_own_ties_only(office: Office) -> None:
    enterprise = await office.party("enterprise", ENTERPRISE_CODE)
    stranger = await office.party("enterprise", OTHER_ENTERPRISE_CODE, region="520300")
    provider = await office.party("provider", PROVIDER_CODE, region="520300")
    body = {
        "organisation_id": str(enterprise.id),
        "counterpart_code": PROVIDER_CODE,
        "kind": "property_tie",
        "source": "持股30%",
    }
    assert (await office.post("/affiliations", body, office.own(enterprise))).status_code == 201
    for headers, seen in (
        (office.own(enterprise), 1),
        (office.own(provider), 1),
        (office.own(stranger), 0),
        (office.headers(Role.REGION, region="520400"), 0),
        (office.headers(Role.AUDITOR), 1),
    ):
        for query in ("", f"?enterprise_id={enterprise.id}"):
            assert len((await office.get(f"/affiliations{query}", headers)).json()["data"]) == seen, query


@pytest.mark.requirement("R63")
async def test_whoever_recorded_a_tie_does_not_end_it(office: Office) -> None:
    await office.party("enterprise", ENTERPRISE_CODE)
    provider = await office.party("provider", PROVIDER_CODE)
    body = {
        "organisation_id": str(provider.id),
        "counterpart_code": ENTERPRISE_CODE,
        "kind": "property_tie",
        "source": "工商登记",
    }
    clerk, another = (office.headers(Role.OPERATOR_CLERK, account_id=uuid4()) for _ in range(2))
    recorded = await office.post("/affiliations", body, clerk)
    assert recorded.status_code == 201
    path, why = f"/affiliations/{recorded.json()['id']}/end", {"reason": "已转让股权"}
    same = await office.post(path, why, with_fresh_key(clerk))
    assert (same.status_code, same.json()["code"]) == (422, "identity.same_person")
    assert (await office.post(path, why, another)).status_code == 200


async def test_a_party_sees_only_what_was_decided_about_itself(office: Office) -> None:
    enterprise = await office.party("enterprise", ENTERPRISE_CODE)
    stranger = await office.party("enterprise", OTHER_ENTERPRISE_CODE, region="520300")
    provider = await office.authenticated("provider", PROVIDER_CODE, region="520300")
    url, body = f"{BASE}/organisations/{enterprise.id}/priority", {"listed": True, "source": "万企融合名单第一批"}
    assert (await office.client.put(url, json=body, headers=office.headers(Role.BUREAU_OFFICER))).status_code == 200
    assert (await recognise(office, provider)).json()["recognition"] == "recognised"
    for headers, entries, recognitions in (
        (office.own(enterprise), 1, 0),
        (office.own(provider), 0, 1),
        (office.own(stranger), 0, 0),
        (office.headers(Role.REGION, region="520400"), 0, 0),
        (office.headers(Role.AUDITOR), 1, 1),
    ):
        assert len((await office.get("/priority-entries", headers)).json()["data"]) == entries
        assert len((await office.get("/recognitions", headers)).json()["data"]) == recognitions


async def test_a_decision_on_an_older_version_is_refused(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    seen = await office.get(f"/organisations/{party.id}", office.headers(Role.OPERATOR_LEAD))
    etag = seen.headers["etag"]
    await office.upload_all(party)
    await office.submit(party)
    headers = {**office.headers(Role.OPERATOR_LEAD), "If-Match": etag}
    response = await office.post(f"/organisations/{party.id}/suspension", {"reason": "核查"}, headers)
    assert response.status_code == 412


async def test_lists_are_narrowed_and_paged(office: Office) -> None:
    first = await office.party("enterprise", ENTERPRISE_CODE)
    second = await office.party("enterprise", OTHER_ENTERPRISE_CODE, name="遵义百分百%公司")
    auditor = office.headers(Role.AUDITOR)
    page = (await office.get("/organisations?limit=1", auditor)).json()
    assert ([row["id"] for row in page["data"]], page["has_more"]) == ([str(second.id)], True)
    rest = (await office.get(f"/organisations?limit=1&cursor={page['next_cursor']}", auditor)).json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([str(first.id)], False)
    for query in ("text=%25", f"text={OTHER_ENTERPRISE_CODE.lower()}"):
        found = (await office.get(f"/organisations?{query}", auditor)).json()["data"]
        assert [row["id"] for row in found] == [str(second.id)]
    assert (await office.get("/organisations?state=authenticated", auditor)).json()["data"] == []
