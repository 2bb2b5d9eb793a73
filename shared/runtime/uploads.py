"""What every upload shares: judged a few at a time, and no file kept whose record was refused."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from starlette.responses import Response

from shared.kernel.refusals import Refusal
from shared.runtime.blobs import EncryptedBlobs
from shared.runtime.documents import DocumentLimits, InspectedDocument, inspect_document

# A large photo unfolds to some 160 MB while it is judged.
INSPECTIONS_AT_ONCE_MAX: Final = 2


class Inspections:
    """Bounds how many documents are judged at the same time, and with them the memory."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(INSPECTIONS_AT_ONCE_MAX)

    async def inspect(self, content: bytes, *, limits: DocumentLimits) -> InspectedDocument:
        """Judge a document on a thread. Raises: the refusals of inspect_document."""
        async with self._free:
            return await asyncio.to_thread(inspect_document, content, limits=limits)


async def keep_if_recorded(recording: Awaitable[Response], *, blobs: EncryptedBlobs, blob_key: str) -> Response:
    """Await the command that records a stored file; the file of a refused or repeated command is removed.

    After any other fault nobody knows whether the record was committed, so the file stays: a sealed file without a
    record harms nobody, a record without its file is lost evidence. Raises: what the command raises.
    """
    try:
        response = await recording
    except Refusal:
        await blobs.delete(blob_key)
        raise
    if response.status_code >= 400 or "idempotent-replayed" in response.headers:
        await blobs.delete(blob_key)
    return response
