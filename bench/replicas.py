"""One process of each service against two, on the same machine: what a second replica costs where it has no core.

Two platforms stand side by side, each with its own databases and its own broker, and are loaded in turns, so that
whatever else the machine does meets both. What counts is the ratio of a turn with two to the turn with one before it.
"""

from collections.abc import Mapping, Sequence

import asyncpg

from bench.audit import Ledgers
from bench.market import PURCHASES, Market, open_market
from bench.purchases import Load, run
from bench.report import Figure, Report, Target, at_least, at_most
from bench.scenarios import Options, shop_of, warm_up

REPLICAS = 2
CLIENTS = (16, 64)
RATE, P50 = "settled", "POST to awaiting, p50"
SHOWN = (RATE, P50, "POST to awaiting, p99", "CPU", "transactions", "WAL flushes")
TARGETS: Mapping[str, Target] = {RATE: at_least(0.95), P50: at_most(1.25)}
_WAITED = "SELECT COALESCE(sum(n_tup_ins), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'parked'"


async def measure(report: Report, options: Options) -> None:
    """Pairs of turns, first one process of each service and then two. Raises: RuntimeError when books are wrong."""
    async with (
        open_market(PURCHASES, rabbitmq_url=None, services=options.services) as one,
        open_market(PURCHASES, rabbitmq_url=None, services=options.services, replicas=REPLICAS) as two,
        Ledgers(one.platform.databases, seeded=one.seeded) as ledgers_of_one,
        Ledgers(two.platform.databases, seeded=two.seeded) as ledgers_of_two,
    ):
        await warm_up(one, ledgers_of_one)
        await warm_up(two, ledgers_of_two)
        for clients in (options.clients,) if options.clients else CLIENTS:
            for _ in range(options.runs):
                load = Load(name=f"{clients} clients", clients=clients, seconds=options.seconds, targets={})
                alone = await _turn(report, one, ledgers_of_one, load, processes=1)
                pair = await _turn(report, two, ledgers_of_two, load, processes=REPLICAS)
                for what, target in TARGETS.items():
                    ratio = pair[what] / alone[what]
                    report.add(Figure(f"{clients} clients: {what}, {REPLICAS} / 1", "ratio", ratio, target))
                cost = pair["CPU"] / alone["CPU"]
                report.add(Figure(f"{clients} clients: CPU, {REPLICAS} / 1", "ratio", cost))


async def _turn(report: Report, market: Market, ledgers: Ledgers, load: Load, *, processes: int) -> Mapping[str, float]:
    """One measured run; its figures by what they say."""
    parked = await _parked(ledgers)
    figures = await run(market.platform, shop_of(market), ledgers, load)
    found = {figure.name.removeprefix(f"{load.name}: "): figure for figure in figures}
    cpu = [what for what in found if what.startswith("CPU of ")]
    report.add_all(_named(load, [found[what] for what in (*SHOWN, *cpu)], processes=processes))
    parked = await _parked(ledgers) - parked
    report.add_all(_named(load, [Figure("facts parked", "", parked)], processes=processes))
    return {what: figure.value for what, figure in found.items()}


def _named(load: Load, figures: Sequence[Figure], *, processes: int) -> list[Figure]:
    return [
        Figure(
            f"{load.name}, {processes} each: {figure.name.removeprefix(f'{load.name}: ')}", figure.unit, figure.value
        )
        for figure in figures
    ]


async def _parked(ledgers: Ledgers) -> int:
    """How many facts were parked so far, in all databases."""
    return sum([await _parked_at(ledgers.of(name)) for name in ledgers.names()])


async def _parked_at(connection: asyncpg.Connection) -> int:
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    found: int = await connection.fetchval(_WAITED)
    return found
