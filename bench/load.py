"""A lean HTTP/1.1 client: keep-alive connections, requests encoded by the caller, one request in flight on each.

The generator shares two cores with what it measures, so a general client would mostly measure itself.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status and its whole body."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One connection to one server."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: resolve the request once its response is whole."""
        self._buffer += data
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).lower()
        body_at = head_end + len(_HEAD_END)
        end = body_at + _body_bytes(head)
        if len(self._buffer) < end:
            return
        answer = Answer(int(head[9:12]), bytes(self._buffer[body_at:end]))
        del self._buffer[:end]
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: a request without an answer fails."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(exc or ConnectionResetError("the server closed the connection"))

    async def send(self, request: bytes) -> Answer:
        """Send one encoded request and wait for its answer. Raises: ConnectionError."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _body_bytes(head: bytes) -> int:
    at = head.find(_LENGTH)
    if at < 0:
        return 0
    line_end = head.find(b"\r\n", at)
    return int(head[at + len(_LENGTH) : line_end if line_end > 0 else len(head)])


async def connect(host: str, port: int) -> Connection:
    """Open a connection. Raises: OSError."""
    _, protocol = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return protocol


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Headers that stay the same over many requests, encoded once."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def post(path: bytes, *, fixed: bytes, key: bytes, body: bytes) -> bytes:
    """An encoded POST; `fixed` are header lines that were encoded once, `key` its Idempotency-Key."""
    return b"POST %b HTTP/1.1\r\nhost: bench\r\n%bidempotency-key: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        path,
        fixed,
        key,
        len(body),
        body,
    )


def get(path: bytes, *, fixed: bytes = b"") -> bytes:
    """An encoded GET."""
    return b"GET %b HTTP/1.1\r\nhost: bench\r\n%b\r\n" % (path, fixed)
