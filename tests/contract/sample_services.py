"""Two tiny services for the runtime's contract: one counts on command, the other commands and keeps what it hears."""

import asyncio
import time
from collections import Counter as Multiset
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
import msgspec
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Uuid

from shared.contracts.messages.base import Command, Event, Fact, Reply
from shared.kernel.refusals import Bug
from shared.runtime.bus.base import Bus, Envelope, command_queue, fact_key, fact_queue
from shared.runtime.database.sql import create_pool, create_read_pool
from shared.runtime.database.tables import attach
from shared.runtime.messaging.consumer import Applier, Consumer, run_retries
from shared.runtime.messaging.relay import Relay
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import SagaReply, Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from tests.contract.conftest import Wire, Wires
from tests.factories.harness import create_tables

SETTLE_S = 60.0
PUBLISHED_S = 30.0
POISON = -1
"""An amount that the reading service's handler stumbles over as a bug."""

COUNTER_METADATA = MetaData()
attach(COUNTER_METADATA)
Table(
    "counter",
    COUNTER_METADATA,
    Column("counter_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
)
READER_METADATA = MetaData()
attach(READER_METADATA)
# Without a unique key: an event that is applied twice must show.
Table(
    "seen",
    READER_METADATA,
    Column("place", BigInteger, Identity(always=True), primary_key=True),
    Column("counter_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("amount", Integer, nullable=False),
)
Table(
    "answer",
    READER_METADATA,
    Column("place", BigInteger, Identity(always=True), primary_key=True),
    Column("saga_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
)


class Add(Command, frozen=True, kw_only=True):
    """Add to a counter."""

    name: ClassVar = "counter.add"
    orchestrator: ClassVar = "reader"

    counter_id: UUID
    amount: int


class Unheard(Command, frozen=True, kw_only=True):
    """A command to a service that is not deployed."""

    name: ClassVar = "nobody.act"
    orchestrator: ClassVar = "reader"


class Added(Reply, frozen=True, kw_only=True):
    """The counter's answer."""

    name: ClassVar = "counter.added"

    total: int


class Counted(Fact, frozen=True, kw_only=True):
    """A counter has changed."""

    name: ClassVar = "counter.counted"
    stream: ClassVar = "counter.counter"
    key: ClassVar = "counter_id"

    counter_id: UUID
    amount: int


async def add(work: Work, commands: Sequence[Add]) -> list[Added]:
    """Count, tell everybody, and answer."""
    replies: list[Added] = []
    for command in commands:
        row = await work.connection.fetchrow(
            "INSERT INTO counter VALUES ($1, 1, $2) ON CONFLICT (counter_id)"
            " DO UPDATE SET version = counter.version + 1, total = counter.total + $2 RETURNING version, total",
            command.counter_id,
            command.amount,
        )
        work.emit(Counted(counter_id=command.counter_id, version=row["version"], amount=command.amount))
        replies.append(Added(total=row["total"]))
    return replies


@dataclass
class Reader:
    """The reading service's handlers, and the faults a test wants of them: how often each counter still fails."""

    faults: Multiset[UUID] = field(default_factory=Multiset)

    async def see(self, work: Work, facts: Sequence[Counted]) -> None:
        """Keep what was heard, in the order of hearing."""
        for fact in facts:
            if fact.amount == POISON:
                raise Bug("this amount cannot be kept")
            if self.faults[fact.counter_id] > 0:
                self.faults[fact.counter_id] -= 1
                raise ValueError("not now")
        await work.connection.executemany(
            "INSERT INTO seen (counter_id, version, amount) VALUES ($1, $2, $3)",
            [(fact.counter_id, fact.version, fact.amount) for fact in facts],
        )

    async def answered(self, work: Work, replies: Sequence[SagaReply]) -> None:
        """Keep the answers of the sagas."""
        await work.connection.executemany(
            "INSERT INTO answer (saga_id, number) VALUES ($1, $2)",
            [(reply.saga_id, reply.number) for reply in replies],
        )


def toy_services(reader: Reader) -> tuple[Service, Service]:
    """The counter and its reader."""
    counter = Service(name="counter", metadata=COUNTER_METADATA, settings=ServiceSettings, subscriptions={Add: add})
    reading = Service(
        name="reader",
        metadata=READER_METADATA,
        settings=ServiceSettings,
        subscriptions={Counted: reader.see, Added: reader.answered},
    )
    return counter, reading


@dataclass
class Stage:
    """The two services on real databases and one backend of the bus; a test starts and kills their parts."""

    wires: Wires
    counter: Service
    reading: Service
    reader: Reader
    databases: dict[str, str]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    runtimes: list[Runtime] = field(default_factory=list)
    _versions: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    _outside: Bus | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def runtime(
        self, service: Service, *, instance: str = "0", around: Callable[[Bus], Bus] = lambda bus: bus
    ) -> Runtime:
        """One process of a service, its bus wrapped by `around`; nothing runs in it yet."""
        dsn = self.databases[service.name]
        settings = ServiceSettings(database_url=SecretStr(dsn), instance=instance)
        pool = await create_pool(dsn, size_max=4, application=f"{service.name}-{instance}")
        reads = await create_read_pool(dsn, size_max=2, reports_max=1, application=f"{service.name}-reads")
        bus = around(await self.wires.bus(service.name))
        runtime = Runtime(service, settings, pool=pool, reads=reads, bus=bus)
        self.runtimes.append(runtime)
        return runtime

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until the end of the test, or until the test cancels it."""
        task = asyncio.create_task(work)
        self.tasks.append(task)
        return task

    def relay(self, runtime: Runtime) -> list[asyncio.Task[None]]:
        """Start the relays of both partitions."""
        return [self.spawn(Relay(runtime, partition).run()) for partition in runtime.handed]

    def consume(self, runtime: Runtime) -> Applier:
        """Start both consumers and the retries."""
        applier = Applier(runtime, runtime.service.subscriptions)
        name = runtime.service.name
        for queue in (command_queue(name), fact_queue(name)):
            self.spawn(Consumer(runtime, applier, queue).run())
        self.spawn(run_retries(runtime, applier, every_s=0.1))
        return applier

    async def run_all(self) -> tuple[Runtime, Runtime]:
        """Both services with all their parts."""
        both = await self.runtime(self.counter), await self.runtime(self.reading)
        for runtime in both:
            self.relay(runtime)
            self.consume(runtime)
        return both

    def counted(self, counter_id: UUID, *, amount: int = 1, version: int = 0) -> Event:
        """A fact of a counter as it travels; the versions count up by themselves."""
        self._versions[counter_id] += 1
        fact = Counted(counter_id=counter_id, version=version or self._versions[counter_id], amount=amount)
        return event_of(fact)

    async def publish(self, *envelopes: Sequence[Event] | bytes) -> None:
        """Publish envelopes of facts as the counter service would."""
        bus = await self._outside_bus()
        bodies = [item if isinstance(item, bytes) else msgspec.json.encode(list(item)) for item in envelopes]
        key = fact_key(Counted.stream)
        confirmed = await bus.publish([Envelope("counter", key, body, mandatory=False) for body in bodies])
        assert confirmed == [True] * len(bodies)

    async def _outside_bus(self) -> Bus:
        async with self._opening:
            if self._outside is None:
                self._outside = await self.wires.bus("counter", confirm_timeout_s=PUBLISHED_S)
            return self._outside

    async def rows(self, service: str, sql: str) -> list[asyncpg.Record]:
        """Rows of a service's database, read beside its pool."""
        connection = await asyncpg.connect(self.databases[service])
        try:
            found: list[asyncpg.Record] = await connection.fetch(sql)
            return found
        finally:
            await connection.close()

    async def count(self, table: str) -> int:
        """How many rows the reading service has in a table."""
        return int((await self.rows("reader", f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608 - names of tests

    async def seen(self) -> dict[UUID, list[int]]:
        """The versions of each counter, in the order in which they were applied."""
        found: dict[UUID, list[int]] = defaultdict(list)
        for row in await self.rows("reader", "SELECT counter_id, version FROM seen ORDER BY place"):
            found[row["counter_id"]].append(row["version"])
        return found

    async def until(self, true: Callable[[], Awaitable[bool]], *, timeout_s: float = SETTLE_S) -> None:
        """Wait for something to become true of the databases."""
        deadline = time.monotonic() + timeout_s
        while not await true():
            assert time.monotonic() < deadline, f"not true after {timeout_s} s; seen: {await self.count('seen')}"
            await asyncio.sleep(0.03)

    async def until_count(self, table: str, expected: int) -> None:
        """Wait until the reading service has that many rows in a table."""

        async def reached() -> bool:
            return await self.count(table) >= expected

        await self.until(reached)
        assert await self.count(table) == expected

    async def until_received(self, runtime: Runtime, expected: int) -> None:
        """Wait until a service has settled that many events, whether new or seen before."""

        async def reached() -> bool:
            return runtime.counts["applied"] + runtime.counts["duplicates"] >= expected

        await self.until(reached)

    async def until_sent(self) -> None:
        """Wait until both outboxes are empty."""

        async def empty() -> bool:
            return not [row for name in self.databases for row in await self.rows(name, "SELECT 1 FROM outbox")]

        await self.until(empty)

    async def close(self) -> None:
        """End everything that still runs."""
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=10)
        for runtime in self.runtimes:
            runtime.pool.terminate()
            runtime.reads.pool.terminate()


async def cut_connections(stage: Stage, service: str) -> None:
    """Terminate every backend of one service's database, whatever it is doing."""
    connection = await asyncpg.connect(stage.databases[service])
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    finally:
        await connection.close()


def event_of(fact: Counted, *, type_name: str = "") -> Event:
    """A fact as its producer's outbox would hold it."""
    return Event(
        id=uuid4(),
        source="counter",
        type=type_name or fact.type_name(),
        subject=fact.counter_id,
        time="2026-01-01T00:00:00+00:00",
        sequence=fact.version,
        data=msgspec.Raw(msgspec.json.encode(fact)),
        aggregatetype="counter",
    )


async def stage_on(wires: Wires, reader: Reader, fresh_database: Callable[[], str]) -> Stage:
    """Databases with their tables, and the services wired on a backend."""
    counter, reading = toy_services(reader)
    databases = {service.name: await asyncio.to_thread(fresh_database) for service in (counter, reading)}
    for service in (counter, reading):
        await create_tables(databases[service.name], service.metadata)
    return Stage(wires, counter, reading, reader, databases)


@asynccontextmanager
async def open_stage(wire: Wire, fresh_database: Callable[[], str]) -> AsyncIterator[Stage]:
    """The two toy services on one backend; nothing of them runs yet, and what a test starts ends with the block."""
    reader = Reader()
    found = await stage_on(await wire([service.wiring() for service in toy_services(reader)]), reader, fresh_database)
    try:
        yield found
    finally:
        await found.close()


async def order_additions(runtime: Runtime, counters: Sequence[UUID], *, times: int) -> dict[UUID, int]:
    """The reading service asks for additions, one saga each; how many saw each counter."""
    async with runtime.work() as work:
        for number in range(1, times + 1):
            for counter_id in counters:
                work.send(Add(counter_id=counter_id, amount=number), saga=uuid4(), number=number)
    return dict.fromkeys(counters, times)
