"""The deploy-time job that puts the exchanges, queues, bindings and users of all services on the broker.

It is safe to run again. What is already there with other arguments is a fault and is not replaced.
"""

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import httpx

from shared.runtime.bus.rabbitmq_connection import CONNECT_TIMEOUT_S, BrokerConnection, DeclaredOtherwise
from shared.runtime.bus.topology import NOTHING, Exchange, Topology, topology

MANAGEMENT_PORT = 15_672
MANAGEMENT_TIMEOUT_S = 30.0
DEFAULT_USER = "guest"


class OtherwiseThere(Exception):
    """An exchange is on the broker already, of another type or with other arguments. The text says what to do."""

    def __init__(self, exchange: Exchange, *, vhost: str, found: str) -> None:
        super().__init__(
            f"the exchange {exchange.name} is there, but not as {exchange.kind}: {found}\n"
            "Delete it and run this job again. Queues keep their messages, and what services publish meanwhile waits in"
            " their outboxes. With the broker's administrator:\n"
            f"  curl --user NAME --request DELETE http://BROKER:{MANAGEMENT_PORT}/api/exchanges/{_path(vhost)}/"
            f"{_path(exchange.name)}"
        )


async def declare(url: str, topology: Topology) -> None:
    """Put a topology on the broker. Raises: OtherwiseThere; one of BROKER_FAULTS, also of a queue that differs."""
    line = BrokerConnection(url, name="declare")
    try:
        channel = await line.channel(publisher_confirms=False)
        for exchange in topology.exchanges:
            try:
                await channel.declare_exchange(
                    exchange.name,
                    exchange.kind,
                    durable=True,
                    arguments=dict(exchange.arguments),
                    timeout=CONNECT_TIMEOUT_S,
                )
            except DeclaredOtherwise as error:
                raise OtherwiseThere(exchange, vhost=_vhost(url), found=str(error)) from error
        for queue in topology.queues:
            await channel.declare_queue(
                queue.name, durable=True, arguments=dict(queue.arguments), timeout=CONNECT_TIMEOUT_S
            )
        for binding in topology.bindings:
            queue_there = await channel.get_queue(binding.queue, ensure=False)
            await queue_there.bind(binding.exchange, binding.routing_key, timeout=CONNECT_TIMEOUT_S)
    finally:
        await line.close()


async def grant(url: str, management_url: str, topology: Topology, users: Mapping[str, str]) -> None:
    """Give each service's user its password and its rights, and remove the user that every broker is born with.

    `url` is the amqp:// URL of the administrator, `users` holds the one of each service by its name. The broker's
    protocol knows no users, so this speaks to the management API. Raises: httpx.HTTPError, KeyError.
    """
    admin = urlsplit(url)
    vhost = _path(_vhost(url))
    async with httpx.AsyncClient(
        base_url=management_url,
        auth=(unquote(admin.username or ""), unquote(admin.password or "")),
        timeout=MANAGEMENT_TIMEOUT_S,
    ) as client:

        async def put(path: str, body: Mapping[str, str]) -> None:
            (await client.put(path, json=body)).raise_for_status()

        for rights in topology.rights:
            parts = urlsplit(users[rights.service])
            user = _path(unquote(parts.username or ""))
            await put(f"/api/users/{user}", {"password": unquote(parts.password or ""), "tags": ""})
            named = {"configure": rights.configure, "write": rights.write, "read": rights.read}
            # First the narrower right: without one a user may publish any routing key.
            for exchange, keys in rights.topics.items():
                topics = {"exchange": exchange, "write": keys, "read": NOTHING}
                await put(f"/api/topic-permissions/{vhost}/{user}", topics)
            await put(f"/api/permissions/{vhost}/{user}", named)
        if unquote(admin.username or "") != DEFAULT_USER:
            gone = await client.delete(f"/api/users/{DEFAULT_USER}")
            if gone.status_code != httpx.codes.NOT_FOUND:
                gone.raise_for_status()


def _vhost(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/")) or "/"


def _path(part: str) -> str:
    return quote(part, safe="")


def main() -> int:
    """`python -m shared.runtime.bus.declare services.identity.service ...` with the URL of the broker's admin.

    With --users each service gets a user of its own, named with its password in <NAME>_BUS_URL.
    """
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.bus.declare", description=main.__doc__)
    parser.add_argument("modules", nargs="+", help="modules that hold a SERVICE; name all services of the platform")
    parser.add_argument("--url", help="amqp:// URL; without it BUS_URL, which does not show in the process list")
    parser.add_argument("--users", action="store_true", help="also make the users and their rights")
    parser.add_argument(
        "--management-url", help=f"the broker's management API; without it port {MANAGEMENT_PORT} of its host"
    )
    options = parser.parse_args()
    url = options.url or os.environ.get("BUS_URL")
    if url is None:
        parser.error("give --url or set BUS_URL")
    found = topology([importlib.import_module(name).SERVICE.wiring() for name in options.modules])
    try:
        asyncio.run(declare(url, found))
    except OtherwiseThere as error:
        parser.exit(1, f"{error}\n")
    print(f"declared {len(found.queues)} queues and {len(found.bindings)} bindings", file=sys.stderr)  # noqa: T201 - a command line speaks
    if options.users:
        management_url = options.management_url or f"http://{urlsplit(url).hostname}:{MANAGEMENT_PORT}"
        try:
            users = {rights.service: os.environ[f"{rights.service.upper()}_BUS_URL"] for rights in found.rights}
        except KeyError as error:
            parser.error(f"set {error.args[0]}")
        asyncio.run(grant(url, management_url, found, users))
        print(f"users: {', '.join(users)}", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 0


if __name__ == "__main__":
    sys.exit(main())
