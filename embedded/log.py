"""The log of the embedded platform: a file that never grows beyond its bound, beside the one before it."""

from pathlib import Path
from typing import Final

LOG_BYTES_MAX: Final = 20 * 1024 * 1024


class BoundedLog:
    """A text stream into a file; when that is full it becomes `<name>.1` in the place of an older one."""

    def __init__(self, file: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        self._file = file
        self._bytes_max = bytes_max
        self._open()

    def write(self, text: str) -> int:
        """Add a text; the number of characters."""
        if self._size_bytes >= self._bytes_max:
            self.close()
            self._file.replace(self._file.with_name(f"{self._file.name}.1"))
            self._open()
        self._size_bytes += len(text.encode())
        return self._stream.write(text)

    def flush(self) -> None:
        """Hand over to the system what was written."""
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _open(self) -> None:
        self._stream = self._file.open("a", encoding="utf-8")
        self._size_bytes = self._file.stat().st_size
