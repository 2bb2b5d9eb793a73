"""The demonstration's people as customers of a running platform, and the proof of what they did."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx
from rich.console import Console

from embedded.demonstration import play
from embedded.front import SignIn
from embedded.platform import SERVICES
from embedded.proof import Proof, read_proof
from shared.runtime.database.sql import Connection
from shared.runtime.service.service import Service
from tests.e2e.stack import SECRET, Stack
from tests.e2e.traffic import Buyer, Request, offers_of

QUIET_S = 90.0
LOOK_LONGER = 1.3
LOOK_S_MAX = 2.0
SETTLED_S = 60.0
READ_AT_ONCE = 20


class Kept:
    """The secrets that the containers were given."""

    def get(self, name: str) -> str:
        """Every secret of the stack is the same."""
        del name
        return SECRET


@dataclass(frozen=True)
class ContainerBooks:
    """One service's database, read from outside as an auditor would."""

    service: Service
    stack: Stack

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection with the service's own role."""
        host, port = self.stack.outside(f"{self.service.name}-db")
        connection = await asyncpg.connect(
            host=host, port=port, user=self.service.name, password=self.stack.password, database=self.service.name
        )
        try:
            yield connection
        finally:
            await connection.close()


async def tell(stack: Stack, mark: Path) -> Sequence[SignIn]:
    """Tell the demonstration's two years to a stack, unless `mark` says that it was; sample accounts."""
    async with stack.client() as client:
        return await play(client, console=Console(quiet=True), kept=Kept(), mark=mark, wanted=True)


async def proof_of(stack: Stack) -> Proof:
    """The proof once every service is quiet."""
    async with stack.client() as client:
        deadline = time.monotonic() + QUIET_S
        times = 0
        while times < 3:
            readings = [(await client.get(f"/api/{service.name}/v1/quiet")).json() for service in SERVICES]
            times = 0 if any(any(reading.values()) for reading in readings) else times + 1
            assert time.monotonic() < deadline, f"not quiet: {readings}"
            await asyncio.sleep(0.2)
    return await read_proof({service.name: ContainerBooks(service, stack) for service in SERVICES})


async def settled_proof(stack: Stack) -> Proof:
    """The proof as soon as it balances, at the latest 60 s after the last fault (I11).

    Quiet services do not see what is still on its way inside the broker, so one quiet moment proves nothing.
    """
    deadline = time.monotonic() + SETTLED_S
    while True:
        proof = await proof_of(stack)
        if proof.balances or time.monotonic() > deadline:
            return proof
        await asyncio.sleep(1)


def assert_balanced(proof: Proof) -> None:
    """Every plan balances, and no check found a difference."""
    assert {check.title: check.differences for check in proof.checks if check.differences} == {}
    assert all(plan.balances for plan in proof.plans)


class Place(Protocol):
    """A platform that runs somewhere."""

    def client(self) -> httpx.AsyncClient:
        """A client of it."""
        ...


@dataclass
class Market:
    """Buyers with quota, a provider, and what can be bought."""

    buyers: list[Buyer]
    provider: Buyer
    bodies: list[dict[str, Any]]
    log: list[Request] = field(default_factory=list)

    def buyer(self, number: int) -> Buyer:
        """Who places the order of that number."""
        return self.buyers[number % len(self.buyers)]

    async def place(self, number: int) -> str:
        """Place one order and give its id."""
        answer = await self.buyer(number).post("/api/order/v1/orders", self.bodies[number % len(self.bodies)])
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def state(self, order_id: str) -> str:
        """The order's state as the provider sees it."""
        return str((await self.provider.get(f"/api/order/v1/orders/{order_id}"))["state"])

    async def reached(self, order_ids: Sequence[str], wanted: set[str], *, look_s: float = 0.2) -> None:
        """Wait until each order is in one of these states, looking every `look_s`, and less often the longer it takes.

        In a fault hundreds wait; looking as often as before they would take the machine from what is to recover.
        """
        deadline = time.monotonic() + QUIET_S
        for order_id in order_ids:
            while (state := await self.state(order_id)) not in wanted:
                assert time.monotonic() < deadline, f"order {order_id} stayed {state}"
                await asyncio.sleep(look_s)
                look_s = min(look_s * LOOK_LONGER, max(look_s, LOOK_S_MAX))


@asynccontextmanager
async def open_market(place: Place, told: Sequence[SignIn], *, timeout_s: float = 60) -> AsyncIterator[Market]:
    """Sign everybody in and find something to buy for one yuan of voucher each; all write to one log.

    No attempt of a request waits longer than `timeout_s`.
    """
    log: list[Request] = []
    async with place.client() as client:
        client.timeout = httpx.Timeout(timeout_s)
        enterprises = [Buyer(client, item, log=log) for item in told if item.role == "enterprise"]
        provider = Buyer(client, next(item for item in told if item.role == "provider"), log=log)
        for person in (*enterprises, provider):
            await person.open()
        agreement = (await client.get("/api/catalog/v1/agreement")).json()["version"]
        offers = await offers_of(provider, provider.organisation_id)
        bodies = [offer.order(voucher_fen=100, agreement_version=agreement) for offer in offers]
        assert bodies, "the provider sells something"
        yield Market(enterprises, provider, bodies, log)


async def missing(market: Market) -> list[str]:
    """What the platform acknowledged and does not show any more (I16), from the clients' own logs; empty is good."""
    found: list[str | None] = []
    for person in (*market.buyers, market.provider):
        newest: dict[str, int] = {}
        for answer in person.acknowledged:
            newest[answer["id"]] = max(answer["version"], newest.get(answer["id"], 0))
        for some in _batches(list(newest.items())):
            found += await asyncio.gather(*[_missing(person, order_id, version) for order_id, version in some])
    return [text for text in found if text is not None]


def _batches(items: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    return [items[start : start + READ_AT_ONCE] for start in range(0, len(items), READ_AT_ONCE)]


async def _missing(person: Buyer, order_id: str, version: int) -> str | None:
    shown = await person.read(f"/api/order/v1/orders/{order_id}")
    if shown.status_code == 200 and shown.json()["version"] >= version:
        return None
    return f"order {order_id}, whose version {version} was acknowledged: {shown.status_code} {shown.text}"


async def all_acknowledged_is_there(market: Market) -> None:
    """No acknowledged answer is later missing."""
    assert await missing(market) == []
