"""A whole platform, or some of its services, in one process for tests: real PostgreSQL, memory bus, HTTP by ASGI."""

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.messages.base import Event, Fact
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId, OrganisationId
from shared.runtime.auth.tokens import ClientGrant, TokenSigner
from shared.runtime.bus.base import Envelope, fact_key
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.database.row_security import secure
from shared.runtime.deploy.grants import make_tenant_role
from shared.runtime.host.host import Host, open_host
from shared.runtime.observability.logging import configure
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from tests.factories.databases import FreshDatabases

configure(level="CRITICAL")

ISSUER = "yunquan"
CLIENT_ISSUER = "http://127.0.0.1:8080"
SETTLE_S = 30.0
UNDER_WAY = (
    "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM resend) AS outbox,"
    " (SELECT count(*) FROM retry) AS retry, (SELECT count(*) FROM timer WHERE due_at <= $1) AS timers"
)
"""What a service has still to do; $1 is its business time."""
_SECRET = base64.b64encode(bytes(range(32))).decode()


@dataclass
class Platform:
    """Services running for a test."""

    host: Host
    exchange: MemoryExchange
    client: httpx.AsyncClient
    signer: TokenSigner
    databases: Mapping[str, str]
    _outside: MemoryBus
    _versions: dict[tuple[str, UUID], int] = field(default_factory=dict)

    def runtime(self, service: str) -> Runtime:
        """One running service."""
        return next(runtime for runtime in self.host.runtimes if runtime.service.name == service)

    def headers(
        self,
        role: Role,
        *,
        service: str | None = None,
        organisation_id: UUID | None = None,
        account_id: UUID | None = None,
        region: str | None = None,
        key: str | None = None,
        scopes: Iterable[str] | None = None,
        member: str | None = None,
    ) -> dict[str, str]:
        """Authorization for one service (the only one running when not given) and a fresh Idempotency-Key.

        With `scopes` the caller is a machine client; `member` is what a person is within an organisation.
        """
        account = AccountId(account_id or UUID(int=abs(hash((role, organisation_id))) % 2**120))
        audience = service or self.host.runtimes[0].service.name
        organisation = None if organisation_id is None else OrganisationId(organisation_id)
        if scopes is None:
            token = self.signer.sign(
                account, audience=audience, organisation_id=organisation, roles=[role], region=region, member=member
            )
        else:
            grant = ClientGrant(
                account_id=account,
                client_id=f"yqc_{account.hex}",
                organisation_id=organisation or OrganisationId(UUID(int=0)),
                roles=frozenset({role}),
                scopes=frozenset(scopes),
                key_id=account,
            )
            token = self.signer.sign_for_client(grant, audiences=[audience], issuer=CLIENT_ISSUER)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": key or uuid4().hex}

    async def feed(self, *facts: Fact) -> None:
        """Publish facts of one stream as if its producer had, once and in one envelope.

        A version that is 0 counts up by itself.
        """
        stream = facts[0].stream
        events = [self._event(fact) for fact in facts]
        await self.publish(stream.partition(".")[0], fact_key(stream), events, mandatory=False)

    def _event(self, fact: Fact) -> Event:
        identity = (fact.stream, fact.aggregate_id)
        version = fact.version or self._versions.get(identity, 0) + 1
        self._versions[identity] = version
        fact = msgspec.structs.replace(fact, version=version)
        producer, _, aggregate_type = fact.stream.partition(".")
        return Event(
            id=uuid4(),
            source=producer,
            type=fact.type_name(),
            subject=fact.aggregate_id,
            time="",
            sequence=version,
            data=msgspec.Raw(msgspec.json.encode(fact)),
            aggregatetype=aggregate_type,
        )

    async def publish(
        self, producer: str, routing_key: str, events: Sequence[Event], *, mandatory: bool = True
    ) -> None:
        """Publish events as an outside service would, and wait until they are applied."""
        envelope = Envelope(producer, routing_key, msgspec.json.encode(list(events)), mandatory)
        confirmed = await self._outside.publish([envelope])
        assert confirmed == [True], f"{routing_key} was not applied"

    async def settle(self, *, timeout_s: float = SETTLE_S) -> None:
        """Wait until no service has anything under way: outboxes, due timers and retries are empty twice in a row."""
        deadline = time.monotonic() + timeout_s
        quiet = 0
        state: dict[str, Any] = {}
        while quiet < 2:
            state = {runtime.service.name: await self._under_way(runtime) for runtime in self.host.runtimes}
            quiet = quiet + 1 if not any(any(values.values()) for values in state.values()) else 0
            assert time.monotonic() < deadline, f"not quiet after {timeout_s} s: {state}"
            await asyncio.sleep(0.02)

    async def _under_way(self, runtime: Runtime) -> dict[str, int]:
        async with runtime.reading() as connection:
            row = await connection.fetchrow(UNDER_WAY, runtime.clock.now())
        return dict(row)

    async def move_clock(self, target: datetime) -> None:
        """Move every service's business clock forward and let everything due happen."""
        for runtime in self.host.runtimes:
            async with runtime.pool.acquire() as connection:
                runtime.clock.take(await runtime.clock.move_to(connection, target=target))
        for runtime in self.host.runtimes:
            runtime.timers_changed.set()
        await asyncio.sleep(0.05)
        await self.settle()

    async def dead_letters(self) -> list[str]:
        """The reasons of all dead letters, for the end of a test."""
        found: list[str] = []
        for runtime in self.host.runtimes:
            async with runtime.reading() as connection:
                rows = await connection.fetch("SELECT type, reason FROM dead_letter")
            found += [f"{runtime.service.name}: {row['type']}: {row['reason']}" for row in rows]
        return found


