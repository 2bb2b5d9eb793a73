"""What 2, 4 and 8 replicas reach on cores of their own, reckoned from the measured costs of a purchase's parts.

Each part of a purchase has a cost in seconds of one processor and a place: spread over all replicas, in the holder of a
lease alone, in the database, or in the broker. The rate is what the fullest place allows. A deterministic sum, so that
whoever measures other costs can put them in: `python -m bench scale-out`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.report import Figure, Report

REPLICAS = (1, 2, 4, 8)
FULL = 0.9
"""How much of a processor may be used before what waits for it grows without end."""


class Place(StrEnum):
    """Where a part's work is done."""

    SPREAD = "every process"
    FIRST = "the preferred process until it is full, then every process"
    HOLDER = "the holder of the lease"
    OTHERS = "once a purchase, for callers of another process"
    DATABASE = "the service's database"
    BROKER = "the broker"


@dataclass(frozen=True, slots=True)
class Part:
    """What a purchase costs at one place of one service, in milliseconds of a processor."""

    service: str
    name: str
    place: Place
    cost_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """What each place has."""

    process: int = 1
    database: int = 4
    broker: int = 4


# Measured by `python -m bench replicas` at 64 clients, medians on two shared cores; docs/adr/0030 has the table. Facts
# leave at 15,000 a second from a full outbox, and a purchase says four in order and two in voucher.
PARTS: Sequence[Part] = (
    Part("order", "requests", Place.SPREAD, 1.85),
    Part("order", "replies and copies", Place.FIRST, 0.75),
    Part("order", "facts sent", Place.HOLDER, 4 / 15),
    Part("order", "callers of other processes named and read", Place.OTHERS, 0.10),
    Part("voucher", "commands", Place.FIRST, 1.05),
    Part("voucher", "facts sent", Place.HOLDER, 2 / 15),
    Part("order", "statements", Place.DATABASE, 1.10),
    Part("voucher", "statements", Place.DATABASE, 0.70),
    Part("", "envelopes", Place.BROKER, 0.90),
)


@dataclass(frozen=True, slots=True)
class Reached:
    """The rate of purchases a second that a number of replicas allows, and what is full then."""

    rate: float
    limit: str


def reach(replicas: int, *, parts: Sequence[Part] = PARTS, cores: Cores = Cores()) -> Reached:
    """The rate at which the first place is full."""
    rates: dict[str, float] = {}
    for service in sorted({part.service for part in parts if part.service}):
        costs = _costs(parts, service)
        elsewhere = (replicas - 1) / replicas
        alone = costs[Place.HOLDER] + costs[Place.SPREAD] / replicas
        whole = (
            sum(costs[place] for place in (Place.SPREAD, Place.FIRST, Place.HOLDER)) + costs[Place.OTHERS] * elsewhere
        )
        # What a preferred process has no room for goes to the others, so only the sum of it all is bounded; what the
        # holder alone can do is bounded by itself.
        rates[f"{service}: its processes"] = replicas * cores.process / whole
        rates[f"{service}: {Place.HOLDER.value}"] = cores.process / alone
        rates[f"{service}: {Place.DATABASE.value}"] = cores.database / costs[Place.DATABASE]
    rates[Place.BROKER.value] = cores.broker / _costs(parts, "")[Place.BROKER]
    limit = min(rates, key=lambda name: (rates[name], name))
    return Reached(rates[limit] * 1_000 * FULL, limit)


def _costs(parts: Sequence[Part], service: str) -> Mapping[Place, float]:
    return {
        place: sum(part.cost_ms for part in parts if (part.service, part.place) == (service, place)) or 1e-9
        for place in Place
    }


def print_all(report: Report) -> None:
    """Add the reckoned rates to a report."""
    for replicas in REPLICAS:
        found = reach(replicas)
        report.add(Figure(f"{replicas} of each on cores of their own: {found.limit} full", "purchases/s", found.rate))
    report.note("reckoned from measured costs of the parts of a purchase, not measured")
