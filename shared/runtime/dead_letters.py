"""Dead letters: listed with their reason, and replayed by two people, one event at a time, under the same event id."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor, page_of
from shared.contracts.permissions import Permission
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.auth.tokens import Principal
from shared.runtime.consumer import Applier
from shared.runtime.edge import require, runtime_of
from shared.runtime.http import Reading, actor_of
from shared.runtime.incoming import read_one
from shared.runtime.paging import Cursor, Limit
from shared.runtime.problems import NotFound
from shared.runtime.work import Decision

router = APIRouter()

_LIST = """
SELECT event_id, type, reason, attempts, dead_at, proposed_by IS NOT NULL AS proposed, replayed_at FROM dead_letter
WHERE ($1::uuid IS NULL OR event_id < $1) AND ($2 OR replayed_at IS NULL) ORDER BY event_id DESC LIMIT $3
"""
_CLOSE = """
UPDATE dead_letter SET replayed_at = CASE WHEN EXISTS (SELECT FROM inbox WHERE event_id = $1) THEN now() END
WHERE event_id = $1 RETURNING reason, replayed_at
"""


class ReplayNotProposed(Refusal):
    """Nobody has proposed this replay yet."""

    code = "dead_letter.replay_not_proposed"
    kind = RefusalKind.STATE
    zh = "该死信尚未有人提出重放申请。"


class ReplaySamePerson(Refusal):
    """The person who proposed a replay may not approve it."""

    code = "dead_letter.same_person"
    kind = RefusalKind.RULE
    zh = "重放申请须由另一人批准。"


class DeadLetter(BaseModel):
    """An event that could not be applied."""

    event_id: UUID
    type: str
    reason: str
    attempts: int
    dead_at: datetime
    proposed: bool
    replayed_at: datetime | None


class ReplayOutcome(BaseModel):
    """What came of a replay: `applied`, or why the event died again."""

    event_id: UUID
    applied: bool
    reason: str = ""


@router.get("/dead-letters", summary="死信列表")
async def list_dead_letters(
    connection: Reading,
    _: Annotated[Principal, Depends(require(Permission.PLATFORM_REPLAY_PROPOSE))],
    *,
    replayed: bool = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[DeadLetter]:
    """Events this service could not apply, newest first; `replayed` shows the settled ones too."""
    rows = await connection.fetch(_LIST, decode_cursor(cursor), replayed, limit + 1)
    items = [DeadLetter(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.event_id for item in items])


@router.post("/dead-letters/{event_id}/replay-proposals", summary="申请重放死信", status_code=204)
async def propose_replay(
    request: Request,
    event_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_REPLAY_PROPOSE))],
) -> None:
    """Ask for a replay; another person approves it. Raises: NotFound."""
    async with runtime_of(request).work() as work:
        found = await work.connection.fetchval(
            "UPDATE dead_letter SET proposed_by = $2 WHERE event_id = $1 AND replayed_at IS NULL RETURNING event_id",
            event_id,
            principal.account_id,
        )
        if found is None:
            raise NotFound
        work.decide(
            Decision(
                subject_type="event",
                subject_id=event_id,
                act="propose_replay",
                by=actor_of(principal),
                rule="ASVS 2.3.5",
            )
        )


@router.post("/dead-letters/{event_id}/replay-approvals", summary="批准重放死信")
async def approve_replay(
    request: Request,
    event_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_REPLAY_APPROVE))],
) -> ReplayOutcome:
    """Replay a proposed dead letter now. Raises: NotFound, ReplayNotProposed, ReplaySamePerson."""
    runtime = runtime_of(request)
    async with runtime.work() as work:
        row = await work.connection.fetchrow(
            "SELECT event, proposed_by FROM dead_letter WHERE event_id = $1 AND replayed_at IS NULL FOR UPDATE",
            event_id,
        )
        if row is None:
            raise NotFound
        if row["proposed_by"] is None:
            raise ReplayNotProposed
        if row["proposed_by"] == principal.account_id:
            raise ReplaySamePerson
        work.decide(
            Decision(subject_type="event", subject_id=event_id, act="replay", by=actor_of(principal), rule="ASVS 2.3.5")
        )
    await runtime.ports.get(Applier).settle([read_one(row["event"])])
    # Closed only now, and only when the inbox holds it: a crash or a fault before this leaves the letter open, and
    # the inbox absorbs another replay.
    async with runtime.work() as work:
        again = await work.connection.fetchrow(_CLOSE, event_id)
    return ReplayOutcome(
        event_id=event_id,
        applied=again["replayed_at"] is not None,
        reason="" if again["replayed_at"] else again["reason"],
    )
