"""What a command answers: lines for people or one JSON document, and an exit code; and progress while it lasts."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, TextIO


class Code(IntEnum):
    """How a command ends."""

    WELL = 0
    DIFFERENCES = 1
    WRONG_USE = 2
    CONFIGURATION = 78
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a command found or did."""

    lines: Sequence[str]
    data: Any
    code: Code = Code.WELL


@dataclass(slots=True)
class Progress:
    """A line on stderr, once work has lasted 2 s; on a terminal it is written over, elsewhere said every 10 s.

    It says how much is done and of how much, how fast, and how long the rest will take at that pace.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    after_s: float = 2.0
    now: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _said: float = 0.0
    _open: bool = False
    _step: tuple[str, float, int] = ("", 0.0, 0)

    def __post_init__(self) -> None:
        self._began = self.now()

    def tell(self, what: str, done: int, total: int | None = None) -> None:
        """How far the work is."""
        now = self.now()
        if self._step[0] != what or done < self._step[2]:
            # The pace is counted from the first that is heard of a step: what came before it took is not known.
            self._step = (what, now, done)
        terminal = self.stream.isatty()
        if now - self._began < self.after_s or now - self._said < (0.2 if terminal else 10.0):
            return
        self._said = now
        share = f" of {total:,} ({min(100, 100 * done // total)} %)" if total else ""
        line = f"{what}: {done:,}{share}{self._pace(done, total, now)}, {now - self._began:.0f} s"
        self.stream.write(f"\r\033[K{line}" if terminal else f"{line}\n")
        self.stream.flush()
        self._open = terminal

    def _pace(self, done: int, total: int | None, now: float) -> str:
        _, since, before = self._step
        rate = (done - before) / (now - since) if now > since else 0.0
        if rate < 1:
            return ""
        left = f", {_duration((total - done) / rate)} left" if total and total > done else ""
        return f", {rate:,.0f} a second{left}"

    def note(self, text: str) -> None:
        """Something that people watching should know now."""
        self.close()
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._open:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self._open = False


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def is_folder(path: Path) -> bool:
    """Whether a folder is there."""
    return path.is_dir()


def write_lines(file: Path, lines: Sequence[str]) -> Path:
    """Write a small text file; returns where it is."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as aligned columns; figures to the right."""
    if not rows:
        return []
    cells = [[str(head) for head in heads], *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads))]
    right = [all(isinstance(row[place], int) for row in rows) for place in range(len(heads))]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def _cell(value: object) -> str:
    return (
        "-" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    )


def as_json(data: object) -> str:
    """One JSON document; ids and moments as text."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=str)
