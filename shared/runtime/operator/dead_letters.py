"""Dead letters: listed with their reason, and replayed by two people, one event at a time, under the same event id.

What one person proposes, replaying or skipping, another approves within a week. The routes here and the operators'
command line are two doors to the same functions.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor, page_of
from shared.contracts.permissions import Permission
from shared.kernel.proposals import lapsed_before
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.sql import Connection
from shared.runtime.http.commands import Reading, actor_of
from shared.runtime.http.edge import require, runtime_of
from shared.runtime.http.paging import Cursor, Limit
from shared.runtime.messaging.consumer import ATTEMPTS_MAX, Applier
from shared.runtime.messaging.routing import Unreadable, read_batch, read_one, stream_of, to_bytes, vouched
from shared.runtime.unit_of_work.work import Decision
from shared.runtime.validation.refusals import NotFound

router = APIRouter(tags=["运行"])

_LIST = """
SELECT event_id, type, reason, attempts, dead_at, proposed_by IS NOT NULL AS proposed, replayed_at FROM dead_letter
WHERE ($1::uuid IS NULL OR event_id < $1) AND ($2 OR replayed_at IS NULL) ORDER BY event_id DESC LIMIT $3
"""
_CLOSE = """
UPDATE dead_letter SET replayed_at = CASE WHEN EXISTS (SELECT FROM inbox WHERE event_id = $1) THEN now() END
WHERE event_id = $1 RETURNING reason, replayed_at
"""
_PROPOSE = "UPDATE dead_letter SET proposed_by = $2 WHERE event_id = $1 AND replayed_at IS NULL RETURNING event_id"
_LOCK = "SELECT event, type, proposed_by FROM dead_letter WHERE event_id = $1 AND replayed_at IS NULL FOR UPDATE"
_PROPOSED = """
SELECT act FROM decision WHERE subject_id = $1 AND act = ANY($2::text[]) AND at > $3 ORDER BY id DESC LIMIT 1
"""
# One attempt: a letter that dies again is a dead letter again at once, with its new reason.
_SCHEDULE = """
INSERT INTO retry (event_id, event, attempts, reason, due_at) VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (event_id) DO UPDATE SET attempts = $3, reason = $4, due_at = clock_timestamp()
"""
_GO_BEHIND = "UPDATE cursor SET version = $3 WHERE stream = $1 AND aggregate_id = $2 AND version = $3 - 1"
_FOLLOWER = """
DELETE FROM parked WHERE stream = $1 AND aggregate_id = $2 AND version = $3 + 1 RETURNING event
"""
_GIVEN_UP = """
INSERT INTO dead_letter (event_id, type, event, attempts, reason)
SELECT $1, $2, $3, 0, $4 WHERE NOT EXISTS (SELECT FROM inbox WHERE event_id = $1)
ON CONFLICT DO NOTHING RETURNING event_id
"""

REPLAY: Final = "replay"
SKIP: Final = "skip"
UNREADABLE: Final = "unreadable"
"""The type of a letter that holds an envelope nobody could read; it can only be skipped."""
NOBODY: Final = "nobody"
"""Who sent an envelope that names no user of the broker."""
_ENVELOPES = UUID("d2a8a2d5-8f0e-5b39-9a59-0d9a3c0a6f62")


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


class LetterUnreadable(Refusal):
    """Nobody can read this letter, so it cannot be replayed."""

    code = "dead_letter.unreadable"
    kind = RefusalKind.STATE
    zh = "该死信无法解析，不能重放，只能跳过。"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that is locked."""

    event_id: UUID
    event: bytes
    type: str


async def propose(connection: Connection, event_id: UUID, *, account_id: UUID) -> None:
    """Note who proposes; the caller records the decision `propose_replay` or `propose_skip`. Raises: NotFound."""
    if await connection.fetchval(_PROPOSE, event_id, account_id) is None:
        raise NotFound


async def lock(connection: Connection, event_id: UUID) -> Letter:
    """An open letter, locked. Raises: NotFound."""
    row = await connection.fetchrow(_LOCK, event_id)
    if row is None:
        raise NotFound
    return Letter(event_id, row["event"], row["type"])


async def proposed_act(connection: Connection, event_id: UUID, *, now: datetime) -> str | None:
    """What somebody has proposed to do with a letter, REPLAY or SKIP, the newest of a week; None when nothing is."""
    acts = {f"propose_{act}": act for act in (REPLAY, SKIP)}
    found = await connection.fetchval(_PROPOSED, event_id, list(acts), lapsed_before(now))
    return acts.get(found)


