"""Delisting by will and by force, and what waits for whom."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from tests.factories.catalog import (
    BUREAU_LEAD,
    CLERK,
    LEAD,
    PROVIDER_A,
    PROVIDER_B,
    Catalog,
    a_content,
)
from tests.factories.deadlines import FRIDAY, weekdays_after


async def propose(
    catalog: Catalog, product_id: str, *, ground: str = "g3_false_service", role: Role = Role.OPERATOR_CLERK
) -> httpx.Response:
    """A proposal to delist."""
    body = {"ground": ground, "evidence": "投诉核查报告第12号"}
    return await catalog.call("POST", f"/products/{product_id}/delistings", body, role=role)


async def decide(
    catalog: Catalog,
    delisting_id: str,
    *,
    approve: bool = True,
    role: Role = Role.OPERATOR_LEAD,
    account_id: UUID | None = None,
) -> httpx.Response:
    """A second person's decision."""
    body = {"approve": approve, "reason": "证据充分" if approve else "证据不足"}
    return await catalog.call("POST", f"/delistings/{delisting_id}/decision", body, role=role, account_id=account_id)


async def tasks(catalog: Catalog, role: Role, *, of: UUID | None = None) -> list[tuple[str, str]]:
    """Kind and subject of each task of a role."""
    found = (await catalog.call("GET", "/tasks", role=role, organisation_id=of)).json()["data"]
    return [(item["kind"], item["subject_id"]) for item in found]


