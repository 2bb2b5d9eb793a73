"""The gateway of compose as it is configured, in a container with its memory, before a service that we play here."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from testcontainers.core.container import DockerContainer

from embedded.child import free_port
from tests.containers import image, require_engine
from tests.factories.harness import repository

pytestmark = [pytest.mark.container, pytest.mark.asyncio(loop_scope="module")]

CONF = repository() / "deploy/compose/gateway.conf"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
START_S = 30.0
MEMORY = "64m"
"""What compose.yaml gives the gateway; what it writes below /tmp counts in it."""


@dataclass
class Played:
    """A service that does what a test says, and remembers the heads that reached it."""

    port: int
    heads: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; a path that ends in `/hold` is never answered, and its body never read."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            if "/hold " in head:
                await self.ended.wait()
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@dataclass
class Gateway:
    """A running gateway and the service behind it."""

    container: DockerContainer
    port: int
    service: Played

    @property
    def client(self) -> httpx.AsyncClient:
        """A client of the gateway."""
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False)

    async def raw(self, sent: bytes) -> httpx.Response:
        """What comes back to bytes that no client library would send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        said = bytearray()
        # A connection may end with a reset: not everything that was sent was read.
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.wait_for(reader.read(65_536), 20):
                said += part
        writer.close()
        head, _, body = bytes(said).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        return httpx.Response(int(lines[0].split()[1]), headers=headers, content=body)  # type: ignore[arg-type]


def configuration(folder: Path, *, port: int, service_port: int) -> Path:
    """gateway.conf with addresses of this test, and less patience with a silent service."""
    text = CONF.read_text(encoding="utf-8")
    for before, after in {
        "listen 8080 ": f"listen 127.0.0.1:{port} ",
        "http://$service:8000": f"http://127.0.0.1:{service_port}",
        "proxy_read_timeout 60s": "proxy_read_timeout 3s",
    }.items():
        assert text.count(before) == (3 if "$service" in before else 1), before
        text = text.replace(before, after)
    folder.chmod(0o755)
    file = folder / "gateway.conf"
    file.write_text(text, encoding="utf-8")
    return file


@asynccontextmanager
async def started(folder: Path, labels: Mapping[str, str], service: Played) -> AsyncIterator[Gateway]:
    port = free_port()
    file = configuration(folder, port=port, service_port=service.port)
    # As in compose.yaml, but for the network.
    hardened: dict[str, Any] = {
        "network_mode": "host", "read_only": True, "mem_limit": MEMORY, "memswap_limit": MEMORY, "user": "65534:65534",
        "cap_drop": ["ALL"], "labels": dict(labels),
    }  # fmt: skip
    container = (
        DockerContainer(image("NGINX_IMAGE", public="nginx:1.28"))
        .with_command(["nginx", "-c", "/etc/yunquan/gateway.conf", "-g", "daemon off;"])
        .with_volume_mapping(str(file), "/etc/yunquan/gateway.conf", "ro")
        .with_tmpfs_mount("/tmp")  # noqa: S108 - inside
        .with_kwargs(**hardened)
    )
    with container:
        gateway = Gateway(container, port, service)
        async with asyncio.timeout(START_S), gateway.client as client:
            while not await _healthy(client):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        yield gateway


