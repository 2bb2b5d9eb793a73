"""Files on their way in or out of the document store lie on disk, not in memory, and sealed.

The key of a spooled file is made for it, kept in memory and forgotten with it, so what the disk keeps says nothing. The
file has no name: the system frees it with its process, however that ends.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.refusals import Refusal, RefusalKind

CHUNK_BYTES: Final = 64 * 1024
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class SpoolFull(Refusal):
    """So much is on its way that the disk set aside for it is full; nothing was kept."""

    code = "transfers.no_space"
    kind = RefusalKind.UNAVAILABLE
    zh = "正在传输的文件过多，请稍后重试。"

    def __init__(self) -> None:
        super().__init__(retry_after_s=5)


class SpoolSpace:
    """The disk that all spooled files of a service share; `folder` None is the system's place for temporary files."""

    def __init__(self, folder: Path | None, *, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self.used_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Set bytes aside. Raises: SpoolFull."""
        if self.used_bytes + size_bytes > self._bytes_max:
            raise SpoolFull
        self.used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Free what `take` had set aside."""
        self.used_bytes -= size_bytes

    def open_file(self) -> IO[bytes]:
        """A file without a name. Raises: OSError."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return TemporaryFile(dir=self._folder, buffering=0)


class Spool:
    """One file that is written once and then read; at most one chunk of it is in memory while it is written."""

    def __init__(self, space: SpoolSpace) -> None:
        self._space = space
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._file: IO[bytes] | None = None
        self._waiting = bytearray()
        self._chunks = 0
        self.size_bytes = 0

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises: SpoolFull, for a full disk too."""
        self._space.take(len(data))
        self.size_bytes += len(data)
        view = memoryview(data)
        for at in range(0, len(data), CHUNK_BYTES):
            self._waiting += view[at : at + CHUNK_BYTES]
            if len(self._waiting) >= CHUNK_BYTES:
                chunk = bytes(self._waiting[:CHUNK_BYTES])
                del self._waiting[:CHUNK_BYTES]
                await self._keep(chunk)

    async def read(self) -> bytes:
        """All of it."""
        whole = bytearray()
        async for chunk in self.chunks():
            whole += chunk
        return bytes(whole)

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, at most CHUNK_BYTES at a time."""
        for number in range(self._chunks):
            yield await asyncio.to_thread(self._read, number)
        if self._waiting:
            yield bytes(self._waiting)

    def close(self) -> None:
        """Free the disk."""
        self._space.give_back(self.size_bytes)
        self.size_bytes = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _keep(self, chunk: bytes) -> None:
        try:
            await asyncio.to_thread(self._append, chunk)
        except OSError as error:
            raise SpoolFull from error

    def _append(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = self._space.open_file()
        sealed = self._cipher.encrypt(self._nonce(self._chunks), chunk, None)
        written = os.pwrite(self._file.fileno(), sealed, self._chunks * len(sealed))
        if written != len(sealed):
            raise OSError("the disk took only a part")
        self._chunks += 1

    def _read(self, number: int) -> bytes:
        if self._file is None:
            raise ValueError("read of a closed spool")
        size = CHUNK_BYTES + _TAG_BYTES
        return self._cipher.decrypt(self._nonce(number), os.pread(self._file.fileno(), size, number * size), None)

    @staticmethod
    def _nonce(number: int) -> bytes:
        # A key seals one file, so the number of the chunk is never used with it twice.
        return number.to_bytes(_NONCE_BYTES, "big")
