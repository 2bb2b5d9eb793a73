"""Listing and lifting: two persons, an external decision, at once, and never by a reinstatement."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.identity.jobs import stop_blacklisted
from shared.contracts.permissions import Role
from tests.integration.identity.conftest import BASE, ENTERPRISE_CODE, PROVIDER_CODE, Office, Party

ENTRY = {
    "organisation_name": "某公司",
    "organ": "某市人民法院",
    "number": "（2026）黔01刑初1号",
    "decided_on": "2026-01-05",
    "reason": "骗取补助资金",
}
ACQUITTAL = {"organ": "省高级人民法院", "number": "（2026）黔刑再1号", "decided_on": "2026-02-05", "reason": "再审改判"}
# The first 17 places of PROVIDER_CODE under another last one.
OTHER_CHECK_PLACE = PROVIDER_CODE[:17] + "A"


async def propose(office: Office, code: str = PROVIDER_CODE, **changes: Any) -> Any:
    body = {"credit_code": code, **ENTRY, **changes}
    return await office.post("/blacklist", body, office.headers(Role.OPERATOR_LEAD))


async def listed(office: Office, code: str = PROVIDER_CODE) -> str:
    """The id of an approved entry."""
    entry_id = str((await propose(office, code)).json()["id"])
    approved = await office.post(f"/blacklist/{entry_id}/approve", {}, office.headers(Role.BUREAU_LEAD))
    assert approved.status_code == 200, approved.text
    return entry_id


async def lift(office: Office, entry_id: str) -> None:
    made = await office.post(f"/blacklist/{entry_id}/liftings", ACQUITTAL, office.headers(Role.OPERATOR_LEAD))
    assert made.status_code == 201, made.text
    path = f"/blacklist/liftings/{made.json()['id']}/approve"
    assert (await office.post(path, {}, office.headers(Role.BUREAU_LEAD))).status_code == 200


async def recognised(office: Office) -> Party:
    party = await office.authenticated("provider", PROVIDER_CODE)
    body = {"outcome": "recognised", "criteria": ["重点领域"], "reason": "平台能力突出"}
    answer = await office.post(f"/organisations/{party.id}/recognition", body, office.headers(Role.BUREAU_OFFICER))
    assert answer.status_code == 200
    return party


async def suspend(office: Office, party: Party, *, days: int | None = None) -> Any:
    moment = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    body = {"reason": "核查", "effective_at": moment}
    return await office.post(f"/organisations/{party.id}/suspension", body, office.headers(Role.OPERATOR_LEAD))


async def reinstate(office: Office, party: Party, role: Role = Role.OPERATOR_LEAD) -> Any:
    return await office.post(f"/organisations/{party.id}/reinstatement", {"reason": "查无此事"}, office.headers(role))


async def directory(office: Office) -> list[str]:
    return [row["id"] for row in (await office.get("/directory")).json()["data"]]


async def listing_tasks(office: Office, account_id: UUID) -> list[str]:
    """What waits for somebody of the bureau about the blacklist."""
    tasks = (await office.get("/tasks", office.headers(Role.BUREAU_LEAD, account_id=account_id))).json()["data"]
    return [task["kind"] for task in tasks if task["kind"].startswith("blacklist.")]


async def last_party(office: Office, party: Party) -> dict[str, Any]:
    """The party state of the newest fact, as other services copy it."""
    sql = "SELECT convert_from(body, 'UTF8')::jsonb -> 'data' -> 'party' AS party FROM fact WHERE aggregate_id = $1"
    rows = await office.fetch(f"{sql} ORDER BY version DESC LIMIT 1", party.id)
    return dict(rows[0]["party"])


@pytest.mark.parametrize("role", [Role.OPERATOR_LEAD, Role.BUREAU_LEAD])
async def test_no_reinstatement_lifts_a_blacklisting(office: Office, role: Role) -> None:
    party = await recognised(office)
    await listed(office)
    answer = await reinstate(office, party, role)
    assert (answer.status_code, answer.json()["code"]) == (409, "identity.organisation_blacklisted")
    assert await directory(office) == []
    assert (await last_party(office, party))["blacklisted"] is True


async def test_a_blacklisting_takes_effect_at_once_whatever_suspension_is_dated_for_later(office: Office) -> None:
    party = await recognised(office)
    assert (await suspend(office, party, days=30)).status_code == 200
    assert await directory(office) == [str(party.id)]
    await listed(office)
    assert await directory(office) == []
    told = await last_party(office, party)
    assert datetime.fromisoformat(told["suspended_since"]) < datetime.now(UTC) + timedelta(days=1)
    assert (await office.facts(party.id))[-1][1] == "identity.organisation_suspended.v1"


async def test_a_listing_is_lifted_by_two_persons_on_a_new_decision_and_a_suspension_stays(office: Office) -> None:
    party = await recognised(office)
    assert (await suspend(office, party)).status_code == 200
    entry_id = await listed(office)
    path, lead = f"/blacklist/{entry_id}/liftings", uuid4()
    old = {**ACQUITTAL, **{name: ENTRY[name] for name in ("organ", "number")}}
    future = {**ACQUITTAL, "decided_on": "2999-01-01"}
    for wrong in (old, future, {**ACQUITTAL, "decided_on": "2025-12-31"}):
        refused = await office.post(path, wrong, office.headers(Role.OPERATOR_LEAD))
        assert (refused.status_code, refused.json()["code"]) == (422, "identity.external_decision_invalid")
    assert (await office.post(path, ACQUITTAL, office.headers(Role.BUREAU_LEAD))).status_code == 403
    made = await office.post(path, ACQUITTAL, office.headers(Role.OPERATOR_LEAD, account_id=lead))
    lifting = f"/blacklist/liftings/{made.json()['id']}"
    same = await office.post(f"{lifting}/approve", {}, office.headers(Role.BUREAU_LEAD, account_id=lead))
    assert (same.status_code, same.json()["code"]) == (422, "identity.same_person")
    tasks = (await office.get("/tasks", office.headers(Role.BUREAU_LEAD))).json()["data"]
    assert "blacklist.approve_lifting" in [task["kind"] for task in tasks]
    assert (await office.post(f"{lifting}/approve", {}, office.headers(Role.BUREAU_LEAD))).status_code == 200
    assert (await office.get("/blacklist")).json()["data"] == []
    told = await last_party(office, party)
    assert (told.get("blacklisted", False), told["suspended_since"] is None) == (False, False)
    assert await directory(office) == []
    assert (await reinstate(office, party)).status_code == 200
    assert await directory(office) == [str(party.id)]
    # What was lifted may be listed again.
    await listed(office)
    assert await directory(office) == []


@pytest.mark.parametrize("lifting", [False, True])
async def test_a_proposal_is_withdrawn_by_its_proposer_and_refused_by_the_approver(
    office: Office,
    lifting: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    lead = office.headers(Role.OPERATOR_LEAD)
    who = uuid4()

    async def proposed() -> str:
        headers = office.headers(Role.OPERATOR_LEAD, account_id=who)
        if lifting:
            made = await office.post(f"/blacklist/{entry_id}/liftings", ACQUITTAL, headers)
            return f"/blacklist/liftings/{made.json()['id']}"
        made = await office.post("/blacklist", {"credit_code": PROVIDER_CODE, **ENTRY}, headers)
        return f"/blacklist/{made.json()['id']}"

    entry_id = await listed(office) if lifting else ""
    path = await proposed()
    other = await office.post(f"{path}/withdraw", {"reason": "误报"}, lead)
    assert (other.status_code, other.json()["code"]) == (422, "identity.not_proposer")
    assert (await office.post(f"{path}/withdraw", {}, office.headers(Role.OPERATOR_LEAD))).status_code == 400
    own = office.headers(Role.OPERATOR_LEAD, account_id=who)
    assert (await office.post(f"{path}/withdraw", {"reason": "误报"}, own)).json()["state"] == "withdrawn"
    late = await office.post(f"{path}/approve", {}, office.headers(Role.BUREAU_LEAD))
    assert (late.status_code, late.json()["code"]) == (409, "identity.blacklist_entry_not_open")
    again = await proposed()
    refused = await office.post(f"{again}/refuse", {"reason": "依据不足"}, office.headers(Role.BUREAU_LEAD))
    assert refused.json()["state"] == "refused"
    notices = (await office.get("/notices", office.headers(Role.OPERATOR_LEAD, account_id=who))).json()["data"]
    assert [(notice["event"], notice["reason"]) for notice in notices] == [("blacklist.refused", "依据不足")]
    assert await listing_tasks(office, uuid4()) == []


async def test_nobody_is_given_a_task_that_only_another_person_may_do(office: Office) -> None:
    who = uuid4()
    await office.post(
        "/blacklist",
        {"credit_code": PROVIDER_CODE, **ENTRY},
        office.headers(Role.OPERATOR_LEAD, account_id=who),
    )
    assert (await listing_tasks(office, who), await listing_tasks(office, uuid4())) == ([], ["blacklist.approve"])


async def test_a_blacklisted_body_is_stopped_whatever_its_last_place_and_refused_every_favour(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    await office.upload_all(party)
    assert (await office.submit(party)).status_code == 200
    # Somebody is registered with that code, on evidence; else it would be a typing error.
    await office.party("enterprise", OTHER_CHECK_PLACE, check_override="与执照原件一致")
    await listed(office, OTHER_CHECK_PLACE)
    answer = await office.approve(party)
    assert (answer.status_code, answer.json()["code"]) == (409, "identity.organisation_blacklisted")
    form = await office.register("enterprise", PROVIDER_CODE)
    assert (form.status_code, form.json()["code"]) == (422, "identity.credit_code_blacklisted")
    path = f"/organisations/{party.id}/authentication/send-back"
    back = await office.post(path, {"reason": "请补正"}, office.headers(Role.OPERATOR_CLERK))
    assert back.status_code == 200
    assert (await office.get("/tasks", office.own(party))).json()["data"] == []
    for refused in (await office.upload(party, "licence"), await office.submit(party, size_class="micro")):
        assert (refused.status_code, refused.json()["code"]) == (409, "identity.organisation_blacklisted")


@pytest.mark.requirement("R64")
async def test_a_code_whose_check_place_fails_is_listed_only_where_somebody_is_registered_with_it(
    office: Office,
) -> None:
    await office.party("provider", PROVIDER_CODE)
    refused = await propose(office, OTHER_CHECK_PLACE)
    assert (refused.status_code, refused.json()["code"]) == (422, "credit_code.check_digit")
    await office.party("enterprise", OTHER_CHECK_PLACE, check_override="与执照原件一致")
    assert (await propose(office, OTHER_CHECK_PLACE)).status_code == 201


async def test_a_suspended_party_is_neither_approved_nor_recognised_nor_listed(office: Office) -> None:
    party = await office.authenticated("provider", PROVIDER_CODE)
    enterprise = await office.party("enterprise", ENTERPRISE_CODE)
    for one in (party, enterprise):
        assert (await suspend(office, one)).status_code == 200
    body = {"outcome": "recognised", "criteria": ["重点领域"], "reason": "平台能力突出"}
    answers = [
        await office.post(f"/organisations/{party.id}/recognition", body, office.headers(Role.BUREAU_OFFICER)),
        await office.client.put(
            f"{BASE}/organisations/{enterprise.id}/priority",
            json={"listed": True, "source": "第一批"},
            headers=office.headers(Role.BUREAU_OFFICER),
        ),
        await office.upload(enterprise, "licence"),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(409, "identity.organisation_suspended")] * 3


async def test_a_suspension_is_brought_forward_never_put_off_and_one_that_lies_ahead_is_taken_back(
    office: Office,
) -> None:
    party = await recognised(office)
    assert (await suspend(office, party, days=-1)).json()["code"] == "identity.suspension_moment_invalid"
    assert (await suspend(office, party, days=400)).json()["code"] == "identity.suspension_moment_invalid"
    assert (await suspend(office, party, days=10)).status_code == 200
    assert (await suspend(office, party, days=20)).json()["code"] == "identity.suspension_not_open"
    assert (await reinstate(office, party)).status_code == 200
    assert (await last_party(office, party))["suspended_since"] is None
    assert (await suspend(office, party, days=10)).status_code == 200
    assert (await suspend(office, party)).status_code == 200
    assert await directory(office) == []
    assert (await suspend(office, party)).json()["code"] == "identity.suspension_not_open"


async def test_who_is_listed_and_not_stopped_is_stopped_by_the_next_round(office: Office) -> None:
    party = await recognised(office)
    await listed(office)
    # As a release before left it: reinstated in spite of the list.
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        await work.connection.execute("UPDATE organisation SET blacklisted_since = NULL")
    assert await directory(office) == [str(party.id)]
    async with runtime.work() as work:
        assert await stop_blacklisted(work) == 1
    async with runtime.work() as work:
        assert await stop_blacklisted(work) == 0
    assert await directory(office) == []
    assert (await last_party(office, party))["blacklisted"] is True
