"""A purchase over HTTP with replies fed as events: place, hold, confirm, commit, cancel, and their races."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.order.handlers.orders import OrderAct, OrderCommand, decide_orders
from shared.contracts.messages.base import Refused
from shared.contracts.messages.identity import AffiliationRecorded, OrganisationSuspended
from shared.contracts.messages.voucher import (
    CommitVoucher,
    HoldVoucher,
    ReleaseVoucher,
    VoucherCommitted,
    VoucherReleased,
)
from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from shared.runtime.unit_of_work.work import Actor
from tests.factories.trade import Market, a_party

QUOTA_SHORT = Refused(code="voucher.quota_short", kind="rule", article="A16", detail="额度不足")


@pytest.mark.requirement("R69")
@pytest.mark.requirement("R70")
async def test_a_purchase_with_voucher_goes_from_placed_to_confirmed_and_committed(market: Market) -> None:
    placed = await market.place()
    order_id = UUID(placed["id"])
    # 40 % of 100.01 yuan is 40.004 yuan, floored to fen.
    amounts = (placed["fee_fen"], placed["voucher_fen"], placed["own_fen"])
    assert (placed["state"], *amounts) == ("placed", 10_001, 4_000, 6_001)
    await market.held(order_id)
    assert (await market.order(order_id))["state"] == "awaiting_confirmation"
    confirmed = await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    body = confirmed.json()
    assert (confirmed.status_code, body["state"], body["saga"]) == (200, "confirmed", "committing")
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    assert await market.facts(order_id) == ["order.placed", "order.awaiting_confirmation", "order.confirmed"]


@pytest.mark.requirement("R75")
async def test_an_order_at_own_cost_waits_for_the_provider_at_once_and_asks_nobody_for_money(market: Market) -> None:
    response = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(voucher="none"), Prefer="wait=20")
    assert (response.status_code, response.json()["state"]) == (201, "awaiting_confirmation")
    assert await market.rows("SELECT * FROM saga") == []
    order_id = response.json()["id"]
    confirmed = await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER, Prefer="wait=20")
    assert (confirmed.json()["state"], confirmed.json()["saga"]) == ("confirmed", "")
    assert await market.facts(order_id) == ["order.placed", "order.awaiting_confirmation", "order.confirmed"]


async def test_a_refused_hold_refuses_the_order_with_code_and_article(market: Market) -> None:
    waiting = asyncio.create_task(market.post("/orders", Role.ENTERPRISE, body=market.order_body(), Prefer="wait=20"))
    order_id = await market.first_order()
    await market.reply(order_id, 1, QUOTA_SHORT)
    body = (await waiting).json()
    assert (body["state"], body["refusal_code"], body["refusal_article"]) == ("refused", "voucher.quota_short", "A16")
    assert body["version"] == 2
    notices = await market.get("/notices", Role.ENTERPRISE)
    assert notices.json()["data"][0]["event"] == "order.refused"


async def test_a_confirmation_that_waits_is_answered_when_the_commit_is_known(market: Market) -> None:
    order_id = await market.awaiting()
    waiting = asyncio.create_task(market.post(f"/orders/{order_id}/confirm", Role.PROVIDER, Prefer="wait=20"))
    await market.asked(CommitVoucher)
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    assert (await waiting).json()["saga"] == "committed"


@pytest.mark.requirement("R72")
async def test_a_cancel_before_confirmation_releases_the_voucher_by_itself(market: Market) -> None:
    order_id = await market.awaiting()
    cancelled = await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["saga"]) == (
        200,
        "cancelled",
        "releasing",
    )
    await market.reply(order_id, 2, VoucherReleased(order_id=order_id, amount_fen=4_000))
    late = await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    assert (late.status_code, late.json()["code"]) == (409, "order.already_cancelled")
    assert await market.saga_state(order_id) == "released"


async def test_a_cancel_overtakes_a_pending_hold_and_the_late_hold_changes_nothing(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    await market.held(order_id)
    assert (await market.order(order_id))["state"] == "cancelled"
    await market.reply(order_id, 2, VoucherReleased(order_id=order_id, amount_fen=4_000))
    assert await market.saga_state(order_id) == "released"
    assert (await market.rows("SELECT late FROM saga"))[0]["late"] == 1


async def test_a_hold_that_stands_after_its_release_is_released_again(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    await market.reply(order_id, 2, VoucherReleased(order_id=order_id, amount_fen=0))
    await market.held(order_id)
    assert await market.saga_state(order_id) == "releasing"
    await market.reply(order_id, 3, VoucherReleased(order_id=order_id, amount_fen=4_000))
    assert await market.saga_state(order_id) == "released"


@pytest.mark.requirement("R72")
async def test_of_cancel_and_confirm_at_once_exactly_one_wins_and_the_loser_learns_who(market: Market) -> None:
    orders = [await market.awaiting() for _ in range(8)]
    pairs = await asyncio.gather(
        *(
            asyncio.gather(
                market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE),
                market.post(f"/orders/{order_id}/confirm", Role.PROVIDER),
            )
            for order_id in orders
        )
    )
    for order_id, (cancel, confirm) in zip(orders, pairs, strict=True):
        state = (await market.order(order_id))["state"]
        if state == "cancelled":
            assert (cancel.status_code, confirm.json()["code"]) == (200, "order.already_cancelled")
        else:
            assert (state, confirm.status_code) == ("confirmed", 200)
            assert cancel.json()["code"] == "order.already_confirmed"


async def test_the_same_key_gives_the_same_order_and_another_body_is_refused(market: Market) -> None:
    first, second = await asyncio.gather(
        *(market.post("/orders", Role.ENTERPRISE, body=market.order_body(), key="same") for _ in range(2))
    )
    assert first.json()["id"] == second.json()["id"]
    assert len(await market.rows("SELECT id FROM cloud_order")) == 1
    other = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(quantity=2), key="same")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")


async def test_somebody_elses_order_is_not_found_by_any_command_or_read(market: Market) -> None:
    order_id = await market.awaiting()
    stranger = uuid4()
    answers = [
        await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER, organisation_id=stranger),
        await market.post(
            f"/orders/{order_id}/refuse", Role.PROVIDER, body={"reason": "不接"}, organisation_id=stranger
        ),
        await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE, organisation_id=stranger),
        await market.get(f"/orders/{order_id}", Role.PROVIDER, organisation_id=stranger),
        await market.get(f"/orders/{order_id}/history", Role.ENTERPRISE, organisation_id=stranger),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert (await market.get("/orders", Role.PROVIDER, organisation_id=stranger)).json()["data"] == []


async def test_a_confirmation_of_another_version_is_refused(market: Market) -> None:
    order_id = await market.awaiting()
    stale = await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER, If_Match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "request.version_mismatch")
    fresh = await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER, If_Match='"2"')
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"3"')


@pytest.mark.requirement("R63")
async def test_affiliated_parties_cannot_trade(market: Market) -> None:
    await market.platform.feed(
        AffiliationRecorded(
            version=0,
            affiliation_id=uuid4(),
            enterprise_id=market.enterprise_id,
            provider_id=market.provider_id,
            kind="property",
        )
    )
    refused = await market.post("/orders", Role.ENTERPRISE, body=market.order_body())
    assert (refused.status_code, refused.json()["code"], refused.json()["article"]) == (
        422,
        "order.parties_affiliated",
        "A13(4)",
    )


@pytest.mark.requirement("R68")
async def test_an_order_without_the_current_agreement_is_refused(market: Market) -> None:
    refused = await market.post("/orders", Role.ENTERPRISE, body=market.order_body(agreement_version="0.9.0"))
    assert (refused.status_code, refused.json()["code"]) == (422, "order.agreement_not_current")


async def test_unknown_fields_and_prices_of_the_client_are_refused(market: Market) -> None:
    body = market.order_body()
    body["lines"][0]["price_fen"] = 1
    refused = await market.post("/orders", Role.ENTERPRISE, body=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "request.malformed")


async def test_a_batch_of_orders_decides_each_for_itself(market: Market) -> None:
    bodies = [market.order_body(quantity=number) for number in range(1, 20)]
    bodies[7]["agreement_version"] = "0.9.0"
    answers = await asyncio.gather(*(market.post("/orders", Role.ENTERPRISE, body=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [201] * 7 + [422] + [201] * 11
    assert len(await market.rows("SELECT id FROM cloud_order")) == 18


@pytest.mark.requirement("R72")
async def test_a_provider_that_never_confirms_loses_the_order_after_fifteen_days(market: Market) -> None:
    order_id = await market.awaiting()
    due_at = (await market.order(order_id))["confirm_due_at"]
    placed_at = (await market.order(order_id))["placed_at"]
    assert due_at <= min(placed_at + timedelta(days=15, minutes=1), year_closes_at(placed_at.year))
    await market.platform.move_clock(due_at - timedelta(minutes=1))
    assert (await market.order(order_id))["state"] == "awaiting_confirmation"
    await market.platform.move_clock(due_at)
    order = await market.order(order_id)
    assert (order["state"], order["reason"]) == ("cancelled", "timeout")
    assert await market.saga_state(order_id) == "releasing"


@pytest.mark.requirement("R72")
async def test_at_the_end_of_the_year_a_voucher_order_cannot_be_confirmed_and_is_cancelled(market: Market) -> None:
    year = market.platform.runtime("order").clock.now().year
    closes_at = year_closes_at(year)
    await market.platform.move_clock(closes_at - timedelta(days=2))
    with_voucher, held = await market.awaiting(), UUID((await market.place())["id"])
    own_cost = UUID((await market.place(voucher="none"))["id"])
    await market.platform.move_clock(closes_at)
    await market.asked(ReleaseVoucher, count=2)
    for order_id in (with_voucher, held):
        order = await market.order(order_id)
        assert (order["state"], order["reason"]) == ("cancelled", "year_end")
    assert (await market.post(f"/orders/{own_cost}/confirm", Role.PROVIDER)).status_code == 200


async def test_a_late_suspension_of_the_provider_cancels_what_is_unconfirmed_and_leaves_the_rest(
    market: Market,
) -> None:
    confirmed, unconfirmed = await market.awaiting(), await market.awaiting()
    await market.post(f"/orders/{confirmed}/confirm", Role.PROVIDER)
    since = market.platform.runtime("order").clock.now() - timedelta(hours=3)
    party = a_party("provider", suspended_since=since)
    await market.platform.feed(OrganisationSuspended(version=0, organisation_id=market.provider_id, party=party))
    await market.platform.settle()
    order = await market.order(unconfirmed)
    assert (order["state"], order["reason"]) == ("cancelled", "suspended")
    assert (await market.order(confirmed))["state"] == "confirmed"
    again = await market.post("/orders", Role.ENTERPRISE, body=market.order_body())
    assert again.json()["code"] == "order.provider_suspended"


async def test_a_delisting_cancels_unconfirmed_orders_when_it_takes_effect(market: Market) -> None:
    order_id = await market.awaiting()
    effective_at = market.platform.runtime("order").clock.now() + timedelta(hours=2)
    await market.delist(effective_at=effective_at)
    assert (await market.order(order_id))["state"] == "awaiting_confirmation"
    await market.platform.move_clock(effective_at)
    assert (await market.order(order_id))["reason"] == "delisted"
    again = await market.post("/orders", Role.ENTERPRISE, body=market.order_body())
    assert again.json()["code"] == "order.product_not_on_offer"


async def test_a_refusal_by_the_provider_cancels_the_order(market: Market) -> None:
    order_id = await market.awaiting()
    refused = await market.post(f"/orders/{order_id}/refuse", Role.PROVIDER, body={"reason": "机房扩容，本月不接新单"})
    assert (refused.json()["state"], refused.json()["reason"]) == ("cancelled", "provider")
    again = await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    assert again.json()["code"] == "order.already_cancelled"
    assert "（云服务商未接受）" in again.json()["detail"]


async def test_a_provider_that_does_not_take_an_order_says_why_and_the_buyer_reads_it(market: Market) -> None:
    order_id = await market.awaiting()
    for body in ({}, {"reason": ""}, {"reason": "　 "}, {"reason": "a\u0000b"}, {"reason": "一" * 501}):
        silent = await market.post(f"/orders/{order_id}/refuse", Role.PROVIDER, body=body)
        assert (silent.status_code, silent.json()["code"]) == (400, "request.malformed"), body
    reason = "机房扩容，本月不接新单"
    await market.post(f"/orders/{order_id}/refuse", Role.PROVIDER, body={"reason": reason})
    detail = (await market.get(f"/orders/{order_id}", Role.ENTERPRISE)).json()
    assert (detail["reason"], detail["refusal_detail"]) == ("provider", reason)
    history = (await market.get(f"/orders/{order_id}/history", Role.ENTERPRISE)).json()["data"][::-1]
    assert [item["ground"] for item in history if item["name"] == "order.cancel"] == [reason]
    (told,) = await market.rows(
        "SELECT text FROM notice WHERE event = 'order.cancelled' AND recipient = $1", f"org:{market.enterprise_id}"
    )
    assert reason in told["text"]
    assert reason not in str(await market.rows("SELECT body FROM fact")), "what people write stays with the order"


@pytest.mark.parametrize("said", [{"producer": "settlement"}, {"sender": "settlement"}], ids=["own name", "voucher's"])
async def test_only_the_service_that_was_asked_can_answer(market: Market, said: dict[str, str]) -> None:
    order_id = UUID((await market.place())["id"])
    await market.reply(order_id, 1, QUOTA_SHORT, **said)
    assert (await market.order(order_id))["state"] == "placed"
    await market.held(order_id)
    assert (await market.order(order_id))["state"] == "awaiting_confirmation"


async def test_the_sweeper_sends_a_pending_command_again_with_its_number(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    await market.run_sql(
        "UPDATE saga SET resend_at = clock_timestamp(), moved_at = clock_timestamp() - interval '21 s'"
    )
    first, second = await market.asked(HoldVoucher, count=2)
    assert first == second
    await market.held(order_id)
    await market.held(order_id)
    saga = (await market.rows("SELECT state, number, late FROM saga"))[0]
    assert (saga["state"], saga["number"], saga["late"]) == ("held", 1, 1)
    assert await market.facts(order_id) == ["order.placed", "order.awaiting_confirmation"]


async def test_a_reply_that_had_to_wait_for_a_cancel_is_decided_on_what_the_cancel_left(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    enterprise = Actor(account_id=uuid4(), organisation_id=market.enterprise_id, role="enterprise")
    async with market.platform.runtime("order").work() as work:
        await decide_orders(work, [OrderCommand(act=OrderAct.CANCEL, order_id=order_id, by=enterprise)])
        replying = asyncio.create_task(market.held(order_id))
        # The reply's transaction reaches the row's lock and waits there.
        await market.until("SELECT 1 FROM pg_locks WHERE NOT granted")
    await replying
    assert (await market.order(order_id))["state"] == "cancelled"
    assert await market.saga_state(order_id) == "releasing"


@pytest.mark.requirement("R72")
@pytest.mark.parametrize("first", ["confirm", "cancel"])
async def test_on_two_connections_the_second_waits_for_the_row_and_loses(market: Market, first: str) -> None:
    order_id = await market.awaiting()
    second, party = {
        "confirm": ("cancel", market.provider_id),
        "cancel": ("confirm", market.enterprise_id),
    }[first]
    actor = Actor(account_id=uuid4(), organisation_id=party, role="test")
    role = Role.ENTERPRISE if second == "cancel" else Role.PROVIDER
    async with market.platform.runtime("order").work() as work:
        await decide_orders(work, [OrderCommand(act=OrderAct(first), order_id=order_id, by=actor)])
        losing = asyncio.create_task(market.post(f"/orders/{order_id}/{second}", role))
        await market.until("SELECT 1 FROM pg_locks WHERE NOT granted")
    answer = await losing
    won = {"confirm": "order.already_confirmed", "cancel": "order.already_cancelled"}[first]
    assert (answer.status_code, answer.json()["code"]) == (409, won)
