"""Purchases from the first POST to the settled saga: place, then confirm or, for one in five, cancel."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid4

import msgspec

from bench.audit import Ledgers
from bench.counters import Counters, read_counters
from bench.load import Connection, connect, header_lines, post
from bench.machine import cpu_by_name
from bench.processes import Platform
from bench.report import Figure, Target, at_least, at_most
from bench.seed import Population, Tokens
from embedded.child import HOST
from shared.contracts.permissions import Role

CANCELLED_EACH = 5
WAIT_S = 10
PREFIX = b"/api/order/v1/orders"
STATISTICS_S = 1.2
"""PostgreSQL's sessions report what they counted at most once a second."""


class _Order(msgspec.Struct):
    """What the client needs of an order."""

    id: UUID
    state: str


_READ_ORDER = msgspec.json.Decoder(_Order)


@dataclass(slots=True)
class Sold:
    """What the clients saw in one run; seconds."""

    placed_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)


class Shop:
    """Encoded once: who buys what from whom, with which token."""

    def __init__(self, people: Population, tokens: Tokens, *, agreement_version: str) -> None:
        self._keys = count()
        self._run = uuid4().hex[:12].encode()
        providers = [
            (product, _fixed(tokens.bearer(provider, Role.PROVIDER, service="order")))
            for provider, product in people.products.items()
        ]
        self._deals = [
            (
                _fixed(tokens.bearer(enterprise, Role.ENTERPRISE, service="order")),
                _order_body(providers[index % len(providers)][0], agreement_version=agreement_version),
                providers[index % len(providers)][1],
            )
            for index, enterprise in enumerate(people.enterprises)
        ]

    async def buy(self, connection: Connection, number: int, sold: Sold) -> None:
        """One purchase of one client."""
        buyer, body, provider = self._deals[number % len(self._deals)]
        began = time.perf_counter()
        answer = await connection.send(post(PREFIX, fixed=buyer, key=self._key(), body=body))
        waited_s = time.perf_counter() - began
        if answer.status != 201:
            sold.problems[f"place {answer.status} {answer.body[:200].decode(errors='replace')}"] += 1
            return
        order = _READ_ORDER.decode(answer.body)
        if order.state != "awaiting_confirmation":
            sold.problems[f"placed, then {order.state}"] += 1
            return
        sold.placed_s.append(waited_s)
        act, by = (b"cancel", buyer) if number % CANCELLED_EACH == 0 else (b"confirm", provider)
        path = b"%b/%b/%b" % (PREFIX, str(order.id).encode(), act)
        answer = await connection.send(post(path, fixed=by, key=self._key(), body=b"{}"))
        if answer.status != 200:
            sold.problems[f"{act.decode()} {answer.status} {answer.body[:200].decode(errors='replace')}"] += 1
            return
        sold.ended_s.append(time.perf_counter() - began)

    def _key(self) -> bytes:
        return b"%b-%d" % (self._run, next(self._keys))


def _fixed(bearer: str) -> bytes:
    return header_lines({"authorization": bearer, "content-type": "application/json", "prefer": f"wait={WAIT_S}"})


def _order_body(product_id: UUID, *, agreement_version: str) -> bytes:
    line = {"product_id": product_id, "edition": 1, "component": "vm", "quantity": 1}
    return msgspec.json.encode({"agreement_version": agreement_version, "lines": [line], "voucher": "max"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How hard and how long; the targets belong to the number of clients."""

    name: str
    clients: int
    seconds: float
    targets: Mapping[str, Target]


async def sell(ports: Sequence[int], shop: Shop, *, clients: int, seconds: float) -> Sold:
    """Let `clients` buy one after another for `seconds`, spread over the processes that listen at `ports`."""
    sold, numbers = Sold(), count()
    connections = [await connect(HOST, ports[number % len(ports)]) for number in range(clients)]
    until = time.perf_counter() + seconds

    async def shopping(connection: Connection) -> None:
        while time.perf_counter() < until:
            await shop.buy(connection, next(numbers), sold)

    await asyncio.gather(*(shopping(connection) for connection in connections))
    for connection in connections:
        connection.close()
    return sold


async def run(platform: Platform, shop: Shop, ledgers: Ledgers, load: Load) -> Sequence[Figure]:
    """One measured run. Raises: RuntimeError when a purchase failed or anything does not add up afterwards."""
    names = list(platform.databases)
    before, cpu_before = await _snapshot(platform, names)
    began = time.perf_counter()
    sold = await sell(platform.all_ports["order"], shop, clients=load.clients, seconds=load.seconds)
    await ledgers.until_settled()
    took_s = time.perf_counter() - began
    cpu = {name: value - cpu_before[name] for name, value in _cpu(platform).items()}
    await asyncio.sleep(STATISTICS_S)
    counted = await read_counters(platform.admin_dsn, databases=names) - before
    violations = [*(f"{times} x {what}" for what, times in sold.problems.items()), *await ledgers.violations()]
    if violations:
        raise RuntimeError(f"{load.name}: the run does not count: {'; '.join(violations[:10])}")
    return _figures(load, sold, took_s=took_s, cpu=cpu, counted=counted)


async def _snapshot(platform: Platform, names: Sequence[str]) -> tuple[Counters, dict[str, float]]:
    await asyncio.sleep(STATISTICS_S)
    return await read_counters(platform.admin_dsn, databases=names), _cpu(platform)


def _cpu(platform: Platform) -> dict[str, float]:
    return {**cpu_by_name(platform.roots), "load generator": time.process_time()}


def _figures(load: Load, sold: Sold, *, took_s: float, cpu: Mapping[str, float], counted: Counters) -> Sequence[Figure]:
    done = len(sold.ended_s)
    targets, each = load.targets, 1_000 / max(1, done)
    p99_ms = percentile(sold.placed_s, 0.99) * 1_000
    found = [
        Figure(f"{load.name}: settled", "purchases/s", done / took_s, targets.get("settled")),
        Figure(f"{load.name}: CPU", "s per 1,000", sum(cpu.values()) * each, targets.get("cpu")),
        Figure(f"{load.name}: POST to awaiting, p50", "ms", percentile(sold.placed_s, 0.5) * 1_000),
        Figure(f"{load.name}: POST to awaiting, p99", "ms", p99_ms, targets.get("p99")),
        Figure(f"{load.name}: POST to second answer, p50", "ms", percentile(sold.ended_s, 0.5) * 1_000),
        Figure(f"{load.name}: transactions", "per purchase", counted.commits / max(1, done)),
        Figure(f"{load.name}: WAL flushes", "per purchase", counted.flushes / max(1, done)),
        Figure(f"{load.name}: WAL", "kB per purchase", counted.wal_bytes / max(1, done) / 1_000),
        Figure(f"{load.name}: audit violations", "", 0.0, at_most(0)),
    ]
    found += [Figure(f"{load.name}: CPU of {name}", "s per 1,000", value * each) for name, value in cpu.items()]
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie (nearest rank); 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


TARGETS_64 = {"settled": at_least(600), "cpu": at_most(2.5), "p99": at_most(150)}
TARGETS_16 = {"p99": at_most(100)}
TARGETS_EMBEDDED = {"settled": at_least(800)}
