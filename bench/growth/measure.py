"""Proves a filled platform and measures every way of reading it."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.growth.commands import commands
from bench.growth.meter import Meter, Reading
from bench.growth.platform import Grown
from bench.growth.ways import Way, routes, schedules
from bench.processes import SERVICES
from embedded.proof import read_proof
from services.voucher.proof import prove as prove_ledger
from tests.factories.world import World


class DoesNotBalance(Exception):
    """The proof found a difference on what was filled: the filler is wrong, and nothing measured on it counts."""


async def prove(world: World, *, ledger_only: bool = False) -> None:
    """The platform's own proof of the ledger, and across the services, which takes long. Raises: DoesNotBalance."""
    if ledger_only:
        async with world.platform.runtime("voucher").reading() as connection:
            differences = (await prove_ledger(connection)).differences
        if differences:
            raise DoesNotBalance("\n".join(map(str, differences[:20])))
        return
    proof = await read_proof({runtime.service.name: runtime for runtime in world.platform.host.runtimes})
    if not proof.balances:
        found = [f"{check.title}: {one}" for check in proof.checks for one in check.differences]
        raise DoesNotBalance("\n".join(found[:20] or [str(plan) for plan in proof.plans]))


async def measure(  # noqa: PLR0913 - what is measured, and how much of it
    grown: Grown,
    world: World,
    *,
    told: Callable[[str], None],
    linear: bool = True,
    proved: bool = True,
    services: Collection[str] = SERVICES,
) -> dict[str, tuple[bool, Reading]]:
    """Each way and what it took: of some services, and of the commands; without `linear`, not what reads all by right.

    Raises: DoesNotBalance, Unanswered.
    """
    found: dict[str, tuple[bool, Reading]] = {}
    if proved:
        told("the proof")
        await prove(world, ledger_only=not linear)
    meter = await Meter.open(world.platform.host, grown.server.admin_dsn)
    try:
        with TemporaryDirectory(prefix="yunquan-growth-") as folder:
            for way in await _ways(grown, world, Path(folder), services):
                if way.linear and not linear:
                    continue
                told(way.name)
                # What reads everything has no need to be warm, and takes long.
                reading = await meter.measure(way.act, services=way.services, warm=not way.linear)
                found[way.name] = way.linear, reading
    finally:
        await meter.close()
    return found


async def _ways(grown: Grown, world: World, folder: Path, services: Collection[str]) -> list[Way]:
    runtimes = [runtime for runtime in world.platform.host.runtimes if runtime.service.name in services]
    ways = [way async for way in routes(world, runtimes, grown.state.market["ids"])]
    return [*ways, *schedules(runtimes), *commands(grown.admins, folder)]


def to_stderr(text: str) -> None:
    """Progress, on a terminal one line that is written over."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text[:150]}")
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
