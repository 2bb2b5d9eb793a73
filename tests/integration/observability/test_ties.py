"""A request that moves what another trace began is tied to that trace, each to its own, by a read after the commit."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from unittest.mock import Mock
from uuid import UUID, uuid4

import msgspec
import pytest
from asyncpg.connection import LoggedQuery

from shared.contracts.permissions import Role
from shared.runtime.service.runtime import Runtime
from shared.runtime.tracing import span_links
from tests.factories.world import World, a_product, open_world
from tests.integration.observability.conftest import Receiver, a_traceparent
from tests.integration.observability.test_traces import awaiting, place_traced

PURCHASES = 8
ABOUT_TYPES = ("pg_catalog", "current_setting('jit')")
CONFIRM = "POST /api/order/v1/orders/{order_id}/confirm"


async def confirm_traced(world: World, confirmations: Mapping[UUID, str]) -> None:
    """Confirm orders at the same moment, each with a trace of its own."""
    client = world.platform.client

    async def confirm(order_id: UUID, traceparent: str) -> None:
        headers = world.platform.headers(Role.PROVIDER, service="order", organisation_id=world.provider_id)
        headers |= {"traceparent": traceparent}
        answer = await client.post(f"/api/order/v1/orders/{order_id}/confirm", json={}, headers=headers)
        assert answer.status_code == 200, answer.text

    await asyncio.gather(*(confirm(*one) for one in confirmations.items()))
    await world.platform.settle()


async def test_confirmations_that_share_a_transaction_are_tied_each_to_its_own_purchase(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    bought = [a_traceparent() for _ in range(PURCHASES)]
    async with open_world(databases) as world:
        await world.begin_year()
        orders = await place_traced(world, *bought)
        await awaiting(world, orders)
        confirmed = {order_id: a_traceparent() for order_id in orders}
        before = world.platform.runtime("order").counts["commits"]
        await confirm_traced(world, confirmed)
        replies = len(orders)
        assert world.platform.runtime("order").counts["commits"] - before < len(orders) + replies, "calls were gathered"
    tied = {(span.trace_id, trace_id) for span in receiver.spans if span.name == CONFIRM for trace_id, _ in span.links}
    wanted = {(later[3:35], earlier[3:35]) for earlier, later in zip(bought, confirmed.values(), strict=True)}
    assert tied == wanted
    forward = {
        (trace_id, span.trace_id)
        for span in receiver.spans
        if span.name == "continued by order.confirmed.v1"
        for trace_id, _ in span.links
    }
    assert forward == wanted


async def statements_of(runtime: Runtime, product_id: UUID, *, version: int, traceparent: str) -> list[str]:
    """Say one fact as a request does; what the database was asked for it."""
    asked: list[str] = []

    def heard(said: LoggedQuery) -> None:
        # What a new connection asks about types, and what others ask of it later, are not this request's.
        own = "COMMIT" not in asked or said.query == span_links._EARLIER
        if own and not any(word in said.query for word in ABOUT_TYPES):
            asked.append(said.query)

    async with runtime.work(traceparent=traceparent) as work:
        work.connection.raw.add_query_logger(heard)
        fact = a_product(product_id, provider_id=uuid4())
        work.emit(msgspec.structs.replace(fact, version=version, effective_at=datetime.now().astimezone()))
    return [*asked]


async def test_looking_back_is_one_read_after_the_commit_and_nothing_where_nobody_traces(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    first, second, product_id = a_traceparent(), a_traceparent(), uuid4()
    async with open_world(databases) as world:
        runtime = world.platform.runtime("catalog")
        begun = await statements_of(runtime, product_id, version=1, traceparent=first)
        continued = await statements_of(runtime, product_id, version=2, traceparent=second)
        runtime.tracing = None
        untraced = await statements_of(runtime, product_id, version=3, traceparent=second)
    assert len(begun) == 2, begun
    assert untraced == begun, "a first fact has nothing before it, and without a tracer nobody asks"
    assert continued == [*begun, span_links._EARLIER], "the very statement of a first fact, and one behind the commit"
    (forward,) = [span for span in receiver.of_trace(first[3:35]) if span.links]
    assert forward.links == ((second[3:35], second[36:52]),)


async def test_a_look_back_that_fails_undoes_nothing_and_is_logged(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    product_id = uuid4()
    async with open_world(databases) as world:
        runtime = world.platform.runtime("catalog")
        await statements_of(runtime, product_id, version=1, traceparent=a_traceparent())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(span_links, "_EARLIER", "SELECT nothing")
            patch.setattr(span_links, "log", told := Mock())
            await statements_of(runtime, product_id, version=2, traceparent=a_traceparent())
        async with runtime.reading() as connection:
            kept = await connection.fetchval("SELECT count(*) FROM fact WHERE aggregate_id = $1", product_id)
    assert kept == 2
    told.exception.assert_called_once_with("tracing.not_tied", facts=1)
    assert not [span for span in receiver.spans if span.links]


async def test_what_a_message_moves_is_not_tied_to_whoever_moved_it_before(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        for _ in range(2):
            await awaiting(world, await place_traced(world, a_traceparent()))
    tied = {(span.service, span.name) for span in receiver.spans if span.links}
    # A plan is drafted, approved and published by three requests; two purchases move one account by messages.
    assert tied
    assert {service for service, _ in tied} == {"voucher"}
    assert not any("quota" in name for _, name in tied)
