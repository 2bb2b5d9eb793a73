"""Records are bounded and corrected, never edited; a buyer's contact is seen by the parties of its order alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.permissions import Role
from shared.kernel.calendar import business_date
from tests.factories.trade import Market

HASH, OTHER = "ab" * 32, "cd" * 32
CONTACT = {"name": "采购部周敏", "phone": "0851-00001234", "email": "zhou@example.cn"}


def day(market: Market, *, ahead: int = 0) -> str:
    """A day in Beijing, today or later."""
    return (business_date(market.platform.runtime("order").clock.now()) + timedelta(days=ahead)).isoformat()


async def pay(market: Market, order_id: UUID, amount_fen: int, **body: Any) -> httpx.Response:
    """The enterprise records an own payment of today."""
    return await market.post(
        f"/orders/{order_id}/payments",
        Role.ENTERPRISE,
        body={"paid_on": day(market), "amount_fen": amount_fen, **body},
    )


@pytest.mark.requirement("R69")
async def test_own_payments_are_bounded_by_the_own_part_and_shown_beside_it(market: Market) -> None:
    order_id = await market.confirmed()
    # 100.01 yuan, 40.00 of them voucher.
    refused = await pay(market, order_id, 10**15)
    assert (refused.status_code, refused.json()["code"]) == (422, "order.payment_above_own_part")
    assert "60.01元" in refused.json()["detail"]
    late = await pay(market, order_id, 100, paid_on="2099-01-01")
    assert late.json()["code"] == "order.date_in_future"
    early = await pay(market, order_id, 100, paid_on=day(market, ahead=-1))
    assert early.json()["code"] == "order.date_before_order"
    assert (await pay(market, order_id, 2_000)).status_code == 201
    assert (await pay(market, order_id, 4_002)).json()["code"] == "order.payment_above_own_part"
    detail = (await market.get(f"/orders/{order_id}", Role.OPERATOR_CLERK)).json()
    assert (detail["own_fen"], detail["own_paid_fen"], detail["own_left_fen"]) == (6_001, 2_000, 4_001)


async def test_a_payment_is_corrected_by_a_new_record_that_says_why_and_both_stay(market: Market) -> None:
    order_id = await market.confirmed()
    first = (await pay(market, order_id, 6_001)).json()["id"]
    corrects = {"record_id": first, "reason": "金额录入有误"}
    second = await pay(market, order_id, 5_000, corrects=corrects)
    assert second.status_code == 201
    again = await pay(market, order_id, 1_000, corrects=corrects)
    assert (again.status_code, again.json()["code"]) == (409, "order.record_not_correctable")
    strange = await market.post(
        f"/orders/{order_id}/deliveries",
        Role.PROVIDER,
        body={"delivered_on": day(market), "corrects": {**corrects, "record_id": second.json()["id"]}},
    )
    assert (strange.status_code, strange.json()["code"]) == (404, "order.record_not_found")
    detail = (await market.get(f"/orders/{order_id}", Role.PROVIDER)).json()
    former, latter = detail["records"]
    assert (former["amount_fen"], former["voided_at"] is not None) == (6_001, True)
    assert (latter["voids_id"], latter["correction_reason"], latter["voided_at"]) == (first, "金额录入有误", None)
    assert detail["own_paid_fen"] == 5_000
    history = (await market.get(f"/orders/{order_id}/history", Role.AUDITOR)).json()["data"][::-1]
    assert [item["ground"] for item in history if item["name"] == "record.payment"] == ["", "金额录入有误"]
    assert (await market.facts(order_id))[-2:] == ["order.recorded"] * 2


async def test_what_is_recorded_once_may_be_corrected_and_what_was_a_mistake_taken_back(market: Market) -> None:
    order_id = await market.confirmed()
    headers = market.platform.headers(Role.PROVIDER, service="order", organisation_id=market.provider_id)
    path = f"/api/order/v1/orders/{order_id}/documents/contract"

    async def sign(sha256: str, **body: Any) -> httpx.Response:
        sent = {"signed_on": day(market), "sha256": sha256, **body}
        return await market.platform.client.put(
            path, json=sent, headers={**headers, "Idempotency-Key": sha256 + str(len(body))}
        )

    contract = (await sign(HASH)).json()["id"]
    assert (await sign(OTHER)).json()["code"] == "order.record_twice"
    corrected = await sign(OTHER, corrects={"record_id": contract, "reason": "上传了旧版合同"})
    assert corrected.status_code == 201
    delivered = await market.post(f"/orders/{order_id}/deliveries", Role.PROVIDER, body={"delivered_on": day(market)})
    taken = f"/records/{delivered.json()['id']}/withdraw"
    by_buyer = await market.post(taken, Role.ENTERPRISE, body={"reason": "不是我的"})
    assert by_buyer.status_code == 404
    assert (await market.post(taken, Role.PROVIDER, body={"reason": "登记错订单"})).status_code == 201
    accepted = await market.post(f"/orders/{order_id}/acceptance", Role.ENTERPRISE, body={"accepted_on": day(market)})
    assert accepted.json()["code"] == "order.not_delivered"
    assert (await market.get("/tasks", Role.ENTERPRISE)).json()["data"] == []


async def test_a_complaint_that_is_taken_back_waits_for_nobody_and_an_answer_is_corrected(market: Market) -> None:
    order_id = await market.confirmed()
    path = f"/orders/{order_id}/complaints"
    first = (await market.post(path, Role.ENTERPRISE, body={"text": "服务缩水"})).json()["id"]
    assert (
        await market.post(f"/records/{first}/withdraw", Role.ENTERPRISE, body={"reason": "已解决"})
    ).status_code == 201
    assert (await market.get("/tasks", Role.OPERATOR_CLERK)).json()["data"] == []
    late = await market.post(f"/complaints/{first}/answer", Role.OPERATOR_CLERK, body={"text": "已督促"})
    assert late.json()["code"] == "order.complaint_not_open"
    second = (await market.post(path, Role.ENTERPRISE, body={"text": "又缩水"})).json()["id"]
    answer = await market.post(f"/complaints/{second}/answer", Role.OPERATOR_CLERK, body={"text": "已督促"})
    corrects = {"record_id": answer.json()["id"], "reason": "日期有误"}
    body = {"text": "已于今日督促", "corrects": corrects}
    corrected = await market.post(f"/complaints/{second}/answer", Role.OPERATOR_LEAD, body=body)
    assert corrected.status_code == 201, corrected.text


# The buyer's name and contact person.


@pytest.mark.requirement("R70")
async def test_a_provider_sees_from_the_order_on_who_buys_and_whom_to_ring(market: Market) -> None:
    placed = await market.place(contact=CONTACT)
    seen = (await market.get(f"/orders/{placed['id']}", Role.PROVIDER)).json()
    assert (seen["enterprise_name"], seen["provider_name"]) == ("测试enterprise", "测试provider")
    assert seen["enterprise_code"] == "91520100MA6DK0X17T"
    assert seen["contact"] == CONTACT
    (listed,) = (await market.get("/orders", Role.PROVIDER)).json()["data"]
    assert (listed["enterprise_name"], "contact" in listed) == ("测试enterprise", False)


async def test_a_contact_is_for_the_two_parties_of_its_order_and_for_nobody_else(market: Market) -> None:
    order_id = await market.awaiting(contact=CONTACT)
    assert (await market.get(f"/orders/{order_id}", Role.ENTERPRISE)).json()["contact"] == CONTACT
    for role in (Role.OPERATOR_LEAD, Role.BUREAU_LEAD, Role.AUDITOR, Role.REGION):
        seen = await market.get(f"/orders/{order_id}", role, as_region="520100")
        assert (seen.status_code, seen.json()["contact"]) == (200, None), role
    await market.post(f"/orders/{order_id}/refuse", Role.PROVIDER, body={"reason": "不接新单"})
    assert (await market.get(f"/orders/{order_id}", Role.PROVIDER)).json()["contact"] is None
    assert (await market.get(f"/orders/{order_id}", Role.ENTERPRISE)).json()["contact"] == CONTACT


async def test_without_its_own_an_order_shows_whom_its_buyer_named_for_all_orders(market: Market) -> None:
    bare, own = await market.place(), await market.place(contact=CONTACT)
    assert (await market.get(f"/orders/{bare['id']}", Role.PROVIDER)).json()["contact"] is None
    headers = market.platform.headers(Role.ENTERPRISE, service="order", organisation_id=market.enterprise_id)
    usual = {"name": "办公室", "phone": "13900000000", "email": ""}
    path = "/api/order/v1/contact"
    assert (await market.platform.client.put(path, json=usual, headers=headers)).status_code == 204
    assert (await market.get("/contact", Role.ENTERPRISE)).json() == {"contact": usual}
    assert (await market.get(f"/orders/{bare['id']}", Role.PROVIDER)).json()["contact"] == usual
    assert (await market.get(f"/orders/{own['id']}", Role.PROVIDER)).json()["contact"] == CONTACT
    fresh = market.platform.headers(Role.ENTERPRISE, service="order", organisation_id=market.enterprise_id)
    assert (await market.platform.client.delete(path, headers=fresh)).status_code == 204
    assert (await market.get(f"/orders/{bare['id']}", Role.PROVIDER)).json()["contact"] is None


@pytest.mark.parametrize(
    "contact",
    [
        {"name": "", "phone": "12345"},
        {"name": "一" * 51, "phone": "12345"},
        {"name": "周", "phone": "call me"},
        {"name": "周", "phone": "1" * 31},
        {"name": "周", "phone": "12345", "email": "no address"},
        {"name": "周", "phone": "12345", "email": "a@b\n"},
        {"name": "周\n", "phone": "12345"},
        {"name": "周", "phone": "12345\n"},
        {"name": "周", "phone": "12345", "id_number": "x"},
        {"phone": "12345"},
    ],
)
async def test_a_contact_is_bounded(market: Market, contact: dict[str, str]) -> None:
    refused = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(contact=contact))
    assert (refused.status_code, refused.json()["code"]) == (400, "request.malformed")


@pytest.mark.parametrize("field", ["name", "email"])
@pytest.mark.parametrize("unseen", ["\u202e", "\u200b", "\ufeff", "\u2028", "\u3164"], ids=ascii)
async def test_a_contact_shows_all_that_is_in_it_on_both_routes(market: Market, field: str, unseen: str) -> None:
    """The rule of names: what turns the direction of reading, or is not seen, makes another person of one."""
    contact = {**CONTACT, field: f"a{unseen}@b" if field == "email" else f"周{unseen}燕"}
    fresh = market.platform.headers(Role.ENTERPRISE, service="order", organisation_id=market.enterprise_id)
    hot = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(contact=contact))
    cold = await market.platform.client.put("/api/order/v1/contact", json=contact, headers=fresh)
    for answer, pointer in ((hot, f"/contact/{field}"), (cold, f"/{field}")):
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed"), answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_nothing_of_a_contact_lies_in_clear_in_the_database(market: Market) -> None:
    await market.place(contact=CONTACT)
    tables = await market.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for table in tables:
        name = table["tablename"]
        for planted in CONTACT.values():
            hexed = planted.encode().hex()
            found = await market.rows(
                f"SELECT 1 FROM {name} t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'",  # noqa: S608 - names of tables
                planted,
                hexed,
            )
            assert found == [], name


@pytest.mark.requirement("R9")
async def test_that_a_provider_reads_whom_to_ring_is_recorded_for_auditors_and_the_bureau(market: Market) -> None:
    order_id = await market.awaiting(contact=CONTACT)
    bare = await market.awaiting()
    path, of = "/contact-reads", {"order_id": str(order_id)}
    await market.get(f"/orders/{order_id}", Role.ENTERPRISE)
    for role in (Role.AUDITOR, Role.OPERATOR_LEAD):
        await market.get(f"/orders/{order_id}", role)
    await market.get(f"/orders/{bare}", Role.PROVIDER)
    await market.get("/orders", Role.PROVIDER)
    assert (await market.get(path, Role.AUDITOR, **of)).json()["data"] == []
    for _ in range(2):
        assert (await market.get(f"/orders/{order_id}", Role.PROVIDER)).json()["contact"] == CONTACT
    for role in (Role.AUDITOR, Role.BUREAU_LEAD, Role.BUREAU_OFFICER):
        reads = (await market.get(path, role, **of)).json()["data"]
        assert [(read["role"], read["organisation_id"]) for read in reads] == [
            ("provider", str(market.provider_id))
        ] * 2, role
        assert {read["enterprise_id"] for read in reads} == {str(market.enterprise_id)}
    page = (await market.get(path, Role.AUDITOR, limit="1")).json()
    assert (len(page["data"]), page["has_more"]) == (1, True)
    by = page["data"][0]["account_id"]
    assert len((await market.get(path, Role.AUDITOR, account_id=by)).json()["data"]) == 2
    for role in (Role.ENTERPRISE, Role.PROVIDER, Role.OPERATOR_LEAD, Role.FINANCE, Role.REGION):
        assert (await market.get(path, role, **of)).status_code == 403, role
