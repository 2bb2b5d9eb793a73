"""One running service: its pool, clock, bus, ports, and the transactions it opens."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from shared.contracts.messages.base import Event
from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION, Bus, Envelope
from shared.runtime.database.reads import ReadPool
from shared.runtime.database.row_security import RowSecurity
from shared.runtime.service.lag import Flow
from shared.runtime.service.long_poll import Waiters
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.tracing.contexts import contexts_of_events
from shared.runtime.tracing.span_links import find_ties
from shared.runtime.tracing.tracing import BatchSpans, Tracing
from shared.runtime.unit_of_work.clock import BusinessClock
from shared.runtime.unit_of_work.outbox_queue import OutboxQueue
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.unit_of_work.work import Work

# A prepared statement is planned once. Its arrays differ in length each time, so the planner would plan each call anew,
# a quarter of the database's work. A plan may be made while a table is small, when reading or hashing all of it is
# cheapest, and would stay when the table is large. A transaction looks rows up by key, so it forbids such plans where
# an index serves. Views keep the defaults.
_BEGIN = """BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"""


More: TypeAlias = Callable[[], Awaitable[Sequence[Event]]]
"""The events that came meanwhile; it waits for nothing that has not come."""


class Processing(NamedTuple):
    """A transaction that applies events, and all of these: those that it began for, and what came meanwhile."""

    work: Work
    events: Sequence[Event]


class JobRecord:
    """What became of one job's runs in this process."""

    def __init__(self) -> None:
        self.succeeded_at_s: float | None = None
        """Machine time of the last run without a fault, in seconds since 1970."""
        self.failures = 0


class Leading:
    """Whether this process holds a lease, for whoever follows it."""

    def __init__(self) -> None:
        self.held = False
        self.changed = asyncio.Event()

    def set(self, *, held: bool) -> None:
        """Say how it is."""
        if held != self.held:
            self.held = held
            self.changed.set()


class Runtime:
    """The parts of one running service. The host builds it; handlers see only their Work."""

    def __init__(
        self, service: Service, settings: ServiceSettings, *, pool: asyncpg.Pool, reads: ReadPool, bus: Bus
    ) -> None:
        self.service = service
        self.settings = settings
        self.pool = pool
        """The connections of those who write, and of what the runtime looks up for them."""
        self.reads = reads
        """The connections of views and reports."""
        self.bus = bus
        self.timers_changed = asyncio.Event()
        self.clock = BusinessClock(movable=settings.movable_clock, moved=self.timers_changed.set)
        self.ports = Registry()
        self.ports.add(BusinessClock, self.clock)
        self.row_security = RowSecurity(service.name, service.metadata)
        self.waiters = Waiters()
        self.ports.add(Waiters, self.waiters)
        self.handed = {COMMAND_PARTITION: OutboxQueue(), FACT_PARTITION: OutboxQueue()}
        self.leads = {COMMAND_PARTITION: Leading(), FACT_PARTITION: Leading()}
        """Which partitions' leases this process holds."""
        self.counts: dict[str, int] = defaultdict(int)
        self.denied: Counter[tuple[str, ...]] = Counter()
        """Requests that were denied, by the code of the refusal and the permission that was missing."""
        now = None if settings.movable_clock else self.clock.now
        self.flow = Flow(service=service.name, streams=service.wiring().streams, now=now)
        self.ports.add(Flow, self.flow)
        self.jobs: dict[str, JobRecord] = defaultdict(JobRecord)
        self.tracing: Tracing | None = None
        self.draining = False
        """Whether the process is about to end: it answers, but nobody should send it anything new."""

    @property
    def owner(self) -> str:
        """The stable name of this process, used for leases."""
        return f"{self.service.name}-{self.settings.instance}"

    @asynccontextmanager
    async def work(self, *, traceparent: str = "", tied: bool = True) -> AsyncIterator[Work]:
        """Open one transaction; commit it at the end of the block, or roll back on any exception.

        Where somebody traces, what it has said is tied to what was said before, unless it is not to be `tied`.
        """
        async with self.pool.acquire() as connection:
            await connection.execute(_BEGIN)
            work = Work(
                connection,
                service=self.service.name,
                now=self.clock.now(),
                ports=self.ports,
                traceparent=traceparent,
            )
            try:
                yield work
                await work.flush()
            except BaseException:
                self.counts["rollbacks"] += 1
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
            # Nobody who waits for this commit needs to wait for the pool as well.
            self._hand_over(work)
            if self.tracing is not None and tied:
                self.tracing.tie(await find_ties(connection, work.facts))

    def _hand_over(self, work: Work) -> None:
        """Give what a commit said to the relays, and call whoever wanted to know of it."""
        self.counts["commits"] += 1
        for partition, unit in work.handed:
            self.handed[partition].give(unit)
        for call in work.after_commit:
            call()

    @asynccontextmanager
    async def processing(self, events: Sequence[Event], *, more: More | None = None) -> AsyncIterator[Processing]:
        """Open one transaction that applies events: what it says carries on the traces of what it was told.

        With `more`, what came while the transaction began belongs to it as well.
        """
        batch: BatchSpans | None = None
        try:
            async with self.work(tied=False) as work:
                if more is not None:
                    events = [*events, *await more()]
                if self.tracing is not None:
                    batch = self.tracing.process(events)
                work.contexts = contexts_of_events(events) if batch is None else batch.contexts
                yield Processing(work, events)
        except BaseException as error:
            if batch is not None:
                batch.end(error)
            raise
        if batch is not None:
            batch.end()

    @contextmanager
    def publishing(self, envelopes: Sequence[Envelope]) -> Iterator[None]:
        """Trace the publishing of envelopes in the block; nothing where nobody traces."""
        if self.tracing is None:
            yield
            return
        batch = self.tracing.publish(envelopes)
        try:
            yield
        except BaseException as error:
            batch.end(error)
            raise
        batch.end()

    @asynccontextmanager
    async def reading(self, *, tenant: UUID | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection for short looks that work waits for; nothing is written through it.

        For a `tenant`, the organisation of a party, it shows the rows that this organisation may see, and no other.
        """
        async with self.pool.acquire() as connection, self._bound(connection, tenant):
            yield connection

    @asynccontextmanager
    async def viewing(self, *, tenant: UUID | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection for a view, of those that no writer needs; of a `tenant` as in `reading`. Raises: ViewsBusy."""
        async with self.reads.view() as connection, self._bound(connection, tenant):
            yield connection

    @asynccontextmanager
    async def _bound(self, connection: asyncpg.Connection, tenant: UUID | None) -> AsyncIterator[None]:
        if tenant is None or not self.row_security.stands:
            yield
            return
        async with self.row_security.bound(connection, tenant):
            yield
