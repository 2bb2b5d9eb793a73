"""The deploy-time job that puts the exchanges, queues and bindings of all services on the broker; safe to run again."""

import argparse
import asyncio
import importlib
import os
import sys

from shared.runtime.bus.rabbitmq import CONNECT_TIMEOUT_S, Line
from shared.runtime.bus.topology import Topology, topology


async def declare(url: str, topology: Topology) -> None:
    """Put a topology on the broker. Raises: one of BROKER_FAULTS, also when something is there with other arguments."""
    line = Line(url, name="declare")
    try:
        channel = await line.channel(publisher_confirms=False)
        for exchange in topology.exchanges:
            await channel.exchange_declare(
                exchange.name,
                exchange_type=exchange.kind,
                durable=True,
                arguments=dict(exchange.arguments),
                timeout=CONNECT_TIMEOUT_S,
            )
        for queue in topology.queues:
            await channel.queue_declare(
                queue.name, durable=True, arguments=dict(queue.arguments), timeout=CONNECT_TIMEOUT_S
            )
        for binding in topology.bindings:
            await channel.queue_bind(
                binding.queue, binding.exchange, routing_key=binding.routing_key, timeout=CONNECT_TIMEOUT_S
            )
    finally:
        await line.close()


def main() -> int:
    """`python -m shared.runtime.bus.declare services.identity.service ...` with the URL of the broker's admin."""
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.bus.declare", description=main.__doc__)
    parser.add_argument("modules", nargs="+", help="modules that hold a SERVICE; name all services of the platform")
    parser.add_argument("--url", help="amqp:// URL; without it BUS_URL, which does not show in the process list")
    options = parser.parse_args()
    url = options.url or os.environ.get("BUS_URL")
    if url is None:
        parser.error("give --url or set BUS_URL")
    found = topology([importlib.import_module(name).SERVICE.wiring() for name in options.modules])
    asyncio.run(declare(url, found))
    print(f"declared {len(found.queues)} queues and {len(found.bindings)} bindings", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 0


if __name__ == "__main__":
    sys.exit(main())
