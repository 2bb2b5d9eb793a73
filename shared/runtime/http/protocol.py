"""uvicorn's protocol with one system call a response instead of two, and a bound on everything a connection costs.

uvicorn writes head and body each by itself, and uvloop sends what is written at once. For small answers the second call
costs more than all of the service's own HTTP code, and wakes the caller for a head without a body.

uvicorn's own bounds are for h11, which is too slow for us; on httptools it waits for ever for the rest of a head or
body, takes heads of any size, and keeps what nobody reads. What is refused here reached no application (ADR 0017).
"""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.runtime.validation.problems import TYPE_BASE, Problem

_JOINED_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBounds:
    """What one connection may cost, and how many there may be in a process."""

    connections_max: int = 4_096
    head_bytes_max: int = 32 * 1024
    headers_max: int = 100
    target_bytes_max: int = 8 * 1024
    pipelined_max: int = 16
    """How many further requests may wait behind the one that is being answered."""
    head_s: float = 15.0
    """From the first byte of a request to the end of its head."""
    window_s: float = 15.0
    """How often a body under way, and an answer that is not read, must have made progress."""
    window_bytes_min: int = 8 * 1024
    """What counts as progress in a window; the rest of a body counts however small it is."""
    body_s_max: float = 900.0
    linger_s: float = 5.0
    """How long the rest of a refused request is read and thrown away, so that the caller can read the refusal."""


REFUSED: Final = {
    400: ("请求格式错误", "request.malformed", "不是可识别的 HTTP 请求，请检查请求方法和请求头。"),
    408: ("请求超时", "request.timeout", "请求没有在限定时间内发送完整，请检查网络后重试。"),
    414: ("请求地址过长", "request.target_too_long", "请求地址过长，请缩短查询条件。"),
    431: ("请求头过大", "request.head_too_large", "请求头过大或过多，请减少请求头。"),
    503: ("服务暂时不可用", "service.overloaded", "当前连接过多，请稍后重试。"),
}
_REASONS: Final = {
    400: b"Bad Request",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
TEMPORARY: Final = frozenset({408, 503})


class _Unacceptable(Exception):
    """Raised inside the parser: the request is answered with this status and by nobody else."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def refusal(status: int) -> bytes:
    """A whole response that refuses a request which reached no application; the connection ends behind it."""
    title, code, detail = REFUSED[status]
    temporary = status in TEMPORARY
    problem = Problem(type=TYPE_BASE + code, title=title, status=status, detail=detail, code=code, retryable=temporary)
    body = msgspec.json.encode(problem)
    lines = [
        b"HTTP/1.1 %d %b" % (status, _REASONS[status]),
        b"content-type: application/problem+json",
        b"content-length: %d" % len(body),
        b"x-content-type-options: nosniff",
        b"cache-control: no-store",
        *([b"retry-after: 5"] if temporary else []),
        b"connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class JoiningTransport:
    """Keeps what is written until the loop's next turn; whatever else is asked of a transport goes to the real one."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` together with what else is written in this turn."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        # A part of a stream is not kept: the real transport says when the caller reads too slowly.
        if len(data) >= _JOINED_MAX_BYTES:
            self._send()

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def end(self) -> None:
        """Send what is held and say that nothing more comes; what the other side sends is still received."""
        self._send()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, []
            # The caller may have gone away since.
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))


# Where a connection is within a request.
_BETWEEN, _HEAD, _BODY, _DEAF = range(4)


