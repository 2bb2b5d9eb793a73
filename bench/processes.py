"""Starts what a run needs as processes of its own on loopback, and ends all of it by process id."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bench.load import connect, get
from embedded.binaries import default_folder
from embedded.child import HOST, die_with_parent, free_port
from embedded.components import service_names
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from shared.runtime.service.service import Service

SERVICES = service_names()
ROOT = Path(__file__).resolve().parents[1]
READY_S = 60.0
STOP_S = 20.0


class NotStarted(Exception):
    """A part of the bench did not come up; the text says which and where its log is."""


def find_service(name: str) -> Service:
    """The declaration of a service."""
    found: Service = import_module(f"services.{name}.service").SERVICE
    return found


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder that PostgreSQL's user may enter; removed at the end."""
    parent = default_folder() / "bench"
    parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def open_postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """The bundled PostgreSQL with fsync on."""
    with EmbeddedPostgres(PostgresSettings(folder=folder / "postgres", durable=True)) as server:
        yield server


async def make_databases(server: EmbeddedPostgres, names: Sequence[str]) -> dict[str, str]:
    """A fresh database with all tables for each service; the URLs by service."""
    urls: dict[str, str] = {}
    for name in names:
        server.ensure_database(name, role=name, password=secrets.token_hex(16))
        urls[name] = server.dsn(name, name)
        engine = create_async_engine(
            urls[name].replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool
        )
        async with engine.begin() as connection:
            await connection.run_sync(find_service(name).metadata.create_all)
        await engine.dispose()
    return urls


@contextmanager
def child(module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` as a process that ends with this block, or with us."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C at the terminal is for us alone: we stop the processes in the right order.
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - two system calls, looked up before the fork
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
                break


async def until_ready(process: subprocess.Popen[bytes], *, port: int, path: bytes, log: Path) -> None:
    """Wait until a process answers 200 on `path`. Raises: NotStarted."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotStarted(f"a process ended with {process.returncode}: {_tail(log)}")
        with contextlib.suppress(OSError):
            connection = await connect(HOST, port)
            answer = await connection.send(get(path))
            connection.close()
            if answer.status == 200:
                return
        await asyncio.sleep(0.05)
    raise NotStarted(f"a process was not ready within {READY_S:.0f} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-1_500:]


def settings_values(service: Service, *, dsn: str, folder: Path) -> dict[str, Any]:
    """Settings of a service: random secrets where they are required, folders below ours."""
    values: dict[str, Any] = {"database_url": SecretStr(dsn), "policy_file": ROOT / "policies/guizhou-2018.toml"}
    for name, described in service.settings.model_fields.items():
        if name in values:
            continue
        if described.annotation is SecretStr and described.is_required():
            values[name] = SecretStr(b64encode(secrets.token_bytes(32)).decode())
        elif name.endswith("folder"):
            values[name] = folder / "files" / service.name
        elif described.is_required():
            values[name] = "bench"
    return values


def environment_of(service: Service, values: Mapping[str, Any]) -> dict[str, str]:
    """The same settings as environment variables."""
    prefix = str(service.settings.model_config["env_prefix"])
    return {
        f"{prefix}{name}".upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Running services: where they listen, their databases, and the roots of all processes by name."""

    ports: Mapping[str, int]
    """Of the first process of each service."""
    all_ports: Mapping[str, Sequence[int]]
    """Of every process of each service."""
    databases: Mapping[str, str]
    admin_dsn: str
    roots: Mapping[str, int]
    log: Path


@asynccontextmanager
async def open_services(  # noqa: PLR0913 - what processes need, all by name
    databases: Mapping[str, str],
    *,
    bus_url: str,
    admin_dsn: str,
    folder: Path,
    roots: Mapping[str, int],
    replicas: int = 1,
) -> AsyncIterator[Platform]:
    """Each service as `replicas` processes of its own. Raises: NotStarted."""
    ports = {name: [free_port() for _ in range(replicas)] for name in databases}
    log = folder / "services.log"
    with contextlib.ExitStack() as stack:
        started: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        for name, dsn in databases.items():
            service = find_service(name)
            # Replicas of a service share its secrets.
            values = settings_values(service, dsn=dsn, folder=folder)
            values |= {"bus_url": SecretStr(bus_url), "host": HOST, "log_level": "WARNING"}
            for place, port in enumerate(ports[name]):
                environment = environment_of(service, values | {"port": port, "instance": str(place)})
                started[name, place] = stack.enter_context(child(f"services.{name}", environment=environment, log=log))
        for (name, place), process in started.items():
            await until_ready(process, port=ports[name][place], path=b"/health/ready", log=log)
        yield Platform(
            ports={name: found[0] for name, found in ports.items()},
            all_ports=ports,
            databases=databases,
            admin_dsn=admin_dsn,
            roots={**roots, **{process_name(*key): process.pid for key, process in started.items()}},
            log=log,
        )


def process_name(service: str, place: int) -> str:
    """What a process is called among the roots: the first one of a service like the service."""
    return service if place == 0 else f"{service} {place + 1}"
