"""uvicorn's protocol with one system call a response instead of two, and a problem for what is no HTTP.

uvicorn writes head and body each by itself, and uvloop sends what is written at once. For small answers the second call
costs more than all of the service's own HTTP code, and wakes the caller for a head without a body.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.runtime.problems import BadRequest, encode_problem

_UNPARSED = b"""HTTP/1.1 400 Bad Request\r
content-type: application/problem+json\r
content-length: %d\r
connection: close\r
\r
"""


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

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, []
            # The caller may have gone away since.
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))


class JoiningProtocol(HttpToolsProtocol):
    """One connection whose responses leave whole, those to an unknown method or a broken head, too."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the parent
        """Called by the loop."""
        super().connection_made(cast("asyncio.Transport", JoiningTransport(transport)))

    def send_400_response(self, msg: str) -> None:
        """Called where nothing could be parsed, so that no application was asked; the connection ends behind it."""
        del msg
        _, body = encode_problem(BadRequest(reason="不是可识别的 HTTP 请求，请检查请求方法和请求头"))
        self.transport.write(_UNPARSED % len(body) + body)
        self.transport.close()
