"""/metrics shows what operators must see, from bounded statements that run only when somebody asks."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.voucher.metrics import CHECKS, audit_ledger
from shared.contracts.permissions import Role
from shared.runtime.observability.metrics import METRICS
from shared.runtime.operator import dead_letters
from shared.runtime.service import gauges
from shared.runtime.service.gauges import RUNTIME_QUERIES, UNREADABLE, Parameter, Sampler
from tests.factories.world import SERVICES, World, open_world

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(world: World) -> Samples:
    """Everything /metrics says, read by Prometheus's own parser."""
    answer = await world.platform.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[name, frozenset(labels.items())]


@pytest.fixture(autouse=True)
def _every_scrape_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "KEEP_S", 0.0)


async def test_a_purchase_is_seen_in_rates_errors_durations_and_flows(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        order_id = await world.awaiting(1_000)
        assert (await world.send(f"order/orders/{uuid4()}/cancel", Role.ENTERPRISE)).status_code == 404
        assert (await world.platform.client.get("/api/order/v1/nowhere")).status_code == 404
        assert (await world.platform.client.get("/nowhere")).status_code == 404
        read = {"service": "order", "organisation_id": world.enterprise_id}
        headers = world.platform.headers(Role.ENTERPRISE, **read)
        assert (await world.platform.client.get(f"/api/order/v1/orders/{order_id}", headers=headers)).status_code == 200
        await world.platform.settle()
        seen = await scrape(world)
    parameter = {
        (labels["route"], labels["method"], labels["status"])
        for name, given in seen
        if name == "yunquan_http_requests_total" and (labels := dict(given))["service"] == "order"
    }
    assert parameter == {
        ("/api/order/v1/orders", "POST", "201"),
        ("/api/order/v1/orders/{order_id}/cancel", "POST", "404"),
        ("/api/order/v1/orders/{order_id}", "GET", "200"),
        ("none", "GET", "404"),
    }
    route = {"service": "order", "route": "/api/order/v1/orders", "method": "POST"}
    assert value(seen, "yunquan_http_request_duration_seconds_bucket", **route, le="+Inf") == 1
    assert value(seen, "yunquan_http_request_duration_seconds_sum", **route) > 0
    assert value(seen, "yunquan_consumed_events_total", service="voucher", outcome="applied") >= 3
    assert value(seen, "yunquan_published_events_total", service="order") >= 3
    assert value(seen, "yunquan_transactions_total", service="order", outcome="commit") >= 2
    assert value(seen, "yunquan_outbox_rows", service="order", partition="facts") == 0
    assert value(seen, "yunquan_relay_lease_held", service="order", partition="commands") == 1
    assert value(seen, "yunquan_ready", service="order") == 1
    assert abs(value(seen, "yunquan_clock_skew_seconds", service="order")) < 1
    assert value(seen, "yunquan_sample_failures_total", service="order") == 0
    assert not any(name == "yunquan_not_ready" for name, _ in seen)
    assert value(seen, "process_resident_memory_bytes") > 0


async def test_every_service_shows_every_metric_that_it_declares(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        for _ in range(100):
            seen = await scrape(world)
            if ("yunquan_audit_age_seconds", frozenset({("service", "voucher")})) in seen:
                break
            await asyncio.sleep(0.05)
        failed = {name: value(seen, "yunquan_sample_failures_total", service=name) for name in databases}
    assert not any(failed.values()), failed
    shown = {(dict(labels).get("service"), name) for name, labels in seen}
    for service in SERVICES:
        gauge_queries = [
            gauge.name for gauge_query in (*RUNTIME_QUERIES, *service.gauge_queries) for gauge in gauge_query.gauges
        ]
        audited = [gauge.name for audit in service.audits for gauge in audit.gauges]
        # These appear with the first event of their kind.
        seldom = {"yunquan_sagas", "yunquan_not_ready", "yunquan_job_last_success_timestamp_seconds"}
        seldom |= {"yunquan_http_denials_total"}
        seldom |= {"yunquan_job_failures_total", "yunquan_http_requests_total", "yunquan_http_request_duration_seconds"}
        seldom |= set() if service.audits else {"yunquan_audit_age_seconds"}
        assert {(service.name, name) for name in {*gauge_queries, *audited, *METRICS} - seldom} <= shown
    for check in CHECKS:
        assert value(seen, "yunquan_ledger_imbalance_fen", service="voucher", check=check) == 0
        assert value(seen, "yunquan_invariant_violations", service="voucher", invariant=check) == 0


async def a_receiver(
    connection: asyncpg.Connection,
    *,
    state: str,
    due_s: float,
    failing_since: datetime | None = None,
    flagged_at: datetime | None = None,
    paused_until: datetime | None = None,
) -> None:
    """A webhook endpoint with one delivery that was due so long ago; its lane is somebody else's."""
    endpoint_id = uuid4()
    await connection.execute(
        "INSERT INTO webhook_host VALUES ($1, $1, 'h', 'approved', '', now(), now(), $1, 1)", endpoint_id
    )
    await connection.execute(
        "INSERT INTO webhook_endpoint (id, provider_id, url, host, types, ordering, state, disabled_reason, version,"
        " made_at, position, failing_since, flagged_at, paused_until, lane_owner, lane_until)"
        " VALUES ($1, $1, 'https://h', 'h', '{}', 'none', $2, $3, 1, now(), 0, $4, $5, $6, 'away', 'infinity')",
        endpoint_id,
        state,
        "" if state == "active" else "owner",
        failing_since,
        flagged_at,
        paused_until,
    )
    await connection.execute(
        "INSERT INTO webhook_delivery (id, endpoint_id, provider_id, event_id, type, cause, state, made_at, due_at)"
        " VALUES ($1, $1, $1, $1, 'webhook.test', 'test', 'pending', now(), clock_timestamp() - $2::interval)",
        endpoint_id,
        timedelta(seconds=due_s),
    )


async def test_whatever_waits_or_went_wrong_is_counted_with_its_age(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        order, voucher, settlement = (world.platform.runtime(name) for name in ("order", "voucher", "settlement"))
        now = order.clock.now()
        long_ago = order.clock.machine_now() - timedelta(hours=1)
        event = b'{"specversion":"1.0","type":"a.b.v1","time":"%s"}' % (now - timedelta(minutes=5)).isoformat().encode()
        async with order.pool.acquire() as connection:
            # Nobody serves partition 9; moved to facts, a row waits as long as the relay's lease is somebody else's.
            await connection.execute("UPDATE relay_partition SET owner = 'away', epoch = epoch + 1, until = 'infinity'")
            await connection.execute("INSERT INTO outbox (partition, routing_key, body) VALUES (1, 'x.y.0', $1)", event)
            await connection.execute("INSERT INTO parked VALUES ('x.y', $1, 2, '', $2)", uuid4(), long_ago)
            for kind in ("x", UNREADABLE):
                await connection.execute("INSERT INTO dead_letter VALUES ($1, $2, '', 1, 'because')", uuid4(), kind)
            await connection.execute("INSERT INTO retry VALUES ($1, '', 1, 'because', 'infinity')", uuid4())
            await connection.execute(
                "INSERT INTO saga (id, kind, order_id, state, number, pending_name, pending, version, started_at,"
                " moved_at, resend_at) VALUES ($1, 'purchase', $1, 'holding', 1, 'x', '', 1, $2, $2, 'infinity')",
                uuid4(),
                long_ago,
            )
            await a_receiver(connection, state="active", due_s=300.0)
            await a_receiver(connection, state="active", due_s=3_600.0, failing_since=long_ago)
            await a_receiver(connection, state="active", due_s=3_600.0, failing_since=long_ago, flagged_at=long_ago)
            await a_receiver(connection, state="active", due_s=3_600.0, paused_until=long_ago + timedelta(days=1))
            await a_receiver(connection, state="disabled", due_s=3_600.0)
            await a_receiver(connection, state="deleted", due_s=3_600.0)
        async with voucher.pool.acquire() as connection:
            # A ticket in the counter that nobody ever wrote: the allocator waits for it.
            await connection.execute("UPDATE plan SET decided_to = decided_to - 1")
            await connection.execute("UPDATE allocator_lease SET owner = 'away', until = 'infinity'")
        async with settlement.pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO claim (id, provider_id, state, version, created_at, filed_at, window_closes_at,"
                " state_since) VALUES ($1, $1, 'accepted', 1, $2, $2, $2, $2)",
                uuid4(),
                now - timedelta(hours=1),
            )
        seen = await scrape(world)
    assert value(seen, "yunquan_outbox_rows", service="order", partition="facts") == 1
    assert 290 < value(seen, "yunquan_outbox_oldest_seconds", service="order", partition="facts") < 330
    assert value(seen, "yunquan_relay_lease_held", service="order", partition="facts") == 0
    assert value(seen, "yunquan_parked_events", service="order") == 1
    assert value(seen, "yunquan_parked_oldest_seconds", service="order") >= 3_590
    assert value(seen, "yunquan_dead_letters", service="order", kind="event") == 1
    assert value(seen, "yunquan_dead_letters", service="order", kind="envelope") == 1
    assert value(seen, "yunquan_retry_events", service="order") == 1
    assert value(seen, "yunquan_sagas", service="order", kind="purchase", state="holding") == 1
    assert value(seen, "yunquan_sagas_stuck", service="order", kind="purchase") == 1
    assert value(seen, "yunquan_sagas_stuck", service="order", kind="claim") == 0
    assert value(seen, "yunquan_saga_oldest_seconds", service="order", kind="purchase") >= 3_590
    assert value(seen, "yunquan_webhook_deliveries_waiting", service="order") == 6
    assert 290 < value(seen, "yunquan_webhook_oldest_seconds", service="order") < 330
    endpoints = {"well": 2, "failing": 1, "flagged": 1, "disabled": 1}
    for state, number in endpoints.items():
        assert value(seen, "yunquan_webhook_endpoints", service="order", state=state) == number
    assert value(seen, "yunquan_queue_tickets_waiting", service="voucher", year=str(now.year), state="undecided") == 1
    assert value(seen, "yunquan_decision_lag_seconds", service="voucher", year=str(now.year)) >= 0
    assert value(seen, "yunquan_windows_due", service="settlement") == 1
    assert value(seen, "yunquan_questions_overdue", service="settlement") == 0


def test_an_unreadable_envelope_is_known_by_the_type_under_which_it_is_kept() -> None:
    assert getattr(dead_letters, "UNREADABLE", UNREADABLE) == UNREADABLE


async def test_a_fen_that_is_nowhere_in_the_ledger_is_an_imbalance(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        async with world.platform.runtime("voucher").pool.acquire() as connection:
            await connection.execute("UPDATE quota_account SET available_fen = available_fen - 7")
        imbalance, violations = await audit_ledger(world.platform.runtime("voucher"))
    assert imbalance.values["account_balance_equals_postings",] == 7
    assert violations.values["account_balance_equals_postings",] == 1
    assert imbalance.values["line_flow",] == 0


async def test_whoever_asks_at_the_same_time_shares_one_sample_and_nobody_asking_means_no_statement(
    databases: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "KEEP_S", 5.0)
    async with open_world(databases) as world:
        runtime = world.platform.runtime("catalog")
        parameter: list[str] = []
        async with runtime.pool.acquire() as connection:
            connection.add_query_logger(lambda said: parameter.append(said.query))
            sampler = Sampler(_OneConnection(runtime, connection), (), service="catalog")
            samples = await asyncio.gather(*(sampler.sample() for _ in range(20)))
    assert all(sample is samples[0] for sample in samples)
    assert len([text for text in parameter if text.startswith("BEGIN READ ONLY; SET LOCAL statement_timeout")]) == len(
        RUNTIME_QUERIES
    )


class _OneConnection:
    """A runtime whose pool is one connection."""

    def __init__(self, runtime: object, connection: object) -> None:
        self.clock = runtime.clock  # type: ignore[attr-defined]
        self.owner = "catalog-0"
        self.pool = self
        self._connection = connection

    async def acquire(self, *, timeout: float) -> object:  # noqa: ASYNC109 - the pool's own form
        """The connection."""
        del timeout
        return self._connection

    async def release(self, connection: object) -> None:
        """Keep it."""


async def test_a_gauge_that_cannot_be_read_is_missing_and_the_others_are_there(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        async with world.platform.runtime("catalog").pool.acquire() as connection:
            await connection.execute("ALTER TABLE parked RENAME TO parked_away")
        seen = await scrape(world)
        async with world.platform.runtime("catalog").pool.acquire() as connection:
            await connection.execute("ALTER TABLE parked_away RENAME TO parked")
    assert ("yunquan_parked_events", frozenset({("service", "catalog")})) not in seen
    assert value(seen, "yunquan_outbox_rows", service="catalog", partition="facts") == 0
    assert value(seen, "yunquan_sample_failures_total", service="catalog") >= 1


_GROWING = ("outbox", "timer", "saga", "application", "claim", "question", "fact", "inbox", "posting", "cloud_order")


async def test_no_gauge_reads_a_growing_table_from_end_to_end(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        for service in SERVICES:
            runtime = world.platform.runtime(service.name)
            async with runtime.pool.acquire() as connection, connection.transaction():
                # With rows for the planner to see, and no wish to read an empty table from end to end.
                await connection.execute("SET LOCAL enable_seqscan = off")
                for gauge_query in (*RUNTIME_QUERIES, *service.gauge_queries):
                    known = {Parameter.NOW: runtime.clock.now(), Parameter.OWNER: runtime.owner}
                    rows = await connection.fetch(
                        "EXPLAIN " + gauge_query.sql, *(known[parameter] for parameter in gauge_query.parameters)
                    )
                    plan = "\n".join(row[0] for row in rows)
                    for table in _GROWING:
                        assert f"Seq Scan on {table} " not in plan, plan