@pytest.mark.requirement("R52")
async def test_a_second_person_delists_with_ground_and_evidence(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    proposed = await propose(catalog, product_id)
    assert (proposed.status_code, proposed.json()["state"]) == (201, "proposed")
    assert await catalog.directory() == ["云主机标准型"]
    approved = await decide(catalog, proposed.json()["id"])
    assert approved.json()["state"] == "approved"
    assert await catalog.directory() == []
    assert (await catalog.facts(product_id))[-1] == (5, "delisted")
    detail = (await catalog.call("GET", f"/products/{product_id}", role=Role.AUDITOR)).json()
    assert (detail["state"], detail["delisting_ground"], detail["delistings"][0]["evidence"]) == (
        "delisted",
        "g3_false_service",
        "投诉核查报告第12号",
    )
    assert (detail["delistings"][0]["proposed_by"], detail["delistings"][0]["decided_by"]) == (str(CLERK), str(LEAD))
    watched = (await catalog.call("GET", f"/products/{product_id}", role=Role.OPERATOR_LEAD)).json()["delistings"][0]
    assert (watched["proposed_by"], watched["decided_by"]) == (None, None)
    notices = (await catalog.as_provider("GET", "/notices")).json()["data"]
    assert [(item["event"], item["reason"]) for item in notices[:2]] == [
        ("delisted", "证据充分"),
        ("delisting_proposed", "投诉核查报告第12号"),
    ]
    assert "提供虚假服务的" in notices[0]["text"]


@pytest.mark.parametrize(
    ("ground", "words"),
    [
        pytest.param("g1_illegal", "严重违反法律法规", marks=pytest.mark.requirement("R50")),
        pytest.param("g2_public_morals", "严重违反社会公德", marks=pytest.mark.requirement("R51")),
        pytest.param("g4_ceased", "破产、停业及倒闭", marks=pytest.mark.requirement("R53")),
    ],
)
async def test_a_ground_of_the_rules_takes_a_product_off_and_is_recorded_by_code(
    catalog: Catalog, ground: str, words: str
) -> None:
    product_id = await catalog.publish()
    proposed = await propose(catalog, product_id, ground=ground)
    assert (await decide(catalog, proposed.json()["id"])).json()["state"] == "approved"
    assert await catalog.directory() == []
    detail = (await catalog.call("GET", f"/products/{product_id}", role=Role.AUDITOR)).json()
    assert (detail["state"], detail["delisting_ground"]) == ("delisted", ground)
    assert words in detail["delistings"][0]["ground_text"]


async def test_whoever_proposed_does_not_approve_and_a_clerk_does_not_either(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    delisting_id = (await propose(catalog, product_id, role=Role.OPERATOR_LEAD)).json()["id"]
    refused = await decide(catalog, delisting_id)
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.delisting_same_person")
    # The same person with the bureau lead's role is still the same person.
    refused = await decide(catalog, delisting_id, role=Role.BUREAU_LEAD, account_id=LEAD)
    assert refused.json()["code"] == "catalog.delisting_same_person"
    assert (await decide(catalog, delisting_id, role=Role.OPERATOR_CLERK)).status_code == 403
    assert (await decide(catalog, delisting_id, role=Role.BUREAU_LEAD, account_id=BUREAU_LEAD)).status_code == 200


async def test_a_proposal_names_a_listed_ground_evidence_and_a_published_product(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    refused = await propose(catalog, product_id, ground="because")
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.ground_unknown")
    body = {"ground": "g1_illegal", "evidence": ""}
    path = f"/products/{product_id}/delistings"
    assert (await catalog.call("POST", path, body, role=Role.OPERATOR_CLERK)).status_code == 400
    draft_id = await catalog.draft()
    assert (await propose(catalog, draft_id)).json()["code"] == "catalog.product_not_published"
    assert (await propose(catalog, str(uuid4()))).status_code == 404
    assert (await propose(catalog, product_id)).status_code == 201
    again = await propose(catalog, product_id)
    assert (again.status_code, again.json()["code"]) == (409, "catalog.delisting_open")


async def test_a_refused_proposal_leaves_the_product_and_cannot_be_decided_again(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    delisting_id = (await propose(catalog, product_id)).json()["id"]
    assert (await decide(catalog, delisting_id, approve=False)).json()["state"] == "refused"
    assert await catalog.directory() == ["云主机标准型"]
    again = await decide(catalog, delisting_id)
    assert (again.status_code, again.json()["code"]) == (409, "catalog.delisting_decided")
    assert (await propose(catalog, product_id)).status_code == 201


@pytest.mark.requirement("R54")
async def test_the_last_ground_needs_a_correction_order_whose_time_is_over(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    now = catalog.platform.runtime("catalog").clock.now()
    refused = await propose(catalog, product_id, ground="g5_uncorrected")
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.correction_first")
    path = f"/products/{product_id}/corrections"
    for due_at, said in (
        (now.isoformat(), (422, "catalog.correction_due_out_of_range")),
        ("2999-12-31T23:59:59-23:00", (422, "catalog.correction_due_out_of_range")),
        ("9999-12-31T23:59:59-23:00", (400, "request.malformed")),
    ):
        body = {"text": "补齐服务协议", "due_at": due_at}
        refused = await catalog.call("POST", path, body, role=Role.OPERATOR_CLERK)
        assert (refused.status_code, refused.json()["code"]) == said
    ahead = {"text": "补齐服务协议", "due_at": (now + timedelta(days=10)).isoformat()}
    assert (await catalog.call("POST", path, ahead, role=Role.OPERATOR_CLERK)).status_code == 201
    assert (await propose(catalog, product_id, ground="g5_uncorrected")).status_code == 422
    await catalog.platform.move_clock(now + timedelta(days=10, seconds=1))
    assert (await propose(catalog, product_id, ground="g5_uncorrected")).status_code == 201


async def test_the_provider_is_heard_before_the_decision_and_nobody_else(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    delisting_id = (await propose(catalog, product_id)).json()["id"]
    assert await tasks(catalog, Role.PROVIDER, of=PROVIDER_A) == [("answer_delisting", delisting_id)]
    path = f"/delistings/{delisting_id}/statement"
    body = {"statement": "服务记录可查，请复核"}
    assert (await catalog.as_provider("POST", path, body, of=PROVIDER_B)).status_code == 404
    assert (await catalog.as_provider("POST", path, body)).json()["version"] == 2
    seen = (await catalog.call("GET", f"/products/{product_id}", role=Role.OPERATOR_LEAD)).json()
    assert seen["delistings"][0]["statement"] == "服务记录可查，请复核"
    assert await tasks(catalog, Role.PROVIDER, of=PROVIDER_A) == []
    await decide(catalog, delisting_id)
    assert (await catalog.as_provider("POST", path, body)).status_code == 409


async def test_a_provider_withdraws_its_own_product_at_once_and_for_good(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    delisting_id = (await propose(catalog, product_id)).json()["id"]
    path = f"/products/{product_id}"
    await catalog.as_provider("PUT", path, a_content(name="新版"), if_match='"4"')
    gone = await catalog.as_provider("POST", f"{path}/withdraw", {"reason": "停止运营该产品"})
    assert (gone.status_code, gone.json()["state"], gone.json()["published_edition"]) == (200, "delisted", None)
    assert await catalog.directory() == []
    detail = (await catalog.as_provider("GET", path)).json()
    assert detail["delisting_ground"] == "withdrawn"
    assert [item["state"] for item in detail["editions"]] == ["ended", "ended"]
    assert detail["delistings"][0]["state"] == "lapsed"
    assert (await decide(catalog, delisting_id)).json()["code"] == "catalog.delisting_decided"
    again = await catalog.as_provider("POST", f"{path}/withdraw", {"reason": "停止运营该产品"})
    assert (again.status_code, again.json()["code"]) == (409, "catalog.product_delisted")
    assert (await catalog.as_provider("PUT", path, a_content(), if_match='"6"')).status_code == 409


async def test_each_desk_sees_what_waits_for_it(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    assert await tasks(catalog, Role.PROVIDER, of=PROVIDER_A) == []
    await catalog.submit(product_id)
    assert await tasks(catalog, Role.OPERATOR_CLERK) == [("review", product_id)]
    assert await tasks(catalog, Role.BUREAU_OFFICER) == []
    waiting = (await catalog.call("GET", "/tasks", role=Role.OPERATOR_CLERK)).json()["data"][0]
    assert waiting["title"] == "产品“云主机标准型”待系统运营方审核"
    assert waiting["since"] < waiting["due_at"]
    assert waiting["overdue"] is False
    await catalog.opine(product_id)
    assert await tasks(catalog, Role.OPERATOR_CLERK) == []
    assert await tasks(catalog, Role.BUREAU_OFFICER) == [("decide", product_id)]
    # Whoever gave the opinion is not asked to decide, whatever other role it has.
    same = await catalog.call("GET", "/tasks", role=Role.BUREAU_OFFICER, account_id=CLERK)
    assert same.json()["data"] == []
    await catalog.decide(product_id, approve=False)
    assert await tasks(catalog, Role.PROVIDER, of=PROVIDER_A) == [("revise", product_id)]
    assert await tasks(catalog, Role.PROVIDER, of=PROVIDER_B) == []
    await catalog.review(product_id, correction="已补充报价依据")
    delisting_id = (await propose(catalog, product_id, role=Role.OPERATOR_LEAD)).json()["id"]
    assert await tasks(catalog, Role.BUREAU_LEAD) == [("approve_delisting", delisting_id)]
    assert await tasks(catalog, Role.OPERATOR_LEAD) == []
    assert await tasks(catalog, Role.ENTERPRISE, of=uuid4()) == []


async def test_a_review_that_waits_too_long_is_overdue(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    now = catalog.platform.runtime("catalog").clock.now()
    await catalog.platform.move_clock(now + timedelta(days=30))
    waiting = (await catalog.call("GET", "/tasks", role=Role.OPERATOR_CLERK)).json()["data"]
    assert [item["overdue"] for item in waiting] == [True]


async def test_a_review_is_due_at_the_end_of_the_last_working_day(catalog: Catalog) -> None:
    await catalog.platform.move_clock(FRIDAY)
    await catalog.submit(await catalog.draft())
    (waiting,) = (await catalog.call("GET", "/tasks", role=Role.OPERATOR_CLERK)).json()["data"]
    deadlines = catalog.platform.runtime("catalog").ports.get(PolicyPack).deadlines
    due_at = weekdays_after(FRIDAY, deadlines.application_review_working_days)
    assert datetime.fromisoformat(waiting["due_at"]) == due_at


async def test_every_decision_is_recorded_with_person_rule_and_price_outliers(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    await decide(catalog, (await propose(catalog, product_id)).json()["id"])
    async with catalog.platform.runtime("catalog").reading() as connection:
        rows = await connection.fetch(
            "SELECT act, account_id, rule, before, after, pack_version FROM decision WHERE subject_id = $1 ORDER BY id",
            UUID(product_id),
        )
    assert {(row["act"], row["rule"]) for row in rows} == {
        ("draft", "A11(4)"),
        ("submit", "A11(4)"),
        ("opinion_favourable", "A11(5)"),
        ("approve", "A11(5)"),
        ("propose_delisting", "A12(2)"),
        ("delisting_approved", "A12(2)"),
    }
    opinion = next(row for row in rows if row["act"] == "opinion_favourable")
    assert (opinion["account_id"], opinion["before"], opinion["after"], opinion["pack_version"]) == (
        CLERK,
        "submitted",
        "reviewed",
        "1.0.0",
    )


async def test_whoever_proposed_a_delisting_takes_it_back_and_another_may_be_proposed(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    proposed = (await propose(catalog, product_id)).json()["id"]
    path, why = f"/delistings/{proposed}/withdraw", {"reason": "投诉人已撤诉"}
    other = await catalog.call("POST", path, why, role=Role.OPERATOR_LEAD)
    assert (other.status_code, other.json()["code"]) == (422, "catalog.not_proposer")
    withdrawn = await catalog.call("POST", path, why, role=Role.OPERATOR_CLERK)
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    late = await decide(catalog, proposed)
    assert (late.status_code, late.json()["code"]) == (409, "catalog.delisting_decided")
    assert "“已撤回”" in late.json()["detail"]
    assert ("approve_delisting", proposed) not in await tasks(catalog, Role.OPERATOR_LEAD)
    assert ("answer_delisting", proposed) not in await tasks(catalog, Role.PROVIDER, of=PROVIDER_A)
    assert await catalog.directory() == ["云主机标准型"]
    assert (await propose(catalog, product_id)).status_code == 201


async def test_a_refused_delisting_tells_whoever_proposed_it_why(catalog: Catalog) -> None:
    proposed = (await propose(catalog, await catalog.publish())).json()["id"]
    await decide(catalog, proposed, approve=False)
    async with catalog.platform.runtime("catalog").reading() as connection:
        text = await connection.fetchval("SELECT text FROM notice WHERE recipient = $1", f"account:{CLERK}")
    assert "证据不足" in text
