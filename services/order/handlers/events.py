"""The job that puts the facts of orders into the feed of their providers."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.order.domain.events import EVENT_TYPES, OrderEvent
from services.order.store import events as store
from services.order.store.events import BATCH_MAX, UnseenFact
from services.order.webhooks.waiting import FeedNews
from shared.runtime.work import Work


class _Data(msgspec.Struct, frozen=True, gc=False):
    claim_id: UUID | None = None


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What of a fact the feed keeps."""

    type: str
    time: datetime
    data: _Data


_DECODER = msgspec.json.Decoder(_Said)


async def sequence_events(work: Work) -> int:
    """Append what was committed since the last time; returns how many events, at most `BATCH_MAX`."""
    before = await store.find_position(work)
    facts, after = await store.find_unseen(work.connection, before, limit=BATCH_MAX)
    if facts:
        events = [
            (fact.provider_id, _event_of(fact, seq=before.last_seq + place)) for place, fact in enumerate(facts, 1)
        ]
        if not await store.add(work, events, before=before, after=after):
            return 0
        work.after_commit.append(work.ports.get(FeedNews).tell)
    return len(facts)


def _event_of(fact: UnseenFact, *, seq: int) -> OrderEvent:
    said = _DECODER.decode(fact.body)
    return OrderEvent(
        seq=seq,
        event_id=fact.event_id,
        order_id=fact.order_id,
        sequence=fact.version,
        # A process of the next release may have written a type that this one does not know yet.
        type=EVENT_TYPES.get(said.type) or said.type.rpartition(".v")[0],
        claim_id=said.data.claim_id,
        occurred_at=said.time,
    )
