"""What each service's user may do on RabbitMQ: tried by doing it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import httpx
import pytest
from aio_pika.exceptions import AMQPError, ChannelClosed

from embedded.child import free_port
from embedded.platform import SERVICES
from shared.runtime.bus.base import command_key, command_queue, fact_key, fact_queue
from shared.runtime.bus.declare import MANAGEMENT_PORT, OtherwiseThere, declare, grant
from shared.runtime.bus.rabbitmq_connection import BrokerConnection
from shared.runtime.bus.topology import (
    DEAD_EXCHANGE,
    UNROUTED,
    commands_exchange,
    dead_queue,
    exchange_of,
    facts_exchange,
    partners,
    topology,
)
from tests.containers import image, require_engine

pytestmark = pytest.mark.container

WIRINGS = [service.wiring() for service in SERVICES]
NAMES = [wiring.service for wiring in WIRINGS]
USERS = pytest.mark.parametrize("user", NAMES)
BOOT_S = 60
PORT = 5672


@dataclass(frozen=True)
class Attempt:
    """A service on its own channel, and whom it tries to harm."""

    channel: Any
    me: str
    other: str

    @property
    def stranger(self) -> str:
        """A service that neither accepts a command of this one nor sends it one."""
        return next(name for name in NAMES if name not in {self.me, *partners(WIRINGS, self.me)})


Act = Callable[[Attempt], Awaitable[object]]


@dataclass(frozen=True)
class Broker:
    """A broker with the platform's topology and users."""

    place: str
    management_url: str

    def url(self, user: str) -> str:
        """The URL of a user."""
        return f"amqp://{user}:secret-of-{user}@{self.place}/"


@pytest.fixture(scope="module")
def broker(container_labels: dict[str, str]) -> Iterator[Broker]:
    require_engine()
    # Imported here, because importing testcontainers takes a while and most runs need no container.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    ports = {PORT: free_port(), MANAGEMENT_PORT: free_port()}
    container = (
        DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
        .with_env("RABBITMQ_DEFAULT_USER", "admin")
        .with_env("RABBITMQ_DEFAULT_PASS", "secret-of-admin")
        .with_kwargs(labels=container_labels)
        .waiting_for(LogMessageWaitStrategy("Server startup complete").with_startup_timeout(BOOT_S))
    )
    for inside, outside in ports.items():
        container.with_bind_ports(inside, outside)
    with container:
        found = Broker(f"127.0.0.1:{ports[PORT]}", f"http://127.0.0.1:{ports[MANAGEMENT_PORT]}")
        asyncio.run(prepare(found))
        yield found


async def prepare(broker: Broker) -> None:
    """Twice, because the job is run by every deployment."""
    wanted = topology(WIRINGS)
    users = {name: broker.url(name) for name in NAMES}
    for _ in range(2):
        await declare(broker.url("admin"), wanted)
        await grant(broker.url("admin"), broker.management_url, wanted, users)


@asynccontextmanager
async def channel_of(broker: Broker, user: str) -> AsyncIterator[Any]:
    """A channel of the protocol itself, on which anything may be tried."""
    connection = await aio_pika.connect(broker.url(user))
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        yield await channel.get_underlay_channel()
    finally:
        await connection.close()


async def publish(
    channel: Any, exchange: str, key: str, *, user_id: str | None = None, mandatory: bool = False
) -> object:
    properties = aio_pika.Message(b"[]", user_id=user_id, delivery_mode=2).properties
    return await channel.basic_publish(
        b"[]", exchange=exchange, routing_key=key, properties=properties, mandatory=mandatory, timeout=10
    )


async def nothing(_: object) -> None:
    """A consumer that leaves what it is given."""


