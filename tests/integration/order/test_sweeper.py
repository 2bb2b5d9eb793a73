"""When the sweeper looks at a saga: the time that an index holds, written seldom and never missing (I11)."""

from uuid import UUID

import asyncpg
import pytest

from services.order.handlers import timeouts
from services.order.handlers.timeouts import sweep_sagas
from services.order.store import sagas
from shared.contracts.messages.base import Refused
from shared.contracts.messages.voucher import CommitVoucher, HoldVoucher, VoucherCommitted
from shared.contracts.permissions import Role
from tests.factories.trade import Market

_DUE = "UPDATE saga SET resend_at = clock_timestamp()"
_STOOD_STILL = "UPDATE saga SET resend_at = clock_timestamp(), moved_at = clock_timestamp() - interval '21 s'"
_WAIT = "SELECT resend_at, extract(epoch FROM resend_at - clock_timestamp())::float AS wait_s, resent FROM saga"


async def sweep(market: Market) -> int:
    """One round of the sweeper, whoever else runs it."""
    async with market.platform.runtime("order").work() as work:
        return await sweep_sagas(work)


async def test_the_steps_of_a_purchase_leave_its_time_alone_until_the_last_one_clears_it(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    (begun,) = await market.rows(_WAIT)
    await market.held(order_id)
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    (committing,) = await market.rows(_WAIT)
    assert begun["resend_at"] == committing["resend_at"] is not None
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    (committed,) = await market.rows(_WAIT)
    assert (await market.saga_state(order_id), committed["resend_at"]) == ("committed", None)


async def test_a_saga_that_moved_a_moment_ago_is_put_off_and_not_sent_again(market: Market) -> None:
    await market.place()
    await market.run_sql(_DUE)
    await market.until("SELECT 1 FROM saga WHERE resend_at > clock_timestamp() + interval '1 s'")
    await sweep(market)
    (saga,) = await market.rows(_WAIT)
    assert 10 < saga["wait_s"] <= 20
    assert saga["resent"] == 0
    assert len(await market.asked(HoldVoucher)) == 1


async def test_a_held_purchase_that_was_cleared_is_looked_at_again_once_it_is_confirmed(market: Market) -> None:
    order_id = await market.awaiting()
    await market.run_sql(_DUE)
    await market.until("SELECT 1 FROM saga WHERE resend_at IS NULL")
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    (saga,) = await market.rows(_WAIT)
    assert 10 < saga["wait_s"] <= 20


async def test_what_stood_still_is_sent_again_once_and_then_left_for_a_while(market: Market) -> None:
    await market.place()
    await market.run_sql(_STOOD_STILL)
    await market.until("SELECT 1 FROM saga WHERE resent = 1")
    assert await sweep(market) == 0
    (saga,) = await market.rows(_WAIT)
    assert 10 < saga["wait_s"] <= 20
    first, again = await market.asked(HoldVoucher, count=2)
    assert first == again


async def test_what_was_refused_after_the_pivot_is_asked_again_soon_and_each_time_later(market: Market) -> None:
    order_id = await market.awaiting()
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    no = Refused(code="voucher.not_committed", kind="state", article="A20", detail="")
    waits: list[float] = []
    for times in (1, 2, 3):
        await market.reply(order_id, 2, no)
        (saga,) = await market.rows(_WAIT)
        waits.append(saga["wait_s"])
        # The sweeper's round is every 2 s; no time but the machine's passes here.
        await market.until(f"SELECT 1 FROM saga WHERE resent = {times}")  # noqa: S608 - a number of our own
    assert [0 < wait_s <= most_s for wait_s, most_s in zip(waits, (1, 2, 4), strict=True)] == [True] * 3
    assert waits[2] > 2
    assert len(await market.asked(CommitVoucher, count=4)) == 4
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    assert await market.saga_state(order_id) == "committed"


async def test_a_round_that_sends_again_is_never_full_so_that_a_loaded_platform_is_not_asked_without_end(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.place()
    monkeypatch.setattr(sagas, "SWEEP_MAX", 1)
    monkeypatch.setattr(timeouts, "SWEEP_MAX", 1)
    async with market.platform.runtime("order").work() as work:
        await work.connection.execute(_STOOD_STILL)
        assert await sweep_sagas(work) == 0
    (saga,) = await market.rows(_WAIT)
    assert saga["resent"] == 1


async def test_the_table_refuses_a_pending_saga_without_a_time(market: Market) -> None:
    await market.place()
    with pytest.raises(asyncpg.CheckViolationError, match="under_way_is_looked_at"):
        await market.run_sql("UPDATE saga SET resend_at = NULL")
