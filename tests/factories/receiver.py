"""A provider's system that takes webhooks: a real HTTP server whose answers a test chooses."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, object]:
        """The body as JSON."""
        found: dict[str, object] = msgspec.json.decode(self.body)
        return found


@dataclass
class Receiver:
    """What came, and what is answered next."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], bytes] = lambda _: GOOD
    delay_s: float = 0.0
    at_once: int = 0
    at_once_max: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks"

    async def wait_for(self, count: int, *, timeout_s: float = 20.0) -> list[Received]:
        """The requests, once so many came."""
        async with asyncio.timeout(timeout_s):
            while len(self.received) < count:
                self.came.clear()
                await self.came.wait()
        return list(self.received)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                found = Received(first.split(" ")[1], headers, body)
                self.at_once += 1
                self.at_once_max = max(self.at_once, self.at_once_max)
                self.received.append(found)
                self.came.set()
                await asyncio.sleep(self.delay_s)
                self.at_once -= 1
                writer.write(self.answer(found))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_receiver(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
