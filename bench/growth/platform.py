"""The platform that is filled: one PostgreSQL server with five migrated databases, kept in a folder with its state."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg

from bench.growth.filler import GROUP, Stage, fill
from bench.growth.market import make_market
from bench.growth.template import Cutter, Kind, Template, dump, ids_of
from embedded.platform import Secrets, prepare_databases
from embedded.postgres import ADMIN_ROLE, EmbeddedPostgres, PostgresSettings
from shared.runtime.host.host import Host
from tests.factories.world import World, open_world

BUFFERS_MB = 512


class WrongSize(Exception):
    """A kept platform holds more than was asked for."""


_LAST_NUMBERS = {
    "voucher": "SELECT decided_to AS ticket, last_decision_no AS decision FROM plan",
    "order": "SELECT last_seq AS event FROM event_feed",
}
"""What the market has numbered by service: copies count on from there."""


@dataclass(slots=True)
class State:
    """What is known of a kept platform; written after each step, so that what was stopped goes on."""

    file: Path
    market: dict[str, Any] = field(default_factory=dict)
    copies: int = 0
    """Copies that are there, the market itself being the first."""
    filling: int = 0
    """Copies that a fill under way is to reach."""

    @classmethod
    def read(cls, file: Path) -> "State":
        """The state of a folder; an empty one where nothing was begun."""
        return cls(file, **json.loads(file.read_text())) if file.exists() else cls(file)

    def write(self) -> None:
        """Keep it."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"market": self.market, "copies": self.copies, "filling": self.filling}))
        fresh.replace(self.file)

    @property
    def purchases(self) -> int:
        """Purchases that are there, but for the few left open."""
        return self.copies * int(self.market.get("purchases", 0))


@dataclass(slots=True)
class Grown:
    """A platform that can be filled and measured."""

    folder: Path
    server: EmbeddedPostgres
    databases: Mapping[str, str]
    """URLs of the services' own roles."""
    state: State
    told: Callable[[str], None]

    @property
    def admins(self) -> dict[str, str]:
        """URLs of the administrator of each database."""
        return {name: self.server.by_socket(self.server.dsn(name, ADMIN_ROLE)) for name in self.databases}

    async def begin(self) -> None:
        """Make the market, unless it is there."""
        if self.state.copies:
            return
        self.told("one life of each kind, through the services")
        kinds: dict[str, Kind] = {}

        async def mark(kind: Kind) -> None:
            for dsn in self.admins.values():
                for lines in (await _dump(dsn)).values():
                    for one in ids_of(lines):
                        kinds.setdefault(one, kind)

        async with open_world(self.databases) as world:

            async def settled(kind: Kind) -> None:
                await world.platform.settle()
                await mark(kind)

            street = await make_market(world, settled)
        year = int(street.ids["year"])
        rows = {name: await _dump(dsn) for name, dsn in self.admins.items()}
        (self.folder / "rows.json").write_text(json.dumps(_as_json(rows, kinds)))
        self.state.market = {**street.say(), "year": year, "last": await self._last()}
        self.state.copies = 1
        self.state.write()

    async def _last(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for service, numbers in _LAST_NUMBERS.items():
            connection = await asyncpg.connect(self.admins[service])
            try:
                found |= dict(await connection.fetchrow(numbers))
            finally:
                await connection.close()
        return found

    def template(self) -> Template:
        """What is multiplied."""
        rows, kinds = _from_json(json.loads((self.folder / "rows.json").read_text()))
        return Cutter(kinds, self.state.market["year"]).cut(rows)

    async def grow(self, purchases: int, *, processes: int) -> None:
        """Fill up to at least that many purchases. Raises: WrongSize."""
        each = int(self.state.market["purchases"])
        wanted = max(1, -(-purchases // each))
        for goal in filter(None, (self.state.filling, wanted)):
            if goal == self.state.copies:
                continue
            if goal < self.state.copies:
                raise WrongSize(f"{self.folder} holds {self.state.purchases:,} purchases: ask for more, or --fresh")
            self.state.filling = goal
            self.state.write()
            stage = Stage(first=self.state.copies, end=goal, last=self.state.market["last"])
            await fill(
                self.template(),
                self.folder / "template.pickle",
                self.admins,
                stage,
                granted_fen=self.state.market["granted_fen"],
                processes=processes,
                told=self.told,
            )
            self.state.copies, self.state.filling = goal, 0
            self.state.write()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[World]:
        """The services on these databases, answering, with nothing that runs by itself."""
        with patch.object(Host, "start"):
            async with open_world(self.databases) as world:
                yield world


@contextmanager
def open_grown(folder: Path, *, told: Callable[[str], None]) -> Iterator[tuple[EmbeddedPostgres, State]]:
    """The server of a folder, without fsync: what is measured is counted, and can be made again."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    told(f"server in {folder}")
    settings = PostgresSettings(folder=folder / "postgres", durable=False, shared_buffers_mb=BUFFERS_MB)
    with EmbeddedPostgres(settings) as server:
        yield server, State.read(folder / "state.json")


async def migrated(folder: Path, server: EmbeddedPostgres, state: State, told: Callable[[str], None]) -> Grown:
    """Its five databases, brought to the newest schema."""
    databases = await prepare_databases(server, Secrets(folder / "secrets.json"))
    return Grown(folder, server, databases, state, told)


def remove(folder: Path) -> None:
    """Away with a kept platform."""
    shutil.rmtree(folder, ignore_errors=True)


async def _dump(dsn: str) -> dict[tuple[str, tuple[str, ...]], list[bytes]]:
    connection = await asyncpg.connect(dsn)
    try:
        return await dump(connection)
    finally:
        await connection.close()


def _as_json(rows: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    tables = {
        service: [
            [table, list(columns), [line.decode() for line in lines]] for (table, columns), lines in found.items()
        ]
        for service, found in rows.items()
    }
    return {"tables": tables, "kinds": {one: int(kind) for one, kind in kinds.items()}}


def _from_json(kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Kind]]:
    rows = {
        service: {(table, tuple(columns)): [line.encode() for line in lines] for table, columns, lines in found}
        for service, found in kept["tables"].items()
    }
    return rows, {one: Kind(kind) for one, kind in kept["kinds"].items()}


__all__ = ["GROUP", "Grown", "State", "WrongSize", "migrated", "open_grown", "remove"]
