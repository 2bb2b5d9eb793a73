"""Gapless order for each aggregate at each consumer: apply n+1, park what is early, drop what is old.

Both applying and parking hold the aggregate's cursor row, and whoever advances it drains the parked rows in the same
transaction; otherwise a fact parked at the same moment as its predecessor is applied would wait for ever.
"""

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import TypeAlias
from uuid import UUID

from shared.contracts.messages.base import Event
from shared.runtime.database.sql import is_transient
from shared.runtime.messaging.routing import Routes, read_one, rounds, stream_of, to_bytes
from shared.runtime.service.lag import Flow
from shared.runtime.unit_of_work.work import Work

Key: TypeAlias = tuple[str, UUID]
ApplyEvents: TypeAlias = Callable[[Work, Sequence[Event]], Awaitable[None]]

_LOCK = """
SELECT c.stream, c.aggregate_id, c.version FROM cursor c
JOIN unnest($1::text[], $2::uuid[]) AS k(stream, aggregate_id)
  ON c.stream = k.stream AND c.aggregate_id = k.aggregate_id
ORDER BY c.stream, c.aggregate_id FOR UPDATE OF c
"""
_BEGIN = """
INSERT INTO cursor (stream, aggregate_id, version) SELECT s, a, 0 FROM unnest($1::text[], $2::uuid[]) AS k(s, a)
ON CONFLICT DO NOTHING
"""
_ADVANCE = """
INSERT INTO cursor (stream, aggregate_id, version) SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[])
ON CONFLICT (stream, aggregate_id) DO UPDATE SET version = EXCLUDED.version
"""
_PARK = """
INSERT INTO parked (stream, aggregate_id, version, event)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[], $4::bytea[])
ON CONFLICT DO NOTHING
"""
_UNPARK = """
DELETE FROM parked p USING unnest($1::text[], $2::uuid[], $3::int[]) AS k(stream, aggregate_id, version)
WHERE p.stream = k.stream AND p.aggregate_id = k.aggregate_id AND p.version = k.version + 1
RETURNING p.event
"""


def key_of(event: Event) -> Key:
    """The stream and aggregate of a fact."""
    return stream_of(event), event.subject


class ParkedFault(Exception):
    """A parked fact that was drained could not be applied; its cause is the fault."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.type)
        self.event = event


class Cursors:
    """Applies the facts of one batch in one transaction."""

    def __init__(self, work: Work, routes: Routes, run: ApplyEvents) -> None:
        self._work = work
        self._routes = routes
        self._run = run
        self._versions: dict[Key, int] = {}

    async def apply(self, facts: Sequence[Event]) -> None:
        """Apply, park or drop each fact; then drain what was parked behind the applied ones."""
        ordered = sorted(facts, key=attrgetter("sequence"))
        await self._lock(ordered)
        ready, early = self._classify(ordered)
        if early:
            self._check_readable(early)
            await self._park(early)
        for batch in rounds(ready, key=key_of, folds=self._routes.folds):
            await self._run(self._work, batch)
        parked = await self._advance({key_of(event) for event in ready}) if ready else []
        while parked:
            for event in parked:
                await self._run_parked(event)
            parked = await self._advance({key_of(event) for event in parked})

    async def _run_parked(self, event: Event) -> None:
        """Apply one drained fact. Raises: ParkedFault, so that its fault is not blamed on the fact before it."""
        self._versions[key_of(event)] = event.sequence
        try:
            await self._run(self._work, [event])
        except Exception as error:
            if is_transient(error):
                raise
            raise ParkedFault(event) from error

    def _check_readable(self, early: Sequence[Event]) -> None:
        """Refuse to park what could never be applied: drained, it would take its good predecessor down with it.

        Raises: Unreadable.
        """
        for event in early:
            if self._routes.find(event) is not None:
                self._routes.read(event)

    async def _lock(self, ordered: Sequence[Event]) -> None:
        first: dict[Key, int] = {}
        for event in ordered:
            first.setdefault(key_of(event), event.sequence)
        keys = sorted(first)
        await self._read(keys)
        # A fact that will be parked needs a row to hold; a first fact makes its row when it advances.
        unheld = [key for key in keys if key not in self._versions and first[key] > 1]
        if unheld:
            await self._work.connection.execute(_BEGIN, [key[0] for key in unheld], [key[1] for key in unheld])
            await self._read(unheld)

    async def _read(self, keys: Sequence[Key]) -> None:
        rows = await self._work.connection.fetch(_LOCK, [key[0] for key in keys], [key[1] for key in keys])
        for row in rows:
            self._versions[row["stream"], row["aggregate_id"]] = row["version"]

    def _classify(self, ordered: Sequence[Event]) -> tuple[list[Event], list[Event]]:
        ready: list[Event] = []
        early: list[Event] = []
        for event in ordered:
            key = key_of(event)
            at = self._versions.get(key, 0)
            if event.sequence <= at:
                continue
            if event.sequence == at + 1 and not self._routes.knows_other_version(event):
                self._versions[key] = event.sequence
                ready.append(event)
            else:
                early.append(event)
        return ready, early

    async def _advance(self, keys: set[Key]) -> list[Event]:
        ordered = sorted(keys)
        columns = (
            [key[0] for key in ordered],
            [key[1] for key in ordered],
            [self._versions[key] for key in ordered],
        )
        await self._work.connection.execute(_ADVANCE, *columns)
        rows = await self._work.connection.fetch(_UNPARK, *columns)
        events = [read_one(row["event"]) for row in rows]
        unknown = [event for event in events if self._routes.knows_other_version(event)]
        if unknown:
            await self._park(unknown)
        return [event for event in events if not self._routes.knows_other_version(event)]

    async def _park(self, events: Sequence[Event]) -> None:
        flow, count = self._work.ports.get(Flow), len(events)
        self._work.after_commit.append(lambda: flow.park(count))
        await self._work.connection.execute(
            _PARK,
            [stream_of(event) for event in events],
            [event.subject for event in events],
            [event.sequence for event in events],
            [to_bytes(event) for event in events],
        )
