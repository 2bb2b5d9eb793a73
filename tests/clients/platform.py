"""The platform over TCP with one provider that has a machine client, and an enterprise that buys of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from yunquan_client import ClientKey

from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.runtime.host.host import listen, serve
from tests.factories.harness import with_tables
from tests.factories.world import SERVICES, World, a_party, a_product, open_world
from tests.integration.identity.conftest import PROVIDER_CODE, Office

SCOPES = ("order:read", "order:confirm", "event:read", "refund:consent", "delivery:record", "claim:file", "claim:read")


@dataclass
class Site:
    """Where the platform answers, whose client it is, and the world behind."""

    host: str
    client_id: str
    key_file: Path
    world: World

    async def sold(self, voucher_fen: int = 3_000) -> str:
        """An order that waits for the client's confirmation."""
        return str(await self.world.awaiting(voucher_fen))


@asynccontextmanager
async def open_site(fresh_database: Callable[[], str], folder: Path) -> AsyncIterator[Site]:
    """Serve all services; the client's key lies in a file."""
    databases = {service.name: await with_tables(service, fresh_database) for service in SERVICES}
    listener = listen("127.0.0.1", 0)
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    given = {service.name: {"public_url": host} for service in SERVICES}
    async with open_world(databases, given=given) as world:
        stopping = asyncio.Event()
        serving = asyncio.create_task(serve(world.platform.host, listener, stopping=stopping))
        try:
            await world.begin_year()
            office = Office(world.platform)
            party = await office.party("provider", PROVIDER_CODE)
            key = ClientKey.generate()
            key.save(folder / "client.pem")
            body: dict[str, Any] = {"name": "订单系统", "scopes": list(SCOPES), "public_key": key.public_pem}
            opened = await office.post("/clients", body, office.own(party))
            assert opened.status_code == 201, opened.text
            assert opened.json()["kids"] == [key.kid]
            await _deal_with(world, party.id)
            yield Site(host, opened.json()["client_id"], folder / "client.pem", world)
        finally:
            stopping.set()
            await serving


async def _deal_with(world: World, provider_id: UUID) -> None:
    """Let the enterprise buy of this provider, as if it were authenticated and had its product reviewed."""
    world.provider_id, world.product_id = provider_id, uuid4()
    async with world.platform.runtime("identity").work() as work:
        version = 1 + await work.connection.fetchval("SELECT version FROM organisation WHERE id = $1", provider_id)
        party = a_party(Role.PROVIDER.value)
        work.emit(OrganisationAuthenticated(version=version, organisation_id=provider_id, party=party))
    async with world.platform.runtime("catalog").work() as work:
        work.emit(a_product(world.product_id, provider_id=provider_id))
    await world.until("order", "SELECT count(*) = 1 FROM party WHERE organisation_id = $1", provider_id)
    await world.until("order", "SELECT true FROM offer WHERE product_id = $1", world.product_id)
