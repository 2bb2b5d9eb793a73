"""One connection to RabbitMQ: opened when it is needed, forgotten when it is broken, closed in bounded time."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import unquote, urlencode, urlsplit

from aio_pika import connect
from aio_pika.abc import AbstractChannel, AbstractConnection, UnderlayConnection
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed, ConnectionClosed

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
HEARTBEAT_S = 10
WATCH_S = 0.25

BROKER_FAULTS = (AMQPError, RuntimeError, OSError, TimeoutError)
"""What a broker that is away, restarting or refusing may raise; the client says RuntimeError of a closed channel."""

DeclaredOtherwise: TypeAlias = ChannelPreconditionFailed
"""What the broker answers who declares what is there already, but differently."""


@contextlib.contextmanager
def lost_connection_told() -> Iterator[None]:
    """Raise ConnectionError where the client cancels, or fails without saying why, whoever waits for the broker."""
    try:
        yield
    except asyncio.CancelledError as error:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise ConnectionError("the connection was lost before the broker answered") from error
    except Exception as error:
        if type(error) is Exception:
            raise ConnectionError("the connection was closed before the broker answered") from error
        raise


class BrokerConnection:
    """One connection to the broker that is opened again when it is needed and gone."""

    def __init__(self, url: str, *, name: str) -> None:
        parts = urlsplit(url)
        query = f"{parts.query}&" if parts.query else ""
        self._url = parts._replace(query=query + urlencode({"heartbeat": HEARTBEAT_S, "name": name})).geturl()
        self.user = unquote(parts.username or "guest")
        self._connection: AbstractConnection | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self) -> AbstractConnection:
        """The open connection. Raises: one of BROKER_FAULTS, within CONNECT_TIMEOUT_S."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S), self._opening:
            if self._connection is None or not self.is_open():
                self.drop()
                with lost_connection_told():
                    self._connection = await connect(self._url)
            return self._connection

    async def channel(self, *, publisher_confirms: bool) -> AbstractChannel:
        """A new channel. Raises: one of BROKER_FAULTS."""
        connection = await self.connection()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            with lost_connection_told():
                # A returned message raises; by default it would only be handed back and count as published.
                channel = connection.channel(publisher_confirms=publisher_confirms, on_return_raises=publisher_confirms)
                return await channel

    def drop(self) -> None:
        """Forget the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            closing = asyncio.create_task(close_quietly(connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Disconnect, bounded in time."""
        self.drop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_TIMEOUT_S + 1)

    def is_open(self) -> bool:
        """Whether the connection stands."""
        transport = self._transport()
        return transport is not None and transport.connection.is_opened

    def is_blocked(self) -> bool:
        """Whether the broker has told this connection to wait (memory or disk alarm)."""
        transport = self._transport()
        if transport is None:
            return False
        # `ready` waits while the connection is blocked; one step shows whether it would.
        waiting = transport.connection.ready()
        try:
            waiting.send(None)
        except StopIteration:
            return False
        finally:
            waiting.close()
        return True

    def _transport(self) -> UnderlayConnection | None:
        return None if self._connection is None else self._connection.transport


async def close_quietly(part: AbstractConnection | AbstractChannel) -> None:
    """Close, bounded in time, what may be broken already; who never answers is let go."""

    async def close() -> None:
        with contextlib.suppress(*BROKER_FAULTS), lost_connection_told():
            await part.close(ConnectionClosed(0, "closed on this side"))

    closing = asyncio.create_task(close())
    ended, _ = await asyncio.wait([closing], timeout=CLOSE_TIMEOUT_S)
    if not ended:
        # A cancelled close of the client waits again, for the end that a silent broker never tells; twice ends it.
        for _ in range(2):
            closing.cancel()
            await asyncio.wait([closing], timeout=WATCH_S)
