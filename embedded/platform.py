"""All services and the bundled PostgreSQL in one process, on the memory bus, with secrets made once."""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.routing import BaseRoute

from embedded.components import service_names
from embedded.postgres import EmbeddedPostgres
from operations.places import service_of
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.deploy.grants import DatabaseLogin, ensure_database
from shared.runtime.deploy.migrate import upgrade
from shared.runtime.host.host import Host, open_host
from shared.runtime.service import Service, ServiceSettings

SERVICES: tuple[Service, ...] = tuple(map(service_of, service_names()))
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """Where the embedded platform keeps its files and which policy it follows."""

    folder: Path
    policy_file: Path
    host: str
    port: int


class Secrets:
    """Secrets of the embedded platform, made at random on first use and kept in one file only we can read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str) -> str:
        """32 random bytes as base64, the same at every start."""
        if name not in self._values:
            self._values[name] = b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
            self._write()
        return self._values[name]

    def _write(self) -> None:
        write_private(self._file, json.dumps(self._values))


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step by one that only we can read."""
    fresh = file.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    fresh.replace(file)


EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nobody is called by these


def settings_of(service: Service, *, platform: PlatformSettings, dsn: str, kept: Secrets) -> ServiceSettings:
    """A service's settings: every required secret comes from the kept file, every folder lies under ours."""
    values: dict[str, Any] = {
        "database_url": SecretStr(dsn),
        "policy_file": platform.policy_file,
        "host": platform.host,
        "port": platform.port,
        # The issuer of machine clients' tokens, and where they ask for them.
        "public_url": f"http://{'127.0.0.1' if platform.host in EVERYWHERE else platform.host}:{platform.port}",
        "movable_clock": True,
        "pool_size_max": 6,
    }
    for name, described in service.settings.model_fields.items():
        if name in values:
            continue
        if described.annotation is SecretStr and described.is_required():
            values[name] = SecretStr(kept.get(f"{service.name}.{name}"))
        elif name.endswith("folder"):
            values[name] = platform.folder / "files" / service.name
        elif name == "webhook_local_targets":
            # Whoever tries it out has a receiver on the same machine.
            values[name] = True
    return service.settings(**values)


async def prepare_databases(
    postgres: EmbeddedPostgres, kept: Secrets, *, operations: Path | None = None
) -> Mapping[str, str]:
    """A database and two roles for each service, brought to the newest schema; the URLs of the running role.

    `operations` names a file that gets the URLs of the owner's role, for `python -m operations`.
    """
    urls: dict[str, str] = {}
    owners: dict[str, str] = {}
    for service in SERVICES:
        owner, runtime = (
            DatabaseLogin(role=role, password=kept.get(f"{role}.database"), database=service.name)
            for role in (f"{service.name}_owner", service.name)
        )
        await ensure_database(postgres.admin_dsn, owner=owner, runtime=runtime)
        await upgrade(service.name, owner.url(postgres.admin_dsn))
        urls[service.name] = postgres.by_socket(runtime.url(postgres.admin_dsn))
        owners[f"{service.name}_database_url".upper()] = owner.url(postgres.admin_dsn)
    if operations is not None:
        write_private(operations, "".join(f"{name}={url}\n" for name, url in owners.items()))
    return urls


@asynccontextmanager
async def open_platform(
    platform: PlatformSettings,
    *,
    databases: Mapping[str, str],
    kept: Secrets,
    extra_routes: Sequence[BaseRoute] = (),
) -> AsyncIterator[Host]:
    """Run all services until the block ends."""
    exchange = MemoryExchange([service.wiring() for service in SERVICES])
    buses = {service.name: MemoryBus(exchange) for service in SERVICES}
    settings = {
        service.name: settings_of(service, platform=platform, dsn=databases[service.name], kept=kept)
        for service in SERVICES
    }
    async with open_host(SERVICES, settings, buses, extra_routes=extra_routes) as host:
        yield host
