"""Multiplies the market: copies of its rows, by several processes, straight into the migrated tables.

A chunk of copies is one transaction in each database that also notes the chunk, so a fill that was stopped goes on.
Constraints and indexes stay as migrated; only foreign keys are not looked up, row by row, for what was copied whole.
"""

import asyncio
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path

import asyncpg

from bench.growth.template import SPREAD_S, TICK_S, Blank, Cut, Filled, Kind, Template

GROUP = 50
"""Copies that share their small providers; also the copies of one chunk."""
SETTINGS = ("autovacuum = off", "max_wal_size = '8GB'", "checkpoint_timeout = '1h'", "synchronous_commit = off",
            "maintenance_work_mem = '256MB'")  # fmt: skip
_NOTED = "CREATE TABLE IF NOT EXISTS growth_chunk (number integer PRIMARY KEY)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Copies from `first` to before `end`, spread evenly over the year, behind the last numbers of the market."""

    first: int
    end: int
    last: Mapping[str, int]

    def chunks(self) -> Sequence[tuple[int, int]]:
        """The copies of each chunk; a chunk never crosses a group."""
        bounds = [self.first, *range((self.first // GROUP + 1) * GROUP, self.end, GROUP), self.end]
        return [(low, high) for low, high in pairwise(bounds) if low < high]

    def slot(self, number: int) -> int:
        """How many ticks after the market a copy lived."""
        return int((number - self.first + 1) * SPREAD_S / TICK_S / (self.end - self.first + 1))


class Press:
    """The template of one service, set so that a copy is a few joins."""

    def __init__(self, template: Template, service: str) -> None:
        self._template = template
        self._blanks: dict[Blank, int] = {}
        self.cuts = [(cut, *self._set(cut)) for cut in template.cuts[service]]

    def _set(self, cut: Cut) -> tuple[list[bytes], Callable[[Sequence[bytes]], tuple[bytes, ...]]]:
        texts: list[bytes] = [b""]
        places: list[int] = []
        for part in cut.parts:
            if isinstance(part, bytes):
                texts[-1] += part
            else:
                places.append(self._blanks.setdefault(part, len(self._blanks)))
                texts.append(b"")
        parts = [b""] * (2 * len(texts) - 1)
        parts[0::2] = texts
        getter = itemgetter(*places)
        # With one place it gives the value itself.
        return parts, getter if len(places) > 1 else lambda values: (getter(values),)

    def print(self, stage: Stage, low: int, high: int) -> list[tuple[Cut, bytes]]:
        """The rows of the copies from `low` to before `high`."""
        copies = []
        group = (low // GROUP) * GROUP
        for number in range(low, high):
            one = Filled(self._template, number, slot=stage.slot(number), group=group, last=stage.last)
            copies.append([one.fill(blank) for blank in self._blanks])
        found = []
        for cut, parts, getter in self.cuts:
            # A group's first copy brings what the group shares; the market is the first of the first group.
            wanted = copies if cut.kind is Kind.COPY else copies[:1] if low == group else []
            rows = []
            for values in wanted:
                filled = parts[:]
                filled[1::2] = getter(values)
                rows.append(b"".join(filled))
            if rows:
                found.append((cut, b"".join(rows)))
        return found


_PRESSES: dict[tuple[Path, str], Press] = {}


def fill_chunk(file: Path, service: str, dsn: str, stage: Stage, copies: tuple[int, int]) -> None:
    """One chunk of one service, in a process of the pool, unless it is noted."""
    if (file, service) not in _PRESSES:
        _PRESSES[file, service] = Press(pickle.loads(file.read_bytes()), service)  # noqa: S301 - our own file
    asyncio.run(_write(_PRESSES[file, service], dsn, stage, *copies))


async def _write(press: Press, dsn: str, stage: Stage, low: int, high: int) -> None:
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        async with connection.transaction():
            # What is copied whole needs no look at what it points to.
            await connection.execute("SET LOCAL session_replication_role = replica")
            if await connection.fetchval("SELECT EXISTS (SELECT FROM growth_chunk WHERE number = $1)", low):
                return
            for cut, rows in press.print(stage, low, high):
                await connection.copy_to_table(cut.table, source=_Once(rows), columns=cut.columns, timeout=600)
            await connection.execute("INSERT INTO growth_chunk VALUES ($1)", low)
    finally:
        await connection.close()


class _Once:
    """Bytes as a source of COPY."""

    def __init__(self, rows: bytes) -> None:
        self._rows = [rows]

    def __aiter__(self) -> "_Once":
        return self

    async def __anext__(self) -> bytes:
        if not self._rows:
            raise StopAsyncIteration
        return self._rows.pop()


async def fill(  # noqa: PLR0913 - the parts of one fill
    template: Template,
    file: Path,
    databases: Mapping[str, str],
    stage: Stage,
    *,
    granted_fen: int,
    processes: int,
    told: Callable[[str], None],
) -> None:
    """Bring a stage into the databases (URLs of their administrator), then the plan's totals and statistics."""
    await asyncio.to_thread(file.write_bytes, pickle.dumps(template))
    for dsn in databases.values():
        await _execute(dsn, _NOTED)
    await _tune(next(iter(databases.values())))
    stopping = threading.Event()
    try:
        await asyncio.to_thread(_fill_all, file, databases, stage, processes, told, stopping)
    except asyncio.CancelledError:
        # The chunks under way are written whole; the others wait for the next time.
        stopping.set()
        raise
    await _count_on(databases["voucher"], template, stage, granted_fen=granted_fen)
    events = (stage.end - stage.first) * len(template.counters["event"])
    await _execute(databases["order"], f"UPDATE event_feed SET last_seq = last_seq + {events:d}")  # noqa: S608 - a number
    told("vacuum and statistics")
    limit = asyncio.Semaphore(processes)

    async def settle(dsn: str) -> None:
        async with limit:
            await _execute(dsn, "DROP TABLE growth_chunk", "VACUUM (ANALYZE)")

    await asyncio.gather(*(settle(dsn) for dsn in databases.values()))
    await _execute(next(iter(databases.values())), "CHECKPOINT")


def _fill_all(  # noqa: PLR0913, PLR0917 - as above
    file: Path,
    databases: Mapping[str, str],
    stage: Stage,
    processes: int,
    told: Callable[[str], None],
    stopping: threading.Event,
) -> None:
    chunks, began, done = stage.chunks(), time.monotonic(), 0
    total = len(chunks) * len(databases)
    if processes == 1:
        for chunk in chunks:
            for service, dsn in databases.items():
                fill_chunk(file, service, dsn, stage, chunk)
        _PRESSES.clear()
        return
    # A fork imports nothing anew; it has a loop and connections of its own.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
    try:
        waiting: set[Future[None]] = {
            pool.submit(fill_chunk, file, service, dsn, stage, chunk)
            for chunk in chunks
            for service, dsn in databases.items()
        }
        while waiting and not stopping.is_set():
            ended, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
            for one in ended:
                one.result()
            done += len(ended)
            left_s = (time.monotonic() - began) / max(done, 1) * (total - done)
            told(f"{done:,} of {total:,} chunks, about {left_s:.0f} s left")
    finally:
        pool.shutdown(cancel_futures=True)


async def _count_on(dsn: str, template: Template, stage: Stage, *, granted_fen: int) -> None:
    """The one plan of all copies: what they were granted, and how many tickets and decisions they took."""
    copies = stage.end - stage.first
    tickets, decisions = (copies * len(template.counters[name]) for name in ("ticket", "decision"))
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(
                "UPDATE plan SET total_fen = total_fen + $1, decided_to = decided_to + $2,"
                " last_decision_no = last_decision_no + $3", copies * granted_fen, tickets, decisions)  # fmt: skip
            await connection.execute("UPDATE intake_counter SET last_ticket_no = last_ticket_no + $1", tickets)
            await connection.execute(
                "UPDATE posting SET amount_fen = amount_fen + $1 WHERE quota_account_id IS NULL", copies * granted_fen
            )
    finally:
        await connection.close()


async def _tune(dsn: str) -> None:
    await _execute(dsn, *(f"ALTER SYSTEM SET {setting}" for setting in SETTINGS), "SELECT pg_reload_conf()")


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=3_600)
    finally:
        await connection.close()
