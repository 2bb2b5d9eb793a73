"""What every upload shares: judged one at a time, and no file kept whose record was refused."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from starlette.responses import Response

from shared.documents.blobs import EncryptedBlobs
from shared.documents.inspection import DocumentLimits, InspectedDocument
from shared.documents.worker import DocumentJudge, DocumentsWaiting
from shared.kernel.refusals import Refusal

INSPECTIONS_WAITING_MAX: Final = 4
"""How many documents wait while one is judged; each is held whole."""
WAITING_RETRY_AFTER_S: Final = 1
# One for the process, whatever the number of services in it: memory is the process's.
_JUDGE: Final = DocumentJudge()


class Inspections:
    """Bounds how many documents are judged and wait to be judged, and with them the memory."""

    def __init__(self, judge: DocumentJudge = _JUDGE) -> None:
        self._judge = judge
        self._alone = asyncio.Lock()
        self._inside = 0

    async def inspect(self, content: bytes, *, limits: DocumentLimits) -> InspectedDocument:
        """Have a document judged in its turn. Raises: the refusals of DocumentJudge.judge, DocumentsWaiting."""
        if self._inside > INSPECTIONS_WAITING_MAX:
            raise DocumentsWaiting(retry_after_s=WAITING_RETRY_AFTER_S)
        self._inside += 1
        try:
            async with self._alone:
                return await asyncio.to_thread(self._judge.judge, content, limits=limits)
        finally:
            self._inside -= 1


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