# Each is done by a service on a channel of its own, against a neighbour.
REFUSED: Mapping[str, Act] = {
    "declare a queue": lambda it: it.channel.queue_declare(f"{it.me}.more", durable=True),
    "declare an exchange": lambda it: it.channel.exchange_declare(f"yq.{it.me}.more", exchange_type="topic"),
    "delete its own queue": lambda it: it.channel.queue_delete(command_queue(it.me)),
    "delete its own exchange": lambda it: it.channel.exchange_delete(facts_exchange(it.me)),
    "delete a neighbour's queue": lambda it: it.channel.queue_delete(command_queue(it.other)),
    "bind its own queue to its own exchange": lambda it: it.channel.queue_bind(
        fact_queue(it.me), facts_exchange(it.me), routing_key="#"
    ),
    "bind its own queue to a neighbour's exchange": lambda it: it.channel.queue_bind(
        fact_queue(it.me), facts_exchange(it.other), routing_key="#"
    ),
    "bind a neighbour's queue to its own exchange": lambda it: it.channel.queue_bind(
        command_queue(it.other), commands_exchange(it.me), routing_key=command_key(it.other, it.other)
    ),
    "bind exchanges": lambda it: it.channel.exchange_bind(
        destination=facts_exchange(it.me), source=facts_exchange(it.other), routing_key="#"
    ),
    "unbind its own queue": lambda it: it.channel.queue_unbind(
        command_queue(it.me), commands_exchange(it.other), routing_key=command_key(it.other, it.me)
    ),
    "publish a neighbour's facts": lambda it: publish(
        it.channel, facts_exchange(it.other), fact_key(f"{it.other}.anything")
    ),
    "publish a neighbour's commands": lambda it: publish(
        it.channel, commands_exchange(it.other), command_key(it.other, it.me)
    ),
    "publish a neighbour's facts with its user-id": lambda it: publish(
        it.channel, facts_exchange(it.other), fact_key(f"{it.other}.anything"), user_id=it.other
    ),
    "publish a neighbour's commands with its user-id": lambda it: publish(
        it.channel, commands_exchange(it.other), command_key(it.other, it.me), user_id=it.other
    ),
    "publish facts under a neighbour's name with its user-id": lambda it: publish(
        it.channel, facts_exchange(it.me), fact_key(f"{it.other}.anything"), user_id=it.other
    ),
    "publish commands under a neighbour's name with its user-id": lambda it: publish(
        it.channel, commands_exchange(it.me), command_key(it.other, it.stranger), user_id=it.other
    ),
    "publish facts under a neighbour's name": lambda it: publish(
        it.channel, facts_exchange(it.me), fact_key(f"{it.other}.anything")
    ),
    "publish commands to somebody who takes none of it": lambda it: publish(
        it.channel, commands_exchange(it.me), command_key(it.me, it.stranger)
    ),
    "publish commands to itself": lambda it: publish(it.channel, commands_exchange(it.me), command_key(it.me, it.me)),
    "publish commands under a neighbour's name": lambda it: publish(
        it.channel, commands_exchange(it.me), command_key(it.other, it.me)
    ),
    "publish commands under a neighbour's name to a third": lambda it: publish(
        it.channel, commands_exchange(it.me), command_key(it.other, it.stranger), mandatory=True
    ),
    "publish commands to everybody": lambda it: publish(it.channel, commands_exchange(it.me), command_key(it.me, "#")),
    "publish commands under a longer key": lambda it: publish(
        it.channel, commands_exchange(it.me), f"{command_key(it.me, it.other)}.more"
    ),
    "publish commands under no key": lambda it: publish(it.channel, commands_exchange(it.me), ""),
    "publish facts where its commands go": lambda it: publish(
        it.channel, commands_exchange(it.me), fact_key(f"{it.me}.anything")
    ),
    "publish commands where its facts go": lambda it: publish(
        it.channel, facts_exchange(it.me), command_key(it.me, it.other)
    ),
    "publish facts under no name": lambda it: publish(it.channel, facts_exchange(it.me), it.me),
    "publish into a queue past every exchange": lambda it: publish(it.channel, "", command_queue(it.other)),
    "publish a dead letter": lambda it: publish(it.channel, DEAD_EXCHANGE, it.other),
    "publish what nobody subscribed to": lambda it: publish(it.channel, UNROUTED, ""),
    "consume a neighbour's commands": lambda it: it.channel.basic_consume(command_queue(it.other), nothing),
    "consume a neighbour's facts": lambda it: it.channel.basic_consume(fact_queue(it.other), nothing),
    "consume a neighbour's dead letters": lambda it: it.channel.basic_consume(dead_queue(it.other), nothing),
    "consume what nobody subscribed to": lambda it: it.channel.basic_consume(UNROUTED, nothing),
    "get from a neighbour's queue": lambda it: it.channel.basic_get(command_queue(it.other)),
    "purge a neighbour's queue": lambda it: it.channel.queue_purge(fact_queue(it.other)),
}


