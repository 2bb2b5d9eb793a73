"""Reviews, questions, appropriations and payments over HTTP."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.permissions import Role
from tests.factories.settlement import ACCOUNTS, NODE, OTHER_PROVIDER, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


@pytest.mark.requirement("R78")
async def test_a_claim_goes_to_the_bureau_when_every_item_is_judged(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.an_in_review([first, second])
    assert (await flow.first_review(claim, first)).json()["state"] == "in_review"
    assert (await flow.first_review(claim, second, passed=False)).json()["state"] == "bureau_review"
    ended = [fact for fact in await flow.facts(claim) if fact["type"] == "settlement.claim_item_ended.v1"]
    assert [fact["data"]["order_id"] for fact in ended] == [str(second)]
    told = await flow.notices(Role.PROVIDER)
    assert ("item.rejected", "A23") in {(notice["event"], notice["article"]) for notice in told}
    assert (await flow.first_review(claim, second)).json()["code"] == "settlement.claim_not_in_first_review"


@pytest.mark.requirement("R78")
async def test_an_item_is_judged_once_in_first_review(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.an_in_review([first, second])
    await flow.first_review(claim, first)
    answer = await flow.first_review(claim, first, passed=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "settlement.item_not_waiting")


@pytest.mark.requirement("R78")
async def test_one_person_does_not_judge_an_item_twice(flow: Flow) -> None:
    order, person = await flow.an_order(), uuid4()
    claim = await flow.an_in_review([order])
    await flow.first_review(claim, order, account_id=person)
    answer = await flow.bureau_review(claim, order, account_id=person)
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.same_person")
    assert (await flow.bureau_review(claim, order)).json()["state"] == "passed"


@pytest.mark.requirement("R78")
async def test_an_item_the_bureau_rejects_frees_its_order(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    assert (await flow.bureau_review(claim, order, approve=False)).json()["state"] == "rejected"
    facts = await flow.facts(claim)
    assert [fact["type"] for fact in facts[-2:]] == ["settlement.claim_item_ended.v1", "settlement.claim_advanced.v1"]
    assert [fact["data"]["version"] for fact in facts] == list(range(1, len(facts) + 1))


async def ask(flow: Flow, claim: UUID) -> dict[str, Any]:
    answer = await flow.call(
        "POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "发票与合同金额不一致"}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.requirement("R81")
async def test_a_question_stops_the_review_until_it_is_answered(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    question = await ask(flow, claim)
    answer = await flow.bureau_review(claim, order)
    assert (answer.status_code, answer.json()["code"]) == (409, "settlement.question_open")
    path = f"/questions/{question['id']}/answer"
    replied = await flow.call("POST", path, role=Role.OPERATOR_CLERK, json={"text": "已补充说明"})
    assert (replied.status_code, replied.json()["late"]) == (200, False)
    again = await flow.call("POST", path, role=Role.OPERATOR_CLERK, json={"text": "再答"})
    assert again.json()["code"] == "settlement.question_answered"
    assert (await flow.bureau_review(claim, order)).status_code == 200


@pytest.mark.requirement("R81")
async def test_a_late_answer_is_flagged_escalated_and_counted_and_approves_nothing(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    # Asked at 00:00 on Monday 1 April 2030: the days that count are 2, 3 and 4 April, and the limit ends on the 4th.
    question = await ask(flow, claim)
    due_at = dt.datetime(2030, 4, 4, 16, 0, tzinfo=dt.UTC)
    assert dt.datetime.fromisoformat(question["due_at"]) == due_at
    assert question["due_provisional"]
    early = await flow.call("POST", f"/questions/{question['id']}/urge", role=Role.BUREAU_LEAD, json={"text": "？"})
    assert early.json()["code"] == "urging.not_late"
    await flow.platform.move_clock(due_at - dt.timedelta(minutes=1))
    listed = await flow.call("GET", "/questions", role=Role.BUREAU_OFFICER)
    assert listed.json()["data"][0]["late"] is False
    await flow.platform.move_clock(due_at)
    listed = await flow.call("GET", f"/questions?claim_id={claim}&state=open", role=Role.BUREAU_OFFICER)
    assert listed.json()["data"][0]["late"] is True
    assert (await flow.notices(Role.OPERATOR_LEAD))[0]["event"] == "question.late"
    kinds = [task["kind"] for task in (await flow.call("GET", "/tasks", role=Role.BUREAU_LEAD)).json()["data"]]
    assert kinds == ["late_answer"]
    assert await flow.tasks(Role.BUREAU_OFFICER) == []
    urging = f"/questions/{question['id']}/urge"
    urged = await flow.call("POST", urging, role=Role.BUREAU_LEAD, json={"text": "请于三日内答复"})
    assert (urged.status_code, urged.json()["subject_id"]) == (200, question["id"])
    assert await flow.tasks(Role.BUREAU_LEAD) == []
    told = (await flow.notices(Role.OPERATOR_CLERK))[0]
    assert (told["event"], told["reason"]) == ("question.urged", "请于三日内答复")
    await flow.platform.move_clock(dt.datetime.fromisoformat(urged.json()["again_at"]))
    assert [task["kind"] for task in await flow.tasks(Role.BUREAU_LEAD)] == ["late_answer"]
    assert (await flow.bureau_review(claim, order)).json()["code"] == "settlement.question_open"
    path = f"/questions/{question['id']}/answer"
    replied = await flow.call("POST", path, role=Role.OPERATOR_CLERK, json={"text": "迟复"})
    assert replied.json()["late"] is True
    late = await flow.call("POST", urging, role=Role.BUREAU_LEAD, json={"text": "请答复"})
    assert late.json()["code"] == "settlement.question_answered"
    assert [task["kind"] for task in await flow.tasks(Role.BUREAU_OFFICER)] == ["bureau_review"]
    score = (await flow.call("GET", "/operator-score?year=2030", role=Role.BUREAU_LEAD)).json()
    assert score == {
        "year": 2030, "asked": 1, "answered_in_time": 0, "answered_late": 1, "running": 0, "overdue": 0,
    }  # fmt: skip


async def test_the_bureau_asks_during_its_own_review_only(flow: Flow) -> None:
    claim = await flow.an_in_review([await flow.an_order()])
    answer = await flow.call("POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "请说明"})
    assert answer.json()["code"] == "settlement.question_not_possible"


async def two_passed(flow: Flow) -> tuple[dict[UUID, UUID], UUID]:
    """Two passed claims of one order each, and the request for both."""
    orders = [await flow.an_order(), await flow.an_order()]
    claims = {order: await flow.an_accepted([order]) for order in orders}
    await flow.platform.move_clock(NODE)
    for order, claim in claims.items():
        await flow.first_review(claim, order)
        await flow.bureau_review(claim, order)
    return claims, await flow.a_request(list(claims.values()))


@pytest.mark.requirement("R79")
@pytest.mark.requirement("R80")
async def test_passed_claims_are_requested_together_approved_and_paid(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    first, second = claims
    answer = await flow.approve(request, {first: (300_000, ""), second: (250_000, "核减无效用量")})
    assert (answer.status_code, answer.json()["approved_fen"]) == (200, 550_000)
    wrong = await flow.pay(request, amount_fen=549_999)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "settlement.payment_amount_differs")
    paid = await flow.pay(request, amount_fen=550_000)
    assert (paid.status_code, paid.json()["state"]) == (200, "paid")
    assert (await flow.pay(request, amount_fen=550_000)).json()["code"] == "settlement.appropriation_not_approved"
    fact = (await flow.facts(claims[second]))[-1]
    assert fact["type"] == "settlement.claim_paid.v1"
    assert fact["data"]["items"] == [{"order_id": str(second), "paid_fen": 250_000}]
    assert (await flow.claim(claims[second]))["state"] == "paid"
    assert (await flow.notices(Role.PROVIDER))[0]["event"] == "claim.paid"
    card = (await flow.call("GET", f"/appropriations/{request}")).json()
    assert (card["claimed_fen"], card["approved_fen"], card["paid_fen"]) == (600_000, 550_000, 550_000)
    hidden = await flow.call("GET", f"/appropriations/{request}", organisation_id=OTHER_PROVIDER)
    assert hidden.status_code == 404


@pytest.mark.requirement("R80")
async def test_more_than_claimed_or_less_without_a_reason_is_not_approved(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    first, second = claims
    over = await flow.approve(request, {first: (300_001, ""), second: (300_000, "")})
    assert (over.status_code, over.json()["code"]) == (422, "settlement.approved_above_claimed")
    silent = await flow.approve(request, {first: (299_999, ""), second: (300_000, "")})
    assert silent.json()["code"] == "settlement.reduction_unexplained"
    partial = await flow.approve(request, {first: (300_000, "")})
    assert partial.json()["code"] == "settlement.approved_items_differ"


async def test_the_bureau_reviewer_does_not_approve_the_money_too(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    amounts = dict.fromkeys(claims, (300_000, ""))
    answer = await flow.approve(request, amounts, account_id=ACCOUNTS[Role.BUREAU_OFFICER])
    assert answer.json()["code"] == "settlement.same_person"


@pytest.mark.requirement("R80")
async def test_nothing_is_paid_before_approval_and_no_reference_twice(flow: Flow) -> None:
    order, later = await flow.an_order(), await flow.an_order()
    one = await flow.an_accepted([order])
    two = await flow.an_accepted([later])
    await flow.platform.move_clock(NODE)
    requests = []
    for claim, item in ((one, order), (two, later)):
        await flow.first_review(claim, item)
        await flow.bureau_review(claim, item)
        requests.append(await flow.a_request([claim]))
    early = await flow.pay(requests[0], amount_fen=300_000)
    assert (early.status_code, early.json()["code"]) == (409, "settlement.appropriation_not_approved")
    for request, item in zip(requests, (order, later), strict=True):
        await flow.approve(request, {item: (300_000, "")})
    assert (await flow.pay(requests[0], amount_fen=300_000, reference="ZF 0001")).status_code == 200
    answer = await flow.pay(requests[1], amount_fen=300_000, reference="zf-0001")
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.payment_reference_used")


@pytest.mark.requirement("R79")
async def test_a_claim_is_requested_once_and_only_when_passed(flow: Flow) -> None:
    claims, _ = await two_passed(flow)
    open_claim = await flow.an_accepted([await flow.an_order()])
    for claim in (open_claim, *claims.values()):
        body = {"claim_ids": [str(claim)], "declaration_version": "1.0.0"}
        answer = await flow.call("POST", "/appropriations", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "settlement.claim_not_passed")


async def test_a_refused_request_frees_every_order(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    body = {"reason": "不符合项目申报要求"}
    answer = await flow.call("POST", f"/appropriations/{request}/refuse", role=Role.BUREAU_LEAD, json=body)
    assert answer.json()["state"] == "refused"
    for order, claim in claims.items():
        types = [fact["type"] for fact in (await flow.facts(claim))[-2:]]
        assert types == ["settlement.claim_item_ended.v1", "settlement.claim_advanced.v1"]
        detail = await flow.claim(claim)
        assert (detail["state"], detail["results"][0]["order_id"]) == ("rejected", str(order))


async def test_a_request_whose_claims_are_withdrawn_is_withdrawn(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    for claim in claims.values():
        answer = await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "改期"})
        assert answer.json()["state"] == "withdrawn"
    assert (await flow.call("GET", f"/appropriations/{request}")).json()["state"] == "withdrawn"


async def test_approved_money_is_not_withdrawn(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    await flow.approve(request, dict.fromkeys(claims, (300_000, "")))
    claim = next(iter(claims.values()))
    answer = await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "改期"})
    assert (answer.status_code, answer.json()["code"]) == (409, "settlement.item_past_withdrawal")


@pytest.mark.requirement("R80")
async def test_the_finance_export_has_a_line_an_order_and_totals(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    first, second = claims
    await flow.approve(request, {first: (300_000, ""), second: (250_000, "=HYPERLINK(1)")})
    path = "/exports/payments?year=2030"
    export = (await flow.call("GET", path, role=Role.FINANCE)).json()
    assert (len(export["rows"]), export["approved_fen"], export["paid_fen"]) == (2, 550_000, 0)
    answer = await flow.call("GET", f"{path}&format=csv_bom", role=Role.FINANCE)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = answer.content.decode("utf-8-sig").split("\r\n")
    assert len(lines) == 5
    assert "'=HYPERLINK(1)" in answer.text
    assert lines[3] == "合计,共 2 行,,,,,,6000.00,5500.00,,,已拨付合计,0.00,,,,,"
    assert (await flow.call("GET", path)).status_code == 403
    assert (await flow.call("GET", "/exports/payments?year=2029", role=Role.AUDITOR)).json()["rows"] == []


async def test_every_role_finds_what_waits_for_it(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    lead = (await flow.call("GET", "/tasks", role=Role.BUREAU_LEAD)).json()["data"]
    assert [(task["kind"], task["subject_id"]) for task in lead] == [("approve_appropriation", str(request))]
    await flow.approve(request, dict.fromkeys(claims, (300_000, "")))
    finance = (await flow.call("GET", "/tasks", role=Role.FINANCE)).json()["data"]
    assert [task["kind"] for task in finance] == ["record_payment"]
    assert (await flow.call("GET", "/tasks", role=Role.AUDITOR)).json()["data"] == []


async def test_every_decision_is_recorded_with_its_rule_and_pack(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    await flow.approve(request, dict.fromkeys(claims, (300_000, "")))
    await flow.pay(request, amount_fen=600_000)
    async with flow.platform.runtime("settlement").reading() as connection:
        rows = await connection.fetch("SELECT DISTINCT act, rule, pack_version FROM decision")
    assert {(row["act"], row["rule"]) for row in rows} == {
        ("claim.draft", "A22"),
        ("evidence.file", "A22"),
        ("claim.submit", "A22"),
        ("window.close", "A22"),
        ("item.first_review", "A23"),
        ("item.bureau_review", "A23"),
        ("appropriation.request", "A24"),
        ("appropriation.approve", "A24"),
        ("appropriation.pay", "A24"),
    }
    assert all(row["pack_version"] for row in rows)


@pytest.mark.requirement("R80")
async def test_a_payment_sent_twice_at_once_is_recorded_once(flow: Flow) -> None:
    claims, request = await two_passed(flow)
    await flow.approve(request, dict.fromkeys(claims, (300_000, "")))
    answers = await asyncio.gather(*(flow.pay(request, amount_fen=600_000) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    for claim in claims.values():
        paid = [fact for fact in await flow.facts(claim) if fact["type"] == "settlement.claim_paid.v1"]
        assert len(paid) == 1


async def test_two_payments_at_once_do_not_share_a_reference(flow: Flow) -> None:
    orders = [await flow.an_order(), await flow.an_order()]
    claims = [await flow.an_accepted([order]) for order in orders]
    await flow.platform.move_clock(NODE)
    requests = []
    for claim, order in zip(claims, orders, strict=True):
        await flow.first_review(claim, order)
        await flow.bureau_review(claim, order)
        requests.append(await flow.a_request([claim]))
        await flow.approve(requests[-1], {order: (300_000, "")})
    answers = await asyncio.gather(*(flow.pay(request, amount_fen=300_000) for request in requests))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
