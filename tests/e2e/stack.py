"""The whole platform in containers: PostgreSQL, RabbitMQ, and each service in its own container from its real image."""

import asyncio
import base64
import fcntl
import functools
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

import asyncpg
import httpx
from docker.errors import APIError
from docker.types import Mount
from pydantic import SecretStr
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from embedded.child import free_port
from embedded.platform import SERVICES
from shared.runtime.bus.declare import MANAGEMENT_PORT, declare, grant
from shared.runtime.bus.topology import topology
from shared.runtime.deploy.grants import DatabaseLogin, ensure_database
from shared.runtime.service.service import Service
from tests.containers import image

ROOT = Path(__file__).resolve().parents[2]
HTTP_PORT = 8000
DATABASE_PORT = 5432
BROKER_PORT = 5672
READY_S = 60.0
IMAGES_S = 600.0
STOP_S = 30
PAUSE_S = 30.0
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@functools.cache
def build_images() -> None:
    """Build every component's image from this checkout, once in a process; what did not change comes from the cache."""
    lock = ROOT / ".data/images.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        # Two runs at once would each build all of it; the second finds everything in the cache.
        fcntl.flock(held, fcntl.LOCK_EX)
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
        host, port = self._stack.route(service)
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
    members: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By service: its containers that get requests, in turn."""
    management_port: int = field(default_factory=free_port)

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
        # Every service has a server of its own, so that each database can fail alone.
        with ThreadPoolExecutor() as pool:
            ready = "database system is ready to accept connections"
            done = [pool.submit(self._run, f"{each.name}-db", self._postgres(), ready) for each in SERVICES]
            done.append(pool.submit(self._run, "mq", self._rabbitmq(), "Server startup complete"))
        for each in done:
            each.result()
        asyncio.run(self._prepare())
        for service in SERVICES:
            self.migrate(service)
        for service in SERVICES:
            self._run(service.name, self._service(service, service.name, version()), None)
        for service in SERVICES:
            self.wait_ready(service.name)
            self.members[service.name].append(service.name)

    def _run(self, name: str, container: DockerContainer, said: str | None) -> None:
        # The engine would give another host port at every start; a fixed one survives a kill.
        inside = DATABASE_PORT if name.endswith("-db") else BROKER_PORT if name == "mq" else HTTP_PORT
        port = free_port()
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
            .with_command("postgres -c max_connections=100 -c jit=off")
        )

    def _rabbitmq(self) -> DockerContainer:
        return (
            DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
            .with_env("RABBITMQ_DEFAULT_USER", "yunquan")
            .with_env("RABBITMQ_DEFAULT_PASS", self.password)
            .with_bind_ports(MANAGEMENT_PORT, self.management_port)
        )

    async def _prepare(self) -> None:
        """What the deploy-time jobs make: two roles and a database, and a user of the broker, for each service."""
        for service in SERVICES:
            admin_dsn = self.administrator_url(service)
            await self._answered(admin_dsn)
            owner, runtime = (self._account(service, role) for role in (f"{service.name}_owner", service.name))
            await ensure_database(admin_dsn, owner=owner, runtime=runtime)
        host, port = self.outside("mq")
        url, found = self._bus_url("yunquan", f"{host}:{port}"), topology([service.wiring() for service in SERVICES])
        users = {service.name: self._bus_url(service.name, "mq") for service in SERVICES}
        await declare(url, found)
        await grant(url, f"http://{host}:{self.management_port}", found, users)

    def administrator_url(self, service: Service) -> str:
        """A service's PostgreSQL as its administrator reaches it from this machine."""
        host, port = self.outside(f"{service.name}-db")
        return f"postgresql://postgres:{self.password}@{host}:{port}/postgres"

    def owner_url(self, service: Service) -> str:
        """A service's database as its owner's role reaches it from this machine."""
        host, port = self.outside(f"{service.name}-db")
        return self._account(service, f"{service.name}_owner").url(f"postgresql://{host}:{port}")

    def _account(self, service: Service, role: str) -> DatabaseLogin:
        return DatabaseLogin(role=role, password=self.password, database=service.name)

    def _bus_url(self, user: str, place: str) -> str:
        return f"amqp://{user}:{self.password}@{place}/"

    async def _answered(self, dsn: str) -> None:
        """Wait until the database lets its administrator in."""
        deadline = time.monotonic() + READY_S
        while True:
            try:
                await (await asyncpg.connect(dsn, timeout=5)).close()
            except (OSError, asyncpg.PostgresError):
                # The official image restarts once after its first initialisation.
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def environment(self, service: Service, name: str) -> dict[str, str]:
        """The settings of a service's container of that name; every required secret gets a value."""
        prefix = f"{service.name.upper()}_"
        found = {
            "DATABASE_URL": self._account(service, service.name).url(f"postgresql://{service.name}-db:{DATABASE_PORT}"),
            "BUS_URL": self._bus_url(service.name, f"mq:{BROKER_PORT}"),
            "INSTANCE": name,
            "HOST": "0.0.0.0",  # noqa: S104 - inside a container
            "MOVABLE_CLOCK": "true",
            "SANDBOX": "true",
        }
        for setting, described in service.settings.model_fields.items():
            if described.annotation is SecretStr and described.is_required() and setting.upper() not in found:
                found[setting.upper()] = SECRET
            elif setting.endswith("folder"):
                found[setting.upper()] = "/files"
        return {prefix + setting: value for setting, value in found.items()}

    def _service(self, service: Service, name: str, tag: str) -> DockerContainer:
        container = DockerContainer(f"yunquan/{service.name}:{tag}").with_envs(**self.environment(service, name))
        # Files outlive the process that wrote them, and all containers of a service have the same.
        others = [self.containers[each].get_wrapped_container().id for each in self.members[service.name]]
        files = {"volumes_from": others[:1]} if others else {"mounts": [Mount("/files", None)]}
        return container.with_kwargs(read_only=True, **files)

    def migrate(self, service: Service, tag: str | None = None) -> None:
        """Run the service's migrations, as its deploy-time job does, from the image with that tag."""
        owner = self._account(service, f"{service.name}_owner").url(f"postgresql://{service.name}-db:{DATABASE_PORT}")
        container = DockerContainer(f"yunquan/{service.name}:{tag or version()}")
        container.with_command(f"python -m shared.runtime.migrate {service.name}")
        container.with_env(f"{service.name.upper()}_DATABASE_URL", owner)
        container.with_network(self.network).with_kwargs(labels=dict(self.labels))
        container.start()
        wrapped = container.get_wrapped_container()
        code = wrapped.wait(timeout=int(READY_S))["StatusCode"]
        output = wrapped.logs().decode()
        container.stop()
        assert code == 0, f"migration of {service.name} failed:\n{output[-4000:]}"

    def add(self, service: Service, tag: str | None = None) -> str:
        """Start one more container of a service; it gets requests as soon as it is ready. Returns its name."""
        names = (f"{service.name}-{number}" if number > 1 else service.name for number in range(1, 10))
        name = next(each for each in names if each not in self.containers)
        self._run(name, self._service(service, name, tag or version()), None)
        self.wait_ready(name)
        self.members[service.name].append(name)
        return name

    def remove(self, service: Service, name: str) -> None:
        """Send a container no more requests, let it finish what it has, and remove it."""
        self.members[service.name].remove(name)
        self.containers[name].get_wrapped_container().stop(timeout=STOP_S)
        self.containers.pop(name).stop(force=True, delete_volume=True)

    def container_of(self, name: str) -> str:
        """The container that stands for a service, whose name changes when it is replaced; or the one of that name."""
        return min(self.members[name]) if self.members.get(name) else name

    def route(self, service: str) -> tuple[str, int]:
        """Where the next request for a service goes; its containers take turns."""
        members = self.members[service]
        members.append(members.pop(0))
        return self.outside(members[0])

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

    def stop(self, name: str) -> None:
        """Let a container end as a deployment would; it is kept."""
        self.containers[name].get_wrapped_container().stop(timeout=STOP_S)

    def pause(self, name: str) -> None:
        """Freeze every process of a container (the engine's form of SIGSTOP). Raises: APIError after PAUSE_S.

        The engine gives a container's processes a fraction of a second to stand still; on a busy machine one of them
        may not have run by then, or wait for the disk, and the engine lets all go on and says so.
        """
        container = self.containers[name].get_wrapped_container()
        began = time.monotonic()
        while True:
            try:
                container.pause()
            except APIError as error:
                if "unable to freeze" not in str(error) or time.monotonic() - began > PAUSE_S:
                    raise
                time.sleep(0.1)
            else:
                return

    def unpause(self, name: str) -> None:
        """Let a frozen container go on."""
        self.containers[name].get_wrapped_container().unpause()

    def cut(self, name: str) -> None:
        """Take a container off the network; its peers are told nothing."""
        self.network._unwrap_network.disconnect(self.containers[name].get_wrapped_container(), force=True)

    def join(self, name: str) -> None:
        """Put a container back on the network."""
        self.network._unwrap_network.connect(self.containers[name].get_wrapped_container(), aliases=[name])

    def execute(self, name: str, *command: str, user: str = "") -> str:
        """Run a command in a container; its output. Raises: AssertionError when it fails."""
        code, out = self.containers[name].get_wrapped_container().exec_run(list(command), user=user)
        said: str = out.decode(errors="replace")
        assert code == 0, f"{' '.join(command)}: {said}"
        return said

    def start_again(self, name: str) -> None:
        """Start a killed or stopped container on its old data."""
        self.containers[name].get_wrapped_container().start()

    def client(self) -> httpx.AsyncClient:
        """A client that sees the services behind one address."""
        return httpx.AsyncClient(transport=ByPath(self), base_url="http://platform", timeout=60)
