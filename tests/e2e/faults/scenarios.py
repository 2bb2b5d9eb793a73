"""What is done to a running platform, and how it ends; each scenario names the rows of the fault matrix it covers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from embedded.platform import SERVICES
from shared.runtime.service.service import Service
from tests.e2e.faults.load import Load
from tests.e2e.faults.operating import operate
from tests.e2e.faults.previous import Previous
from tests.e2e.market import proof_of
from tests.e2e.stack import Stack

BY_NAME = {service.name: service for service in SERVICES}
SIDE_BY_SIDE_S = 1.0


@dataclass
class Site:
    """What a scenario works on."""

    stack: Stack
    load: Load
    folder: Path
    previous: Previous
    hold_s: float
    tell: Callable[[str], None]
    notes: list[str] = field(default_factory=list)
    """What the report has to say of this run of the scenario."""


class Scenario(Protocol):
    """One fault. `heal` returns the moment at which the fault had ended, in seconds of the monotonic clock."""

    @property
    def name(self) -> str:
        """What --only calls it."""
        ...

    @property
    def title(self) -> str:
        """What happens, in words."""
        ...

    @property
    def rows(self) -> Sequence[int]:
        """The rows of the fault matrix."""
        ...

    async def inject(self, site: Site) -> None:
        """Begin the fault."""
        ...

    async def heal(self, site: Site) -> float:
        """End it. What comes after the returned moment is recovery."""
        ...


@dataclass(frozen=True)
class Kill:
    """SIGKILL of containers, all at the same moment; started again on their own data."""

    name: str
    title: str
    rows: Sequence[int]
    targets: Sequence[str]

    async def inject(self, site: Site) -> None:
        """Kill them."""
        await asyncio.gather(*[asyncio.to_thread(site.stack.kill, each) for each in self._containers(site)])

    async def heal(self, site: Site) -> float:
        """Start them; the time they take to start is part of the recovery."""
        ended_s = time.monotonic()
        await asyncio.gather(*[asyncio.to_thread(site.stack.start_again, each) for each in self._containers(site)])
        return ended_s

    def _containers(self, site: Site) -> list[str]:
        return [site.stack.container_of(target) for target in self.targets]


@dataclass(frozen=True)
class Pause:
    """A container stands still and goes on: its connections stay open and nothing answers."""

    name: str
    title: str
    rows: Sequence[int]
    target: str

    async def inject(self, site: Site) -> None:
        """Freeze it."""
        await asyncio.to_thread(site.stack.pause, site.stack.container_of(self.target))

    async def heal(self, site: Site) -> float:
        """Let it go on."""
        await asyncio.to_thread(site.stack.unpause, site.stack.container_of(self.target))
        return time.monotonic()


@dataclass(frozen=True)
class Cut:
    """A container is taken off the network without a word to those it talked to, and put back."""

    name: str
    title: str
    rows: Sequence[int]
    target: str

    async def inject(self, site: Site) -> None:
        """Take it off."""
        await asyncio.to_thread(site.stack.cut, self.target)

    async def heal(self, site: Site) -> float:
        """Put it back."""
        await asyncio.to_thread(site.stack.join, self.target)
        return time.monotonic()


@dataclass(frozen=True)
class MemoryAlarm:
    """The broker says that its memory is full, and stops reading from everybody who publishes."""

    name: str = "broker-memory-alarm"
    title: str = "the broker's memory alarm blocks every publisher"
    rows: Sequence[int] = (5,)

    async def inject(self, site: Site) -> None:
        """Raise the alarm. Raises: AssertionError when the broker does not say so."""
        await self._watermark(site, "absolute", "1")
        alarms = await self._ask(site, "rabbitmqctl", "eval", "rabbit_alarm:get_alarms().")
        assert "memory" in alarms, f"no memory alarm: {alarms}"

    async def heal(self, site: Site) -> float:
        """Take the alarm back."""
        ended_s = time.monotonic()
        await self._watermark(site, "0.6")
        return ended_s

    async def _watermark(self, site: Site, *value: str) -> None:
        await self._ask(site, "rabbitmqctl", "set_vm_memory_high_watermark", *value)

    async def _ask(self, site: Site, *command: str) -> str:
        return await asyncio.to_thread(site.stack.execute, "mq", *command, user="rabbitmq")


@dataclass(frozen=True)
class Roll:
    """Services go back to the previous image, one container at a time with old and new side by side, and forward again.

    The migrations of the present version have run before, as they do in a rolling update.
    """

    services: Sequence[str]
    name: str = "rolling-update"
    title: str = "rolled back to the previous image and updated to this one, old and new side by side"
    rows: Sequence[int] = (16,)

    async def inject(self, site: Site) -> None:
        """To the previous image."""
        for name in self._rolled(site):
            await self._replace(site, BY_NAME[name], site.previous.tag)

    async def heal(self, site: Site) -> float:
        """To the present one: migrations first, then the services."""
        for name in self._rolled(site):
            await asyncio.to_thread(site.stack.migrate, BY_NAME[name])
            await self._replace(site, BY_NAME[name], None)
        return time.monotonic()

    def _rolled(self, site: Site) -> list[str]:
        return [name for name in self.services if name in site.previous.services]

    async def _replace(self, site: Site, service: Service, tag: str | None) -> None:
        (old,) = site.stack.members[service.name]
        new = await asyncio.to_thread(site.stack.add, service, tag)
        site.tell(f"{self.name}: {new} ({tag or 'this version'}) beside {old}")
        await asyncio.sleep(SIDE_BY_SIDE_S)
        await asyncio.to_thread(site.stack.remove, service, old)


@dataclass(frozen=True)
class Scale:
    """One container of each service, then two, then one: the first of the two leaves, so that its work moves."""

    services: Sequence[str]
    name: str = "scale"
    title: str = "scaled 1 -> 2 -> 1"
    rows: Sequence[int] = (4, 16)

    async def inject(self, site: Site) -> None:
        """Two of each."""
        for name in self.services:
            await asyncio.to_thread(site.stack.add, BY_NAME[name])

    async def heal(self, site: Site) -> float:
        """One of each, not the one that was there."""
        for name in self.services:
            first = min(site.stack.members[name])
            await asyncio.to_thread(site.stack.remove, BY_NAME[name], first)
        return time.monotonic()


@dataclass(frozen=True)
class Restore:
    """A database is lost and restored from a backup that is older by the time the fault is held; then repaired.

    As the operators' guide says, the edge is closed and the platform quiet before the database is replaced; the repair,
    with the service running, is part of the recovery.
    """

    service: str
    name: str = ""
    title: str = ""
    rows: Sequence[int] = (18,)

    async def inject(self, site: Site) -> None:
        """Back up; what happens from now on is what the backup does not have."""
        await operate(site.stack, "backup", self.service, "--out", str(site.folder))

    async def heal(self, site: Site) -> float:
        """Stop, restore, start, repair, open the edge again."""
        lost = site.load.orders
        await site.load.close()
        await proof_of(site.stack)
        stack, reason = site.stack, ("--yes", "--reason", f"scenario {self.name}")
        container = stack.container_of(self.service)
        await asyncio.to_thread(stack.stop, container)
        await operate(stack, "restore", self.service, "--from", str(site.folder), "--replace", *reason)
        ended_s = time.monotonic()
        await asyncio.to_thread(stack.start_again, container)
        await asyncio.to_thread(stack.wait_ready, container)
        found = await operate(stack, "repair", self.service, *reason, codes={0})
        took_s = time.monotonic() - ended_s
        site.notes.append(
            f"{lost} orders had begun when the edge was closed; repair said {found.get('said', 0)} facts again, sent"
            f" {found.get('commands', 0)} commands again, set back {found.get('rewound', 0)} cursors,"
            f" left nothing to people, and was done {took_s:.1f} s after the service was started"
        )
        site.load.reopen()
        return ended_s


def all_scenarios() -> list[Scenario]:
    """The whole matrix, mildest first."""
    names = [service.name for service in SERVICES]
    databases = [f"{name}-db" for name in names]
    found: list[Scenario] = [Kill(f"kill-{name}", f"{name} killed", (1, 2, 3, 4), [name]) for name in names]
    found.append(Kill("kill-broker", "the broker killed", (5,), ["mq"]))
    found += [Kill(f"kill-{name}", f"the database of {name[:-3]} killed", (6, 7), [name]) for name in databases]
    found.append(Kill("kill-all-databases", "all five databases killed at once", (6, 7), databases))
    found += [Pause(f"pause-{name}", f"{name} stands still", (8, 9), name) for name in ("voucher", "order")]
    found += [
        Pause("pause-broker", "the broker stands still", (5, 8), "mq"),
        Pause("pause-order-db", "the database of order stands still", (8,), "order-db"),
        Cut("cut-broker", "the broker cut off from the network", (5, 8), "mq"),
        Cut("cut-voucher-db", "the database of voucher cut off from the network", (8,), "voucher-db"),
        MemoryAlarm(),
        Scale(names),
        Roll(names),
    ]
    found += [
        Restore(name, f"restore-{name}", f"the database of {name} restored from an older backup and repaired")
        for name in ("voucher", "settlement")
    ]
    return found
