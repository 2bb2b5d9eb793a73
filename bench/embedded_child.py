"""The embedded platform's process of a bench: all services on the memory bus, seeded before it serves."""

import asyncio
import sys
from pathlib import Path

import msgspec
from pydantic import SecretStr

from bench.market import Setup, seeded_file
from bench.processes import find_service, settings_values
from bench.seed import parties, publish
from embedded.child import HOST
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.host.host import listen, open_host, serve, stop_on_signals
from shared.runtime.host.loop import new_loop
from shared.runtime.observability.logging import configure


async def run(setup: Setup, *, told: Path) -> None:
    """Seed, write to `told` what was seeded, and serve until a signal."""
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    listener = listen(HOST, setup.port)
    services = [find_service(name) for name in setup.databases]
    exchange = MemoryExchange([service.wiring() for service in services])
    settings = {
        service.name: service.settings(
            **settings_values(service, dsn=setup.databases[service.name], folder=Path(setup.folder)),
            bus_url=SecretStr("memory://"),
        )
        for service in services
    }
    buses = {service.name: MemoryBus(exchange) for service in services}
    async with open_host(services, settings, buses) as host:
        seeded = await publish(MemoryBus(exchange), parties(setup.people))
        await asyncio.to_thread(told.write_bytes, msgspec.json.encode(seeded))
        await serve(host, listener, stopping=stopping)


def main() -> None:
    """`python -m bench.embedded_child SETUP_FILE`."""
    configure(level="WARNING")
    file = Path(sys.argv[1])
    setup = msgspec.json.decode(file.read_bytes(), type=Setup)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run(setup, told=seeded_file(file)))


if __name__ == "__main__":
    main()
