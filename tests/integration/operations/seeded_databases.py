"""A story told once to all services, copied for each test, and the command line run against the copies."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid5

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from operations.command_line import main
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId
from shared.runtime.auth.tokens import TokenSigner
from shared.runtime.deploy.branches import newest_revisions
from tests.factories.harness import ISSUER
from tests.factories.world import World, open_world

_PEOPLE = UUID(int=1_907)
GRANTED_FEN = 20_000
Databases = Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """Where the story's databases are and who is in it; the orders by what became of them."""

    databases: Databases
    year: int
    plan_id: UUID
    enterprise_id: UUID
    provider_id: UUID
    product_id: UUID
    orders: Mapping[str, UUID]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """The platform on these databases."""
        async with open_world(self.databases) as world:
            world.year, world.plan_id, world.enterprise_id = self.year, self.plan_id, self.enterprise_id
            world.provider_id, world.product_id = self.provider_id, self.product_id
            yield world


async def tell(databases: Databases) -> Told:
    """One year, one enterprise with quota, two orders that wait for their provider, and two confirmed ones."""
    async with open_world(databases) as world:
        await world.begin_year(granted_fen=GRANTED_FEN)
        orders = {
            "waiting": await world.awaiting(1_000, 500),
            "leaving": await world.awaiting(700),
            "refunding": await world.confirmed(1_200, 300),
            "claiming": await world.confirmed(900),
        }
        await world.rest()
    for name, dsn in databases.items():
        await stamp(name, dsn)
    return Told(databases, world.year, world.plan_id, world.enterprise_id, world.provider_id, world.product_id, orders)


async def stamp(service: str, dsn: str) -> None:
    """Say that the schema is the newest, as the migrations would have."""
    await execute(dsn, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    await execute(dsn, "INSERT INTO alembic_version SELECT unnest($1::text[])", list(newest_revisions(service)))


async def execute(dsn: str, statement: str, *arguments: object) -> str:
    """One statement."""
    connection = await asyncpg.connect(dsn)
    try:
        done: str = await connection.execute(statement, *arguments)
        return done
    finally:
        await connection.close()


async def rows(dsn: str, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    """The rows of one statement."""
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()


def url_of(server: str, name: str) -> str:
    """The URL of another database of a server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@dataclass
class Answer:
    """What a command said."""

    code: int
    data: Any
    said: str


@dataclass
class Desk:
    """An operator's desk: the command line in this process."""

    databases: Databases
    capture: pytest.CaptureFixture[str]
    log: list[Answer] = field(default_factory=list)

    async def run(self, *arguments: str, operator: str = "anna", session: Path | None = None) -> Answer:
        """One command with --json, in a thread of its own as it brings its own loop."""
        self.capture.readouterr()
        who = ["--operator", operator, *(["--token-file", str(session)] if session else [])]
        code = await asyncio.to_thread(self._call, ["--json", *who, *arguments])
        out, said = self.capture.readouterr()
        answer = Answer(code, json.loads(out) if out.strip().startswith("{") else None, said)
        self.log.append(answer)
        return answer

    def _call(self, arguments: list[str]) -> int:
        try:
            return main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0)


def a_session(file: Path, name: str, *roles: Role) -> Path:
    """The saved sign-in of somebody with these roles, as `sign-in` would have kept it."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signer = TokenSigner(private, kid="test", issuer=ISSUER, ttl_s=300, now=time.time)
    account_id = AccountId(uuid5(_PEOPLE, name))
    tokens = {
        service: signer.sign(account_id, audience=service, organisation_id=None, roles=roles, region=None)
        for service in ("identity", "catalog", "voucher", "order", "settlement")
    }
    file.write_text(json.dumps({"name": name, "access_tokens": tokens}), encoding="utf-8")
    return file


Copies = Callable[[], Told]