async def lock_approved(connection: Connection, event_id: UUID, *, act: str, by: UUID, now: datetime) -> Letter:
    """A letter whose replay or skip (`act`) another person has proposed, locked.

    Raises: NotFound, ReplayNotProposed, ReplaySamePerson.
    """
    row = await connection.fetchrow(_LOCK, event_id)
    if row is None:
        raise NotFound
    if row["proposed_by"] is None or await proposed_act(connection, event_id, now=now) != act:
        raise ReplayNotProposed
    if row["proposed_by"] == by:
        raise ReplaySamePerson
    return Letter(event_id, row["event"], row["type"])


async def close(connection: Connection, event_id: UUID) -> tuple[bool, str]:
    """Close a letter whose event the inbox holds: whether it does, and the reason why it is still open."""
    row = await connection.fetchrow(_CLOSE, event_id)
    return (True, "") if row["replayed_at"] else (False, row["reason"])


async def schedule(connection: Connection, letter: Letter) -> None:
    """Hand a letter to its service's retries, which apply it once within seconds. Raises: LetterUnreadable."""
    if letter.type == UNREADABLE:
        raise LetterUnreadable
    await connection.execute(_SCHEDULE, letter.event_id, letter.event, ATTEMPTS_MAX - 1, "replayed by an operator")


async def skip(connection: Connection, letter: Letter) -> bool:
    """Give a letter up: it counts as seen, and its aggregate goes on behind it. Whether a follower was waiting.

    The version is passed by only when the aggregate stands right before it; what was parked behind it is applied by
    the service's retries.
    """
    await connection.execute("INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING", letter.event_id)
    await connection.execute("DELETE FROM retry WHERE event_id = $1", letter.event_id)
    await connection.execute("UPDATE dead_letter SET replayed_at = now() WHERE event_id = $1", letter.event_id)
    if letter.type == UNREADABLE:
        return False
    event = read_one(letter.event)
    if not event.aggregatetype:
        return False
    place = (stream_of(event), event.subject, event.sequence)
    passed: str = await connection.execute(_GO_BEHIND, *place)
    follower = await connection.fetchval(_FOLLOWER, *place) if passed == "UPDATE 1" else None
    if follower is None:
        return False
    # Parking counted the follower as seen; as a retry it has to be new again.
    waiting = read_one(follower)
    await connection.execute("DELETE FROM inbox WHERE event_id = $1", waiting.id)
    await connection.execute(_SCHEDULE, waiting.id, follower, ATTEMPTS_MAX - 1, "followed a skipped letter")
    return True


async def keep_envelope(connection: Connection, body: bytes, *, user: str) -> int:
    """Keep what the broker gave up as dead letters: each event of it, or the whole when nobody can read it.

    `user` is the broker's user who published it: each service has its own, so what was said in another's name is not
    believed when it is replayed. Returns how many letters are new: an event that was applied meanwhile is none, and
    the same envelope may come again.
    """
    try:
        events = vouched(read_batch(body), sender=user or NOBODY)
    except Unreadable as error:
        found = await connection.fetchval(_GIVEN_UP, envelope_id(body), UNREADABLE, body, str(error)[:2_000])
        return int(found is not None)
    reason = "the broker gave the envelope up: delivered too often without being settled"
    kept = [await connection.fetchval(_GIVEN_UP, one.id, one.type, to_bytes(one), reason) for one in events]
    return sum(one is not None for one in kept)


def envelope_id(body: bytes) -> UUID:
    """The id under which an unreadable envelope is kept: the same for the same bytes."""
    return uuid5(_ENVELOPES, body.hex())


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
        await propose(work.connection, event_id, account_id=principal.account_id)
        act, by = f"propose_{REPLAY}", actor_of(principal)
        work.decide(Decision(subject_type="event", subject_id=event_id, act=act, by=by, rule="ASVS 2.3.5"))


@router.post("/dead-letters/{event_id}/replay-approvals", summary="批准重放死信")
async def approve_replay(
    request: Request,
    event_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_REPLAY_APPROVE))],
) -> ReplayOutcome:
    """Replay a proposed dead letter now. Raises: NotFound, ReplayNotProposed, ReplaySamePerson, LetterUnreadable."""
    runtime = runtime_of(request)
    async with runtime.work() as work:
        by = actor_of(principal)
        letter = await lock_approved(work.connection, event_id, act=REPLAY, by=principal.account_id, now=work.now)
        if letter.type == UNREADABLE:
            raise LetterUnreadable
        work.decide(Decision(subject_type="event", subject_id=event_id, act=REPLAY, by=by, rule="ASVS 2.3.5"))
    await runtime.ports.get(Applier).settle([read_one(letter.event)])
    # Closed only now, and only when the inbox holds it: a crash or a fault before this leaves the letter open, and
    # the inbox absorbs another replay.
    async with runtime.work() as work:
        applied, reason = await close(work.connection, event_id)
    return ReplayOutcome(event_id=event_id, applied=applied, reason=reason)
