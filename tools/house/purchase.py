"""A purchase in this process, walked from the order to the committed voucher, in steady state."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import httpx

from bench.market import agreement_version
from bench.processes import find_service, make_databases, open_postgres, scratch_folder, settings_values
from bench.seed import CAP_FEN, Money, Tokens, fund, new_id, parties, population, publish
from shared.contracts.messages.base import Message
from shared.contracts.messages.voucher import CommitVoucher, HoldVoucher, QuotaMoved, VoucherCommitted, VoucherHeld
from shared.contracts.permissions import Role
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.host.host import Host, open_host
from tools.house.walks import Recorder, Walk, Walked, walked

SERVICES = ("voucher", "order", "settlement")
"""Those that a purchase runs through; identity and catalog have said before what they know."""
WARM_UP = 2
MEASURED = 2
QUIET_S = 30.0
PLACE = "POST /orders"
CONFIRM = "POST /orders/{id}/confirm"
PURCHASE = "a whole purchase"
ORDER_FACTS = "an order's facts copied by settlement"
MESSAGES: Mapping[str, tuple[str, type[Message]]] = {
    "HoldVoucher in voucher": ("voucher", HoldVoucher),
    "VoucherHeld in order": ("order", VoucherHeld),
    "CommitVoucher in voucher": ("voucher", CommitVoucher),
    "VoucherCommitted in order": ("order", VoucherCommitted),
    "QuotaMoved copied by order": ("order", QuotaMoved),
}
"""Name of a walk to the service and the only event that it applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Running services, one buyer with money and one provider with a product; everybody signs in once."""

    host: Host
    client: httpx.AsyncClient
    product_id: UUID
    buyer: str
    provider: str

    async def buy(self, recorder: Recorder) -> None:
        """One purchase with a voucher, to the end of everything that follows from it."""
        line = {"product_id": str(self.product_id), "edition": 1, "component": "vm", "quantity": 1}
        body = {"lines": [line], "agreement_version": agreement_version(), "voucher": "max"}
        with recorder.walk(PLACE):
            placed = await self._post("", body, bearer=self.buyer)
        await self.until_quiet()
        with recorder.walk(CONFIRM):
            await self._post(f"/{placed['id']}/confirm", {}, bearer=self.provider)
        await self.until_quiet()

    async def _post(self, path: str, body: object, *, bearer: str) -> Mapping[str, object]:
        headers = {"Authorization": bearer, "Idempotency-Key": uuid4().hex, "Prefer": "wait=20"}
        answer = await self.client.post(f"/api/order/v1/orders{path}", json=body, headers=headers)
        if not answer.is_success:
            raise RuntimeError(f"{path or '/'}: {answer.status_code} {answer.text}")
        found: Mapping[str, object] = answer.json()
        return found

    async def until_quiet(self) -> None:
        """Wait until the outboxes are empty twice in a row: what was sent is applied then."""
        quiet = 0
        async with asyncio.timeout(QUIET_S):
            while quiet < 2:
                waiting = [await self._waiting(name) for name in SERVICES]
                quiet = 0 if any(waiting) else quiet + 1
                await asyncio.sleep(0.02)

    async def _waiting(self, service: str) -> int:
        (runtime,) = [runtime for runtime in self.host.runtimes if runtime.service.name == service]
        async with runtime.reading() as connection:
            found: int = await connection.fetchval("SELECT count(*) FROM outbox")
        return found


@asynccontextmanager
async def open_shop(databases: Mapping[str, str]) -> AsyncIterator[Shop]:
    """Run the services of a purchase on their empty databases, and tell them of its parties."""
    people = population(enterprises=1, providers=1)
    tokens = Tokens()
    await tokens.trust(databases)
    await fund(databases["voucher"], people, Money(plan_id=new_id(), total_fen=CAP_FEN, grant_fen=CAP_FEN))
    services = [replace(find_service(name), jobs=()) for name in SERVICES]
    exchange = MemoryExchange([service.wiring() for service in services])
    with TemporaryDirectory() as folder:
        settings = {
            service.name: service.settings(
                **settings_values(service, dsn=databases[service.name], folder=Path(folder)), pool_size_max=4
            )
            for service in services
        }
        async with open_host(services, settings, {name: MemoryBus(exchange) for name in SERVICES}) as host:
            await publish(MemoryBus(exchange), parties(people))
            ((provider_id, product_id),) = people.products.items()
            transport = httpx.ASGITransport(app=host.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://platform", timeout=30) as client:
                shop = Shop(
                    host=host,
                    client=client,
                    product_id=product_id,
                    buyer=tokens.bearer(people.enterprises[0], Role.ENTERPRISE, service="order"),
                    provider=tokens.bearer(provider_id, Role.PROVIDER, service="order"),
                )
                await shop.until_quiet()
                yield shop


async def measure(databases: Mapping[str, str]) -> list[Walked]:
    """The walks of a purchase on empty databases of the services."""
    recorder = Recorder()
    async with open_shop(databases) as shop:
        for _ in range(WARM_UP):
            await shop.buy(recorder)
        recorder.walks.clear()
        recorder.follow_events(shop.host)
        with recorder.listening():
            for _ in range(MEASURED):
                await shop.buy(recorder)
    return summed(recorder.walks)


def summed(walks: Sequence[Walk]) -> list[Walked]:
    """The walks of each name together, and all of them. Raises: RuntimeError when one of them was never walked."""
    found = {name: [walk for walk in walks if walk.name == name] for name in (PLACE, CONFIRM)}
    for name, (service, kind) in MESSAGES.items():
        alone = frozenset({kind.type_name()})
        found[name] = [walk for walk in walks if walk.name == service and walk.events == alone]
    found[ORDER_FACTS] = [walk for walk in walks if walk.name == "settlement"]
    missing = [name for name, of_name in found.items() if not of_name]
    if missing:
        raise RuntimeError(f"never walked by themselves: {', '.join(missing)}")
    return [*(walked(name, of_name) for name, of_name in found.items()), walked(PURCHASE, walks)]


def measure_here() -> list[Walked]:
    """The same on a bundled PostgreSQL that is started for it."""

    async def run() -> list[Walked]:
        with scratch_folder() as folder, open_postgres(folder) as server:
            return await measure(await make_databases(server, SERVICES))

    return asyncio.run(run())
