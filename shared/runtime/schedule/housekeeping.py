"""What every service forgets on a schedule: stored response bodies, never the keys that make effects single."""

from shared.runtime.auth.tokens import OUTLIVED_AFTER_S
from shared.runtime.service.service import Job
from shared.runtime.unit_of_work.work import Work

BODY_DAYS = 30
BATCH_MAX = 1_000

_FORGET_BODIES = """
UPDATE idempotency SET body = NULL WHERE (scope, key) IN (
    SELECT scope, key FROM idempotency
    WHERE body IS NOT NULL AND stored_at < clock_timestamp() - make_interval(days => $1) LIMIT $2
)
"""

_FORGET_SESSIONS = """
DELETE FROM ended_session WHERE session_id IN (
    SELECT session_id FROM ended_session WHERE ended_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2
)
"""


async def forget_bodies(work: Work) -> int:
    """Drop response bodies older than 30 days; the key and its resource stay as long as the resource."""
    status: str = await work.connection.execute(_FORGET_BODIES, BODY_DAYS, BATCH_MAX)
    return int(status.rpartition(" ")[2])


async def forget_ended_sessions(work: Work) -> int:
    """Drop ended sessions whose last token has run out."""
    status: str = await work.connection.execute(_FORGET_SESSIONS, float(OUTLIVED_AFTER_S), BATCH_MAX)
    return int(status.rpartition(" ")[2])


HOUSEKEEPING = Job(name="housekeeping", every_s=3_600, handler=forget_bodies, batch_max=BATCH_MAX)
ENDED_SESSIONS = Job(name="ended_sessions", every_s=600, handler=forget_ended_sessions, batch_max=BATCH_MAX)
