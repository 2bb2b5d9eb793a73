"""The event feed of a provider: all events of its orders, in one order that never changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.order.domain.events import EventType, OrderEvent, body_of
from shared.contracts.http.lists import decode_place, encode_place
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, Record

SCANNED_MAX = 5_000
"""So many events a page looks at; a page with few matches ends there, and goes on from there."""
_SEQ_BYTES = 8

# An order's events are found by the order, whose own sequence is in the order of the feed.
# Reading ends with the page, however much could be looked at; how far it looked is asked where the page is not full, in
# the same snapshot, or an event that comes between the two would be passed over.
_PAGE = """
WITH found AS MATERIALIZED (
    SELECT * FROM ({part}) part WHERE $4::text[] IS NULL OR type = ANY($4) ORDER BY seq LIMIT $5
), reach AS (
    SELECT max(seq) AS scanned_to, count(*) AS scanned FROM ({part}) part WHERE (SELECT count(*) FROM found) < $5
)
SELECT r.scanned_to, r.scanned, f.* FROM reach r LEFT JOIN found f ON true ORDER BY f.seq
"""
_PART = """
SELECT seq, event_id, order_id, sequence, type, claim_id, occurred_at FROM order_event
WHERE provider_id = $1 AND seq > $2 {order} LIMIT $3
"""
_IN_FEED = _PAGE.format(part=_PART.format(order="ORDER BY seq"))
_IN_ORDER = _PAGE.format(part=_PART.format(order="AND order_id = $6 ORDER BY sequence"))
_LAST = """
SELECT p.provider_id, (SELECT max(e.seq) FROM order_event e WHERE e.provider_id = p.provider_id AND e.seq > p.after)
    AS last
FROM unnest($1::uuid[], $2::bigint[]) AS p(provider_id, after)
"""


class EventData(Resource):
    """What an event is about; `version` is the order's, as in its ETag."""

    order_id: UUID
    version: int
    claim_id: UUID | None = None


class EventItem(Resource):
    """One event. `sequence` counts the events of its order from 1 without gaps; `version` is that of this form."""

    id: UUID
    type: str
    version: int
    timestamp: datetime
    sequence: int
    data: EventData


class EventPage(BaseModel):
    """A part of the feed, oldest first; `next_cursor` goes on after it, also when nothing more is there yet."""

    data: Sequence[EventItem]
    has_more: bool
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events of a provider are wanted; None is all of them."""

    provider_id: UUID
    types: frozenset[EventType] | None = None
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlice:
    """A part of the feed, and the place after it."""

    events: Sequence[OrderEvent]
    has_more: bool
    after: int

    def page(self) -> EventPage:
        """The slice as it is answered."""
        items = [EventItem(**body_of(event)) for event in self.events]
        return EventPage(data=items, has_more=self.has_more, next_cursor=encode_place(self.after.to_bytes(_SEQ_BYTES)))


def decode_seq(cursor: str | None) -> int:
    """The place in a cursor of the feed; 0, the beginning, without one. Raises: CursorInvalid."""
    return 0 if cursor is None else int.from_bytes(decode_place(cursor, size=_SEQ_BYTES)) & (2**63 - 1)


async def read_events(connection: Connection, *, wanted: EventFilter, after: int, limit: int) -> EventSlice:
    """The events after a place, in the order of the feed."""
    types = None if wanted.types is None else sorted(wanted.types)
    scanned_max = limit + 1 if types is None else SCANNED_MAX
    of_order = () if wanted.order_id is None else (wanted.order_id,)
    statement = _IN_ORDER if of_order else _IN_FEED
    rows = await connection.fetch(statement, wanted.provider_id, after, scanned_max, types, limit + 1, *of_order)
    events = [_event_of(row) for row in rows if row["seq"] is not None]
    if len(events) > limit:
        return EventSlice(events=events[:limit], has_more=True, after=events[limit - 1].seq)
    return EventSlice(events=events, has_more=rows[0]["scanned"] == scanned_max, after=rows[0]["scanned_to"] or after)


async def last_events(connection: Connection, places: Mapping[UUID, int]) -> dict[UUID, int]:
    """The last event of each of these providers that has one beyond its place."""
    rows = await connection.fetch(_LAST, list(places), list(places.values()))
    return {row["provider_id"]: row["last"] for row in rows if row["last"] is not None}


def _event_of(row: Record) -> OrderEvent:
    return OrderEvent(
        seq=row["seq"],
        event_id=row["event_id"],
        order_id=row["order_id"],
        sequence=row["sequence"],
        type=row["type"],
        claim_id=row["claim_id"],
        occurred_at=row["occurred_at"],
    )
