"""Gauges that are read from the database: declared as SQL and labels, sampled when somebody asks, and seldom.

Each statement is a bounded look at an index or a small table, runs read-only with a time-out of its own, and what was
read serves everybody who asks within the next seconds. Nobody asking means no statement at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import asyncpg
import structlog

from shared.runtime.unit_of_work.clock import BusinessClock

log = structlog.get_logger()

KEEP_S = 5.0
ACQUIRE_S = 2.0
STATEMENT_MS = 2_000
COUNTED_MAX = 100_000
"""Rows are counted up to here: an alarm needs no more, and a table that is full must not make watching slow."""

UNREADABLE = "unreadable"
"""The type under which an envelope that nobody can read is kept as one dead letter."""

_BEGIN = f"BEGIN READ ONLY; SET LOCAL statement_timeout = {STATEMENT_MS}"


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric of a query: its name, what it means, the columns of its labels, and the column of its value."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    column: str = "value"


class Parameter(StrEnum):
    """What a statement may take as $1, $2."""

    NOW = "business time"
    OWNER = "the stable name of this process"


@dataclass(frozen=True, slots=True)
class GaugeQuery:
    """One statement, the gauges it feeds, and its parameters."""

    sql: str
    gauges: tuple[Gauge, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(slots=True)
class GaugeValues:
    """What was read of one gauge: values by label values."""

    gauge: Gauge
    values: dict[tuple[str, ...], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One check on a schedule. `read` is given the Runtime and returns a reading for each of `gauges`.

    It reads through `runtime.reads.audit`, which keeps nobody else waiting.
    """

    name: str
    every_s: float
    gauges: tuple[Gauge, ...]
    read: Callable[[Any], Awaitable[Sequence[GaugeValues]]]


class SampledService(Protocol):
    """What a sampler needs of a running service."""

    pool: asyncpg.Pool
    clock: BusinessClock

    @property
    def owner(self) -> str:
        """The stable name of this process."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read at one time."""

    readings: Sequence[GaugeValues] = ()
    clock_skew_s: float | None = None


RUNTIME_QUERIES: Sequence[GaugeQuery] = (
    GaugeQuery(
        f"""
        SELECT p.name AS partition,
            (SELECT count(*) FROM (SELECT FROM outbox WHERE partition = p.number LIMIT {COUNTED_MAX}) o) AS rows,
            COALESCE(GREATEST(0, extract(epoch FROM $1::timestamptz - substring(convert_from(
                (SELECT body FROM outbox WHERE partition = p.number ORDER BY id LIMIT 1), 'UTF8')
                FROM '"time":"([^"]+)"')::timestamptz)), 0) AS oldest
        FROM (VALUES (0, 'commands'), (1, 'facts')) AS p(number, name)
        """,  # noqa: S608 - a number of our own
        (
            Gauge("yunquan_outbox_rows", "Rows the relay has still to send", ("partition",), "rows"),
            Gauge(
                "yunquan_outbox_oldest_seconds",
                "Age of the oldest row still to be sent",
                ("partition",),
                "oldest",
            ),
        ),
        (Parameter.NOW,),
    ),
    GaugeQuery(
        """
        SELECT p.name AS partition, COALESCE((SELECT r.owner = $1 AND r.until > clock_timestamp()
            FROM relay_partition r WHERE r.partition = p.number), false)::int AS value
        FROM (VALUES (0, 'commands'), (1, 'facts')) AS p(number, name)
        """,
        (Gauge("yunquan_relay_lease_held", "1 where this process serves the partition", ("partition",)),),
        (Parameter.OWNER,),
    ),
    # The DEFAULT partition is not read: a service reaches partitions through their parent alone.
    GaugeQuery(
        f"""
        SELECT (SELECT count(*) FROM (SELECT FROM parked LIMIT {COUNTED_MAX}) p) AS parked,
            (SELECT COALESCE(extract(epoch FROM clock_timestamp() - min(parked_at)), 0)
             FROM (SELECT parked_at FROM parked LIMIT {COUNTED_MAX}) p) AS parked_oldest,
            (SELECT count(*) FROM (SELECT FROM retry LIMIT {COUNTED_MAX}) r) AS retry,
            CASE WHEN COALESCE(pg_relation_size(to_regclass('fact_default')), 0) = 0 THEN 0
                 ELSE GREATEST(1, pg_stat_get_live_tuples(to_regclass('fact_default'))) END AS default_rows
        """,  # noqa: S608 - a number of our own
        (
            Gauge("yunquan_parked_events", "Facts that came before their predecessor and wait", (), "parked"),
            Gauge("yunquan_parked_oldest_seconds", "How long the oldest parked fact has waited", (), "parked_oldest"),
            Gauge("yunquan_retry_events", "Events that failed and are tried again", (), "retry"),
            Gauge(
                "yunquan_fact_default_partition_rows",
                "Facts in the DEFAULT partition; must be 0, or the months ahead were not made",
                (),
                "default_rows",
            ),
        ),
    ),
    GaugeQuery(
        r"""
        SELECT COALESCE(max(extract(epoch FROM
            substring(pg_get_expr(c.relpartbound, c.oid) FROM $$TO \('([^']+)'\)$$)::timestamptz - clock_timestamp()
        )), 0) AS value
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('fact')
        """,
        (
            Gauge(
                "yunquan_fact_partitions_ahead_seconds", "How long there are months for facts; a year when all is well"
            ),
        ),
    ),
    GaugeQuery(
        f"""
        SELECT k.kind, count(d.type) AS value FROM (VALUES ('event'), ('envelope')) AS k(kind)
        LEFT JOIN (SELECT type FROM dead_letter WHERE replayed_at IS NULL LIMIT {COUNTED_MAX}) d
            ON k.kind = CASE WHEN d.type = '{UNREADABLE}' THEN 'envelope' ELSE 'event' END
        GROUP BY k.kind
        """,  # noqa: S608 - constants of our own
        (Gauge("yunquan_dead_letters", "Events, and envelopes nobody can read, that were given up", ("kind",)),),
    ),
    GaugeQuery(
        f"""
        SELECT (SELECT count(*) FROM (SELECT FROM timer WHERE due_at <= $1::timestamptz - interval '60 s'
                LIMIT {COUNTED_MAX}) t) AS late,
            COALESCE(GREATEST(0, extract(epoch FROM $1::timestamptz - (SELECT min(due_at) FROM timer))), 0) AS latest
        """,  # noqa: S608 - a number of our own
        (
            Gauge("yunquan_timers_late", "Timers due for over 60 s of business time", (), "late"),
            Gauge("yunquan_timer_latest_seconds", "How late the latest timer is", (), "latest"),
        ),
        (Parameter.NOW,),
    ),
)


