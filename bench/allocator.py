"""The allocator by itself: tickets are there already, one process decides them in batches."""

import gc
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.audit import proof_of
from bench.processes import find_service, make_databases, open_postgres, scratch_folder, settings_values
from bench.report import Figure, Report, at_least, at_most
from bench.seed import CAP_FEN, REGIONS, Money, fund, new_id, plan_year, population
from services.voucher.handlers.allocation import allocate_batch
from services.voucher.store.leases import acquire_lease
from shared.contracts.policy import PolicyPack, load_pack
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.database.sql import create_pool, create_read_pool
from shared.runtime.service.runtime import Runtime

TICKETS = 60_000
ASKED_FEN = CAP_FEN // 2
GC_THRESHOLDS = (50_000, 20, 50)
FUNDED_SHARE = 0.7
"""Where the money ends: the last decisions are about waiting, and one grant is cut."""

_COLUMNS = (
    *("id", "plan_id", "year", "ticket_no", "enterprise_id", "region", "listed", "requested_fen", "state"),
    *("declaration_version", "account_id", "pack_version", "request_hash", "receipt_kid", "receipt_signature"),
    *("received_at",),
)


async def measure(report: Report, *, tickets: int = TICKETS) -> None:
    """Decide `tickets` tickets of different enterprises. Raises: RuntimeError when the money does not add up."""
    total_fen = int(tickets * FUNDED_SHARE) * ASKED_FEN + ASKED_FEN // 3
    with scratch_folder() as folder, open_postgres(folder) as server:
        databases = await make_databases(server, ["voucher"])
        dsn = databases["voucher"]
        plan_id = new_id()
        money = Money(plan_id=plan_id, total_fen=total_fen, grant_fen=0)
        await fund(dsn, population(enterprises=0, providers=0), money)
        await _queue(dsn, plan_id, tickets=tickets)
        took_s = await _decide(dsn, plan_id, folder=folder)
        await _check(dsn, plan_id, tickets=tickets)
    report.add(Figure("allocator alone", "decisions/s", tickets / took_s, at_least(20_000)))
    report.add(Figure("allocator alone: audit violations", "", 0.0, at_most(0)))


async def _queue(dsn: str, plan_id: UUID, *, tickets: int) -> None:
    now, year = datetime.now(UTC), plan_year()
    connection = await asyncpg.connect(dsn)
    await connection.copy_records_to_table(
        "application",
        records=(
            (
                *(new_id(), plan_id, year, number, new_id(), REGIONS[0], False, ASKED_FEN, "queued"),
                *("1.0.0", plan_id, "bench", b"", "bench", b"", now),
            )
            for number in range(1, tickets + 1)
        ),
        columns=_COLUMNS,
    )
    await connection.execute("UPDATE intake_counter SET last_ticket_no = $2 WHERE plan_id = $1", plan_id, tickets)
    await connection.execute("ANALYZE")
    await connection.close()


async def _decide(dsn: str, plan_id: UUID, *, folder: Path) -> float:
    """Seconds until no ticket is left."""
    service = find_service("voucher")
    values = settings_values(service, dsn=dsn, folder=folder)
    settings = service.settings(**values)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(dsn, size_max=2, application="bench"))
        reads = await create_read_pool(dsn, size_max=2, reports_max=1, application="bench")
        stack.push_async_callback(reads.pool.close)
        runtime = Runtime(service, settings, pool=pool, reads=reads, bus=MemoryBus(MemoryExchange([])))
        file = settings.policy_file
        runtime.ports.add(PolicyPack, load_pack(file.read_text(encoding="utf-8"), name=file.name))
        # As the host does in every service.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        began = time.perf_counter()
        decided = 1
        while decided:
            async with runtime.work() as work:
                epoch = await acquire_lease(work, plan_id, owner=runtime.owner)
                decided = await allocate_batch(work, plan_id, epoch=epoch) if epoch is not None else 0
        return time.perf_counter() - began


async def _check(dsn: str, plan_id: UUID, *, tickets: int) -> None:
    connection = await asyncpg.connect(dsn)
    found = await proof_of(connection)
    row = await connection.fetchrow(
        "SELECT p.decided_to, p.left_fen, (SELECT count(*) FROM allocation a WHERE a.plan_id = p.id) AS decisions,"
        " (SELECT count(DISTINCT decision_no) FROM allocation a WHERE a.plan_id = p.id) AS numbers"
        " FROM plan p WHERE p.id = $1",
        plan_id,
    )
    await connection.close()
    if row["decided_to"] != tickets or row["decisions"] != tickets or row["numbers"] != tickets:
        found.append(f"{tickets} tickets, decided to {row['decided_to']} by {row['decisions']} decisions")
    if row["left_fen"] != 0:
        found.append(f"{row['left_fen']} fen are left beside a waiting list")
    if found:
        raise RuntimeError(f"the allocator's run does not count: {'; '.join(found)}")
