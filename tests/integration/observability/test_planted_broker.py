"""What waits in the broker for services that are away holds nothing personal on its disk."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.runtime.auth.tokens import TokenSigner
from shared.runtime.bus.base import command_queue, fact_queue
from shared.runtime.bus.declare import declare
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.bus.rabbitmq import RabbitBus
from shared.runtime.bus.topology import topology
from shared.runtime.host.host import open_host
from shared.runtime.service.service import Service
from tests.containers import image, require_engine
from tests.factories.harness import ISSUER, Platform, _trust, settings_for
from tests.factories.world import SERVICES, World
from tests.integration.identity.conftest import OTHER_ENTERPRISE_CODE, Office
from tests.integration.observability.test_planted import Planted, buy, live

PORT, BOOT_S, QUEUED_S = 5672, 60, 30
WIRINGS = [service.wiring() for service in SERVICES]
AWAY = {fact_queue("settlement"), fact_queue("voucher"), command_queue("voucher")}
"""Queues whose services are away while the person acts."""

DATA = "/var/lib/rabbitmq"


@pytest.fixture
def broker(container_labels: dict[str, str]) -> Iterator[Any]:
    """A broker of this test alone."""
    require_engine()
    # Imported here, because importing testcontainers takes a while and most runs need no container.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    container = (
        DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
        .with_env("RABBITMQ_DEFAULT_USER", "test")
        .with_env("RABBITMQ_DEFAULT_PASS", "test")
        .with_exposed_ports(PORT)
        .with_kwargs(labels=container_labels)
        .waiting_for(LogMessageWaitStrategy("Server startup complete").with_startup_timeout(BOOT_S))
    )
    with container:
        yield container


@asynccontextmanager
async def running(
    services: Sequence[Service], databases: Mapping[str, str], url: str, folder: Path
) -> AsyncIterator[World]:
    """Some services on the broker; what the others should hear waits for them."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    await _trust(databases.values(), private.public_key())
    settings = {service.name: settings_for(service, databases[service.name], folder, {}) for service in services}
    buses = {service.name: RabbitBus(url, service=service.name) for service in services}
    async with open_host(services, settings, buses) as host:
        transport = httpx.ASGITransport(app=host.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://platform", timeout=30) as client:
            signer = TokenSigner(private, kid="test", issuer=ISSUER, ttl_s=300, now=time.time)
            unused = MemoryExchange(WIRINGS)
            yield World(Platform(host, unused, client, signer, databases, MemoryBus(unused)))


def waiting_in(broker: Any) -> dict[str, int]:
    """How many messages wait in each queue where any do."""
    command = ["rabbitmqctl", "-q", "list_queues", "name", "messages", "--no-table-headers"]
    code, said = broker.get_wrapped_container().exec_run(command)
    assert code == 0, said.decode()
    found = dict(line.split("\t") for line in said.decode().splitlines() if line)
    return {name: int(number) for name, number in found.items() if number != "0"}


def files_of(broker: Any) -> bytes:
    """Everything in the broker's data folder and its log."""
    packed, _ = broker.get_wrapped_container().get_archive(DATA)
    return b"".join(packed) + b"".join(broker.get_logs())


@pytest.mark.container
@pytest.mark.requirement("R7")
async def test_a_planted_person_is_in_no_file_of_the_broker(
    databases: Mapping[str, str], broker: Any, tmp_path: Path
) -> None:
    url = f"amqp://test:test@{broker.get_container_host_ip()}:{broker.get_exposed_port(PORT)}/"
    await declare(url, topology(WIRINGS))
    async with running(SERVICES, databases, url, tmp_path) as world:
        await world.begin_year()
        parties = world.enterprise_id, world.provider_id, world.product_id
        await world.platform.settle()
    person = Planted()
    speaking = [service for service in SERVICES if service.name in {"identity", "order"}]
    async with running(speaking, databases, url, tmp_path) as world:
        world.enterprise_id, world.provider_id, world.product_id = parties
        await live(Office(world.platform), person)
        await buy(world, person)
        async with asyncio.timeout(QUEUED_S):
            while not (await asyncio.to_thread(waiting_in, broker)).keys() >= AWAY:  # noqa: ASYNC110 - the broker is asked
                await asyncio.sleep(0.2)
        held = await asyncio.to_thread(files_of, broker)
    assert OTHER_ENTERPRISE_CODE.encode() in held, "the files are those in which the messages lie"
    assert person.found_in(held) == []