class Sampler:
    """Samples the gauges of one running service; whoever asks at the same time shares one sample."""

    def __init__(self, runtime: SampledService, gauge_queries: Sequence[GaugeQuery], *, service: str) -> None:
        self._runtime = runtime
        self._queries = (*RUNTIME_QUERIES, *gauge_queries)
        self._service = service
        self._sample = Sample()
        self._sampled_s: float | None = None
        self._sampling = asyncio.Lock()
        self.failures = 0

    async def sample(self) -> Sample:
        """A sample no older than KEEP_S. What cannot be read is missing from it and counted in `failures`."""
        async with self._sampling:
            if self._sampled_s is None or time.monotonic() - self._sampled_s >= KEEP_S:
                self._sample = await self._read()
                self._sampled_s = time.monotonic()
        return self._sample

    async def _read(self) -> Sample:
        try:
            connection = await self._runtime.pool.acquire(timeout=ACQUIRE_S)
        except Exception as error:  # noqa: BLE001 - a service that cannot be read is watched all the same
            self._fail("connection", error)
            return Sample()
        try:
            readings: list[GaugeValues] = []
            for query in self._queries:
                readings += await self._run_query(connection, query)
            return Sample(readings, await self._skew_s(connection))
        finally:
            await self._runtime.pool.release(connection)

    async def _run_query(self, connection: asyncpg.Connection, query: GaugeQuery) -> list[GaugeValues]:
        known = {Parameter.NOW: self._runtime.clock.now(), Parameter.OWNER: self._runtime.owner}
        try:
            await connection.execute(_BEGIN)
            try:
                rows = await connection.fetch(query.sql, *(known[parameter] for parameter in query.parameters))
            finally:
                await connection.execute("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - the other gauges are read all the same
            self._fail(query.gauges[0].name, error)
            return []
        return [_reading(gauge, rows) for gauge in query.gauges]

    async def _skew_s(self, connection: asyncpg.Connection) -> float | None:
        """Machine clock minus database clock, to half of a round trip."""
        try:
            before_s = time.time()
            database_s = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())", timeout=ACQUIRE_S)
            return (before_s + time.time()) / 2 - float(database_s)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail("clock", error)
            return None

    def _fail(self, what: str, error: Exception) -> None:
        self.failures += 1
        log.warning("sample.failed", service=self._service, what=what, error=type(error).__name__)


def _reading(gauge: Gauge, rows: Sequence[Mapping[str, object]]) -> GaugeValues:
    return GaugeValues(
        gauge, {tuple(str(row[label]) for label in gauge.labels): float(str(row[gauge.column])) for row in rows}
    )
