"""What was approved may not be paid while something stands against it: the bureau's lead takes it back, or waits."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.permissions import Role
from tests.factories.settlement import ENTERPRISE, PROVIDER, START, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


async def take_back(
    flow: Flow, request: UUID, *orders: UUID, role: Role = Role.BUREAU_LEAD, **others: Any
) -> httpx.Response:
    named = {"order_ids": [str(order) for order in orders]} if orders else {}
    body = {"reason": "已列入黑名单，不予拨付", **named}
    return await flow.call("POST", f"/appropriations/{request}/return", role=role, json=body, **others)


async def approved(flow: Flow, orders: Sequence[UUID]) -> tuple[UUID, UUID]:
    claim = await flow.a_passed(orders)
    request = await flow.a_request([claim])
    assert (await flow.approve(request, dict.fromkeys(orders, (300000, "")))).status_code == 200
    return claim, request


async def kinds(flow: Flow, role: Role) -> dict[str, str]:
    return {task["kind"]: task["title"] for task in await flow.tasks(role)}


@pytest.mark.requirement("R80")
async def test_what_may_not_be_paid_is_taken_back_with_a_reason_and_nothing_is_paid(flow: Flow) -> None:
    order = await flow.an_order()
    claim, request = await approved(flow, [order])
    assert (await take_back(flow, request)).json()["code"] == "settlement.nothing_to_return"
    assert "return_approved" not in await kinds(flow, Role.BUREAU_LEAD)
    await flow.stands(PROVIDER, blacklisted=True, suspended_since=START)
    assert (await flow.pay(request, amount_fen=300_000)).json()["code"] == "settlement.override_missing"
    assert "云服务商已列入黑名单" in (await kinds(flow, Role.BUREAU_LEAD))["return_approved"]
    assert "须待省大数据局办理特批或退回核定" in (await kinds(flow, Role.FINANCE))["record_payment"]
    for role in (Role.BUREAU_OFFICER, Role.FINANCE, Role.OPERATOR_LEAD, Role.PROVIDER):
        assert (await take_back(flow, request, role=role)).status_code == 403, role
    assert (await take_back(flow, request, uuid4())).json()["code"] == "settlement.item_unknown"
    stale = await take_back(flow, request, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "request.version_mismatch")
    answer = await take_back(flow, request, headers={"If-Match": '"2"'})
    assert (answer.status_code, answer.json()["state"], answer.json()["approved_fen"]) == (200, "refused", None)
    found = await flow.claim(claim)
    item = found["results"][0]
    assert (found["state"], item["state"], item["ended_reason"]) == ("rejected", "rejected", "已列入黑名单，不予拨付")
    assert [fact["type"] for fact in await flow.facts(claim)][-2:] == [
        "settlement.claim_item_ended.v1",
        "settlement.claim_advanced.v1",
    ]
    assert (await flow.pay(request, amount_fen=300_000)).json()["code"] == "settlement.appropriation_not_approved"
    assert await kinds(flow, Role.BUREAU_LEAD) == await kinds(flow, Role.FINANCE) == {}
    last = (await flow.call("GET", f"/appropriations/{request}/history", role=Role.AUDITOR)).json()["data"][0]
    assert (last["name"], last["before"], last["after"]) == ("appropriation.return", "approved", "refused")
    assert (last["ground"], last["role"]) == ("已列入黑名单，不予拨付", "bureau_lead")
    export = (await flow.call("GET", "/exports/payments?year=2030", role=Role.FINANCE)).json()
    assert export["rows"] == []


@pytest.mark.requirement("R80")
async def test_the_rest_of_a_request_is_paid_with_its_lower_sum(flow: Flow) -> None:
    good, bad = await flow.an_order(), await flow.an_order()
    claim = await flow.a_passed([good, bad])
    request = await flow.a_request([claim])
    await flow.approve(request, {good: (300_000, ""), bad: (200_000, "核减")})
    await flow.tie()
    override = await flow.overridden(claim, good)
    assert override
    assert (await take_back(flow, request, good)).json()["code"] == "settlement.nothing_to_return"
    answer = await take_back(flow, request)
    assert (answer.json()["state"], answer.json()["approved_fen"]) == ("approved", 300_000)
    twice = await take_back(flow, request, bad)
    assert (twice.status_code, twice.json()["code"]) == (409, "settlement.item_returned_already")
    assert (await flow.pay(request, amount_fen=500_000)).json()["code"] == "settlement.payment_amount_differs"
    assert (await flow.pay(request, amount_fen=300_000)).status_code == 200
    paid_out = await take_back(flow, request, good)
    assert (paid_out.status_code, paid_out.json()["code"]) == (409, "settlement.appropriation_not_returnable")
    assert "退回核定" in paid_out.json()["detail"]
    states = {item["order_id"]: item["state"] for item in (await flow.claim(claim))["results"]}
    assert states == {str(good): "paid", str(bad): "rejected"}
    paid = [fact["data"] for fact in await flow.facts(claim) if fact["type"] == "settlement.claim_paid.v1"]
    assert [item["order_id"] for item in paid[0]["items"]] == [str(good)]


async def test_an_order_approved_at_nothing_goes_with_the_last_that_was_to_be_paid(flow: Flow) -> None:
    first, nothing = await flow.an_order(), await flow.an_order()
    claim = await flow.a_passed([first, nothing])
    request = await flow.a_request([claim])
    await flow.approve(request, {first: (300_000, ""), nothing: (0, "未使用")})
    await flow.stands(ENTERPRISE, closed=True)
    assert (await take_back(flow, request, nothing)).json()["code"] == "settlement.nothing_to_return"
    assert (await take_back(flow, request, first)).json()["state"] == "refused"
    assert {item["state"] for item in (await flow.claim(claim))["results"]} == {"rejected"}


async def test_what_was_taken_back_is_filed_again_with_the_same_papers_once_nothing_stands(flow: Flow) -> None:
    order = await flow.an_order()
    _, request = await approved(flow, [order])
    await flow.stands(PROVIDER, suspended_since=START)
    assert (await take_back(flow, request)).status_code == 200
    # The provider may file nothing now, so nothing waits for it.
    assert "refile_claim" not in await kinds(flow, Role.PROVIDER)
    await flow.stands(PROVIDER)
    assert "refile_claim" in await kinds(flow, Role.PROVIDER)
    again = await flow.a_submitted([order])
    await flow.open(again, order)
    assert (await flow.claim(again))["state"] == "accepted"


async def test_an_empty_list_of_orders_takes_nothing_back(flow: Flow) -> None:
    """R80: money that was approved is not taken back by whoever chose no order."""
    _, request = await approved(flow, [await flow.an_order()])
    await flow.stands(PROVIDER, suspended_since=START)
    for nothing in ([], None):
        body = {"reason": "漏选", "order_ids": nothing}
        answer = await flow.call("POST", f"/appropriations/{request}/return", role=Role.BUREAU_LEAD, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
        assert answer.json()["errors"][0]["pointer"] == "/order_ids"
    assert (await take_back(flow, request)).json()["state"] == "refused"
