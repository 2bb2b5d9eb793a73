"""Operators' commands read in proportion to what is stored: buffers for each 1,000 purchases at two sizes.

Counted, never timed. `test_growth.py` asks the same of everything else, at sizes at which most of what these commands
take is the same whatever is stored.
"""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from bench.growth.meter import Meter
from bench.growth.platform import Grown, migrated, open_grown
from operations.command_line import parser
from operations.commands.base import Call
from operations.report import Progress
from shared.runtime.messaging.resend import next_again
from tests.integration.test_growth import prefer_indexes

SIZES = (2_000, 12_000)
RATIO_MAX = 1.5
SERVICES = ("identity", "catalog", "voucher", "order", "settlement")
COMMANDS = (
    "reconcile",
    "verify --service order",
    "repair voucher",
    "repair settlement",
    "resend --to settlement",
    "resend --service order --since 2020-01-01T00:00 --yes",
    "resend --to settlement --stream order.order --yes",
)

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def found(server_folder: Callable[[], Path]) -> Mapping[str, Mapping[int, float]]:
    """Buffers for each 1,000 purchases, by command and size, on one platform that grows."""

    async def grown() -> dict[str, dict[int, float]]:
        measured: dict[str, dict[int, float]] = {command: {} for command in COMMANDS}
        await prefer_indexes(server.admin_dsn)
        # What vacuum reads by itself would be counted as well.
        await _execute(server.admin_dsn, "ALTER SYSTEM SET autovacuum = off")
        await _execute(server.admin_dsn, "SELECT pg_reload_conf()")
        platform = await migrated(folder, server, state, lambda _: None)
        await platform.begin()
        async with platform.quiet() as world:
            for size in SIZES:
                await platform.grow(size, processes=1)
                meter = await Meter.open(world.platform.host, server.admin_dsn)
                for command in COMMANDS:
                    measured[command][size] = await _measure(platform, meter, command) * 1_000 / size
                await meter.close()
        return measured

    folder = server_folder()
    with open_grown(folder, told=lambda _: None) as (server, state):
        return asyncio.run(grown())


async def _measure(platform: Grown, meter: Meter, command: str) -> int:
    for name, dsn in platform.admins.items():
        os.environ[f"{name}_database_url".upper()] = dsn
    if "order.order --yes" in command:
        # As if settlement had begun to follow orders only now.
        await _execute(platform.admins["settlement"], "DELETE FROM cursor WHERE stream = 'order.order'")

    async def act() -> None:
        given = parser().parse_args(command.split())
        async with _relay(platform.admins["order"]):
            report = await given.run(Call(given=given, progress=Progress(stream=io.StringIO())))
        assert "--yes" not in command or (report.data["sent"] > 0 and report.data["done"])

    reading = await meter.measure(act, services=SERVICES, warm=False)
    return reading.buffers


@asynccontextmanager
async def _relay(dsn: str) -> AsyncIterator[None]:
    """Takes each row of the lane as the relay does, to the last one, and sends it nowhere."""
    filled = asyncio.Event()

    async def take() -> None:
        connection = await asyncpg.connect(dsn, server_settings={"application_name": "operations"})
        try:
            while True:
                row = await next_again(connection, service="order")
                if row is not None:
                    assert row.facts
                    await connection.execute("DELETE FROM resend WHERE id = $1", row.row_id)
                elif filled.is_set():
                    return
                else:
                    await asyncio.sleep(0.02)
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take())
        yield
        filled.set()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_in_proportion_to_what_is_stored(
    found: Mapping[str, Mapping[int, float]], command: str
) -> None:
    small, large = (found[command][size] for size in SIZES)
    assert large / small <= RATIO_MAX, f"{small:,.0f} and {large:,.0f} buffers for each 1,000 purchases"
