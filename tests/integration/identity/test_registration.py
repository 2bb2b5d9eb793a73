"""Registration over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.identity.service import SERVICE
from shared.contracts.permissions import Role
from shared.runtime.schedule.scheduler import run_job
from tests.integration.identity.conftest import (
    BASE,
    CONTACT_NAME,
    CONTACT_PHONE,
    ENTERPRISE_CODE,
    OTHER_ENTERPRISE_CODE,
    Office,
    a_form,
)

# A real firm's code whose check character fails by the standard.
FAILING_CODE = "91350203M0001QKT19"


@pytest.mark.requirement("R64")
async def test_an_enterprise_registers_once_with_its_code(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.platform.settle()
    assert await office.facts(party.id) == [(1, "identity.organisation_registered.v1")]
    assert await office.facts(party.account_id) == [(1, "identity.account_opened.v1")]
    holder = await office.authenticated("enterprise", ENTERPRISE_CODE.lower())
    again = await office.register("enterprise", ENTERPRISE_CODE.lower())
    assert (again.status_code, again.json()["code"]) == (409, "identity.credit_code_registered")
    held = "SELECT id FROM organisation WHERE credit_code = $1 AND state = 'authenticated'"
    assert [row["id"] for row in await office.fetch(held, ENTERPRISE_CODE)] == [holder.id]


async def test_a_code_is_claimed_by_evidence_and_not_by_speed(office: Office) -> None:
    squatter = await office.party("enterprise", ENTERPRISE_CODE, name="抢注科技有限公司")
    hurried = await office.party("enterprise", ENTERPRISE_CODE, name="另一家有限公司")
    owner = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(hurried)
    assert (await office.submit(hurried)).status_code == 200
    await office.upload_all(owner)
    assert (await office.submit(owner)).status_code == 200
    assert (await office.approve(owner)).status_code == 200
    for other in (squatter, hurried):
        seen = (await office.get(f"/organisations/{other.id}", office.own(other))).json()
        assert seen["state"] == "refused"
        told = (await office.get("/notices", office.own(other))).json()["data"][0]
        assert "已由另一申请单位凭材料通过实名认证" in told["reason"]
        assert (await office.facts(other.id))[-1][1] == "identity.authentication_refused.v1"
    again = await office.submit(hurried)
    assert (again.status_code, again.json()["code"]) == (409, "identity.credit_code_registered")
    twice = await office.approve(hurried)
    assert (twice.status_code, twice.json()["code"]) == (409, "identity.authentication_not_open")


async def test_of_two_applicants_approved_at_the_same_moment_one_gets_the_code(office: Office) -> None:
    parties = [await office.party("enterprise", ENTERPRISE_CODE) for _ in range(2)]
    for party in parties:
        await office.upload_all(party)
        assert (await office.submit(party)).status_code == 200
    answers = await asyncio.gather(*(office.approve(party) for party in parties))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    states = await office.fetch("SELECT state FROM organisation ORDER BY state")
    assert [row["state"] for row in states] == ["authenticated", "refused"]


async def test_a_registration_without_evidence_expires_and_one_with_evidence_does_not(office: Office) -> None:
    idle = await office.party("enterprise", ENTERPRISE_CODE)
    waiting = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    await office.upload_all(waiting)
    assert (await office.submit(waiting)).status_code == 200
    job = next(job for job in SERVICE.jobs if job.name == "expire_registrations")
    runtime = office.platform.runtime("identity")
    await run_job(runtime, job)
    assert await office.facts(idle.id) == [(1, "identity.organisation_registered.v1")]
    await office.platform.move_clock(datetime.now(UTC) + timedelta(days=31))
    await run_job(runtime, job)
    await office.platform.settle()
    assert (await office.facts(idle.id))[-1] == (2, "identity.registration_expired.v1")
    assert (await office.facts(idle.account_id))[-1] == (2, "identity.account_ended.v1")
    assert (await office.sign_in(idle.sign_in_name)).status_code == 401
    assert (await office.sign_in(waiting.sign_in_name)).status_code == 201
    closed = await office.fetch("SELECT id FROM organisation WHERE closed")
    assert [row["id"] for row in closed] == [idle.id]


@pytest.mark.requirement("R44")
async def test_the_same_code_may_also_register_as_a_provider(office: Office) -> None:
    await office.party("enterprise", ENTERPRISE_CODE)
    assert (await office.register("provider", ENTERPRISE_CODE)).status_code == 201


@pytest.mark.requirement("R44")
async def test_a_failing_check_place_needs_evidence_and_is_flagged_for_the_operator(office: Office) -> None:
    refused = await office.register("enterprise", FAILING_CODE)
    assert (refused.status_code, refused.json()["code"]) == (422, "credit_code.check_digit")
    party = await office.party("enterprise", FAILING_CODE, check_override="与执照原件一致")
    seen = (await office.get(f"/organisations/{party.id}", office.headers(Role.OPERATOR_CLERK))).json()
    assert (seen["check_flagged"], seen["check_evidence"]) == (True, "与执照原件一致")
    told = (await office.get("/notices", office.headers(Role.OPERATOR_CLERK))).json()["data"]
    assert [notice["event"] for notice in told] == ["organisation.check_flagged"]


async def test_a_repeated_form_answers_the_same_and_another_form_under_its_key_is_refused(office: Office) -> None:
    form, headers = a_form("enterprise", ENTERPRISE_CODE), {"Idempotency-Key": uuid4().hex}
    first = await office.post("/registrations", form, headers)
    second = await office.post("/registrations", form, headers)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = await office.post("/registrations", {**form, "name": "别的公司"}, headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region": "110000"}, "identity.region_unknown"),
        ({"password": "1234567890"}, "auth.password_too_common"),
        ({"sign_in_name": "13985123477"}, "identity.sign_in_name_malformed"),
    ],
)
async def test_a_form_that_breaks_a_rule_says_which(office: Office, changes: dict[str, str], code: str) -> None:
    response = await office.register("enterprise", ENTERPRISE_CODE, **changes)
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_fields_that_decide_rights_are_not_taken_from_a_form(office: Office) -> None:
    response = await office.register("enterprise", ENTERPRISE_CODE, state="authenticated")
    assert response.status_code == 400


async def test_a_sign_in_name_belongs_to_one_account(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    response = await office.register("enterprise", OTHER_ENTERPRISE_CODE, sign_in_name=party.sign_in_name)
    assert (response.status_code, response.json()["code"]) == (409, "identity.sign_in_name_taken")
    assert await office.fetch("SELECT 1 FROM organisation WHERE credit_code = $1", OTHER_ENTERPRISE_CODE) == []


async def test_of_forms_with_one_sign_in_name_at_the_same_moment_one_registers(office: Office) -> None:
    forms = (office.register("enterprise", ENTERPRISE_CODE, sign_in_name="one-name") for _ in range(6))
    answers = await asyncio.gather(*forms)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(await office.fetch("SELECT 1 FROM account WHERE organisation_id IS NOT NULL")) == 1


@pytest.mark.requirement("R16")
@pytest.mark.requirement("R58")
async def test_a_blacklisted_code_never_registers_and_its_holder_is_suspended(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    lead, bureau = (uuid4(), uuid4())
    entry = {
        "credit_code": ENTERPRISE_CODE,
        "organisation_name": "某公司",
        "organ": "某市人民法院",
        "number": "（2026）黔01刑初1号",
        "decided_on": "2026-01-05",
        "reason": "骗取补助资金",
    }
    headers = office.headers(Role.OPERATOR_LEAD, account_id=lead)
    proposed = await office.post("/blacklist", entry, headers)
    assert proposed.status_code == 201
    assert (await office.get("/blacklist")).json()["data"] == []
    path = f"/blacklist/{proposed.json()['id']}/approve"
    same = await office.post(path, {}, office.headers(Role.BUREAU_LEAD, account_id=lead))
    assert (same.status_code, same.json()["code"]) == (422, "identity.same_person")
    assert (await office.post(path, {}, office.headers(Role.BUREAU_LEAD, account_id=bureau))).status_code == 200
    assert [row["credit_code"] for row in (await office.get("/blacklist")).json()["data"]] == [ENTERPRISE_CODE]
    refused = await office.register("provider", ENTERPRISE_CODE)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.credit_code_blacklisted")
    assert (await office.facts(party.id))[-1] == (2, "identity.organisation_suspended.v1")


@pytest.mark.requirement("R65")
async def test_personal_values_are_found_in_no_row_and_no_log_line(log_lines: list[Any], office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await office.sign_in(party.sign_in_name)).status_code == 201
    assert (await office.sign_in(party.sign_in_name, "a wrong one")).status_code == 401
    await office.platform.settle()
    tables = await office.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    planted = [CONTACT_NAME, CONTACT_PHONE, "11010519491231002X", "correct horse 7 battery"]
    assert {"session.opened", "session.refused"} <= {line["event"] for line in log_lines}
    assert not any(value in str(log_lines) for value in planted)
    for name in (row["tablename"] for row in tables):
        rows = await office.fetch(f'SELECT t::text AS row FROM "{name}" t')  # noqa: S608 - the names are our own
        for text in (row["row"] for row in rows):
            for value in planted:
                assert value not in text, name
                # bytea is shown as hex.
                assert value.encode().hex() not in text, name


async def test_the_registration_form_is_shown_to_everybody(office: Office) -> None:
    form = (await office.client.get(f"{BASE}/forms/enterprise")).json()
    assert [document["code"] for document in form["documents"]] == [
        "licence",
        "id_front",
        "id_back",
        "enterprise_form",
    ]
    assert form["declaration_version"] == "1.0.0"
