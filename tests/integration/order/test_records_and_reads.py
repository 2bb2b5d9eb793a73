"""Quotes, records, lists, history and tasks, each for who may see it."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from shared.kernel.calendar import business_date
from tests.factories.deadlines import FRIDAY, weekdays_after
from tests.factories.trade import Market, a_party

HASH = "ab" * 32


def today(market: Market) -> str:
    """The day in Beijing."""
    return business_date(market.platform.runtime("order").clock.now()).isoformat()


SCORES = {"cost_saving": 4, "efficiency": 5, "business_upgrade": 3, "innovation": 4}


@pytest.mark.requirement("R67")
async def test_a_quote_shows_each_lines_maximum_and_the_own_part_and_binds_nobody(market: Market) -> None:
    body = {"lines": market.order_body(quantity=3)["lines"], "voucher": "max"}
    quote = (await market.post("/quotes", Role.ENTERPRISE, body=body)).json()
    # 40 % of 300.03 yuan is 120.012 yuan, floored to fen.
    assert (quote["fee_fen"], quote["voucher_fen"], quote["own_fen"]) == (30_003, 12_001, 18_002)
    assert (quote["lines"][0]["voucher_max_fen"], quote["binding"]) == (12_001, False)
    assert await market.rows("SELECT 1 FROM cloud_order") == []


async def test_a_quote_warns_when_the_balance_may_not_reach(market: Market) -> None:
    body = {"lines": market.order_body(quantity=10_000)["lines"], "voucher_fen": 5_000_001}
    quote = (await market.post("/quotes", Role.ENTERPRISE, body=body)).json()
    assert (quote["available_fen"], len(quote["warnings"])) == (5_000_000, 1)


@pytest.mark.requirement("R69")
@pytest.mark.requirement("R71")
async def test_contract_payment_delivery_and_acceptance_go_on_record_with_gapless_versions(market: Market) -> None:
    order_id = await market.confirmed()
    day = today(market)
    headers = market.platform.headers(Role.PROVIDER, service="order", organisation_id=market.provider_id)
    contract = await market.platform.client.put(
        f"/api/order/v1/orders/{order_id}/documents/contract",
        json={"signed_on": day, "sha256": HASH},
        headers=headers,
    )
    assert contract.status_code == 201
    early = await market.post(f"/orders/{order_id}/acceptance", Role.ENTERPRISE, body={"accepted_on": day, "text": ""})
    assert early.json()["code"] == "order.not_delivered"
    paid = {"paid_on": day, "amount_fen": 6_001, "sha256": HASH}
    answers = [
        await market.post(f"/orders/{order_id}/payments", Role.ENTERPRISE, body=paid),
        await market.post(f"/orders/{order_id}/deliveries", Role.PROVIDER, body={"delivered_on": day}),
        await market.post(f"/orders/{order_id}/acceptance", Role.ENTERPRISE, body={"accepted_on": day}),
        await market.post(f"/orders/{order_id}/evaluation", Role.ENTERPRISE, body={"scores": SCORES}),
    ]
    assert [answer.status_code for answer in answers] == [201] * 4
    twice = await market.post(f"/orders/{order_id}/evaluation", Role.ENTERPRISE, body={"scores": SCORES})
    assert twice.json()["code"] == "order.record_twice"
    assert (await market.facts(order_id))[-5:] == ["order.recorded"] * 5
    detail = (await market.get(f"/orders/{order_id}", Role.PROVIDER)).json()
    assert detail["lines"][0]["service_standard"] == "可用性不低于 99.9%"
    kinds = [record["kind"] for record in detail["records"]]
    assert kinds == ["contract", "payment", "delivery", "acceptance", "evaluation"]


async def test_an_evaluation_scores_every_axis_of_the_pack(market: Market) -> None:
    order_id = await market.confirmed()
    body = {"scores": {"cost_saving": 6}}
    refused = await market.post(f"/orders/{order_id}/evaluation", Role.ENTERPRISE, body=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "order.scores_missing")


@pytest.mark.requirement("R4")
async def test_a_complaint_waits_for_the_operator_with_its_deadline_and_is_answered_once(market: Market) -> None:
    order_id = await market.confirmed()
    filed = await market.post(f"/orders/{order_id}/complaints", Role.ENTERPRISE, body={"text": "服务缩水"})
    task = (await market.get("/tasks", Role.OPERATOR_CLERK)).json()["data"][0]
    assert (task["kind"], task["subject_id"], task["due_at"]) == (
        "complaint.answer",
        filed.json()["id"],
        filed.json()["due_at"],
    )
    path = f"/complaints/{filed.json()['id']}/answer"
    assert (await market.post(path, Role.OPERATOR_CLERK, body={"text": "已督促整改"})).status_code == 201
    twice = await market.post(path, Role.OPERATOR_CLERK, body={"text": "再答"})
    assert twice.json()["code"] == "order.complaint_not_open"
    assert (await market.get("/tasks", Role.OPERATOR_CLERK)).json()["data"] == []


async def test_a_complaint_is_due_at_the_end_of_the_last_working_day(market: Market) -> None:
    order_id = await market.confirmed()
    await market.platform.move_clock(FRIDAY)
    filed = await market.post(f"/orders/{order_id}/complaints", Role.ENTERPRISE, body={"text": "服务缩水"})
    deadlines = market.platform.runtime("order").ports.get(PolicyPack).deadlines
    due_at = weekdays_after(FRIDAY, deadlines.complaint_answer_working_days)
    assert datetime.fromisoformat(filed.json()["due_at"]) == due_at


@pytest.mark.requirement("R5")
async def test_lists_show_own_orders_the_region_or_everything_and_page_without_gaps(market: Market) -> None:
    ids = [(await market.place(voucher="none"))["id"] for _ in range(5)]
    for role, region in ((Role.ENTERPRISE, None), (Role.PROVIDER, None), (Role.AUDITOR, None), (Role.REGION, "520100")):
        first = (await market.get("/orders", role, limit=3, as_region=region)).json()
        rest = (await market.get("/orders", role, limit=3, cursor=first["next_cursor"], as_region=region)).json()
        assert [item["id"] for item in first["data"] + rest["data"]] == ids[::-1]
        assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (await market.get("/orders", Role.REGION, as_region="520300")).json()["data"] == []
    assert (await market.get(f"/orders/{ids[0]}", Role.REGION, as_region="520300")).status_code == 404
    assert (await market.get("/orders", Role.FINANCE)).status_code == 403


@pytest.mark.requirement("R5")
async def test_another_party_finds_neither_the_order_nor_a_row_of_it(market: Market) -> None:
    order_id = (await market.place())["id"]
    for role in (Role.ENTERPRISE, Role.PROVIDER):
        stranger = uuid4()
        assert (await market.get("/orders", role, organisation_id=stranger)).json()["data"] == []
        for path in (f"/orders/{order_id}", f"/orders/{order_id}/history"):
            assert (await market.get(path, role, organisation_id=stranger)).status_code == 404


async def test_lists_filter_by_state_year_time_and_number(market: Market) -> None:
    one, two = await market.place(voucher="none"), await market.place()
    found = await market.get("/orders", Role.AUDITOR, state="placed")
    assert [item["id"] for item in found.json()["data"]] == [two["id"]]
    found = await market.get("/orders", Role.AUDITOR, number=one["number"], year=one["year"])
    assert [item["id"] for item in found.json()["data"]] == [one["id"]]
    now = market.platform.runtime("order").clock.now()
    later = await market.get("/orders", Role.AUDITOR, placed_from=(now + timedelta(hours=1)).isoformat())
    assert later.json()["data"] == []


@pytest.mark.requirement("R7")
async def test_the_history_names_each_decision_with_its_rule_and_each_fact_with_its_version(market: Market) -> None:
    order_id = await market.confirmed()
    history = (await market.get(f"/orders/{order_id}/history", Role.ENTERPRISE)).json()["data"][::-1]
    facts = [(item["version"], item["name"]) for item in history if item["source"] == "fact"]
    assert facts == [(1, "order.placed.v1"), (2, "order.awaiting_confirmation.v1"), (3, "order.confirmed.v1")]
    placing, decision = [item for item in history if item["source"] == "decision"]
    assert (placing["name"], placing["role"], placing["rule"], placing["after"]) == (
        "order.place",
        "enterprise",
        "A18",
        "placed",
    )
    assert (decision["name"], decision["role"], decision["rule"], decision["before"], decision["after"]) == (
        "order.confirm",
        "provider",
        "A19",
        "awaiting_confirmation",
        "confirmed",
    )


async def test_tasks_tell_each_party_what_waits_for_it(market: Market) -> None:
    order_id = await market.awaiting()
    due_at = (await market.order(order_id))["confirm_due_at"]
    (provider,) = (await market.get("/tasks", Role.PROVIDER)).json()["data"]
    assert (provider["kind"], UUID(provider["subject_id"])) == ("order.confirm", order_id)
    assert provider["due_at"].startswith(due_at.isoformat()[:19])
    (enterprise,) = (await market.get("/tasks", Role.ENTERPRISE)).json()["data"]
    assert enterprise["kind"] == "order.awaiting"
    assert (await market.get("/tasks", Role.PROVIDER, organisation_id=uuid4())).json()["data"] == []


async def test_staff_find_sagas_that_are_stuck(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    assert (await market.get("/sagas", Role.AUDITOR, stuck=True)).json()["data"] == []
    await market.run_sql("UPDATE saga SET moved_at = clock_timestamp() - interval '16 minutes'")
    (saga,) = (await market.get("/sagas", Role.AUDITOR, stuck=True, state="holding")).json()["data"]
    assert (saga["order_id"], saga["pending_name"]) == (str(order_id), "voucher.hold.v1")
    assert (await market.get("/sagas", Role.ENTERPRISE)).status_code == 403


@pytest.mark.requirement("R69")
async def test_a_voucher_is_not_spent_with_a_provider_that_is_not_recognised(market: Market) -> None:
    await market.feed_party(market.provider_id, a_party("provider", recognised=False))
    refused = await market.post("/orders", Role.ENTERPRISE, body=market.order_body())
    assert refused.json()["code"] == "order.provider_not_recognised"
    own = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(voucher="none"))
    assert own.status_code == 201


async def test_every_route_is_described_with_its_answer(market: Market) -> None:
    response = await market.platform.client.get("/api/order/v1/openapi.json")
    paths = response.json()["paths"]
    assert {"/orders", "/quotes", "/orders/{order_id}/refund/decide", "/tasks", "/sagas"} <= {
        path.removeprefix("/api/order/v1") for path in paths
    }


async def test_a_read_that_waits_is_answered_when_the_hold_is_known(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    headers = market.platform.headers(Role.ENTERPRISE, service="order", organisation_id=market.enterprise_id)
    reading = asyncio.create_task(
        market.platform.client.get(f"/api/order/v1/orders/{order_id}", headers={**headers, "Prefer": "wait=20"})
    )
    await asyncio.sleep(0.2)
    assert not reading.done()
    await market.held(order_id)
    found = await reading
    assert (found.json()["state"], found.json()["saga"], found.headers["etag"]) == (
        "awaiting_confirmation",
        "held",
        '"2"',
    )


@pytest.mark.requirement("R7")
@pytest.mark.requirement("R8")
async def test_supervisors_read_who_acted_and_everybody_else_in_which_role(market: Market) -> None:
    order_id = await market.confirmed()
    row = await market.order(order_id)
    for role in Role:
        answer = await market.get(f"/orders/{order_id}/history", role, as_region="520100")
        if answer.status_code == 403:
            continue
        who = [item["account_id"] for item in answer.json()["data"][::-1] if item["source"] == "decision"]
        if role in {Role.AUDITOR, Role.BUREAU_OFFICER, Role.BUREAU_LEAD}:
            assert who[0] == str(row["placed_by"]), role
            assert None not in who, role
        else:
            assert who == [None, None], role