def settings_for(service: Service, dsn: str, folder: Path, extra: Mapping[str, Any]) -> ServiceSettings:
    """Settings of a service for a test: every required secret gets a 32-byte base64 value, every folder a fresh one."""
    place: dict[str, Any] = {"database_url": SecretStr(dsn)}
    for name in service.settings.model_fields:
        if name.endswith("folder"):
            place[name] = folder / f"{service.name}-{name}"
    if extra:
        return service.settings(**{**_given(service.settings), **place, **extra})
    return _usual(service.settings, frozenset(os.environ.items())).model_copy(update=place)


def _given(settings: type[ServiceSettings]) -> dict[str, Any]:
    values: dict[str, Any] = {"database_url": SecretStr(""), "movable_clock": True, "pool_size_max": 4}
    for name, described in settings.model_fields.items():
        if name not in values and described.annotation is SecretStr and described.is_required():
            values[name] = SecretStr(_SECRET)
        elif name.endswith("folder"):
            values[name] = Path()
    return values


@lru_cache(maxsize=64)
def _usual(settings: type[ServiceSettings], environment: frozenset[tuple[str, str]]) -> ServiceSettings:
    """Settings as most tests have them; read once, since to look for each in the environment takes long."""
    del environment  # what they were read from
    return settings(**_given(settings))


def row_security_stands() -> bool:
    """Whether the second line is drawn; without it a bug in a view shows, which the second line would make up for."""
    return "WITHOUT_ROW_SECURITY" not in os.environ


async def create_tables(dsn: str, metadata: MetaData, *, service: str | None = None) -> None:
    """All tables of a service in an empty database; with its name also row security, as the migration makes it."""
    if not row_security_stands():
        service = None
    if service is not None:
        admin = await asyncpg.connect(dsn)
        # One at a time, as in `ensure_database`: roles belong to the whole server.
        await admin.execute("SELECT pg_advisory_lock(7365002)")
        await make_tenant_role(admin, service)
        await admin.close()
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        if service is not None:
            assert await connection.run_sync(secure, metadata, service), "the views of parties are bound in every test"
    await engine.dispose()


async def with_tables(service: Service, fresh_database: Callable[[], str]) -> str:
    """The admin's URL of a database with a service's tables and not a row."""
    make_tables = partial(create_tables, metadata=service.metadata, service=service.name)
    if isinstance(fresh_database, FreshDatabases):
        return await asyncio.to_thread(fresh_database.with_tables, service.name, service.metadata, make_tables)
    dsn = await asyncio.to_thread(fresh_database)
    await make_tables(dsn)
    return dsn


@asynccontextmanager
async def open_platform(
    services: Sequence[Service],
    fresh_database: Callable[[], str],
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    databases: Mapping[str, str] | None = None,
) -> AsyncIterator[Platform]:
    """Run services on fresh databases (or on `databases` left by an earlier run), until the block ends."""
    if databases is None:
        databases = {service.name: await with_tables(service, fresh_database) for service in services}
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    await _trust(databases.values(), private.public_key())
    exchange = MemoryExchange([service.wiring() for service in services])
    buses = {service.name: MemoryBus(exchange) for service in services}
    with TemporaryDirectory(prefix="yunquan-") as folder:
        chosen = {
            service.name: settings_for(
                service, databases[service.name], Path(folder), (settings or {}).get(service.name, {})
            )
            for service in services
        }
        async with open_host(services, chosen, buses) as host:
            transport = httpx.ASGITransport(app=host.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://platform", timeout=30) as client:
                signer = TokenSigner(private, kid="test", issuer=ISSUER, ttl_s=300, now=time.time)
                yield Platform(host, exchange, client, signer, databases, MemoryBus(exchange))


async def _trust(databases: Any, key: Ed25519PublicKey) -> None:
    for dsn in databases:
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "INSERT INTO signing_key (kid, public_key) VALUES ('test', $1) ON CONFLICT DO NOTHING",
            key.public_bytes_raw(),
        )
        await connection.close()


def repository() -> Path:
    """The checkout's root; the tests run from anywhere."""
    return Path(__file__).resolve().parents[2]