async def _healthy(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get("/gateway/health")).status_code == 204
    return False


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(container_labels: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    require_engine()
    service = Played(free_port())
    server = await asyncio.start_server(service.serve, "127.0.0.1", service.port)
    async with started(tmp_path_factory.mktemp("gateway"), container_labels, service) as running:
        yield running
    service.ended.set()
    server.close()
    await server.wait_closed()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deserted(
    container_labels: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway behind which nobody listens."""
    require_engine()
    async with started(tmp_path_factory.mktemp("deserted"), container_labels, Played(free_port())) as running:
        yield running


def check(answer: httpx.Response, status: int, code: str, *, again: bool = False) -> None:
    """A problem as the services tell it."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    problem = json.loads(answer.content)
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert (problem["retryable"], "Retry-After" in answer.headers) == (again, again)
    assert CHINESE.search(problem["title"])
    assert CHINESE.search(problem["detail"])
    assert problem["request_id"] == answer.headers["Request-Id"] != ""
    assert "nginx" not in answer.text + str(answer.headers).replace("'nginx'", "")


async def test_a_service_that_is_away_is_a_problem_that_says_when_to_come_again(deserted: Gateway) -> None:
    async with deserted.client as client:
        check(await client.get("/api/order/v1/orders"), 502, "gateway.service_unavailable", again=True)
        posted = await client.post("/api/order/v1/orders", json={"a": 1})
        check(posted, 502, "gateway.service_unavailable", again=True)


async def test_a_service_that_does_not_answer_in_time_is_a_problem_too(gateway: Gateway) -> None:
    async with gateway.client as client:
        check(await client.get("/api/order/v1/hold"), 504, "gateway.service_timeout", again=True)


async def test_what_the_gateway_refuses_by_itself_is_a_problem(gateway: Gateway) -> None:
    async with gateway.client as client:
        check(await client.get("/"), 404, "resource.not_found")
        check(await client.get("/api/"), 404, "resource.not_found")
        check(await client.get("/api/order/v1/x", params={"q": "x" * 9_000}), 414, "request.target_too_long")
        check(await client.get("/api/order/v1/x", headers={"a": "x" * 9_000}), 431, "request.head_too_large")
        check(await client.request("TRACE", "/api/order/v1/x"), 405, "request.method_not_allowed")
    head = b"POST /api/order/v1/orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    check(await gateway.raw(head % (26 * 1024 * 1024)), 413, "request.too_large")
    check(await gateway.raw(b"NONSENSE\r\n\r\n"), 400, "request.malformed")
    check(await gateway.raw(b"GET /api/order/v1/x HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"), 400, "request.malformed")


async def test_what_a_service_says_itself_is_passed_on_as_it_is(gateway: Gateway) -> None:
    body = b'{"code":"service.unavailable"}'
    head = b"HTTP/1.1 503 x\r\ncontent-type: application/problem+json\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n"
    before, gateway.service.answer = gateway.service.answer, head % len(body) + body
    async with gateway.client as client:
        answer = await client.get("/api/order/v1/orders")
    gateway.service.answer = before
    assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (503, body, "7")


async def test_a_service_hears_of_the_caller_from_the_gateway_alone(gateway: Gateway) -> None:
    gateway.service.heads.clear()
    forged = [(name, "198.51.100.7") for name in ("X-Forwarded-For", "X-Forwarded-For", "X-Real-IP")]
    forged += [("Forwarded", "for=198.51.100.7"), ("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "https")]
    async with gateway.client as client:
        assert (await client.get("/api/order/v1/orders", headers=forged)).status_code == 200
    head = gateway.service.heads[-1].lower()
    assert re.findall(r"x-forwarded-for: (.*)\r\n", head) == ["127.0.0.1"]
    assert not re.search(r"198\.51|evil|\nforwarded:|x-real-ip|x-forwarded-(host|proto)", head)


async def test_unfinished_bodies_and_unread_answers_leave_the_gateway_alive(gateway: Gateway) -> None:
    head = b"POST /api/order/v1/hold HTTP/1.1\r\nhost: a\r\ncontent-length: 20000000\r\n\r\n"
    writers = []
    for _ in range(60):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writers.append(writer)
        writer.write(head)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.2):
                for _ in range(20):
                    writer.write(bytes(1_000_000 - len(head) // 20))
                    await writer.drain()
    async with gateway.client as client:
        assert (await client.get("/gateway/health")).status_code == 204
        assert (await client.get("/api/order/v1/orders")).status_code == 200
    used = gateway.container.get_wrapped_container().exec_run(["du", "-s", "/tmp"]).output.split()[0]  # noqa: S108
    assert int(used) < 100, "KiB below /tmp, which is memory"
    gateway.container.get_wrapped_container().reload()
    assert gateway.container.get_wrapped_container().attrs["State"]["OOMKilled"] is False
    for writer in writers:
        writer.transport.abort()


async def test_one_address_has_no_more_than_its_connections(gateway: Gateway) -> None:
    held = await asyncio.gather(*[asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(420)])
    for _, writer in held:
        writer.write(b"GET /api/order/v1/hold HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    told = await asyncio.gather(*[asyncio.wait_for(reader.read(), 30) for reader, _ in held])
    statuses = [int(answer.split()[1]) for answer in told]
    assert set(statuses) == {429, 504}
    assert statuses.count(504) <= 400
    assert all(b"retry-after: 5" in answer.lower() and b"request.rate_exceeded" in answer
               for answer in told if b" 429 " in answer[:20])  # fmt: skip
    for _, writer in held:
        writer.close()


async def test_the_handbook_comes_from_a_service_and_nothing_beside_it_does(gateway: Gateway) -> None:
    async with gateway.client as client:
        for path in (
            "/guide",
            "/guide.md",
            "/guide/events",
            "/problems/request.malformed",
            "/asyncapi.json",
            "/llms.txt",
        ):
            assert (await client.get(path)).text == "hi", path
        for path in ("/guides", "/problem", "/asyncapi.json5", "/llms.txt/x", "/x/guide"):
            assert (await client.get(path)).status_code == 404, path
