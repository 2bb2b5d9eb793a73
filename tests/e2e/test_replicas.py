"""Four processes each of order and voucher, stopped, ended and killed under load: the books stay right.

Every message that was said was applied once, facts have neither gaps nor repeats nor wait for one another, and every
order agrees with its hold and every balance with its copies (`bench.audit`). What is asserted are counts, not times.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from bench.audit import Ledgers
from bench.load import connect
from bench.market import Market, Size, open_market
from bench.processes import process_name
from bench.purchases import Shop, Sold
from bench.scenarios import shop_of
from bench.seed import CAP_FEN
from embedded.child import HOST
from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION
from tests.containers import require_engine

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

CLIENTS = 12
SIZE = Size(enterprises=60, providers=4, grant_fen=CAP_FEN, total_fen=60 * CAP_FEN)
WENT_ON = 40
"""So many purchases are begun before and after each fault."""
WAIT_RAN_OUT = "placed, then placed"
"""What a caller is told whose wait ended before its order was decided; the order is decided later."""


class Crowd:
    """Clients that buy at whichever processes of order answer."""

    def __init__(self, market: Market) -> None:
        self.sold = Sold()
        self._ports = list(market.platform.all_ports["order"])
        self._shop: Shop = shop_of(market)
        self._numbers = count()
        self._begun = 0

    async def buy(self, client: int) -> None:
        """Buy until cancelled; who loses its process goes to the next one."""
        for turn in count(client):
            with contextlib.suppress(OSError):
                connection = await connect(HOST, self._ports[turn % len(self._ports)])
                try:
                    while True:
                        self._begun += 1
                        await self._shop.buy(connection, next(self._numbers), self.sold)
                finally:
                    connection.close()
            await asyncio.sleep(0.05)

    async def until_more(self, purchases: int) -> None:
        """Wait until so many more have been placed and answered."""
        wanted = len(self.sold.ended_s) + purchases
        while len(self.sold.ended_s) < wanted:  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


@asynccontextmanager
async def buying(market: Market) -> AsyncIterator[Crowd]:
    """A crowd that buys in the block; the last purchase of each client may be broken off."""
    crowd = Crowd(market)
    clients = [asyncio.create_task(crowd.buy(number)) for number in range(CLIENTS)]
    try:
        await crowd.until_more(WENT_ON)
        yield crowd
        await crowd.until_more(WENT_ON)
    finally:
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)


async def holder(ledgers: Ledgers, service: str, partition: int) -> str:
    """The name of the process that holds the lease of a partition."""
    owner: str = await ledgers.of(service).fetchval("SELECT owner FROM relay_partition WHERE partition = $1", partition)
    return process_name(service, int(owner.rpartition("-")[2]))


async def bystander(ledgers: Ledgers, market: Market, service: str) -> str:
    """The name of a process that lives and holds no lease of either partition."""
    held = {await holder(ledgers, service, partition) for partition in (COMMAND_PARTITION, FACT_PARTITION)}
    names = (process_name(service, place) for place in range(len(market.platform.all_ports[service])))
    return next(name for name in names if name not in held and lives(market.platform.roots[name]))


def lives(process_id: int) -> bool:
    """Whether a process of ours runs; one that has ended is a zombie until the market is closed."""
    status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    return status.rpartition(") ")[2][0] != "Z"


async def books_are_right(ledgers: Ledgers, crowd: Crowd) -> None:
    """Everything said is applied, once and in order, and everybody agrees; nobody was told a fault."""
    await ledgers.until_settled()
    assert await ledgers.violations() == []
    stored = await ledgers.of("order").fetchval("SELECT count(*) FROM cloud_order")
    assert stored >= len(crowd.sold.placed_s)
    assert crowd.sold.problems.keys() <= {WAIT_RAN_OUT}


async def test_processes_that_die_or_stand_still_lose_and_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    require_engine()
    monkeypatch.setattr("bench.audit.SETTLED_S", 240.0)
    async with (
        open_market(SIZE, rabbitmq_url=None, services=("voucher", "order"), replicas=4) as market,
        Ledgers(market.platform.databases, seeded=market.seeded) as ledgers,
    ):
        await ledgers.until_settled()
        roots = market.platform.roots

        # The holder of a lease stands still until another one has taken it, and then goes on.
        still = await holder(ledgers, "order", FACT_PARTITION)
        async with buying(market) as crowd:
            os.kill(roots[still], signal.SIGSTOP)
            try:
                while await holder(ledgers, "order", FACT_PARTITION) == still:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.2)
            finally:
                os.kill(roots[still], signal.SIGCONT)
        await books_are_right(ledgers, crowd)

        # Told to end, as when a service is scaled in; killed without a lease, so that the others send what it left; and
        # killed with one. After each, one fewer is there.
        for service in ("order", "voucher"):
            async with buying(market) as crowd:
                os.kill(roots[await holder(ledgers, service, FACT_PARTITION)], signal.SIGTERM)
            await books_are_right(ledgers, crowd)
            async with buying(market) as crowd:
                os.kill(roots[await bystander(ledgers, market, service)], signal.SIGKILL)
            await books_are_right(ledgers, crowd)
            async with buying(market) as crowd:
                os.kill(roots[await holder(ledgers, service, FACT_PARTITION)], signal.SIGKILL)
            await books_are_right(ledgers, crowd)
