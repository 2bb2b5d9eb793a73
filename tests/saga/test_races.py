"""Two at once on one order, one account and one budget, with every service running: exactly one wins each time."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import pytest

from tests.factories.world import World, open_world
from tests.saga.checks import assert_quiet

Databases = Mapping[str, str]
PAIRS = 200
PAIRS_AT_ONCE = 25
SHARE_FEN = 10


@pytest.mark.requirement("R72")
async def test_of_two_hundred_cancels_and_confirmations_at_once_exactly_one_wins_each(databases: Databases) -> None:
    winners: Counter[str] = Counter()
    async with open_world(databases) as world:
        await world.join_year(granted_fen=PAIRS * SHARE_FEN)
        for turn in range(PAIRS // PAIRS_AT_ONCE):
            orders = await asyncio.gather(*(world.awaiting(SHARE_FEN) for _ in range(PAIRS_AT_ONCE)))
            won = await asyncio.gather(
                *(_race(world, order_id, late_s=place % 5 / 500, cancel_first=(turn + place) % 2 == 0)
                  for place, order_id in enumerate(orders))
            )  # fmt: skip
            winners.update(won)
        await assert_quiet(world)
        async with world.platform.runtime("order").reading() as connection:
            rows = await connection.fetch(
                "SELECT state, count(*) AS orders FROM cloud_order WHERE enterprise_id = $1 GROUP BY state",
                world.enterprise_id,
            )
    assert {row["state"]: row["orders"] for row in rows} == dict(winners)
    assert winners["cancelled"] + winners["confirmed"] == PAIRS
    assert min(winners.values()) > 0, "the interleavings let each of them win"


async def _race(world: World, order_id: UUID, *, late_s: float, cancel_first: bool) -> str:
    async def later(act: object) -> object:
        await asyncio.sleep(late_s)
        return await act(order_id)  # type: ignore[operator] # one of the two acts

    first, second = (world.cancel, world.confirm) if cancel_first else (world.confirm, world.cancel)
    one, other = await asyncio.gather(first(order_id), later(second))
    cancelled, confirmed = (one, other) if cancel_first else (other, one)
    statuses = (cancelled.status_code, confirmed.status_code)  # type: ignore[attr-defined]
    assert statuses in {(200, 409), (409, 200)}, statuses
    loser = confirmed if statuses[0] == 200 else cancelled
    named = {"order.already_cancelled", "order.already_confirmed"}
    assert loser.json()["code"] in named  # type: ignore[attr-defined]
    return "cancelled" if statuses[0] == 200 else "confirmed"


@pytest.mark.requirement("R74")
async def test_of_a_refund_and_a_claim_at_once_one_wins_and_the_money_goes_one_way(databases: Databases) -> None:
    async with open_world(databases) as world:
        await world.join_year(granted_fen=1_000)
        orders = [await world.confirmed(SHARE_FEN) for _ in range(6)]
        claims = [await world.draft(order_id) for order_id in orders]

        async def refund(order_id: UUID) -> None:
            if (await world.request_refund(order_id, 1)).is_success:
                assert (await world.consent(order_id)).status_code == 200

        for order_id, claim_id in zip(orders, claims, strict=True):
            assert claim_id is not None
            await asyncio.gather(refund(order_id), world.submit(claim_id))
        await assert_quiet(world)
        async with world.platform.runtime("order").reading() as connection:
            rows = await connection.fetch("SELECT state FROM cloud_order WHERE id = ANY($1::uuid[])", orders)
    assert {row["state"] for row in rows} <= {"refunded", "claimed"}


@pytest.mark.requirement("R67")
async def test_orders_that_race_for_the_last_of_an_account_never_hold_more_than_it_has(databases: Databases) -> None:
    async with open_world(databases) as world:
        await world.join_year(granted_fen=7_000)
        placed = await asyncio.gather(*(world.placed(1_000) for _ in range(12)))
        await assert_quiet(world)
        async with world.platform.runtime("order").reading() as connection:
            rows = await connection.fetch("SELECT state FROM cloud_order WHERE id = ANY($1::uuid[])", placed)
    assert Counter(row["state"] for row in rows) == {"awaiting_confirmation": 7, "refused": 5}


@pytest.mark.requirement("R25")
async def test_enterprises_that_race_for_the_last_of_a_budget_get_it_in_the_order_of_their_tickets(
    databases: Databases,
) -> None:
    async with open_world(databases) as world:
        await world.begin_year(granted_fen=5_000_000)
        applied = []
        for _ in range(4):
            await world.new_parties(granted_fen=0)
            applied.append(asyncio.create_task(world.apply(2_000_000)))
            await applied[-1]
        await assert_quiet(world)
        async with world.platform.runtime("voucher").reading() as connection:
            rows = await connection.fetch(
                "SELECT earmarked_fen, waiting_fen FROM application WHERE plan_id = $1 ORDER BY ticket_no",
                world.plan_id,
            )
    # 10 million less 5 million granted: two whole requests, half of the third, and the fourth waits.
    asked = [(row["earmarked_fen"], row["waiting_fen"]) for row in rows[1:]]
    assert asked == [(2_000_000, 0), (2_000_000, 0), (1_000_000, 1_000_000), (0, 2_000_000)]
