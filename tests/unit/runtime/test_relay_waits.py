"""When a relay deletes what it sent (after a while of quiet, and now and then), and when it waits for more."""

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION, Envelope
from shared.runtime.messaging.relay import (
    BUSY_EVENTS,
    DELETE_EACH_S,
    DELETE_QUIET_S,
    FACT_PAUSE_S,
    READ_MAX,
    WORTH_BYTES,
    Relay,
)
from shared.runtime.unit_of_work.outbox_queue import CommittedBatch, OutboxQueue


class Timed(Relay):
    """A relay whose clock is set by hand; it confirms everything and remembers its deletions."""

    def __init__(self) -> None:
        runtime: Any = SimpleNamespace(handed={COMMAND_PARTITION: OutboxQueue()})
        super().__init__(runtime, COMMAND_PARTITION)
        self.now_s = 0.0
        self.deletions: list[tuple[float, int]] = []

    async def at(self, now_s: float, *ids: int) -> None:
        """Serve once at this moment; with ids there is something to send."""
        self.now_s = now_s
        if ids:
            self._handed.give(CommittedBatch(ids, (("toy.facts", b"{}"),)))
        await self._serve()

    async def _hold_lease(self) -> bool:
        return True

    async def _look(self, handed: Sequence[CommittedBatch]) -> list[CommittedBatch]:
        del handed
        return []

    async def _publish(self, units: Sequence[CommittedBatch]) -> set[int]:
        del units
        return set()

    async def _idle(self, *, holding: bool) -> None:
        del holding

    async def _delete(self) -> None:
        self.deletions.append((self.now_s, len(self._sent)))
        self._sent = []

    def _now(self) -> float:
        return self.now_s


async def test_what_was_sent_is_deleted_once_nothing_more_comes() -> None:
    relay = Timed()
    await relay.at(0.0, 1, 2)
    await relay.at(DELETE_QUIET_S * 0.9)
    assert relay.deletions == []
    await relay.at(DELETE_QUIET_S)
    assert relay.deletions == [(DELETE_QUIET_S, 2)]


async def test_while_something_comes_all_the_time_it_is_deleted_twice_a_second() -> None:
    relay = Timed()
    for step in range(1, 101):
        await relay.at(step / 50, step)
    assert [round(count * 0.02, 2) for _, count in relay.deletions] == [DELETE_EACH_S + 0.02] * 3


@pytest.mark.parametrize(("body", "waits"), [(b"{}", True), (b"m" * WORTH_BYTES, False)])
async def test_commands_wait_for_more_unless_there_is_enough(body: bytes, *, waits: bool) -> None:
    relay = Timed()
    relay._handed.give(CommittedBatch((1,), (("toy.to.other", body),)))
    assert (relay._linger_s() > 0) is waits


class Untimed(Relay):
    """A relay that holds its lease and finds nothing in the table."""

    async def _hold_lease(self) -> bool:
        return True

    async def _look(self, handed: Sequence[CommittedBatch]) -> list[CommittedBatch]:
        del handed
        return []

    async def _delete(self) -> None:
        self._sent = []


class Willing:
    """A bus that confirms everything."""

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Confirm."""
        return [True] * len(envelopes)


@pytest.mark.parametrize(
    ("partition", "events", "pauses"),
    [
        (FACT_PARTITION, 1, False),
        (FACT_PARTITION, BUSY_EVENTS, True),
        (FACT_PARTITION, READ_MAX, False),
        (COMMAND_PARTITION, BUSY_EVENTS, False),
    ],
)
async def test_many_facts_leave_in_pauses_but_a_backlog_does_not(
    monkeypatch: pytest.MonkeyPatch, partition: int, events: int, *, pauses: bool
) -> None:
    runtime: Any = SimpleNamespace(
        handed={partition: OutboxQueue()},
        service=SimpleNamespace(name="toy"),
        bus=Willing(),
        publishing=lambda _: nullcontext(),
        counts=Counter(),
    )
    relay = Untimed(runtime, partition)
    slept_s: list[float] = []

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)

    monkeypatch.setattr("shared.runtime.messaging.relay.asyncio.sleep", sleep)
    for number in range(events):
        relay._handed.give(CommittedBatch((number,), (("toy.thing.0", b"{}"),)))
    await relay._serve()
    assert runtime.counts["events"] == events
    assert slept_s == ([FACT_PAUSE_S] if pauses else [])
