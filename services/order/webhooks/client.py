"""One HTTP request to a receiver: to a checked address, without redirects, with bounded time and answer.

It is httpcore, below httpx, because nothing of the layer above is wanted: no redirects, no cookies, no proxies of the
environment, no decoding. TLS is verified for the host's name, whatever address was connected to.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore

from services.order.domain.webhook_refusals import WebhookTargetRefused
from services.order.domain.webhooks import Answer
from services.order.webhooks.targets import AddressRefused, Resolve, check_target, checked_addresses, resolve

TOTAL_S: Final = 15.0
CONNECT_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 64 * 1024
ANSWER_KEPT_BYTES: Final = 1_024
CONNECTIONS_MAX: Final = 128
_IDLE_S: Final = 5.0
_ADDRESSES_TRIED: Final = 2
_ADDRESS_REFUSED, _TIMEOUT, _UNREACHABLE, _TLS, _PROTOCOL = (
    "target_refused",
    "timeout",
    "unreachable",
    "tls",
    "protocol",
)


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, and to nothing else."""

    def __init__(self, *, resolve: Resolve, local: bool) -> None:
        self._resolve = resolve
        self._local = local
        self._below = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses. Raises: AddressRefused, httpcore.ConnectError."""
        try:
            addresses = await checked_addresses(host, port, resolve=self._resolve, local=self._local)
        except OSError as error:
            raise httpcore.ConnectError("name not resolved") from error
        failed: Exception = httpcore.ConnectError("no address")
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                return await self._below.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never. Raises: AddressRefused."""
        del timeout, socket_options
        raise AddressRefused(path)

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries."""
        await asyncio.sleep(seconds)


class WebhookClient:
    """Sends requests to receivers; a port, so that a test may resolve names itself."""

    def __init__(
        self,
        *,
        local: bool,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self.local = local
        self._total_s = total_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_MAX // 2,
            keepalive_expiry=_IDLE_S,
            network_backend=CheckedNetwork(resolve=resolve, local=local),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came of one request; never an exception of the network."""
        began_s = time.monotonic()
        status, text, retry_after_s, error = None, "", None, ""
        try:
            check_target(url, local=self.local)
            async with asyncio.timeout(self._total_s):
                status, retry_after_s, text = await self._exchange(url, headers, body)
        except (WebhookTargetRefused, AddressRefused):
            error = _ADDRESS_REFUSED
        except (TimeoutError, httpcore.TimeoutException):
            error = _TIMEOUT
        except httpcore.ConnectError as failure:
            error = _TLS if isinstance(failure.__context__ or failure.__cause__, ssl.SSLError) else _UNREACHABLE
        except (httpcore.NetworkError, OSError):
            error = _UNREACHABLE
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            error = _PROTOCOL
        duration_ms = int((time.monotonic() - began_s) * 1_000)
        return Answer(status=status, error=error, text=text, retry_after_s=retry_after_s, duration_ms=duration_ms)

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None, str]:
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        timeout = {"connect": CONNECT_S, "read": self._total_s, "write": self._total_s, "pool": self._total_s}
        async with self._pool.stream(
            "POST", url, headers=given, content=body, extensions={"timeout": timeout}
        ) as response:
            kept, size = b"", 0
            async for part in response.aiter_stream():
                size += len(part)
                kept = (kept + part)[:ANSWER_KEPT_BYTES]
                if size > ANSWER_BYTES_MAX:
                    # Whatever else comes is nobody's business; leaving the block closes the connection.
                    break
            # PostgreSQL stores no NUL.
            text = kept.decode("utf-8", "replace").replace("\0", "")
            return response.status, _retry_after_s(response.headers), text


def _retry_after_s(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Seconds of a Retry-After in either form (RFC 9110, 10.2.3); None without one that can be read."""
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
