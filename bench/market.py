"""A platform with parties, products and money, ready to be loaded: as processes, or embedded in one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import msgspec

from bench.broker import open_broker
from bench.processes import (
    ROOT,
    SERVICES,
    Platform,
    child,
    find_service,
    make_databases,
    open_postgres,
    open_services,
    scratch_folder,
    until_ready,
)
from bench.seed import CAP_FEN, Money, Population, Tokens, fund, new_id, parties, population, publish
from embedded.child import free_port
from shared.contracts.policy import load_pack
from shared.runtime.bus.declare import declare
from shared.runtime.bus.rabbitmq import RabbitBus
from shared.runtime.bus.topology import topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many take part, and what each enterprise is granted beforehand; fen."""

    enterprises: int
    providers: int
    grant_fen: int
    total_fen: int


PURCHASES = Size(enterprises=500, providers=10, grant_fen=CAP_FEN, total_fen=500 * CAP_FEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A running platform and who is on it. `seeded` counts the facts said on the bus by stream."""

    platform: Platform
    people: Population
    tokens: Tokens
    plan_id: str
    seeded: Mapping[str, int]


class Setup(msgspec.Struct, kw_only=True):
    """What the embedded platform's process is told."""

    databases: dict[str, str]
    port: int
    folder: str
    people: Population


def agreement_version() -> str:
    """The agreement that every order must accept."""
    file = ROOT / "policies/guizhou-2018.toml"
    return load_pack(file.read_text(encoding="utf-8"), name=file.name).agreement.version


def declaration_version() -> str:
    """The truth declaration that every application must sign."""
    file = ROOT / "policies/guizhou-2018.toml"
    return load_pack(file.read_text(encoding="utf-8"), name=file.name).truth_declaration.version


@asynccontextmanager
async def open_market(
    size: Size, *, rabbitmq_url: str | None, services: Sequence[str] = SERVICES, replicas: int = 1
) -> AsyncIterator[Market]:
    """Services as processes, `replicas` of each, RabbitMQ, and PostgreSQL with fsync on."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        broker = stack.enter_context(open_broker(rabbitmq_url))
        server = stack.enter_context(open_postgres(folder))
        databases = await make_databases(server, services)
        people, tokens, money = await _prepare(databases, size)
        wirings = [find_service(name).wiring() for name in services]
        absent = [replace(find_service(name).wiring(), streams=()) for name in SERVICES if name not in services]
        await declare(broker.url, topology([*wirings, *absent]))
        roots = {"postgres": server.process_id}
        if broker.process_id is not None:
            roots["rabbitmq"] = broker.process_id
        async with open_services(
            databases,
            bus_url=broker.url,
            admin_dsn=server.admin_dsn,
            folder=folder,
            roots=roots,
            replicas=replicas,
        ) as platform:
            bus = RabbitBus(broker.url, service="bench")
            await bus.open()
            try:
                seeded = await publish(bus, parties(people))
            finally:
                await bus.close()
            yield Market(platform=platform, people=people, tokens=tokens, plan_id=str(money.plan_id), seeded=seeded)


@asynccontextmanager
async def open_embedded_market(size: Size, *, services: Sequence[str] = SERVICES) -> AsyncIterator[Market]:
    """All services in one process on the memory bus, and PostgreSQL with fsync on."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        server = stack.enter_context(open_postgres(folder))
        databases = await make_databases(server, services)
        people, tokens, money = await _prepare(databases, size)
        port, log, file = free_port(), folder / "embedded.log", folder / "setup.json"
        local = {name: server.by_socket(url) for name, url in databases.items()}
        setup = Setup(databases=local, port=port, folder=str(folder), people=people)
        file.write_bytes(msgspec.json.encode(setup))
        process = stack.enter_context(child("bench.embedded_child", str(file), environment={}, log=log))
        await until_ready(process, port=port, path=b"/health/ready", log=log)
        yield Market(
            platform=Platform(
                ports=dict.fromkeys(databases, port),
                all_ports=dict.fromkeys(databases, (port,)),
                databases=databases,
                admin_dsn=server.admin_dsn,
                roots={"postgres": server.process_id, "embedded platform": process.pid},
                log=log,
            ),
            people=people,
            tokens=tokens,
            plan_id=str(money.plan_id),
            seeded=msgspec.json.decode(seeded_file(file).read_bytes(), type=dict[str, int]),
        )


async def _prepare(databases: Mapping[str, str], size: Size) -> tuple[Population, Tokens, Money]:
    people = population(enterprises=size.enterprises, providers=size.providers)
    tokens = Tokens()
    await tokens.trust(databases)
    money = Money(plan_id=new_id(), total_fen=size.total_fen, grant_fen=size.grant_fen)
    await fund(databases["voucher"], people, money)
    return people, tokens, money


async def analyse(platform: Platform) -> None:
    """Refresh the planner's statistics: plans that were made on empty tables must not stay."""
    for dsn in platform.databases.values():
        connection = await asyncpg.connect(dsn)
        await connection.execute("ANALYZE")
        await connection.close()


def seeded_file(setup_file: Path) -> Path:
    """Where the embedded platform's process says what it seeded."""
    return setup_file.with_name("seeded.json")
