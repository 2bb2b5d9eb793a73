"""One company under several names and kinds: refused, tied by itself, or shown to whoever reviews."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.identity.jobs import fold_parties, tie_bodies
from shared.contracts.permissions import Role
from tests.integration.identity.conftest import (
    ENTERPRISE_CODE,
    ID_NUMBER,
    OTHER_ENTERPRISE_CODE,
    PROVIDER_CODE,
    Office,
    Party,
    a_form,
)

OTHER_ID_NUMBER = "11010119900307109X"


async def ties(office: Office, query: str = "") -> list[dict[str, Any]]:
    answer = await office.get(f"/affiliations{query}", office.headers(Role.BUREAU_OFFICER))
    return list(answer.json()["data"])


async def same_as(office: Office, party: Party, role: Role = Role.OPERATOR_CLERK) -> list[dict[str, Any]]:
    seen = (await office.get(f"/organisations/{party.id}", office.headers(role))).json()
    return list(seen["same_as"])


async def decide(office: Office, resemblance_id: str, outcome: str) -> Any:
    body = {"outcome": outcome, "reason": "已核对营业执照与登记系统"}
    return await office.post(f"/resemblances/{resemblance_id}/decide", body, office.headers(Role.OPERATOR_CLERK))


async def test_another_last_place_is_no_other_company(office: Office) -> None:
    await office.authenticated("enterprise", ENTERPRISE_CODE)
    other = ENTERPRISE_CODE[:17] + "A"
    answer = await office.register("enterprise", other, check_override="与执照一致")
    assert (answer.status_code, answer.json()["code"]) == (409, "identity.credit_code_registered")


async def test_two_holders_of_one_body_are_not_both_authenticated(office: Office) -> None:
    first = await office.authenticated("enterprise", ENTERPRISE_CODE, name="贵阳甲公司")
    second = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    await office.upload_all(second)
    assert (await office.submit(second)).status_code == 200
    # However two of one body come to stand side by side, the second approval is where it must be noticed.
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute(
            "UPDATE organisation SET credit_code = $2 WHERE id = $1", second.id, ENTERPRISE_CODE[:17] + "A"
        )
    answer = await office.approve(second)
    assert (answer.status_code, answer.json()["code"]) == (409, "identity.credit_code_registered")
    assert (await office.get(f"/organisations/{first.id}", office.own(first))).json()["state"] == "authenticated"


@pytest.mark.requirement("R63")
async def test_one_code_with_both_kinds_is_tied_by_itself_for_ever(office: Office) -> None:
    enterprise = await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert await ties(office) == []
    provider = await office.authenticated("provider", ENTERPRISE_CODE)
    [tie] = await ties(office, f"?enterprise_id={enterprise.id}&provider_id={provider.id}")
    assert (tie["kind"], tie["origin"], tie["ended_at"]) == ("same_code", "automatic", None)
    assert (await office.facts(UUID(tie["id"]))) == [(1, "identity.affiliation_recorded.v1")]
    assert await ties(office, f"?provider_id={enterprise.id}") == []
    ended = await office.post(f"/affiliations/{tie['id']}/end", {"reason": "误登"}, office.headers(Role.OPERATOR_CLERK))
    assert (ended.status_code, ended.json()["code"]) == (422, "identity.affiliation_automatic")
    # What the tie says already is no riddle for a reviewer.
    assert await same_as(office, provider) == []


async def test_ties_of_bodies_from_before_come_with_the_next_round(office: Office) -> None:
    await office.authenticated("enterprise", ENTERPRISE_CODE)
    await office.authenticated("provider", ENTERPRISE_CODE)
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        await work.connection.execute("DELETE FROM affiliation")
        assert await tie_bodies(work) == 1
    async with runtime.work() as work:
        assert await tie_bodies(work) == 0
    assert [tie["kind"] for tie in await ties(office)] == ["same_code"]


async def test_nobody_declares_what_only_the_code_or_a_review_can_say(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.party("provider", PROVIDER_CODE)
    for kind in ("same_code", "same_party"):
        body = {
            "organisation_id": str(party.id),
            "counterpart_code": PROVIDER_CODE,
            "kind": kind,
            "source": "申报",
        }
        assert (await office.post("/affiliations", body, office.own(party))).status_code == 400


async def test_a_tie_of_a_code_holds_for_whoever_of_its_holders_is_authenticated(office: Office) -> None:
    squatter = await office.party("enterprise", ENTERPRISE_CODE)
    provider = await office.party("provider", PROVIDER_CODE)
    recorded = {"counterpart_code": PROVIDER_CODE, "source": "股权查询", "organisation_id": str(squatter.id)}
    for kind, headers in (
        ("property_tie", office.headers(Role.OPERATOR_CLERK)),
        ("subordination", office.own(squatter)),
    ):
        assert (await office.post("/affiliations", {**recorded, "kind": kind}, headers)).status_code == 201
    # The company itself comes under its right code; the first holder had another last place.
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute(
            "UPDATE organisation SET credit_code = $2, state = 'refused', kind = 'provider' WHERE id = $1",
            squatter.id,
            ENTERPRISE_CODE[:17] + "A",
        )
    company = await office.party("enterprise", ENTERPRISE_CODE)
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute("UPDATE organisation SET kind = 'enterprise' WHERE id = $1", squatter.id)
    await office.upload_all(company)
    assert (await office.submit(company)).status_code == 200
    assert (await office.approve(company)).status_code == 200
    [tie] = await ties(office, f"?enterprise_id={company.id}")
    assert (tie["kind"], tie["source"], tie["provider_id"]) == ("property_tie", "股权查询", str(provider.id))


async def test_who_recorded_a_tie_does_not_end_it(office: Office) -> None:
    party, who = await office.party("enterprise", ENTERPRISE_CODE), uuid4()
    await office.party("provider", PROVIDER_CODE)
    body = {
        "organisation_id": str(party.id),
        "counterpart_code": PROVIDER_CODE,
        "kind": "property_tie",
        "source": "股权查询",
    }
    made = await office.post("/affiliations", body, office.headers(Role.OPERATOR_CLERK, account_id=who))
    assert [tie["origin"] for tie in await ties(office)] == ["recorded"]
    path, reason = f"/affiliations/{made.json()['id']}/end", {"reason": "已转让"}
    same = await office.post(path, reason, office.headers(Role.OPERATOR_LEAD, account_id=who))
    assert (same.status_code, same.json()["code"]) == (422, "identity.same_person")
    assert (await office.post(path, reason, office.headers(Role.OPERATOR_LEAD))).status_code == 200


async def test_a_likeness_is_shown_on_both_also_after_approval_and_is_a_task_until_it_is_decided(
    office: Office,
) -> None:
    first = await office.authenticated("enterprise", ENTERPRISE_CODE, name="贵阳（云上）制造有限公司")
    assert await same_as(office, first) == []
    second = await office.party(
        "enterprise", OTHER_ENTERPRISE_CODE, name="贵阳(云上) 制造有限公司", contact_phone="0086 139-8512-3477"
    )
    assert await same_as(office, first) == []
    await office.upload_all(second)
    assert (await office.submit(second, id_number=OTHER_ID_NUMBER)).status_code == 200
    for one, other in ((first, second), (second, first)):
        [found] = await same_as(office, one)
        assert (found["organisation_id"], found["outcome"]) == (str(other.id), "open")
        assert found["grounds"] == ["same_name", "same_phone"]
        assert len(await same_as(office, one, Role.BUREAU_OFFICER)) == 1
        # Neither the party nor who does not review learns whom it resembles.
        assert (await office.get(f"/organisations/{one.id}", office.own(one))).json()["same_as"] == []
        assert await same_as(office, one, Role.AUDITOR) == []
    tasks = (await office.get("/tasks", office.headers(Role.OPERATOR_LEAD))).json()["data"]
    assert sorted(task["kind"] for task in tasks) == ["authentication.review", "resemblance.decide"]
    decided = await decide(office, found["resemblance_id"], "different")
    assert (decided.status_code, decided.json()["affiliation_id"]) == (200, None)
    again = await decide(office, found["resemblance_id"], "same")
    assert (again.status_code, again.json()["code"]) == (409, "identity.resemblance_decided_already")
    assert (await office.approve(second)).status_code == 200
    listed = (await office.get("/resemblances?outcome=different", office.headers(Role.AUDITOR))).json()["data"]
    assert [(row["reason"], row["first_kind"]) for row in listed] == [("已核对营业执照与登记系统", "enterprise")]
    assert (await office.get("/tasks", office.headers(Role.OPERATOR_LEAD))).json()["data"] == []


async def test_a_decided_likeness_is_open_again_when_it_agrees_in_something_new(office: Office) -> None:
    first = await office.authenticated("enterprise", ENTERPRISE_CODE, name="甲云公司")
    second = await office.party("enterprise", OTHER_ENTERPRISE_CODE, name="乙云公司")
    await office.upload_all(second)
    await office.submit(second, id_number=OTHER_ID_NUMBER)
    [found] = await same_as(office, first)
    assert found["grounds"] == ["same_phone"]
    assert (await decide(office, found["resemblance_id"], "different")).status_code == 200
    path = f"/organisations/{second.id}/authentication/send-back"
    await office.post(path, {"reason": "联系人有误"}, office.headers(Role.OPERATOR_CLERK))
    assert (await office.submit(second, id_number=ID_NUMBER)).status_code == 200
    [found] = await same_as(office, first)
    assert (found["outcome"], found["grounds"]) == ("open", ["same_id_number", "same_phone"])


@pytest.mark.requirement("R63")
async def test_an_enterprise_and_a_provider_found_to_be_one_are_tied_at_once(office: Office) -> None:
    enterprise = await office.authenticated("enterprise", ENTERPRISE_CODE)
    provider = await office.authenticated("provider", PROVIDER_CODE)
    [found] = await same_as(office, provider)
    assert await ties(office) == []
    decided = await decide(office, found["resemblance_id"], "same")
    [tie] = await ties(office)
    assert decided.json()["affiliation_id"] == tie["id"]
    assert (tie["kind"], tie["enterprise_id"], tie["provider_id"]) == (
        "same_party",
        str(enterprise.id),
        str(provider.id),
    )


async def test_contacts_from_before_are_indexed_and_likenesses_found(office: Office) -> None:
    first = await office.authenticated("enterprise", ENTERPRISE_CODE, name="甲公司有限")
    await office.authenticated("provider", PROVIDER_CODE, name="乙公司有限")
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        await work.connection.execute("DELETE FROM resemblance")
        await work.connection.execute("UPDATE contact SET phone_index = NULL")
        await work.connection.execute("UPDATE organisation SET name_folded = ''")
    async with runtime.work() as work:
        assert await fold_parties(work) == 2
    [found] = await same_as(office, first)
    assert found["grounds"] == ["same_phone"]
    folded = await office.fetch("SELECT name_folded FROM organisation ORDER BY name_folded")
    assert {row["name_folded"] for row in folded} == {"甲公司有限", "乙公司有限"}


async def test_a_form_alone_makes_no_work_for_reviewers(office: Office) -> None:
    await office.authenticated("enterprise", ENTERPRISE_CODE)
    assert (await office.post("/registrations", a_form("enterprise", OTHER_ENTERPRISE_CODE), key())).status_code == 201
    assert (await office.get("/resemblances", office.headers(Role.OPERATOR_CLERK))).json()["data"] == []


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}
