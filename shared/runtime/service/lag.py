"""How far a service is behind the facts it copies: measured where events come in, for metrics and readiness.

`event.time` and the clock here are business time of two services, which both are database time where nobody may move
them. Where somebody may, a year can lie between two events of one second, so their lag is not judged.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

IDLE_S = 60.0
RECENT_S = 2.0
"""A batch that was applied so long ago says nothing about now: behind a backlog one batch follows another."""


class Arrival(Protocol):
    """What is looked at of an event."""

    @property
    def source(self) -> str:
        """The service that said it."""
        ...

    @property
    def aggregatetype(self) -> str:
        """What kind of aggregate a fact is about; empty where it is no fact."""
        ...

    @property
    def time(self) -> str:
        """When it was said, in business time (RFC 3339)."""
        ...


class Flow:
    """What came in at one service of this process."""

    def __init__(self, *, service: str, streams: Iterable[str], now: Callable[[], datetime] | None) -> None:
        self._queues = (f"{service}.commands", f"{service}.facts")
        self._streams = tuple(streams)
        self._now = now
        self._taken_at: dict[str, float] = {}
        self._queue_lag: dict[str, tuple[float, float]] = {}
        self._stream_lag: dict[str, tuple[float, float]] = {}
        self.parked = 0
        """Events that were put aside because their predecessor was still missing."""

    def take(self, queue: str) -> None:
        """A batch of a queue is in hand; it stays so until it is settled, also while it is held or given back."""
        self._taken_at.setdefault(queue, time.monotonic())

    def settle(self, queue: str) -> None:
        """The batch in hand is durable."""
        self._taken_at.pop(queue, None)

    def park(self, count: int) -> None:
        """So many events were parked."""
        self.parked += count

    def apply(self, events: Iterable[Arrival]) -> None:
        """These events were applied for the first time; a fact that is sent again says nothing about the lag."""
        oldest: dict[str, str] = {}
        for event in events:
            stream = f"{event.source}.{event.aggregatetype}" if event.aggregatetype else ""
            known = oldest.get(stream)
            if event.time and (known is None or event.time < known):
                oldest[stream] = event.time
        at_s = time.monotonic()
        for stream, told in oldest.items():
            lag_s = self._seconds_since(told)
            queue = self._queues[1 if stream else 0]
            newest_s, known_s = self._queue_lag.get(queue, (0.0, 0.0))
            self._queue_lag[queue] = (at_s, max(lag_s, known_s) if newest_s == at_s else lag_s)
            if stream:
                self._stream_lag[stream] = (at_s, lag_s)

    def _seconds_since(self, told: str) -> float:
        if self._now is None:
            return 0.0
        try:
            then = datetime.fromisoformat(told)
        except ValueError:
            return 0.0
        return max(0.0, (self._now() - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds())

    def queue_lags(self) -> Mapping[str, float]:
        """Age of the oldest event of the newest applied batch of each queue, in seconds; 0 when idle for 60 s."""
        return {queue: self._fresh(self._queue_lag.get(queue), IDLE_S) for queue in self._queues}

    def stream_lags(self) -> Mapping[str, float]:
        """How many seconds the copy of each stream is behind, as far as this process can know."""
        in_hand_s = 0.0
        if self._queues[1] in self._taken_at:
            in_hand_s = time.monotonic() - self._taken_at[self._queues[1]]
        return {stream: max(in_hand_s, self._fresh(self._stream_lag.get(stream), RECENT_S)) for stream in self._streams}

    def _fresh(self, found: tuple[float, float] | None, within_s: float) -> float:
        if found is None or time.monotonic() - found[0] > within_s:
            return 0.0
        return found[1]
