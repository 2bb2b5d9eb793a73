"""The project's own compose file, run by its own command, as the tests use it."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from embedded.child import free_port
from embedded.platform import SERVICES
from shared.runtime.database.sql import Connection
from shared.runtime.service.service import Service
from tests.containers import _is_gone, owner_of_this_run

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "yqtest-"
TWO = "two"
"""The profile that runs two containers of each service."""
UP_S = 200
COMMAND_S = 60
HTTP_PORT = 8000
FOLLOW_S = 30
"""How long the replicas of a service may take to hear that the clock was moved."""


def run(*words: str, timeout_s: float = COMMAND_S, **environment: str) -> str:
    """A docker command in the root of the checkout; its output. Raises: AssertionError with what it said."""
    done = subprocess.run(  # noqa: S603 - the engine's own client
        ["docker", *words],  # noqa: S607 - wherever it is installed
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def sweep() -> None:
    """Remove the compositions of test runs that are no more."""
    for project in json.loads(run("compose", "ls", "--all", "--format", "json")):
        name = project["Name"]
        if name.startswith(PREFIX) and _is_gone(name.removeprefix(PREFIX)):
            run("compose", "--project-name", name, "--profile", TWO, "down", "--volumes", "--timeout", "1")


@dataclass
class Composition:
    """One project of compose: its containers, addresses and secrets."""

    name: str = field(default_factory=lambda: f"{PREFIX}{owner_of_this_run()}")
    gateway_port: int = field(default_factory=free_port)
    prometheus_port: int = field(default_factory=free_port)
    profiles: set[str] = field(default_factory=set)
    """What has been started beside that which always is."""

    def compose(self, *words: str, timeout_s: float = COMMAND_S) -> str:
        """`docker compose ...` as a sandbox, on ports of our own."""
        return run(
            "compose",
            "--project-name",
            self.name,
            *(f"--profile={profile}" for profile in self.profiles),
            *words,
            timeout_s=timeout_s,
            SANDBOX="true",
            GATEWAY_PORT=str(self.gateway_port),
            PROMETHEUS_PORT=str(self.prometheus_port),
        )

    def up(self, *profiles: str) -> None:
        """Start, and return when everything is healthy."""
        self.profiles.update(profiles)
        try:
            self.compose("up", "--detach", "--wait", timeout_s=UP_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--no-color', '--tail', '25')}") from error

    def down(self) -> None:
        """Stop and forget everything, data and secrets included."""
        self.compose("down", "--volumes", "--timeout", "5")

    def containers(self) -> Sequence[Mapping[str, Any]]:
        """What the engine knows of every container of the project."""
        found: list[Mapping[str, Any]] = json.loads(run("inspect", *self.compose("ps", "--all", "--quiet").split()))
        return found

    def address(self, name: str, network: str) -> Sequence[str]:
        """Where one finds who answers to a name on a network of the project, which this machine can reach."""
        found = [each["NetworkSettings"]["Networks"].get(f"{self.name}_{network}") for each in self.containers()]
        return [each["IPAddress"] for each in found if each is not None and name in each["Aliases"]]

    def setting(self, service: str, name: str) -> str:
        """A secret, read as an operator would."""
        lines = self.compose("exec", "--no-TTY", service, "cat", "/run/yunquan/settings.env").splitlines()
        return dict(line.split("=", 1) for line in lines)[name]

    def client(self) -> httpx.AsyncClient:
        """A client of the platform's one address."""
        return httpx.AsyncClient(
            transport=Everywhere({service.name: self.address(service.name, "edge") for service in SERVICES}),
            base_url=f"http://127.0.0.1:{self.gateway_port}",
            timeout=60,
        )

    def books(self, service: Service) -> "Books":
        """A service's database as an auditor reads it: with the service's own role."""
        url = self.setting(service.name, f"{service.name.upper()}_DATABASE_URL")
        return Books(service, url.replace("@postgres:", f"@{self.address('postgres', 'database')[0]}:"))


def service_of(container: Mapping[str, Any]) -> str:
    """The name a container has in the compose file."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


@dataclass(frozen=True)
class Books:
    """One service's database, read from outside."""

    service: Service
    url: str

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection."""
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


class Everywhere(httpx.AsyncBaseTransport):
    """Sends everything to the gateway, and when the clock was moved waits until every replica has heard of it.

    The gateway asks one replica of a service; the other one may stand at the old time for two seconds.
    """

    def __init__(self, replicas: Mapping[str, Sequence[str]]) -> None:
        self.replicas = replicas
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward one request."""
        answer = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/test-clock") and answer.status_code == 200:
            offset_s = json.loads(await answer.aread())["offset_s"]
            for service, hosts in self.replicas.items():
                for host in hosts:
                    await self._until(f"http://{host}:{HTTP_PORT}/api/{service}/v1/clock", offset_s)
        return answer

    async def _until(self, url: str, offset_s: float) -> None:
        for _ in range(FOLLOW_S * 10):
            answer = await self._inner.handle_async_request(httpx.Request("GET", url))
            if json.loads(await answer.aread())["offset_s"] >= offset_s:
                return
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{url} did not follow the clock")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
