"""The whole platform in containers: PostgreSQL, RabbitMQ, and each service in its own container from its real image."""

import asyncio
import base64
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import asyncpg
import httpx
from pydantic import SecretStr
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from embedded.child import free_port
from embedded.platform import SERVICES
from shared.runtime.bus.declare import declare
from shared.runtime.bus.topology import topology
from shared.runtime.service import Service
from tests.containers import image

ROOT = Path(__file__).resolve().parents[2]
HTTP_PORT = 8000
PORTS = {"db": 5432, "mq": 5672}
READY_S = 60.0
IMAGES_S = 600.0
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def build_images() -> None:
    """Build every component's image from this checkout; what did not change comes from the cache."""
    subprocess.run(["make", "images"], cwd=ROOT, check=True, timeout=IMAGES_S)  # noqa: S607 - the project's own make


def version() -> str:
    """The version that `make images` tags the images with."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("version = "))


class ByPath(httpx.AsyncBaseTransport):
    """Sends /api/<service>/... to that service's container, as an ingress would."""

    def __init__(self, stack: "Stack") -> None:
        self._stack = stack
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward one request."""
        service = request.url.path.split("/")[2]
        host, port = self._stack.outside(service)
        request.url = request.url.copy_with(host=host, port=port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@dataclass
class Stack:
    """Containers of one platform; `start` returns when every service is ready."""

    labels: Mapping[str, str]
    password: str = field(default_factory=lambda: uuid4().hex)
    network: Network = field(default_factory=Network)
    containers: dict[str, DockerContainer] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.network = Network(docker_network_kw={"labels": dict(self.labels)})
        self.network.create()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for container in reversed(self.containers.values()):
            container.stop(force=True, delete_volume=True)
        self.network.remove()

    def _start(self) -> None:
        self._run("db", self._postgres(), "database system is ready to accept connections")
        self._run("mq", self._rabbitmq(), "Server startup complete")
        asyncio.run(self._prepare())
        for service in SERVICES:
            self._migrate(service)
        for service in SERVICES:
            self._run(service.name, self._service(service), None)
        for service in SERVICES:
            self.wait_ready(service.name)

    def _run(self, name: str, container: DockerContainer, said: str | None) -> None:
        # The engine would give another host port at every start; a fixed one survives a kill.
        inside, port = PORTS.get(name, HTTP_PORT), free_port()
        container.with_bind_ports(inside, port)
        container.with_network(self.network).with_network_aliases(name)
        container.with_kwargs(labels=dict(self.labels), hostname=name, **container._kwargs)
        if said is not None:
            container.waiting_for(LogMessageWaitStrategy(said).with_startup_timeout(int(READY_S)))
        self.containers[name] = container
        container.start()
        self.ports[name] = port

    def _postgres(self) -> DockerContainer:
        return (
            DockerContainer(image("POSTGRES_IMAGE", public="postgres:17"))
            .with_env("POSTGRES_PASSWORD", self.password)
            .with_command("postgres -c max_connections=200 -c jit=off")
        )

    def _rabbitmq(self) -> DockerContainer:
        return (
            DockerContainer(image("RABBITMQ_IMAGE", public="rabbitmq:4-management"))
            .with_env("RABBITMQ_DEFAULT_USER", "yunquan")
            .with_env("RABBITMQ_DEFAULT_PASS", self.password)
        )

    async def _prepare(self) -> None:
        """A database and a role for each service, and the broker's topology."""
        connection = await self._connect("postgres")
        try:
            for service in SERVICES:
                await connection.execute(f"""CREATE ROLE "{service.name}" LOGIN PASSWORD '{self.password}'""")
                await connection.execute(f'CREATE DATABASE "{service.name}" OWNER "{service.name}"')
        finally:
            await connection.close()
        host, port = self.outside("mq")
        wirings = [service.wiring() for service in SERVICES]
        await declare(f"amqp://yunquan:{self.password}@{host}:{port}/", topology(wirings))

    async def _connect(self, database: str) -> Any:
        host, port = self.outside("db")
        dsn = f"postgresql://postgres:{self.password}@{host}:{port}/{database}"
        deadline = time.monotonic() + READY_S
        while True:
            try:
                return await asyncpg.connect(dsn, timeout=5)
            except (OSError, asyncpg.PostgresError):
                # The official image restarts once after its first initialisation.
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    def environment(self, service: Service) -> dict[str, str]:
        """The settings of a service's container; every required secret gets a value."""
        prefix = f"{service.name.upper()}_"
        found = {
            "DATABASE_URL": f"postgresql://{service.name}:{self.password}@db:5432/{service.name}",
            "BUS_URL": f"amqp://yunquan:{self.password}@mq:5672/",
            "HOST": "0.0.0.0",  # noqa: S104 - inside a container
            "MOVABLE_CLOCK": "true",
            "SANDBOX": "true",
        }
        for name, described in service.settings.model_fields.items():
            if described.annotation is SecretStr and described.is_required() and name.upper() not in found:
                found[name.upper()] = SECRET
            elif name.endswith("folder"):
                found[name.upper()] = "/files"
        return {prefix + name: value for name, value in found.items()}

    def _component(self, service: Service) -> DockerContainer:
        container = DockerContainer(f"yunquan/{service.name}:{version()}")
        for name, value in self.environment(service).items():
            container.with_env(name, value)
        return container

    def _service(self, service: Service) -> DockerContainer:
        files = {"/files": "uid=10001,gid=10001,mode=0700"}
        container = self._component(service).with_kwargs(read_only=True)
        for folder, options in files.items():
            container.with_tmpfs_mount(folder, options)
        return container

    def _migrate(self, service: Service) -> None:
        container = self._component(service).with_command(f"python -m shared.runtime.migrate {service.name}")
        container.with_network(self.network).with_kwargs(labels=dict(self.labels))
        container.start()
        wrapped = container.get_wrapped_container()
        code = wrapped.wait(timeout=int(READY_S))["StatusCode"]
        output = wrapped.logs().decode()
        container.stop()
        assert code == 0, f"migration of {service.name} failed:\n{output[-4000:]}"

    def outside(self, name: str) -> tuple[str, int]:
        """Where a container's own port is reached from the test, also after it was killed and started again."""
        return "127.0.0.1", self.ports[name]

    def wait_ready(self, service: str, *, timeout_s: float = READY_S) -> float:
        """Wait until /health/ready answers 200; returns the seconds it took. Raises: AssertionError with the logs."""
        began = time.monotonic()
        last = "no answer"
        while time.monotonic() - began < timeout_s:
            try:
                host, port = self.outside(service)
                answer = httpx.get(f"http://{host}:{port}/health/ready", timeout=2)
                if answer.status_code == 200:
                    return time.monotonic() - began
                last = answer.text
            except httpx.HTTPError as error:
                last = repr(error)
            time.sleep(0.1)
        raise AssertionError(f"{service} was not ready after {timeout_s} s: {last}\n{self.logs(service)}")

    def logs(self, name: str) -> str:
        """The last lines of a container's log."""
        out: bytes = self.containers[name].get_wrapped_container().logs(tail=60)
        return out.decode(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL a container."""
        self.containers[name].get_wrapped_container().kill()

    def start_again(self, name: str) -> None:
        """Start a killed container on its old data."""
        self.containers[name].get_wrapped_container().start()

    def client(self) -> httpx.AsyncClient:
        """A client that sees the services behind one address."""
        return httpx.AsyncClient(transport=ByPath(self), base_url="http://platform", timeout=60)
