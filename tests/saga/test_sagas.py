"""Each saga over all services: killed after every commit, every message twice, late and out of order; then at rest."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.runtime.messaging.routing import read_batch
from tests.factories.world import SERVICES, World, ended, open_world
from tests.saga.checks import assert_quiet
from tests.saga.crashes import Crash
from tests.saga.faulty_exchange import RecordingExchange

Databases = Mapping[str, str]
COMMITS_MAX = 60
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STRIDE = 1 if LONG else 3
GRANTED_FEN = 50_000


@dataclass(frozen=True, slots=True)
class Story:
    """A saga as people begin it: what is there before, what they do, and what the order has become at rest."""

    prepare: Callable[[World], Awaitable[UUID]]
    act: Callable[[World, UUID], Awaitable[object]]
    states: Sequence[str]


async def _nothing(world: World) -> UUID:
    return world.enterprise_id


async def _awaiting(world: World) -> UUID:
    return await world.awaiting(1_000, 500)


async def _placed(world: World) -> UUID:
    return await world.placed(1_000, 500)


async def _confirmed(world: World) -> UUID:
    return await world.confirmed(1_000, 500)


async def _requested(world: World) -> UUID:
    order_id = await _confirmed(world)
    assert (await world.request_refund(order_id, 1)).is_success
    return order_id


async def _drafted(world: World) -> UUID:
    claim_id = await world.draft(await _confirmed(world))
    assert claim_id is not None
    return claim_id


async def _claimed(world: World) -> UUID:
    return await world.claimed(await _confirmed(world))


async def _appropriated(world: World) -> UUID:
    appropriation_id, _ = await world.approved(await _claimed(world), short_fen=7)
    return appropriation_id


async def _place(world: World, subject: UUID) -> None:
    await world.place(700, 300, key=subject.hex)


async def _place_too_much(world: World, subject: UUID) -> None:
    await world.place(4_000, 8_000, 12_000, 16_000, 20_000, key=subject.hex)


async def _ask_refund_and_submit(world: World, subject: UUID) -> None:
    # Settlement has not heard of the refund when the claim is filed; the order row knows.
    for order_id in await world.items(subject, "draft"):
        await world.request_refund(order_id, 1)
    await world.submit(subject)


async def _pay(world: World, subject: UUID) -> None:
    await world.pay(subject, amount_fen=1_493)


async def _reject(world: World, subject: UUID) -> None:
    await world.reviewed(subject, passed=False)


async def _time_out(world: World, subject: UUID) -> None:
    del subject
    await world.pass_days(16)


async def _end_year(world: World, subject: UUID) -> None:
    del subject
    await world.end_year()


STORIES = {
    "purchase": Story(_nothing, _place, ["awaiting_confirmation"]),
    "purchase refused": Story(_nothing, _place_too_much, ["refused"]),
    "confirmation": Story(_awaiting, World.confirm, ["confirmed"]),
    "cancel before hold": Story(_placed, World.cancel, ["cancelled"]),
    "cancel after hold": Story(_awaiting, World.cancel, ["cancelled"]),
    "refund": Story(_requested, World.consent, ["confirmed"]),
    "claim": Story(_drafted, World.submit, ["claimed"]),
    "claim refused": Story(_drafted, _ask_refund_and_submit, ["confirmed"]),
    "withdraw": Story(_claimed, World.withdraw, ["confirmed"]),
    "reject": Story(_claimed, _reject, ["confirmed"]),
    "redeem": Story(_appropriated, _pay, ["redeemed"]),
    "time-out": Story(_awaiting, _time_out, ["cancelled"]),
    "year end": Story(_awaiting, _end_year, ["cancelled"]),
}


async def order_states(world: World) -> list[str]:
    """The states of this enterprise's orders."""
    async with world.platform.runtime("order").reading() as connection:
        rows = await connection.fetch("SELECT state FROM cloud_order WHERE enterprise_id = $1", world.enterprise_id)
    return [row["state"] for row in rows]


@dataclass(frozen=True, slots=True)
class Survivor:
    """What outlives a kill: the databases."""

    databases: Databases

    async def run(self, story: Story, *, after: int) -> bool:
        """One life: finish what the last one left, then a story up to a kill after its n-th commit; whether it died."""
        async with open_world(self.databases) as world:
            await world.join_year(granted_fen=GRANTED_FEN)
            subject = await story.prepare(world)
            await world.platform.settle()
            crash = Crash(after)
            crash.install(world.platform)
            crash.armed = True
            acting = asyncio.create_task(_act_and_rest(world, story, subject))
            dying = asyncio.create_task(crash.happened.wait())
            await asyncio.wait({acting, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not crash.happened.is_set():
                await acting
            await ended(acting)
            await ended(dying)
        await self._finish(world, story, subject)
        return crash.happened.is_set()

    async def _finish(self, before: World, story: Story, subject: UUID) -> None:
        async with open_world(self.databases) as world:
            world.year, world.plan_id, world.enterprise_id = before.year, before.plan_id, before.enterprise_id
            world.provider_id, world.product_id, world.log = before.provider_id, before.product_id, before.log
            # Whoever got no answer asks again; an act is keyed by its subject, or refused the second time.
            await story.act(world, subject)
            await assert_quiet(world)
            assert await order_states(world) == story.states


async def _act_and_rest(world: World, story: Story, subject: UUID) -> None:
    await story.act(world, subject)
    await world.rest()


@pytest.mark.timeout(0 if LONG else 170)
@pytest.mark.parametrize("name", STORIES)
async def test_a_kill_after_any_commit_of_a_saga_leaves_it_to_finish_as_if_nothing_had_happened(
    databases: Databases, name: str
) -> None:
    survivor = Survivor(databases)
    # A long run kills after every commit; a short one takes every third, beginning elsewhere for each story.
    after = 1 if LONG else 1 + list(STORIES).index(name) % STRIDE
    lives = 1
    while await survivor.run(STORIES[name], after=after):
        after += STRIDE
        lives += 1
        assert after < COMMITS_MAX
    assert lives > 1, "the saga was killed at least once"


@pytest.mark.timeout(170)
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_command_and_reply_may_come_again_late_and_in_any_order_after_the_saga_has_ended(
    databases: Databases, seed: int
) -> None:
    exchange = RecordingExchange([service.wiring() for service in SERVICES])
    chance = random.Random(seed)  # noqa: S311 - the order is to be repeatable, not secret
    async with open_world(databases, exchange=exchange) as world:
        for name, story in STORIES.items():
            exchange.recorded.clear()
            await world.join_year(granted_fen=GRANTED_FEN)
            await story.act(world, await story.prepare(world))
            await world.rest()
            assert await order_states(world) == story.states, name
            again = [(envelope, event) for envelope in exchange.recorded for event in read_batch(envelope.body)]
            chance.shuffle(again)
            for envelope, event in again:
                # A fresh id: the inbox does not know it, so only the business keys keep the effect single.
                copy = msgspec.structs.replace(event, id=uuid4())
                await world.platform.publish(envelope.producer, envelope.routing_key, [copy])
            await world.rest()
            assert await order_states(world) == story.states, name
        await assert_quiet(world)
