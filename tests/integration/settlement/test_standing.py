"""What stands against an order is looked at at every step of its money, lifted by two people, and shown."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.permissions import Role
from tests.factories.settlement import (
    ACCOUNTS,
    CODES,
    ENTERPRISE,
    NODE,
    PROVIDER,
    SECOND_LEAD,
    START,
    Flow,
    a_flow,
)


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


Act = Callable[[], Awaitable[httpx.Response]]
SAME_BODY = CODES[PROVIDER][:17] + "0"
STANDING: dict[str, tuple[UUID, dict[str, Any]]] = {
    "same_code": (ENTERPRISE, {"credit_code": SAME_BODY}),
    "provider_suspended": (PROVIDER, {"suspended_since": START}),
    "provider_blacklisted": (PROVIDER, {"blacklisted": True, "suspended_since": START}),
    "provider_closed": (PROVIDER, {"closed": True}),
    "enterprise_suspended": (ENTERPRISE, {"suspended_since": START}),
    "enterprise_blacklisted": (ENTERPRISE, {"blacklisted": True, "suspended_since": START}),
    "enterprise_closed": (ENTERPRISE, {"closed": True}),
}


async def with_condition(flow: Flow, condition: str, act: Act) -> httpx.Response:
    """An act while one condition stands; afterwards everything is as before."""
    if condition == "tied":
        tie = await flow.tie()
        answer = await act()
        await flow.untie(tie)
        return answer
    organisation_id, changes = STANDING[condition]
    await flow.stands(organisation_id, **changes)
    answer = await act()
    await flow.stands(organisation_id)
    return answer


async def refused_for_all(flow: Flow, act: Act, *, code: str, conditions: list[str] | None = None) -> None:
    """The act is refused under each condition alone, which the refusal names."""
    for condition in conditions or ["tied", *STANDING]:
        answer = await with_condition(flow, condition, act)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, f"settlement.{code}"), (condition, answer.text)
        assert problem["facts"]["orders"][0]["conditions"] == [condition]


@pytest.mark.requirement("R63")
async def test_each_condition_stops_each_step_although_it_came_after_the_step_before(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    await flow.evidence(claim, [order])
    of_provider = [name for name in ("tied", *STANDING) if not name.startswith("enterprise")]
    await refused_for_all(flow, lambda: flow.submit(claim), code="parties_barred", conditions=of_provider)
    assert (await flow.submit(claim)).status_code == 202
    await flow.open(claim, order)
    await flow.platform.move_clock(NODE)
    await refused_for_all(flow, lambda: flow.first_review(claim, order), code="override_missing")
    assert (await flow.first_review(claim, order)).status_code == 200
    await refused_for_all(flow, lambda: flow.bureau_review(claim, order), code="override_missing")
    assert (await flow.bureau_review(claim, order)).status_code == 200
    body = {"claim_ids": [str(claim)], "declaration_version": "1.0.0"}
    await refused_for_all(flow, lambda: flow.call("POST", "/appropriations", json=body), code="override_missing")
    request = await flow.a_request([claim])
    amounts = {order: (300_000, "")}
    await refused_for_all(flow, lambda: flow.approve(request, amounts), code="override_missing")
    assert (await flow.approve(request, amounts)).status_code == 200
    await refused_for_all(flow, lambda: flow.pay(request, amount_fen=300_000), code="override_missing")
    assert (await flow.pay(request, amount_fen=300_000)).status_code == 200


async def test_what_stands_against_the_buyer_is_shown_at_filing_and_a_rejection_needs_no_override(flow: Flow) -> None:
    order = await flow.an_order()
    await flow.stands(ENTERPRISE, closed=True)
    claim = await flow.an_accepted([order])
    await flow.platform.move_clock(NODE)
    (task,) = await flow.tasks(Role.OPERATOR_CLERK)
    assert task["title"].endswith("（上云企业已退出）")
    assert (await flow.first_review(claim, order, passed=False)).status_code == 200


async def test_a_suspension_dated_for_later_stops_nothing_yet(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    await flow.stands(PROVIDER, suspended_since=NODE + dt.timedelta(days=1))
    assert (await flow.claim(claim))["provider_suspended"] is False
    assert (await flow.first_review(claim, order)).status_code == 200
    await flow.platform.move_clock(NODE + dt.timedelta(days=2))
    assert (await flow.claim(claim))["provider_suspended"] is True
    assert (await flow.bureau_review(claim, order)).json()["code"] == "settlement.override_missing"


async def test_two_people_lift_what_stands_for_one_item_its_amount_and_its_conditions(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.an_in_review([first, second])
    await flow.tie()
    proposed = await flow.propose(claim, first)
    assert (proposed.status_code, proposed.json()["amount_fen"]) == (201, 300_000)
    assert (await flow.propose(claim, first)).json()["code"] == "settlement.override_proposed_already"
    override = proposed.json()["id"]
    assert [task["kind"] for task in await flow.tasks(Role.BUREAU_LEAD)] == ["approve_override"]
    assert (await flow.first_review(claim, first)).json()["code"] == "settlement.override_missing"
    same = await flow.lift(override, account_id=ACCOUNTS[Role.BUREAU_OFFICER])
    assert same.json()["code"] == "settlement.same_person"
    assert (await flow.lift(override)).json()["state"] == "approved"
    assert (await flow.lift(override)).json()["code"] == "settlement.override_not_open"
    assert (await flow.propose(claim, first)).json()["code"] == "settlement.nothing_to_override"
    assert (await flow.first_review(claim, first)).status_code == 200
    assert (await flow.first_review(claim, second)).json()["code"] == "settlement.override_missing"
    await flow.stands(PROVIDER, blacklisted=True, suspended_since=START)
    assert (await flow.first_review(claim, second, passed=False)).status_code == 200
    answer = await flow.bureau_review(claim, first)
    assert answer.json()["facts"]["orders"] == [{"order_id": str(first), "conditions": ["provider_blacklisted"]}]


async def test_an_override_expires(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    await flow.tie()
    await flow.overridden(claim, order)
    assert (await flow.first_review(claim, order)).status_code == 200
    await flow.platform.move_clock(NODE + dt.timedelta(days=31))
    assert (await flow.bureau_review(claim, order)).json()["code"] == "settlement.override_missing"
    assert (await flow.propose(claim, order)).status_code == 201


async def test_a_proposal_is_refused_or_withdrawn_with_a_reason_and_its_task_goes(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    tie = await flow.tie()
    for act, state in (("refuse", "refused"), ("withdraw", "withdrawn")):
        override = (await flow.propose(claim, order)).json()["id"]
        assert (await flow.lift(override, act=act)).json()["state"] == state
        assert await flow.tasks(Role.BUREAU_LEAD) == []
    stale = (await flow.propose(claim, order)).json()["id"]
    await flow.untie(tie)
    assert (await flow.lift(stale)).json()["code"] == "settlement.override_not_open"
    assert (await flow.lift(stale, act="withdraw")).status_code == 200
    assert (await flow.propose(claim, order)).json()["code"] == "settlement.nothing_to_override"


@pytest.mark.requirement("R8")
async def test_the_operator_takes_back_no_proposal_of_the_bureau(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    await flow.tie()
    override = (await flow.propose(claim, order)).json()["id"]
    for role in (Role.OPERATOR_LEAD, Role.BUREAU_OFFICER):
        taken = await flow.lift(override, act="withdraw", role=role, account_id=UUID(int=4_711))
        assert (taken.status_code, taken.json()["code"]) == (422, "settlement.not_proposer")
    assert (await flow.lift(override)).json()["state"] == "approved"


async def test_mark_and_override_are_shown_on_item_appropriation_and_export(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    await flow.tie(kind="joint_establishment", origin="declared")
    detail = await flow.call("GET", f"/claims/{claim}", role=Role.OPERATOR_CLERK)
    (mark,) = detail.json()["results"][0]["marks"]
    assert (mark["condition"], mark["kind"], mark["origin"]) == ("tied", "joint_establishment", "declared")
    assert (mark["text"], mark["since"], mark["overridden"]) == ("交易双方存在关联关系", "2030-02-04T01:00:00Z", False)
    override = await flow.overridden(claim, order)
    assert (await flow.first_review(claim, order)).status_code == 200
    assert (await flow.bureau_review(claim, order)).status_code == 200
    request = await flow.a_request([claim])
    assert (await flow.approve(request, {order: (300_000, "")})).status_code == 200
    card = (await flow.call("GET", f"/appropriations/{request}", role=Role.FINANCE)).json()["items"][0]
    assert [(mark["condition"], mark["overridden"]) for mark in card["marks"]] == [("tied", True)]
    (shown,) = card["overrides"]
    assert (shown["id"], shown["in_force"], shown["amount_fen"]) == (str(override), True, 300_000)
    people = (str(ACCOUNTS[Role.BUREAU_OFFICER]), str(SECOND_LEAD))
    for role, seen in (
        (Role.FINANCE, (None, None)),
        (Role.OPERATOR_LEAD, (None, None)),
        (Role.BUREAU_LEAD, people),
        (Role.AUDITOR, people),
    ):
        in_claim = (await flow.call("GET", f"/claims/{claim}", role=role)).json()["results"][0]["overrides"]
        in_request = (await flow.call("GET", f"/appropriations/{request}", role=role)).json()["items"][0]["overrides"]
        listed = (await flow.call("GET", f"/overrides?claim_id={claim}", role=role)).json()["data"]
        alone = (await flow.call("GET", f"/overrides/{override}", role=role)).json()
        for card in (*in_claim, *in_request, *listed, alone):
            assert (card["proposed_by"], card["decided_by"]) == seen, role
    (task,) = await flow.tasks(Role.FINANCE)
    assert task["title"].endswith("待拨付（交易双方存在关联关系）")
    assert (await flow.call("GET", f"/appropriations/{request}")).json()["items"][0]["overrides"] == []
    export = (await flow.call("GET", "/exports/payments?year=2030", role=Role.FINANCE)).json()
    assert export["rows"][0]["marks"] == ["交易双方存在关联关系"]
    assert export["rows"][0]["overrides"] == ["交易双方存在关联关系：服务已在此前交付；批准意见：同意继续办理"]
    sheet = await flow.call("GET", "/exports/payments?year=2030&format=csv", role=Role.FINANCE)
    assert "交易双方存在关联关系：服务已在此前交付" in sheet.text


async def test_an_order_approved_at_nothing_needs_no_override_and_the_others_go_on(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.a_passed([first, second])
    request = await flow.a_request([claim])
    await flow.tie()
    answer = await flow.approve(request, {first: (0, "存在关联关系"), second: (300_000, "")})
    assert [entry["order_id"] for entry in answer.json()["facts"]["orders"]] == [str(second)]
