"""One allocator in office: stopped, replaced, resumed; batches that fail leave no trace."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from services.voucher.handlers.allocation import allocate_batch
from services.voucher.store.leases import acquire_lease
from services.voucher.store.queue import DECIDE_TICKETS
from tests.integration.voucher.conftest import Voucher

STOPPED, NEXT = "stopped-allocator", "next-allocator"


async def _office(voucher: Voucher, plan_id: UUID, owner: str, *, lease_s: float = 600.0) -> int | None:
    async with voucher.runtime.work() as work:
        return await acquire_lease(work, plan_id, owner=owner, lease_s=lease_s)


async def _expire(voucher: Voucher) -> None:
    async with voucher.runtime.work() as work:
        await work.connection.execute("UPDATE allocator_lease SET until = clock_timestamp() - interval '1 second'")


async def _apply(voucher: Voucher, plan_id: UUID, count: int, amount_fen: int) -> None:
    for _ in range(count):
        answer = await voucher.apply(plan_id, await voucher.enterprise(), amount_fen)
        assert answer.status_code == 201, answer.text


async def test_an_allocator_that_was_replaced_commits_nothing_when_it_resumes(voucher: Voucher) -> None:
    plan_id = await voucher.plan(1_000)
    first = await _office(voucher, plan_id, STOPPED)
    assert first is not None
    assert await _office(voucher, plan_id, NEXT) is None
    await _apply(voucher, plan_id, 6, 300)
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=first, limit=2) == 2
    await _expire(voucher)
    second = await _office(voucher, plan_id, NEXT)
    assert second == first + 1
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=first) == 0
    assert await voucher.value("SELECT decided_to FROM plan") == 2
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=second) == 4
    rows = await voucher.rows("SELECT earmarked_fen, waiting_fen FROM application ORDER BY ticket_no")
    assert [tuple(row) for row in rows] == [(300, 0), (300, 0), (300, 0), (100, 200), (0, 300), (0, 300)]
    assert await voucher.check_replay(plan_id) == 7


async def test_taking_over_waits_for_a_batch_under_way_and_goes_on_after_it(voucher: Voucher) -> None:
    plan_id = await voucher.plan(1_000)
    first = await _office(voucher, plan_id, STOPPED)
    assert first is not None
    await _apply(voucher, plan_id, 3, 300)
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=first, limit=2) == 2
        await _expire(voucher)
        taking = asyncio.create_task(_office(voucher, plan_id, NEXT))
        await asyncio.sleep(0.1)
        assert not taking.done()
    second = await taking
    assert second == first + 1
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=second) == 1
    assert await voucher.check_replay(plan_id) == 4


async def test_a_batch_that_dies_before_its_commit_is_decided_again_the_same(voucher: Voucher) -> None:
    plan_id = await voucher.plan(1_000)
    epoch = await _office(voucher, plan_id, STOPPED)
    assert epoch is not None
    await _apply(voucher, plan_id, 5, 300)

    async def die() -> None:
        async with voucher.runtime.work() as work:
            assert await allocate_batch(work, plan_id, epoch=epoch) == 5
            await work.flush()
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await die()
    assert await voucher.value("SELECT count(*) FROM posting WHERE movement = 'earmark'") == 0
    await _expire(voucher)
    await voucher.allocated()
    assert await voucher.check_replay(plan_id) == 6


async def test_two_allocators_at_once_decide_each_ticket_once(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000)
    epoch = await _office(voucher, plan_id, STOPPED)
    assert epoch is not None
    await _apply(voucher, plan_id, 20, 300)

    async def run() -> int:
        done = 0
        for _ in range(10):
            async with voucher.runtime.work() as work:
                done += await allocate_batch(work, plan_id, epoch=epoch, limit=3)
        return done

    assert sum(await asyncio.gather(run(), run())) == 20
    assert await voucher.check_replay(plan_id) == 21


async def test_a_waiting_list_longer_than_a_batch_is_never_overtaken_by_a_newcomer(voucher: Voucher) -> None:
    plan_id = await voucher.plan(100)
    epoch = await _office(voucher, plan_id, STOPPED)
    assert epoch is not None
    await _apply(voucher, plan_id, 6, 100)
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=epoch) == 6
    await _apply(voucher, plan_id, 1, 100)
    async with voucher.runtime.work() as work:
        await work.connection.execute(
            "INSERT INTO posting (id, business_key, plan_id, movement, debit_account, credit_account, amount_fen,"
            " reason, rule, pack_version, at)"
            " VALUES (gen_random_uuid(), 'more', $1, 'increase', 'total', 'left', 400, '', '', '', now())",
            plan_id,
        )
        await work.connection.execute("UPDATE plan SET total_fen = 500, left_fen = 400")
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=epoch, limit=3) == 3
    rows = await voucher.rows("SELECT state FROM application ORDER BY ticket_no")
    assert [row["state"] for row in rows] == ["earmarked"] * 4 + ["waiting", "waiting", "queued"]
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=epoch) == 2
    rows = await voucher.rows("SELECT state FROM application ORDER BY ticket_no")
    assert [row["state"] for row in rows] == ["earmarked"] * 5 + ["waiting", "waiting"]


@pytest.mark.requirement("R27")
async def test_a_batch_of_hundreds_is_told_ticket_by_ticket(voucher: Voucher) -> None:
    plan_id = await voucher.plan(60_000)
    await voucher.rows(
        "INSERT INTO application (id, plan_id, year, ticket_no, enterprise_id, region, listed, requested_fen, state,"
        " declaration_version, account_id, pack_version, request_hash, receipt_kid, receipt_signature, received_at)"
        " SELECT gen_random_uuid(), p.id, p.year, n, gen_random_uuid(), '520100', false, 300, 'queued', '1', p.id,"
        " '1', '', '', '', now() FROM plan p, generate_series(1, 300) n WHERE p.id = $1",
        plan_id,
    )
    await voucher.rows("UPDATE intake_counter SET last_ticket_no = 300 WHERE plan_id = $1", plan_id)
    epoch = await _office(voucher, plan_id, STOPPED)
    assert epoch is not None
    async with voucher.runtime.work() as work:
        assert await allocate_batch(work, plan_id, epoch=epoch) == 300
    told = "SELECT count(DISTINCT aggregate_id) FROM fact WHERE aggregate_type = 'application' AND version = 1"
    assert await voucher.value(told) == 300
    # 60,000 fen are 200 times 300; the other hundred wait.
    assert await voucher.value("SELECT count(*) FROM application WHERE state = 'earmarked' AND version = 1") == 200
    assert await voucher.value("SELECT count(*) FROM application WHERE state = 'waiting' AND waiting_fen = 300") == 100
    assert await voucher.value("SELECT count(DISTINCT recipient) FROM notice WHERE event LIKE 'application.%'") == 300
    assert await voucher.value("SELECT count(*) FROM posting WHERE movement = 'earmark'") == 200
    assert await voucher.value("SELECT left_fen FROM plan") == 0
    assert await voucher.check_replay(plan_id) == 301


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


@pytest.mark.parametrize("tickets", [0, 3])
async def test_the_statement_that_decides_looks_each_ticket_up_however_small_the_tables_were(
    voucher: Voucher, tickets: int
) -> None:
    # The plan that the first batch of an opening makes is kept while the queue grows to tens of thousands.
    await _apply(voucher, await voucher.plan(10_000_000), tickets, 300)
    async with voucher.runtime.work() as work:
        if tickets:
            await work.connection.execute("ANALYZE application, allocation")
        await work.connection.execute(f"PREPARE decide AS {DECIDE_TICKETS}")
        told = await work.connection.fetchval("EXPLAIN (FORMAT JSON) EXECUTE decide (NULL, 1, 2, 0, '', NULL)")
        await work.connection.execute("DEALLOCATE decide")
    for node in _nodes(json.loads(told)[0]["Plan"]):
        assert "Join Filter" not in node, node
        assert node["Node Type"] != "Seq Scan", node
