"""Who may allocate: the lease of each plan's allocator, fenced by an epoch, and the plans whose queue can move.

A lease row (machine time) says which process decides; another one that takes it over bumps the epoch and writes it
into the plan's row. Each batch begins by locking the plan's row in its epoch (`queue.lock_plan`), so a process that was
stopped and resumes commits nothing.
"""

from datetime import datetime
from uuid import UUID

from shared.runtime.sql import Connection
from shared.runtime.work import Work

LEASE_S = 5.0

_LEASE = """
INSERT INTO allocator_lease AS l (plan_id, owner, epoch, until)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (plan_id) DO UPDATE SET owner = $2, epoch = l.epoch + (l.owner <> $2)::int,
    until = clock_timestamp() + make_interval(secs => $3)
WHERE l.owner = $2 OR l.until < clock_timestamp()
RETURNING epoch
"""
# Held only long enough to write the number: a former holder's batch is finished or fenced by this very lock.
_WRITE_EPOCH = "UPDATE plan SET allocator_epoch = $2 WHERE id = $1 AND allocator_epoch < $2"
_PLANS_WITH_WORK = """
SELECT p.id FROM plan p JOIN intake_counter c ON c.plan_id = p.id
WHERE p.state = 'published' AND p.closes_at > $1 AND (
    c.last_ticket_no > p.decided_to
    OR (p.lane_left_fen > 0 AND p.lane_until <= $1)
    OR (p.left_fen > p.lane_left_fen
        AND EXISTS (SELECT 1 FROM application a WHERE a.plan_id = p.id AND a.waits))
    OR (p.lane_left_fen > 0
        AND EXISTS (SELECT 1 FROM application a WHERE a.plan_id = p.id AND a.waits AND a.listed))
) ORDER BY p.id
"""


async def plans_with_work(connection: Connection, *, now: datetime) -> list[UUID]:
    """The plans whose queue can move now."""
    return [row["id"] for row in await connection.fetch(_PLANS_WITH_WORK, now)]


async def acquire_lease(work: Work, plan_id: UUID, *, owner: str, lease_s: float = LEASE_S) -> int | None:
    """The epoch in which `owner` may decide for the plan, or None while another one holds its lease."""
    epoch: int | None = await work.connection.fetchval(_LEASE, plan_id, owner, lease_s)
    if epoch is not None:
        await work.connection.execute(_WRITE_EPOCH, plan_id, epoch)
    return epoch
