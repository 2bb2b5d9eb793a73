"""What a commit of this process has just put into the outbox, handed to the relay without being read again.

The table stays the truth: whatever is lost here (a crash, another process's commit, too much at once) is found there by
the relay's poll. A unit is what one transaction said for one partition; it counts as sent only when all of it is, so it
does not matter which of its ids belongs to which of its rows.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

HANDED_ROWS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class CommittedBatch:
    """The outbox rows of one committed transaction in one partition: their ids, and (routing key, body) of each."""

    ids: tuple[int, ...]
    rows: tuple[tuple[str, bytes], ...]


class OutboxQueue:
    """The units of one partition that its relay has not taken yet."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._units: deque[CommittedBatch] = deque()
        self._rows = 0
        self._look = True

    def give(self, unit: CommittedBatch) -> None:
        """Hand over what was committed; above the bound it is left to be read from the table."""
        if self._rows + len(unit.rows) > HANDED_ROWS_MAX:
            self._look = True
        else:
            self._units.append(unit)
            self._rows += len(unit.rows)
        self.wake.set()

    def take(self, rows_max: int) -> list[CommittedBatch]:
        """The oldest units, at most `rows_max` rows or one unit."""
        taken: list[CommittedBatch] = []
        count = 0
        while self._units and (not taken or count + len(self._units[0].rows) <= rows_max):
            taken.append(self._units.popleft())
            count += len(taken[-1].rows)
        self._rows -= count
        return taken

    def size_bytes(self) -> int:
        """How much waits to be taken."""
        return sum(len(body) for unit in self._units for _, body in unit.rows)

    def forget(self) -> None:
        """Leave everything to the table: another process serves the partition, or something went wrong."""
        self._units.clear()
        self._rows = 0
        self._look = True

    def must_look(self) -> bool:
        """Whether the table holds what was never handed over; asked once."""
        look, self._look = self._look, False
        return look


def unit_of(ids: Sequence[int], rows: Sequence[tuple[int, str, bytes]], *, partition: int) -> CommittedBatch:
    """The rows (partition, routing key, body) of one partition with the ids that partition got."""
    return CommittedBatch(tuple(ids), tuple((key, body) for part, key, body in rows if part == partition))
