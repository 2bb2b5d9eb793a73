"""The whole year over HTTP on containers, then faults amid purchases, cancels and refunds, then the proof."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from rich.console import Console

from embedded.demonstration import play
from embedded.front import SignIn
from embedded.platform import SERVICES
from embedded.proof import Proof, read_proof
from shared.runtime.db import Connection
from shared.runtime.service import Service
from tests.e2e.stack import SECRET, Stack
from tests.e2e.traffic import Buyer, offers_of

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

QUIET_S = 90.0
ORDERS = 24
RECOVERY_S = 30.0
SETTLED_S = 60.0


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
        host, port = self.stack.outside("db")
        connection = await asyncpg.connect(
            host=host, port=port, user=self.service.name, password=self.stack.password, database=self.service.name
        )
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Sequence[SignIn]:
    """The demonstration's story, told to the containers once."""
    mark: Path = tmp_path_factory.mktemp("story") / "told"

    async def tell() -> Sequence[SignIn]:
        async with stack.client() as client:
            return await play(client, console=Console(quiet=True), kept=Kept(), mark=mark, wanted=True)

    return asyncio.run(tell())


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


@pytest.mark.requirement("R24")
@pytest.mark.requirement("R27")
@pytest.mark.requirement("R29")
async def test_the_year_told_to_containers_balances_to_the_fen(stack: Stack, told: Sequence[SignIn]) -> None:
    proof = await settled_proof(stack)
    assert len(proof.plans) == 2
    assert_balanced(proof)
    assert told


@dataclass
class Market:
    """Buyers with quota, a provider, and what can be bought."""

    buyers: list[Buyer]
    provider: Buyer
    bodies: list[dict[str, Any]]

    async def place(self, number: int) -> str:
        """Place one order and give its id."""
        buyer = self.buyers[number % len(self.buyers)]
        answer = await buyer.post("/api/order/v1/orders", self.bodies[number % len(self.bodies)])
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def state(self, order_id: str) -> str:
        """The order's state as the provider sees it."""
        return str((await self.provider.get(f"/api/order/v1/orders/{order_id}"))["state"])

    async def reached(self, order_ids: Sequence[str], wanted: set[str]) -> None:
        """Wait until each order is in one of these states."""
        deadline = time.monotonic() + QUIET_S
        for order_id in order_ids:
            while (state := await self.state(order_id)) not in wanted:
                assert time.monotonic() < deadline, f"order {order_id} stayed {state}"
                await asyncio.sleep(0.2)


@asynccontextmanager
async def open_market(stack: Stack, told: Sequence[SignIn]) -> AsyncIterator[Market]:
    """Sign everybody in and find something to buy for one yuan of voucher each."""
    async with stack.client() as client:
        enterprises = [Buyer(client, item) for item in told if item.role == "enterprise"]
        provider = Buyer(client, next(item for item in told if item.role == "provider"))
        for person in (*enterprises, provider):
            await person.open()
        agreement = (await client.get("/api/catalog/v1/agreement")).json()["version"]
        offers = await offers_of(provider, provider.organisation_id)
        bodies = [offer.order(voucher_fen=100, agreement_version=agreement) for offer in offers]
        assert bodies, "the provider sells something"
        yield Market(enterprises, provider, bodies)


async def strike(stack: Stack, *names: str) -> None:
    """Kill containers one after another and start them again; each must be ready within 30 s."""
    for name in names:
        stack.kill(name)
        await asyncio.sleep(0.5)
        stack.start_again(name)
        for service in SERVICES if name in {"mq", "db"} else [s for s in SERVICES if s.name == name]:
            took_s = await asyncio.to_thread(stack.wait_ready, service.name)
            assert took_s <= RECOVERY_S, f"{service.name} took {took_s:.1f} s after {name} was killed"


@pytest.mark.requirement("R72")
@pytest.mark.requirement("R73")
async def test_kills_in_the_middle_of_purchases_cancels_and_refunds_lose_and_double_nothing(
    stack: Stack, told: Sequence[SignIn]
) -> None:
    async with open_market(stack, told) as market:
        placing = asyncio.gather(*[market.place(number) for number in range(ORDERS)])
        await strike(stack, "voucher", "order")
        orders = await placing
        await market.reached(orders, {"awaiting_confirmation"})

        confirmed, cancelled = orders[: ORDERS // 2], orders[ORDERS // 2 :]
        buyers = {order_id: market.buyers[place % len(market.buyers)] for place, order_id in enumerate(orders)}
        deciding = asyncio.gather(
            *[market.provider.post(f"/api/order/v1/orders/{order_id}/confirm", {}) for order_id in confirmed],
            *[buyers[order_id].post(f"/api/order/v1/orders/{order_id}/cancel", {}) for order_id in cancelled],
        )
        await strike(stack, "order", "voucher", "mq")
        assert {answer.status_code for answer in await deciding} == {200}
        await market.reached(cancelled, {"cancelled"})

        refunded = confirmed[: ORDERS // 4]
        asked = await asyncio.gather(
            *[
                buyers[order_id].post(
                    f"/api/order/v1/orders/{order_id}/refund-requests", {"lines": [1], "reason": "不再需要"}
                )
                for order_id in refunded
            ]
        )
        assert {answer.status_code for answer in asked} <= {200, 201}
        consenting = asyncio.gather(
            *[
                market.provider.post(f"/api/order/v1/orders/{order_id}/refund/consent", {"reason": "同意"})
                for order_id in refunded
            ]
        )
        await strike(stack, "voucher", "db")
        assert {answer.status_code for answer in await consenting} <= {200, 201}
        await market.reached(refunded, {"refunded"})
        assert_balanced(await settled_proof(stack))
        await all_acknowledged_is_there(market)


async def all_acknowledged_is_there(market: Market) -> None:
    """No acknowledged answer is later missing (I16), from the clients' own logs."""
    for buyer in market.buyers:
        for answer in buyer.acknowledged:
            found = await buyer.get(f"/api/order/v1/orders/{answer['id']}")
            assert found["version"] >= answer["version"]
