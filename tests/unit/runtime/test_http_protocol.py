"""Responses leave whole, and every kind of response still arrives as HTTP says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from shared.runtime.http_protocol import JoiningProtocol, JoiningTransport

NEXT_PART_S = 5.0


class Peer(asyncio.Transport):
    """The other end of a transport: what reached it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a write."""
        self.writes.append(bytes(data))

    def close(self) -> None:
        """Take the end."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether the end was taken."""
        return self.closed


async def test_what_is_written_in_one_turn_leaves_as_one() -> None:
    peer = Peer()
    transport = JoiningTransport(peer)
    transport.write(b"head")
    transport.write(b"body")
    assert peer.writes == []
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert peer.writes == [b"headbody", b"next"]


async def test_a_transport_that_closes_sends_what_it_holds_first() -> None:
    peer = Peer()
    transport = JoiningTransport(peer)
    transport.write(b"last words")
    transport.close()
    assert (peer.writes, transport.is_closing()) == ([b"last words"], True)


async def test_nothing_is_written_to_a_caller_who_has_gone_away() -> None:
    peer = Peer()
    transport = JoiningTransport(peer)
    transport.write(b"too late")
    peer.close()
    await asyncio.sleep(0)
    assert peer.writes == []


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _parts(request: Request) -> Response:
    del request
    released = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        # The second part waits for longer than the first may: a stream is never held back until its end.
        asyncio.get_running_loop().call_later(0.05, released.set)
        await released.wait()
        yield b"two"

    return StreamingResponse(parts())


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    app = Starlette(routes=[Route("/echo", _echo, methods=["GET", "POST"]), Route("/parts", _parts)])
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", proxy_headers=False)
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: JoiningProtocol(config, ServerState(), {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), NEXT_PART_S)


async def test_answers_with_and_without_a_body_follow_one_another_on_a_connection() -> None:
    async with serving() as (reader, writer):
        for body in (b"first", b"", b"x" * 300_000):
            writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            assert b"content-length: %d\r\n" % len(body) in await head(reader)
            assert await asyncio.wait_for(reader.readexactly(len(body)), NEXT_PART_S) == body
        writer.write(b"HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await head(reader)).startswith(b"HTTP/1.1 200 OK")
        writer.write(b"GET /parts HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"transfer-encoding: chunked" in await head(reader)
        assert (
            await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), NEXT_PART_S) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        )


async def test_a_connection_that_is_to_close_closes_behind_its_answer() -> None:
    async with serving() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbye!")
        assert (await asyncio.wait_for(reader.read(), NEXT_PART_S)).endswith(b"\r\n\r\nbye!")


@pytest.mark.parametrize("asked", [b"NONSENSE", b"BUY /echo HTTP/1.1\r\nhost: a", b"GET /echo HTTP/1.1\r\n: b"])
async def test_what_is_no_http_is_refused_with_a_problem(asked: bytes) -> None:
    async with serving() as (reader, writer):
        writer.write(asked + b"\r\n\r\n")
        first, _, body = (await asyncio.wait_for(reader.read(), NEXT_PART_S)).partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
        problem = json.loads(body)
        assert (problem["status"], problem["code"]) == (400, "request.malformed")
        assert "HTTP" in problem["detail"]
