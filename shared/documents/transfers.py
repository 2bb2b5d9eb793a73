"""Files on their way in and out over HTTP: few at once, and on disk instead of in memory.

A route that takes a file declares how large it may be (`file_body`), and takes it in when it has checked what can be
checked without it. A route that gives one sends it in chunks, no faster than the caller reads (`Download`).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.documents.spool import Spool, SpoolSpace
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.http import BodyBounds, BodyTooLarge, principal_of, runtime_of

LOADED_AT_ONCE_MAX: Final = 2
"""How many whole documents are in memory at the same time, each for as long as it is judged, sealed or opened."""
OF_ACCOUNT_AT_ONCE: Final = 4
OF_ACCOUNT_MAX: Final = 32
"""How many uploads, and how many downloads, one account may have under way in a process, those in line included."""
WAITING_MAX: Final = 128
_RETRY_AFTER_S: Final = 5
_WAIT_S: Final = 20.0


class TransfersBusy(Refusal):
    """As many files are being sent or received as the process can serve at once; nothing was done."""

    code = "transfers.busy"
    kind = RefusalKind.UNAVAILABLE
    zh = "正在上传或下载文件的用户过多，请稍后重试。"


class TransfersOfAccountBusy(Refusal):
    """The account has as many files under way as one account may; nothing was done."""

    code = "transfers.account_busy"
    kind = RefusalKind.RATE
    zh = "您同时上传或下载的文件过多（最多 {at_once_max} 个），请等待完成后重试。"


class _TransferLane:
    """The transfers of one account: a few under way, some more in line."""

    __slots__ = ("inside", "turn")

    def __init__(self) -> None:
        self.inside = 0
        self.turn = asyncio.Semaphore(OF_ACCOUNT_AT_ONCE)


class Places:
    """How many of a kind may be under way, in all and for one account; a few more wait in line, others come again.

    Who waits costs a connection: nothing is read of a body, or opened of a document, before there is a place.
    """

    def __init__(self, at_once_max: int) -> None:
        self._free = asyncio.Semaphore(at_once_max)
        self._inside_max = at_once_max + WAITING_MAX
        self._inside = 0
        self._lanes: dict[UUID, _TransferLane] = {}

    @asynccontextmanager
    async def take(self, account_id: UUID) -> AsyncIterator[None]:
        """A place for the length of the block. Raises: TransfersBusy, TransfersOfAccountBusy."""
        lane = self._lanes.get(account_id) or _TransferLane()
        if lane.inside >= OF_ACCOUNT_MAX:
            raise TransfersOfAccountBusy(at_once_max=OF_ACCOUNT_MAX, retry_after_s=_RETRY_AFTER_S)
        if self._inside >= self._inside_max:
            raise TransfersBusy(retry_after_s=_RETRY_AFTER_S)
        self._lanes[account_id] = lane
        lane.inside += 1
        self._inside += 1
        try:
            async with AsyncExitStack() as place:
                try:
                    async with asyncio.timeout(_WAIT_S):
                        await place.enter_async_context(lane.turn)
                        await place.enter_async_context(self._free)
                except TimeoutError:
                    raise TransfersBusy(retry_after_s=_RETRY_AFTER_S) from None
                yield
        finally:
            lane.inside -= 1
            self._inside -= 1
            if not lane.inside:
                del self._lanes[account_id]


class Transfers:
    """The files on their way in and out of one service."""

    def __init__(self, space: SpoolSpace, *, uploads_max: int, downloads_max: int) -> None:
        self.space = space
        self.uploads = Places(uploads_max)
        self.downloads = Places(downloads_max)
        self._memory = asyncio.Semaphore(LOADED_AT_ONCE_MAX)

    @asynccontextmanager
    async def loaded(self, spool: Spool) -> AsyncIterator[bytes]:
        """A taken-in file as bytes for the length of the block; whoever comes while others work waits on disk."""
        async with self._memory:
            yield await spool.read()

    async def opened(self, opening: Callable[[], Awaitable[bytes]], spool: Spool) -> None:
        """Put an opened document on disk, from where it is sent. Raises: SpoolFull and what `opening` raises."""
        async with self._memory:
            await spool.write(await opening())


class IncomingFile:
    """A body that is a file and that nobody has read yet."""

    def __init__(self, request: Request, *, bytes_max: int) -> None:
        self._request = request
        self._bytes_max = bytes_max

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Spool]:
        """Take the body in, onto disk, for the length of the block.

        Raises: BodyTooLarge, TransfersBusy, TransfersOfAccountBusy, SpoolFull, ClientDisconnect.
        """
        request = self._request
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._bytes_max:
            raise BodyTooLarge(limit_bytes=self._bytes_max)
        transfers = runtime_of(request).ports.get(Transfers)
        async with transfers.uploads.take(principal_of(request).account_id):
            spool = Spool(transfers.space)
            digest = hashlib.sha256()
            try:
                async for part in request.stream():
                    digest.update(part)
                    await spool.write(part)
                # Whoever asks for the body from here on, as an Idempotency-Key's fingerprint does, gets its digest.
                request._body = digest.digest()  # noqa: SLF001 - where Starlette keeps a body that was read
                yield spool
            finally:
                spool.close()


def file_body(*, bytes_max: int) -> Callable[[Request], IncomingFile]:
    """A dependency: the body as a file of at most `bytes_max` bytes, read when the route asks for it."""

    def incoming(request: Request) -> IncomingFile:
        return IncomingFile(request, bytes_max=bytes_max)

    incoming.body_bounds = BodyBounds(bytes_max=bytes_max)  # type: ignore[attr-defined] # read before the body is
    return incoming


class Sending:
    """One download: it has a place, and disk for what the caller has not read yet."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self.spool = Spool(transfers.space)

    async def answer(
        self, opening: Callable[[], Awaitable[bytes]], *, media_type: str, headers: Mapping[str, str]
    ) -> Response:
        """The document that `opening` gives, sent as fast as it is read. Raises: SpoolFull, what `opening` raises."""
        await self._transfers.opened(opening, self.spool)
        length = {"Content-Length": str(self.spool.size_bytes)}
        return StreamingResponse(self.spool.chunks(), media_type=media_type, headers={**headers, **length})


async def _sending(request: Request) -> AsyncIterator[Sending]:
    transfers = runtime_of(request).ports.get(Transfers)
    async with transfers.downloads.take(principal_of(request).account_id):
        sending = Sending(transfers)
        try:
            yield sending
        finally:
            sending.spool.close()


Download = Annotated[Sending, Depends(_sending, scope="request")]
"""A dependency: a place for a download, until its last byte is sent or the caller has gone."""
