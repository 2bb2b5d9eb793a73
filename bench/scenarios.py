"""What `python -m bench` can measure, one function each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.audit import Ledgers
from bench.machine import resident_mb
from bench.market import PURCHASES, Market, agreement_version, analyse, open_embedded_market, open_market
from bench.processes import SERVICES
from bench.purchases import TARGETS_16, TARGETS_64, TARGETS_EMBEDDED, Load, Shop, run, sell
from bench.report import Figure, Report, Target, at_most

WARM_UP_S = 3.0
RESIDENT_MB_MAX = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for."""

    clients: int | None = None
    seconds: float = 8.0
    runs: int = 3
    rabbitmq_url: str | None = None
    services: Sequence[str] = SERVICES


async def purchases(report: Report, options: Options) -> None:
    """Services as processes, RabbitMQ, all on this machine; resident memory afterwards."""
    async with open_market(PURCHASES, rabbitmq_url=options.rabbitmq_url, services=options.services) as market:
        if options.rabbitmq_url is not None:
            report.note("RabbitMQ was given: its CPU seconds are not counted")
        await _runs(report, market, options, targets={64: TARGETS_64, 16: TARGETS_16}, name="purchases")
        _resident(report, market, options)


async def idle(report: Report, options: Options) -> None:
    """Resident memory of services that have taken in their copies and nothing else."""
    async with open_market(PURCHASES, rabbitmq_url=options.rabbitmq_url, services=options.services) as market:
        async with Ledgers(market.platform.databases, seeded=market.seeded) as ledgers:
            await ledgers.until_settled()
        _resident(report, market, options, when="idle")


def _resident(report: Report, market: Market, options: Options, *, when: str = "after load") -> None:
    for service in options.services:
        value = resident_mb(market.platform.roots[service])
        report.add(Figure(f"resident memory of {service} {when}", "MB", value, at_most(RESIDENT_MB_MAX)))


async def embedded(report: Report, options: Options) -> None:
    """All services in one process on the memory bus; the load generator is another process."""
    async with open_embedded_market(PURCHASES, services=options.services) as market:
        await _runs(report, market, options, targets={64: TARGETS_EMBEDDED}, name="embedded")


async def _runs(
    report: Report, market: Market, options: Options, *, targets: Mapping[int, Mapping[str, Target]], name: str
) -> None:
    """Warm up, then measure each number of clients as often as asked; every run is audited."""
    report.note(
        "statements a purchase and events an envelope are counted in tests/integration/test_statement_counts.py"
    )
    chosen = {options.clients: targets.get(options.clients, {})} if options.clients else targets
    async with Ledgers(market.platform.databases, seeded=market.seeded) as ledgers:
        await warm_up(market, ledgers)
        for clients, wanted in chosen.items():
            load = Load(name=f"{name}, {clients} clients", clients=clients, seconds=options.seconds, targets=wanted)
            for _ in range(options.runs):
                report.add_all(await run(market.platform, shop_of(market), ledgers, load))


async def warm_up(market: Market, ledgers: Ledgers) -> None:
    """Buy for a moment, so that plans are made on filled tables."""
    await ledgers.until_settled()
    await sell(market.platform.all_ports["order"], shop_of(market), clients=64, seconds=WARM_UP_S)
    await ledgers.until_settled()
    await analyse(market.platform)


def shop_of(market: Market) -> Shop:
    """Fresh tokens for each run: they live five minutes."""
    return Shop(market.people, market.tokens, agreement_version=agreement_version())