def neighbour(user: str) -> str:
    return NAMES[(NAMES.index(user) + 1) % len(NAMES)]


@USERS
@pytest.mark.parametrize("act", REFUSED)
async def test_a_service_may_not(broker: Broker, user: str, act: str) -> None:
    async with channel_of(broker, user) as channel:
        with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
            await REFUSED[act](Attempt(channel, user, neighbour(user)))


@USERS
async def test_a_service_publishes_its_own_and_reads_its_own(broker: Broker, user: str) -> None:
    async with channel_of(broker, user) as channel:
        await publish(channel, facts_exchange(user), fact_key(f"{user}.anything"), user_id=user)
        for other in partners(WIRINGS, user):
            key = command_key(user, other)
            await publish(channel, exchange_of(user, key), key, user_id=user, mandatory=True)
        for queue in (command_queue(user), fact_queue(user), dead_queue(user)):
            await channel.basic_consume(queue, nothing)


@USERS
async def test_every_stream_that_somebody_follows_may_be_published_by_its_producer(broker: Broker, user: str) -> None:
    streams = {stream for wiring in WIRINGS for stream in wiring.streams}
    async with channel_of(broker, user) as channel:
        for stream in sorted(each for each in streams if each.partition(".")[0] == user):
            await publish(channel, facts_exchange(user), fact_key(stream), mandatory=True)


@USERS
async def test_on_the_exchange_of_commands_every_routing_key_but_those_of_its_partners_is_refused(
    broker: Broker, user: str
) -> None:
    allowed = {command_key(user, other) for other in partners(WIRINGS, user)}
    keys = {command_key(producer, target) for producer in NAMES for target in NAMES}
    for key in sorted(keys - allowed):
        async with channel_of(broker, user) as channel:
            with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
                await publish(channel, commands_exchange(user), key, mandatory=True)


@USERS
async def test_a_forged_sender_is_refused_where_everything_else_is_the_services_own(broker: Broker, user: str) -> None:
    """Its exchange and its routing key are its own, so nothing but the user-id is there to be refused."""
    keys = [fact_key(f"{user}.anything"), *(command_key(user, other) for other in partners(WIRINGS, user))]
    said = f"ACCESS_REFUSED - user_id property set to '{neighbour(user)}' but authenticated user was '{user}'"
    for key in keys:
        async with channel_of(broker, user) as channel:
            with pytest.raises(ChannelClosed, match=said):
                await publish(channel, exchange_of(user, key), key, user_id=neighbour(user))


async def test_an_exchange_of_another_type_stops_the_job_which_says_what_to_do(broker: Broker) -> None:
    url, wanted = f"{broker.url('admin')}older", topology(WIRINGS)
    async with httpx.AsyncClient(base_url=broker.management_url, auth=("admin", "secret-of-admin")) as client:
        (await client.put("/api/vhosts/older")).raise_for_status()
        line = BrokerConnection(url, name="test")
        channel = await line.channel(publisher_confirms=False)
        await channel.declare_exchange(commands_exchange("order"), "direct", durable=True)
        await line.close()
        with pytest.raises(OtherwiseThere, match="received 'topic' but current is 'direct'") as told:
            await declare(url, wanted)
        path = str(told.value).rpartition(str(MANAGEMENT_PORT))[2]
        assert path == "/api/exchanges/older/yq.order.commands"
        (await client.delete(path)).raise_for_status()
    await declare(url, wanted)


async def test_the_broker_knows_the_services_and_its_administrator_and_nobody_else(broker: Broker) -> None:
    async with httpx.AsyncClient(base_url=broker.management_url) as client:
        admin = ("admin", "secret-of-admin")
        users = {each["name"]: each["tags"] for each in (await client.get("/api/users", auth=admin)).json()}
        assert users == {**{name: [] for name in NAMES}, "admin": ["administrator"]}
        for name in NAMES:
            assert (await client.get("/api/overview", auth=(name, f"secret-of-{name}"))).status_code == 401
    with pytest.raises(AMQPError):
        await aio_pika.connect(f"amqp://guest:guest@{urlsplit(broker.url('admin')).netloc.rpartition('@')[2]}/")
