"""The main program of a service's process: read settings, open the host, serve until a signal."""

import asyncio
import sys
from collections.abc import Sequence

import asyncpg
import structlog
from pydantic import ValidationError

from shared.contracts.policy import PolicyPackInvalid
from shared.kernel.refusals import Bug, Refusal
from shared.runtime.bus.base import Bus
from shared.runtime.bus.rabbitmq import RabbitBus
from shared.runtime.host.host import PortInUse, listen, open_host, serve, stop_on_signals
from shared.runtime.host.loop import new_loop
from shared.runtime.observability.logging import adopt_libraries, configure
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings

log = structlog.get_logger()

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EXIT_CONFIGURATION = 78
"""sysexits' EX_CONFIG: a restart will not help before somebody changes the configuration."""
CANNOT_START = (
    PolicyPackInvalid,
    PortInUse,
    OSError,
    UnicodeDecodeError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    Refusal,
    Bug,
)
"""What an operator can put right; it is told in one line, and only what is left is a stack trace."""


def run(services: Sequence[Service]) -> None:
    """Run services in this process until SIGINT or SIGTERM. Exits 78 on a configuration that cannot work."""
    settings = {service.name: _settings_of(service) for service in services}
    first = settings[services[0].name]
    if first.movable_clock and not (first.sandbox or first.host in LOOPBACK):
        sys.exit(_refuse("movable_clock needs a loopback host or sandbox=true: money must not follow a movable clock"))
    spoken_for = services[0].name if len(services) == 1 else ""
    configure(level=first.log_level, service=spoken_for)
    adopt_libraries(level=first.log_level, service=spoken_for)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_run(services, settings))
    except CANNOT_START as error:
        sys.exit(_refuse(_reason_of(error)))


def _settings_of(service: Service) -> ServiceSettings:
    try:
        return service.settings()
    except ValidationError as error:
        prefix = service.settings.model_config.get("env_prefix", "")
        # The messages name variables and rules, never what was given: that may be a secret.
        faults = [
            ".".join(f"{prefix}{part}".upper() for part in item["loc"]) + f" ({item['msg']})" for item in error.errors()
        ]
        sys.exit(_refuse(f"settings are missing or wrong: {', '.join(faults)}"))


def _reason_of(error: BaseException) -> str:
    """One line for the operator; some faults of the network say nothing but their name."""
    said = " ".join(str(error).split())
    match error:
        case asyncpg.UndefinedTableError():
            return f"the database has no tables yet, run the migrations first: {said}"
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return f"the database refuses: {said}"
        case UnicodeDecodeError():
            return f"the policy file is not UTF-8: {said}"
        case _:
            return said or f"no answer in time ({type(error).__name__})"


def _refuse(reason: str) -> int:
    print(f"cannot start: {reason}", file=sys.stderr)  # noqa: T201 - the process speaks to its operator
    return EXIT_CONFIGURATION


def _bus(service: Service, settings: ServiceSettings) -> Bus:
    url = settings.bus_url.get_secret_value()
    if not url.startswith(("amqp://", "amqps://")):
        sys.exit(_refuse("bus_url must be amqp:// or amqps:// (the memory bus serves the embedded platform only)"))
    return RabbitBus(url, service=service.name)


async def _run(services: Sequence[Service], settings: dict[str, ServiceSettings]) -> None:
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    first = settings[services[0].name]
    listener = listen(first.host, first.port)
    buses = {service.name: _bus(service, settings[service.name]) for service in services}
    async with open_host(services, settings, buses) as host:
        log.info("process.started", services=[service.name for service in services], port=first.port)
        await serve(host, listener, stopping=stopping)
    log.info("process.stopped")
