"""Files that no record holds, yet or any more: noted, so that none is forgotten, and removed in time.

A file is noted before it is stored, and the note goes in the transaction that records the file. A record that is
dropped notes its file again in the same transaction. So a file whose upload was broken off anywhere has its note, and
a file that a record holds has none: only what is noted is ever removed, first the file and then the note, and a removal
that is broken off is done again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Column, Index, MetaData, Table, Text

from shared.documents.blobs import BlobsUnavailable, EncryptedBlobs
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.service import Job
from shared.runtime.sql import Connection
from shared.runtime.tables import moment

log = structlog.get_logger()

RECORDED_WITHIN: Final = timedelta(days=1)
"""How long an upload may take from its note to its record; in machine time, as everything here."""
REMOVED_AT_ONCE_MAX: Final = 100

_NOTE = """
INSERT INTO loose_file (blob_key, remove_after) SELECT key, clock_timestamp() + $2::interval FROM unnest($1::text[]) key
ON CONFLICT (blob_key) DO NOTHING
"""
_HOLD = "DELETE FROM loose_file WHERE blob_key = $1 AND remove_after > clock_timestamp() RETURNING blob_key"
_DUE = "SELECT blob_key FROM loose_file WHERE remove_after <= clock_timestamp() ORDER BY remove_after LIMIT $1"
_FORGET = "DELETE FROM loose_file WHERE blob_key = ANY($1) AND remove_after <= clock_timestamp()"


class FileQuotaExceeded(Refusal):
    """The organisation holds as many files, or bytes, as it may before it submits what they belong to."""

    code = "documents.quota_exceeded"
    kind = RefusalKind.RULE
    zh = "贵单位尚未提交的文件已达上限（{files_max} 个或 {megabytes_max} 兆字节），请先提交或撤回已有材料后再上传。"


class FileNoteGone(Refusal):
    """The upload took so long that its file was taken for forgotten; nothing was recorded, and a repeat may succeed."""

    code = "documents.upload_too_slow"
    kind = RefusalKind.UNAVAILABLE
    zh = "文件上传用时过长，未能保存，请重新上传。"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """How much an organisation may hold that belongs to no submission yet, and for how long; bytes, days."""

    files_max: int
    bytes_max: int
    keep_days: int

    def check(self, *, files: int, held_bytes: int, size_bytes: int) -> None:
        """Refuse one file more of that size. Raises: FileQuotaExceeded."""
        if files >= self.files_max or held_bytes + size_bytes > self.bytes_max:
            raise FileQuotaExceeded(
                files=files, held_bytes=held_bytes, files_max=self.files_max, megabytes_max=self.bytes_max >> 20
            )


def loose_files(metadata: MetaData) -> Table:
    """The table of notes, for a service that stores files."""
    return Table(
        "loose_file",
        metadata,
        Column("blob_key", Text, primary_key=True),
        moment("remove_after"),
        Index("loose_file_remove_after", "remove_after"),
    )


async def note(connection: Connection, blob_key: str) -> None:
    """Note a file that will be stored; commit before it is."""
    await connection.execute(_NOTE, [blob_key], RECORDED_WITHIN)


async def hold(connection: Connection, blob_key: str) -> None:
    """Take the note away, in the transaction that records the file. Raises: FileNoteGone."""
    if await connection.fetchval(_HOLD, blob_key) is None:
        raise FileNoteGone


async def let_go(connection: Connection, blob_keys: Collection[str]) -> None:
    """Note files whose records go in this transaction; they are removed with the next look."""
    if blob_keys:
        await connection.execute(_NOTE, sorted(blob_keys), timedelta(0))


async def remove_loose_files(runtime: Any) -> int:  # noqa: ANN401 - the running service
    """Remove the files whose time is over, then their notes; returns how many. No transaction waits for the store."""
    async with runtime.reading() as connection:
        keys = [row["blob_key"] for row in await connection.fetch(_DUE, REMOVED_AT_ONCE_MAX)]
    removed = []
    blobs = runtime.ports.get(EncryptedBlobs)
    for key in keys:
        try:
            await blobs.delete(key)
        except BlobsUnavailable:
            log.warning("file.not_removed")
            break
        removed.append(key)
    if removed:
        async with runtime.work() as work:
            await work.connection.execute(_FORGET, removed)
        log.info("files.removed", files=len(removed))
    return len(removed)


REMOVING: Final = Job(name="remove_loose_files", every_s=600, errand=remove_loose_files, batch_max=REMOVED_AT_ONCE_MAX)
