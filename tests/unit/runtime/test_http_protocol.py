"""Responses leave whole, and every kind of response still arrives as HTTP says."""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from shared.runtime.http.protocol import ConnectionBounds, JoiningProtocol, JoiningTransport

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


FLOODED: list[int] = []


async def _flood(request: Request) -> Response:
    del request

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            FLOODED.append(1)
            await asyncio.sleep(0)
            yield bytes(64 * 1024)

    return StreamingResponse(parts())


class Quick(JoiningProtocol):
    """A protocol whose patience is short enough for a test."""

    bounds = ConnectionBounds(
        connections_max=3, head_s=0.2, window_s=0.2, body_s_max=1.5, linger_s=0.5, window_bytes_min=1_000
    )


@asynccontextmanager
async def serving(
    protocol: type[JoiningProtocol] = JoiningProtocol,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with listening(protocol) as (address, _):
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer
        finally:
            writer.close()


@asynccontextmanager
async def listening(protocol: type[JoiningProtocol]) -> AsyncIterator[tuple[tuple[str, int], ServerState]]:
    app = Starlette(
        routes=[Route("/echo", _echo, methods=["GET", "POST"]), Route("/parts", _parts), Route("/flood", _flood)]
    )
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, ws="none")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname(), state
    finally:
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


async def refused(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and code of the problem behind which the connection ends."""
    first, _, body = (await asyncio.wait_for(reader.read(), NEXT_PART_S)).partition(b"\r\n\r\n")
    assert b"application/problem+json" in first
    problem = json.loads(body)
    assert problem["status"] == int(first.split()[1])
    assert re.search("[\u4e00-\u9fff]", problem["title"] + problem["detail"])
    return problem["status"], problem["code"]


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, bounded in time."""
    async with asyncio.timeout(NEXT_PART_S):
        for _ in itertools.takewhile(lambda _: not holds(), itertools.count()):
            await asyncio.sleep(0.01)


async def ended(reader: asyncio.StreamReader) -> None:
    """Read until the connection ends, however it does."""
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), NEXT_PART_S)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET /echo HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"GET /echo HTTP/1.1\r\na: " + b"b" * 33_000 + b"\r\n\r\n", 431),
        (b"GET /echo HTTP/1.1\r\na: " + b"b" * 200_000, 431),
        (b"GET /echo?" + b"b" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused_with_a_problem(asked: bytes, status: int) -> None:
    async with serving() as (reader, writer):
        writer.write(asked)
        assert (await refused(reader))[0] == status


async def test_a_head_that_never_ends_is_refused_however_small_its_parts_are() -> None:
    async with serving() as (reader, writer):
        writer.write(b"GET /echo HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(20):
                writer.write(b"x-%d: " % number + b"y" * 2_000 + b"\r\n")
                await writer.drain()
        assert await refused(reader) == (431, "request.head_too_large")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /echo HTTP/1.1\r\nhost: a\r\n",
        b"P",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_a_request_that_stops_half_way_is_refused_and_its_connection_ends(sent: bytes) -> None:
    async with serving(Quick) as (reader, writer):
        writer.write(sent)
        assert await refused(reader) == (408, "request.timeout")


async def test_many_half_sent_requests_leave_nothing_behind() -> None:
    class Patient(Quick):
        bounds = ConnectionBounds(head_s=0.3, linger_s=0.1)

    async with listening(Patient) as (address, state):
        callers = [await asyncio.open_connection(*address) for _ in range(200)]
        for _, writer in callers:
            writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\nx-half: ")
        answers = await asyncio.gather(*[refused(reader) for reader, _ in callers])
        assert set(answers) == {(408, "request.timeout")}
        for _, writer in callers:
            writer.close()
        await until(lambda: not state.connections and not state.tasks)


async def test_a_slow_body_that_goes_on_is_taken_and_one_that_drips_is_not() -> None:
    async with serving(Quick) as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 8000\r\n\r\n")
        for _ in range(8):
            writer.write(b"x" * 1_000)
            await asyncio.sleep(0.1)
        assert (await head(reader)).startswith(b"HTTP/1.1 200 OK")
    async with serving(Quick) as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 8000\r\n\r\n")
        dripping = asyncio.create_task(_drip(writer))
        assert await refused(reader) == (408, "request.timeout")
        dripping.cancel()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.05)


async def test_more_connections_than_there_may_be_are_refused_and_the_others_go_on() -> None:
    async with listening(Quick) as (address, _):
        held = [await asyncio.open_connection(*address) for _ in range(3)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(*address)
        assert await refused(reader) == (503, "service.overloaded")
        writer.close()
        reader, writer = held[0]
        writer.write(b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await head(reader)).startswith(b"HTTP/1.1 200 OK")
        for _, other in held:
            other.close()


async def test_an_answer_that_nobody_reads_is_neither_made_nor_kept() -> None:
    FLOODED.clear()
    async with listening(Quick) as (address, state):
        reader, writer = await asyncio.open_connection(*address, limit=1_024)
        writer.write(b"GET /flood HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: bool(FLOODED) and not state.connections and not state.tasks)
        writer.close()
        del reader
    # The whole answer has 1,000 parts, 64 MB; what the kernel takes in for a caller who does not read is a few.
    assert len(FLOODED) < 500


async def test_fields_behind_a_body_never_become_fields_of_its_head() -> None:
    async with serving() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"1\r\nx\r\n0\r\nauthorization: Bearer forged\r\n\r\n")
        assert await refused(reader) == (400, "request.malformed")


async def test_a_body_that_is_all_framing_is_refused() -> None:
    async with serving() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;")
        with contextlib.suppress(ConnectionError):
            for _ in range(30):
                writer.write(b"e" * 50_000)
                await writer.drain()
        assert await refused(reader) == (400, "request.malformed")


async def test_the_rest_of_a_refused_body_is_thrown_away_and_the_connection_goes_on() -> None:
    async with serving() as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 100)
        first = await head(reader)
        assert first.startswith(b"HTTP/1.1 404")
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", first)[1]))  # type: ignore[index]
        writer.write(b"x" * 2_999_900)
        writer.write(b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await head(reader)).startswith(b"HTTP/1.1 200 OK")


async def test_the_rest_of_a_refused_body_that_does_not_come_ends_the_connection() -> None:
    async with serving(Quick) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\nx")
        assert (await head(reader)).startswith(b"HTTP/1.1 404")
        await ended(reader)


async def test_a_connection_with_too_many_requests_in_one_breath_ends() -> None:
    async with serving() as (reader, writer):
        writer.write(b"GET /parts HTTP/1.1\r\nhost: a\r\n\r\n" * 5_000)
        await ended(reader)
        assert reader.at_eof() or reader.exception() is not None


async def test_another_protocol_is_not_spoken() -> None:
    async with serving() as (reader, writer):
        upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        writer.write(b"GET /echo HTTP/1.1\r\nhost: a\r\n" + upgrade + b"sec-websocket-key: eA==\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), NEXT_PART_S)).startswith(b"HTTP/1.1 200 OK")
