"""A case knows who acted before: every pair of parts over HTTP, in any role."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from uuid import UUID, uuid5

import httpx
import pytest

from shared.contracts.permissions import Role
from tests.factories.settlement import ACCOUNTS, NODE, PROVIDER, SECOND_LEAD, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


Try = Callable[[UUID], Awaitable[httpx.Response]]
# Who has each part in these tests, and the pairs that one person may have; everything else is tried and refused.
WHO: Mapping[str, UUID] = {
    "submit": ACCOUNTS[Role.PROVIDER],
    "first_review": ACCOUNTS[Role.OPERATOR_CLERK],
    "ask": uuid5(PROVIDER, "asker"),
    "answer": uuid5(PROVIDER, "answerer"),
    "bureau_review": ACCOUNTS[Role.BUREAU_OFFICER],
    "request": uuid5(PROVIDER, "requester"),
    "approve": ACCOUNTS[Role.BUREAU_LEAD],
    "pay": ACCOUNTS[Role.FINANCE],
    "propose_override": uuid5(PROVIDER, "proposer"),
    "approve_override": SECOND_LEAD,
}
OWN_WORK = {
    frozenset(pair)
    for pair in (
        ("submit", "request"),
        ("first_review", "answer"),
        ("ask", "bureau_review"),
        ("ask", "approve"),
        ("propose_override", "first_review"),
        ("propose_override", "answer"),
        ("propose_override", "ask"),
        ("propose_override", "bureau_review"),
    )
}


class Case:
    """Walks one claim of two orders through all parts, trying everybody who acted before at each."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.acted: list[str] = []
        self.tried: set[tuple[str, str]] = set()

    async def part(self, name: str, act: Try) -> httpx.Response:
        """Try a part as each person who acted before, then have it done by its own."""
        for earlier in self.acted:
            if earlier == name or frozenset({earlier, name}) in OWN_WORK:
                continue
            answer = await act(WHO[earlier])
            assert (answer.status_code, answer.json()["code"]) == (422, "settlement.same_person"), (earlier, name)
            assert answer.json()["facts"]["earlier"] == earlier
            self.tried.add((earlier, name))
        done = await act(WHO[name])
        assert done.is_success, (name, done.text)
        if name not in self.acted:
            self.acted.append(name)
        return done


@pytest.mark.requirement("R78")
async def test_nobody_who_acted_on_the_money_acts_on_it_again_in_whatever_role(flow: Flow) -> None:
    orders = [await flow.an_order(), await flow.an_order()]
    first, second = orders
    case = Case(flow)
    claim = await flow.a_draft(orders)
    await flow.evidence(claim, orders)
    body = {"declaration_version": "1.0.0"}
    await case.part("submit", lambda who: flow.call("POST", f"/claims/{claim}/submit", json=body, account_id=who))
    for order in orders:
        await flow.open(claim, order)
    await flow.platform.move_clock(NODE)
    tie = await flow.tie()
    proposed = await case.part("propose_override", lambda who: flow.propose(claim, first, account_id=who))
    override = proposed.json()["id"]
    await case.part("approve_override", lambda who: flow.lift(override, account_id=who))
    await case.part("first_review", lambda who: flow.first_review(claim, first, account_id=who))
    await flow.untie(tie)
    assert (await flow.first_review(claim, second)).status_code == 200
    asking = {"text": "请说明用量"}
    asked = await case.part(
        "ask",
        lambda who: flow.call(
            "POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json=asking, account_id=who
        ),
    )
    question = f"/questions/{asked.json()['id']}/answer"
    await case.part(
        "answer",
        lambda who: flow.call("POST", question, role=Role.OPERATOR_LEAD, json={"text": "附用量"}, account_id=who),
    )
    await case.part("bureau_review", lambda who: flow.bureau_review(claim, first, account_id=who))
    assert (await flow.bureau_review(claim, second)).status_code == 200
    asking_money = {"claim_ids": [str(claim)], "declaration_version": "1.0.0"}
    requested = await case.part(
        "request", lambda who: flow.call("POST", "/appropriations", json=asking_money, account_id=who)
    )
    request = UUID(requested.json()["id"])
    amounts = dict.fromkeys(orders, (300_000, ""))
    await case.part("approve", lambda who: flow.approve(request, amounts, account_id=who))
    await case.part("pay", lambda who: flow.pay(request, amount_fen=600_000, account_id=who))
    order_of = list(WHO)
    assert len(case.tried) == len(order_of) * (len(order_of) - 1) // 2 - len(OWN_WORK)
    acts = (await flow.call("GET", f"/appropriations/{request}", role=Role.AUDITOR)).json()["acts"]
    assert {(act["part"], act["account_id"]) for act in acts} == {(part, str(who)) for part, who in WHO.items()}
    assert {act["order_id"] for act in acts} == {str(order) for order in orders}
    assert (await flow.call("GET", f"/appropriations/{request}", role=Role.FINANCE)).json()["acts"] == []


async def test_who_reviewed_one_order_of_a_request_decides_on_none_of_it_and_sees_no_task(flow: Flow) -> None:
    orders = [await flow.an_order(), await flow.an_order()]
    claim = await flow.an_in_review(orders)
    reviewer, other = uuid5(PROVIDER, "reviewer"), uuid5(PROVIDER, "other")
    for order, who in zip(orders, (reviewer, other), strict=True):
        assert (await flow.first_review(claim, order, account_id=who)).status_code == 200
    assert await flow.tasks(Role.BUREAU_OFFICER, account_id=reviewer) != []
    for order in orders:
        assert (await flow.bureau_review(claim, order)).status_code == 200
    request = await flow.a_request([claim])
    for who in (reviewer, other, ACCOUNTS[Role.BUREAU_OFFICER]):
        assert await flow.tasks(Role.BUREAU_LEAD, account_id=who) == []
        answer = await flow.approve(request, dict.fromkeys(orders, (300_000, "")), account_id=who)
        assert answer.json()["code"] == "settlement.same_person"
        refusal = {"reason": "不予拨付"}
        path = f"/appropriations/{request}/refuse"
        refused = await flow.call("POST", path, role=Role.BUREAU_LEAD, json=refusal, account_id=who)
        assert refused.json()["code"] == "settlement.same_person"
    assert (await flow.approve(request, dict.fromkeys(orders, (300_000, "")))).status_code == 200
    assert [task["kind"] for task in await flow.tasks(Role.FINANCE)] == ["record_payment"]
    assert await flow.tasks(Role.FINANCE, account_id=ACCOUNTS[Role.BUREAU_LEAD]) == []
    assert await flow.tasks(Role.FINANCE, account_id=reviewer) == []


@pytest.mark.requirement("R80")
async def test_who_approved_a_payment_does_not_record_it(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_passed([order])
    request = await flow.a_request([claim])
    await flow.approve(request, {order: (300_000, "")})
    answer = await flow.pay(request, amount_fen=300_000, account_id=ACCOUNTS[Role.BUREAU_LEAD])
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.same_person")
    assert (await flow.pay(request, amount_fen=300_000)).status_code == 200


async def test_who_reviewed_every_waiting_order_first_is_shown_no_bureau_review(flow: Flow) -> None:
    order = await flow.an_order()
    await flow.a_bureau_review([order])
    assert await flow.tasks(Role.BUREAU_OFFICER, account_id=ACCOUNTS[Role.OPERATOR_CLERK]) == []
    assert [task["kind"] for task in await flow.tasks(Role.BUREAU_OFFICER)] == ["bureau_review"]
