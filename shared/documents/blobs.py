"""Where documents lie: a folder or an S3 bucket (shared.documents.blobs_s3), and sealed envelopes around either.

Keys are random names chosen by the caller; no part of a name that a user gave ever becomes a key.
"""

import asyncio
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from shared.documents.encryption import KeyRing, seal, unseal
from shared.kernel.refusals import Refusal, RefusalKind

_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){0,7}")
_KEY_LENGTH_MAX: Final = 200


class BlobsUnavailable(Refusal):
    """The store cannot take or give the object now: disk full, bucket out of reach, no right to write."""

    code = "blobs.unavailable"
    kind = RefusalKind.UNAVAILABLE
    zh = "文件存储暂时不可用，请稍后重试。"


class BlobNotFound(Refusal):
    """There is no object under this key."""

    code = "blobs.not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "文件不存在。"


class BlobKeyMalformed(Refusal):
    """The key is not a plain name: letters, digits, hyphen and underscore in up to eight parts."""

    code = "blobs.key_malformed"
    kind = RefusalKind.MALFORMED
    zh = "文件编号格式不正确。"


class BlobUnreadable(Refusal):
    """The envelope does not open: altered, moved from another record, or sealed with a key no longer held."""

    code = "blobs.unreadable"
    kind = RefusalKind.UNAVAILABLE
    zh = "文件无法解密或已被改动，请联系系统运营方。"


class Blobs(Protocol):
    """A store of whole objects. A put replaces, lasts once it returns, and is never seen half written."""

    async def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises: BlobsUnavailable, BlobKeyMalformed."""

    async def get(self, key: str) -> bytes:
        """The object. Raises: BlobNotFound, BlobsUnavailable, BlobKeyMalformed."""

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no fault. Raises: BlobsUnavailable, BlobKeyMalformed."""

    async def exists(self, key: str) -> bool:
        """Whether the object is there. Raises: BlobsUnavailable, BlobKeyMalformed."""


class LocalBlobs:
    """Objects as files below one folder: for the embedded edition and single machines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises: BlobsUnavailable, BlobKeyMalformed."""
        await asyncio.to_thread(self._write, self._path(key), data)

    async def get(self, key: str) -> bytes:
        """The object. Raises: BlobNotFound, BlobsUnavailable, BlobKeyMalformed."""
        return await asyncio.to_thread(self._read, self._path(key))

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no fault. Raises: BlobsUnavailable, BlobKeyMalformed."""
        path = self._path(key)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise BlobsUnavailable from error

    async def exists(self, key: str) -> bool:
        """Whether the object is there. Raises: BlobKeyMalformed."""
        return await asyncio.to_thread(self._path(key).is_file)

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise BlobNotFound from error
        except OSError as error:
            raise BlobsUnavailable from error

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        # A key holds no full stop, so an unfinished file can never be taken for an object.
        unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with unfinished.open("xb") as file:
                unfinished.chmod(0o600)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise BlobsUnavailable from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; only POSIX systems can open a folder for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checked_key(key: str) -> str:
    """The key, when it is a plain name. Raises: BlobKeyMalformed."""
    if len(key) > _KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise BlobKeyMalformed
    return key


_MAGIC: Final = b"YQE1"


class EncryptedBlobs:
    """Sealed envelopes in another store.

    They are bound to the record id and the object's own key, so an envelope that is swapped with another record's, or
    with another object of the same record, does not open. `put` again to rotate one.
    """

    def __init__(self, inner: Blobs, keys: KeyRing) -> None:
        self._inner = inner
        self._keys = keys

    async def put(self, key: str, data: bytes, *, record_id: UUID) -> None:
        """Seal and store an object of a record. Raises: BlobsUnavailable, BlobKeyMalformed."""
        bound_to = _bound_to(record_id, key)
        await self._inner.put(key, await asyncio.to_thread(seal, self._keys, data, magic=_MAGIC, bound_to=bound_to))

    async def get(self, key: str, *, record_id: UUID) -> bytes:
        """The opened object. Raises: BlobUnreadable, BlobNotFound, BlobsUnavailable, BlobKeyMalformed."""
        envelope = await self._inner.get(key)
        data = await asyncio.to_thread(unseal, self._keys, envelope, magic=_MAGIC, bound_to=_bound_to(record_id, key))
        if data is None:
            raise BlobUnreadable
        return data

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no fault. Raises: BlobsUnavailable, BlobKeyMalformed."""
        await self._inner.delete(key)

    async def exists(self, key: str) -> bool:
        """Whether the object is there. Raises: BlobsUnavailable, BlobKeyMalformed."""
        return await self._inner.exists(key)


def _bound_to(record_id: UUID, key: str) -> bytes:
    return record_id.bytes + key.encode()
