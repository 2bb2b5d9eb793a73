"""The year of an order is Beijing's: eight hours of every year it is another one than UTC's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.order.service import SERVICE
from shared.contracts.messages.base import Command
from shared.contracts.messages.voucher import HoldVoucher, QuotaMoved, VoucherRefunded
from shared.contracts.permissions import Role
from shared.kernel.calendar import business_date, year_closes_at
from tests.factories.harness import open_platform
from tests.factories.trade import Market, listeners


async def balance(market: Market, year: int, available_fen: int) -> None:
    """What is left to the enterprise of one year."""
    names = ("held", "committed", "claimed", "redeemed", "taken_back")
    await market.platform.feed(
        QuotaMoved(
            version=0,
            quota_account_id=uuid4(),
            enterprise_id=market.enterprise_id,
            year=year,
            movement="grant",
            amount_fen=available_fen,
            available_fen=available_fen,
            **{f"{name}_fen": 0 for name in names},
        )
    )


@pytest.mark.requirement("R29")
async def test_an_order_of_the_first_hours_of_january_is_the_new_years_and_uses_its_balance(
    fresh_database: Callable[[], str],
) -> None:
    heard: list[Command] = []
    async with open_platform([SERVICE, *listeners(heard)], fresh_database) as platform:
        market = await Market(platform, heard).open(available_fen=0)
        year = business_date(platform.runtime("order").clock.now()).year
        await balance(market, year + 1, 1_234)
        # 00:30 in Beijing, and half past four in the afternoon of 31 December in UTC.
        await platform.move_clock(year_closes_at(year) + timedelta(minutes=30))
        now: datetime = platform.runtime("order").clock.now()
        assert now.year == year
        quote = await market.post(
            "/quotes", Role.ENTERPRISE, body={"lines": market.order_body()["lines"], "voucher": "max"}
        )
        assert (quote.json()["year"], quote.json()["available_fen"], quote.json()["voucher_fen"]) == (
            year + 1,
            1_234,
            1_234,
        )
        placed = await market.place()
        assert (placed["year"], placed["voucher_fen"]) == (year + 1, 1_234)
        assert placed["number"].startswith(f"{year + 1}-")
        (hold,) = await market.asked(HoldVoucher)
        assert hold.year == year + 1


@pytest.mark.requirement("R36")
async def test_a_refund_of_last_years_order_says_that_the_voucher_is_taken_back(market: Market) -> None:
    this_year, last_year = await market.confirmed(), await market.confirmed()

    async def refund(order_id: object) -> list[str]:
        body = {"lines": [1], "reason": "不再需要"}
        assert (await market.post(f"/orders/{order_id}/refund-requests", Role.ENTERPRISE, body=body)).status_code == 201
        assert (await market.post(f"/orders/{order_id}/refund/consent", Role.PROVIDER)).status_code == 200
        rows = await market.rows("SELECT text FROM notice WHERE subject_id = $1 AND event = 'order.refunded'", order_id)
        refund_id = (await market.rows("SELECT id FROM refund WHERE order_id = $1", order_id))[0]["id"]
        await market.reply(refund_id, 1, VoucherRefunded(order_id=this_year, amount_fen=4_000))
        return [row["text"] for row in rows]

    texts = await refund(this_year)
    assert len(texts) == 2
    assert all("云使用券40.00元自动退回上云企业账户" in text for text in texts)
    year = (await market.order(last_year))["year"]
    await market.platform.move_clock(year_closes_at(year))
    texts = await refund(last_year)
    assert all(f"属{year}年度，该年度已结束，按规定收回" in text and "自动退回" not in text for text in texts)


async def test_the_notice_of_a_year_ends_cancellation_does_not_promise_the_voucher(market: Market) -> None:
    order_id = await market.awaiting()
    year = (await market.order(order_id))["year"]
    await market.platform.move_clock(year_closes_at(year))
    await market.until(f"SELECT 1 FROM cloud_order WHERE id = '{order_id}' AND state = 'cancelled'")  # noqa: S608 - an id
    (told,) = await market.rows(
        "SELECT text FROM notice WHERE event = 'order.cancelled' AND recipient = $1", f"org:{market.enterprise_id}"
    )
    assert "该年度已结束，按规定收回" in told["text"]
    assert "自动退回" not in told["text"]