class JoiningProtocol(HttpToolsProtocol):
    """One connection whose responses leave whole, and which costs no more than its bounds."""

    bounds: ClassVar[ConnectionBounds] = ConnectionBounds()

    _stage = _BETWEEN
    _chunk_bytes = 0
    _fed_bytes = 0
    _body_bytes = 0
    _watch: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _since_s = 0.0
    _mark_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the parent
        """Called by the loop."""
        super().connection_made(cast("asyncio.Transport", JoiningTransport(transport)))
        if len(self.connections) > self.bounds.connections_max:
            self._answer(503)
            return
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._stop_watching()
        self._stop_sending()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._unset_keepalive_if_required()
        if self._stage == _DEAF:
            return
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here; the request is answered as it is, and nothing behind it is read.
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            cause = error.__context__ or error.__cause__
            self._refuse(cause.status if isinstance(cause, _Unacceptable) else 400)
            return
        if self._stage:
            self._fed_bytes += len(data)
            self._check_size()
        elif self._watch is not None:
            self._stop_watching()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        super().on_message_begin()
        self._stage = _HEAD
        self._fed_bytes = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: the parent's, but without fields behind a body, which would be added to its head."""
        if self._stage == _BODY:
            raise _Unacceptable(400)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        bounds = self.bounds
        if len(self.url) > bounds.target_bytes_max:
            raise _Unacceptable(414)
        # What came with so few bytes need not be added up.
        long = (
            self._fed_bytes + self._chunk_bytes > bounds.head_bytes_max and self._head_bytes() > bounds.head_bytes_max
        )
        if long or len(self.headers) > bounds.headers_max:
            raise _Unacceptable(431)
        if len(self.pipeline) >= bounds.pipelined_max:
            raise _Unacceptable(400)
        super().on_headers_complete()
        self._stage = _BODY

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        super().on_message_complete()
        self._stage = _BETWEEN
        if self.cycle.response_complete:
            # It was refused before it was whole, and has been read to its end: the connection goes on.
            self._stop_watching()
            self._await_request()

    def on_response_complete(self) -> None:
        """Called when an answer was written."""
        super().on_response_complete()
        if self._stage == _BODY and self.cycle.response_complete and not self.transport.is_closing():
            self._stop_watching()
            self._watch = self.loop.call_later(self.bounds.linger_s, self._go)

    def pause_writing(self) -> None:
        """Called by the transport when the caller reads more slowly than it is answered."""
        super().pause_writing()
        self._mark_unsent()

    def resume_writing(self) -> None:
        """Called by the transport when the caller has read most of what was sent."""
        self._stop_sending()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Called when nothing came for a while."""
        self._go()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_size(self) -> None:
        """A request that is not whole yet: see to it that it goes on, and that it is not framing alone."""
        framing_bytes = self._fed_bytes - self._body_bytes
        if self._stage == _HEAD and self._fed_bytes > self.bounds.head_bytes_max:
            self._refuse(431)
        elif self._stage == _BODY and framing_bytes > 16 * self.bounds.head_bytes_max + 8 * self._body_bytes:
            self._refuse(400)
        elif self._watch is None:
            self._since_s = self.loop.time()
            self._watch_for(self.bounds.head_s if self._stage == _HEAD else self.bounds.window_s)

    def _watch_for(self, seconds: float) -> None:
        self._mark_bytes = self._fed_bytes
        self._watch = self.loop.call_later(seconds, self._judge_progress)

    def _judge_progress(self) -> None:
        self._watch = None
        if self._stage == _HEAD:
            self._refuse(408)
        elif self._stage == _BODY:
            # Where we stopped reading ourselves, the caller cannot have sent anything.
            moved = self.flow.read_paused or self._fed_bytes - self._mark_bytes >= self.bounds.window_bytes_min
            if moved and self.loop.time() - self._since_s < self.bounds.body_s_max:
                self._watch_for(self.bounds.window_s)
            else:
                self._refuse(408)

    def _mark_unsent(self) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        self._sending = self.loop.call_later(self.bounds.window_s, self._judge_sending, unsent_bytes)

    def _judge_sending(self, marked_bytes: int) -> None:
        self._sending = None
        if marked_bytes - self.transport.get_write_buffer_size() >= self.bounds.window_bytes_min:
            self._mark_unsent()
        else:
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Answer in the place of the application where nobody else has begun to; else the connection just ends."""
        if self._stage == _BODY and self.cycle.response_complete:
            self._go()
            return
        own = self._stage == _BODY and not self.pipeline and not self.cycle.response_started
        if own or self.cycle is None or self.cycle.response_complete:
            self._answer(status)
        else:
            self.transport.abort()

    def _answer(self, status: int) -> None:
        self._stop_watching()
        self._stage = _DEAF
        self.transport.write(refusal(status))
        if self.cycle is not None and not self.cycle.response_complete:
            # Whoever waits for the rest of the body learns that it will not come; what it answers goes nowhere.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        cast("JoiningTransport", self.transport).end()
        self._watch = self.loop.call_later(self.bounds.linger_s, self._go)

    def _go(self) -> None:
        """End the connection, whether or not the caller has read what was sent."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _await_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
