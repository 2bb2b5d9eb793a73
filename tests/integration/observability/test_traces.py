"""One purchase is one trace over every service that takes part, as a collector receives it."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.contracts.messages.base import Event
from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.runtime.tracing.spans import CLOSE_S
from shared.runtime.tracing.tracing import open_tracing
from tests.factories.harness import repository
from tests.factories.world import World, a_party, open_world
from tests.integration.observability.conftest import Receiver, a_traceparent, kinds


async def place_traced(world: World, *traceparents: str) -> list[UUID]:
    """One order for each traceparent, placed at the same moment."""
    client = world.platform.client

    async def place(traceparent: str) -> UUID:
        headers = world.platform.headers(
            Role.ENTERPRISE, service="order", organisation_id=world.enterprise_id, account_id=world.enterprise_id
        )
        headers |= {"traceparent": traceparent} if traceparent else {}
        answer = await client.post("/api/order/v1/orders", json=world.order_body([1_000]), headers=headers)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    return await asyncio.gather(*map(place, traceparents))


async def awaiting(world: World, order_ids: list[UUID]) -> None:
    """Wait until all these orders wait for their provider and every service knows."""
    asked = "SELECT count(*) = $2 FROM cloud_order WHERE id = ANY($1::uuid[]) AND state = 'awaiting_confirmation'"
    await world.until("order", asked, order_ids, len(order_ids))
    await world.platform.settle()


WANTED = {
    ("order", "server", "POST /api/order/v1/orders"),
    ("order", "producer", "publish voucher.hold.v1"),
    ("order", "producer", "publish order.placed.v1"),
    ("voucher", "consumer", "process voucher.hold.v1"),
    ("settlement", "consumer", "process order.placed.v1"),
    ("voucher", "producer", "publish voucher.held.v1"),
    ("order", "consumer", "process voucher.held.v1"),
    ("order", "producer", "publish order.awaiting_confirmation.v1"),
    ("settlement", "consumer", "process order.awaiting_confirmation.v1"),
}


async def test_one_purchase_is_one_trace_over_order_voucher_and_settlement(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    traceparent = a_traceparent()
    async with open_world(databases) as world:
        await world.begin_year()
        await awaiting(world, await place_traced(world, traceparent))
    spans = receiver.of_trace(traceparent[3:35])
    assert kinds(spans) >= WANTED
    by_id = {span.span_id: span for span in spans}
    (request,) = [span for span in spans if span.kind == "server"]
    assert request.parent_id == traceparent[36:52], "the caller's span is the parent"
    assert all(span.parent_id in by_id for span in spans if span is not request), "every span hangs on another"
    assert not any(span.failed for span in spans)
    (held,) = [span for span in spans if span.name == "process voucher.held.v1"]
    assert by_id[held.parent_id].name == "process voucher.hold.v1"


async def test_purchases_that_share_a_transaction_keep_traces_of_their_own(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    traceparents = [a_traceparent() for _ in range(8)]
    async with open_world(databases) as world:
        await world.begin_year()
        before = world.platform.runtime("order").counts["commits"]
        orders = await place_traced(world, *traceparents, "")
        assert world.platform.runtime("order").counts["commits"] - before < len(orders), "calls were gathered"
        await awaiting(world, orders)
    for traceparent in traceparents:
        spans = receiver.of_trace(traceparent[3:35])
        assert kinds(spans) >= WANTED
        assert [span.name for span in spans].count("process voucher.hold.v1") == 1


async def test_a_caller_who_samples_nothing_makes_no_spans_and_its_trace_is_passed_on(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    traceparent = a_traceparent(sampled=False)
    async with open_world(databases) as world:
        await world.begin_year()
        await awaiting(world, await place_traced(world, traceparent))
        bodies = await facts_of(world, "settlement", "voucher", "order")
    assert receiver.of_trace(traceparent[3:35]) == []
    assert any(traceparent[3:35].encode() in body for body in bodies)


async def facts_of(world: World, *services: str) -> list[bytes]:
    """The facts that services kept."""
    found: list[bytes] = []
    for service in services:
        async with world.platform.runtime(service).reading() as connection:
            found += [row["body"] for row in await connection.fetch("SELECT body FROM fact")]
    return found


async def test_without_a_collector_a_callers_trace_still_passes_through_each_fact_of_its_own(
    databases: Mapping[str, str],
) -> None:
    first, second = a_traceparent(), a_traceparent()
    async with open_world(databases) as world:
        assert all(runtime.tracing is None for runtime in world.platform.host.runtimes)
        await world.begin_year()
        orders = await place_traced(world, first, second, "", "x" * 55)
        await awaiting(world, orders)
        bodies = await facts_of(world, "order")
    for order_id, traceparent in zip(orders, (first, second, "", ""), strict=True):
        told = [body for body in bodies if f'"subject":"{order_id}"'.encode() in body]
        assert len(told) == 2, "placed and awaiting confirmation"
        assert all((f'"traceparent":"{traceparent}"'.encode() in body) == bool(traceparent) for body in told)
        assert all((b"traceparent" in body) == bool(traceparent) for body in told)


async def test_a_broken_purchase_shows_the_fault_by_name_alone(
    databases: Mapping[str, str], receiver: Receiver
) -> None:
    traceparent = a_traceparent()
    async with open_world(databases) as world:
        await world.begin_year()
        async with world.platform.runtime("voucher").pool.acquire() as connection:
            await connection.execute("ALTER TABLE hold RENAME TO hold_away")
        (order_id,) = await place_traced(world, traceparent)
        await world.until("voucher", "SELECT count(*) > 0 FROM retry")
        async with world.platform.runtime("voucher").pool.acquire() as connection:
            await connection.execute("ALTER TABLE hold_away RENAME TO hold")
        await awaiting(world, [order_id])
    failed = [span for span in receiver.of_trace(traceparent[3:35]) if span.failed]
    assert {(span.service, span.name) for span in failed} == {("voucher", "process voucher.hold.v1")}
    assert "UndefinedTableError" in failed[0].attributes["error.type"]


async def test_a_forged_traceparent_stops_nobody(databases: Mapping[str, str], receiver: Receiver) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        fact = OrganisationAuthenticated(version=1, organisation_id=uuid4(), party=a_party("enterprise"))
        event = Event(
            id=uuid4(),
            source="identity",
            type=fact.type_name(),
            subject=fact.organisation_id,
            time="",
            sequence=1,
            data=msgspec.Raw(msgspec.json.encode(fact)),
            aggregatetype="organisation",
            traceparent="00-" + "-" * 32 + "-b7ad6b7169203331-0x",
        )
        await world.platform.publish("identity", "identity.organisation.0", [event], mandatory=False)
        known = "SELECT count(*) = 1 FROM party WHERE organisation_id = $1"
        await world.until("order", known, fact.organisation_id)
        assert await world.platform.dead_letters() == []
    assert receiver.spans
    assert not [span for span in receiver.spans if str(event.id) in span.attributes.get("messaging.message.id", "")]


@pytest.mark.alone
def test_a_collector_that_never_answers_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        tracing = open_tracing("order", version="1")
        assert tracing is not None
        span = tracing.begin_request("GET", parent="")
        span.end(route="/x", method="GET", status=200)
        began = time.monotonic()
        tracing.close()
        assert time.monotonic() - began < CLOSE_S + 2


def test_a_process_without_a_collector_loads_no_tracer() -> None:
    asked = "import sys, services.order.service, services.voucher.service, shared.runtime.host.main;"
    # FastAPI loads the interfaces by itself; what costs memory is behind them.
    asked += "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", asked], cwd=repository(), check=False, timeout=60
    )
    assert ended.returncode == 0
