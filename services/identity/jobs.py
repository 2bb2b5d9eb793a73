"""What identity does on a schedule, in machine time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.identity.handlers.registration import EXPIRED_BATCH_MAX, expire_unused
from services.identity.sessions import SessionRules
from services.identity.signing import retire_outlived_keys
from services.identity.store.documents import remove_unfiled
from shared.runtime.auth.throttle import SECOND_FACTOR_RULE
from shared.runtime.loose_files import REMOVED_AT_ONCE_MAX, REMOVING, FileRules, let_go
from shared.runtime.service import Job
from shared.runtime.work import Work

SWEEP_BATCH_MAX: Final = 1_000

_SWEEP_TOKENS = """
DELETE FROM refresh_token WHERE token_hash IN (
    SELECT token_hash FROM refresh_token WHERE expires_at < clock_timestamp() LIMIT $1
)
"""
_SWEEP_COUNTERS = """
DELETE FROM failed_sign_in WHERE (scope, key) IN (
    SELECT scope, key FROM failed_sign_in WHERE last_failed_at < clock_timestamp() - $1::interval LIMIT $2
)
"""

_FORGET_SUCCESSORS = """
UPDATE refresh_token SET successor_sealed = NULL WHERE token_hash IN (
    SELECT token_hash FROM refresh_token
    WHERE successor_sealed IS NOT NULL AND rotated_at < clock_timestamp() - $1::interval LIMIT $2
)
"""


async def sweep_refresh_tokens(work: Work) -> int:
    """Delete refresh tokens past the end of their session."""
    return _deleted(await work.connection.execute(_SWEEP_TOKENS, SWEEP_BATCH_MAX))


async def sweep_counters(work: Work) -> int:
    """Delete counters of failed sign-ins that are worth nothing any more."""
    return _deleted(await work.connection.execute(_SWEEP_COUNTERS, SECOND_FACTOR_RULE.forget_after, SWEEP_BATCH_MAX))


async def remove_unfiled_documents(work: Work) -> int:
    """Drop uploads that were never submitted and whose time is over; their files are removed after the commit."""
    before = work.now - timedelta(days=work.ports.get(FileRules).keep_days)
    keys = await remove_unfiled(work.connection, before=before, limit=REMOVED_AT_ONCE_MAX)
    await let_go(work.connection, keys)
    return len(keys)


def _deleted(status: str) -> int:
    return int(status.rpartition(" ")[2])


async def forget_successors(work: Work) -> int:
    """Delete the sealed refresh tokens that a second tab can ask for no more."""
    grace = work.ports.get(SessionRules).refresh_grace
    return _deleted(await work.connection.execute(_FORGET_SUCCESSORS, grace, SWEEP_BATCH_MAX))


JOBS: Sequence[Job] = (
    Job(name="retire_keys", every_s=60, handler=retire_outlived_keys),
    Job(name="sweep_refresh_tokens", every_s=600, handler=sweep_refresh_tokens, batch_max=SWEEP_BATCH_MAX),
    Job(
        name="remove_unfiled_documents",
        every_s=3_600,
        handler=remove_unfiled_documents,
        batch_max=REMOVED_AT_ONCE_MAX,
    ),
    REMOVING,
    Job(name="forget_successors", every_s=600, handler=forget_successors, batch_max=SWEEP_BATCH_MAX),
    Job(name="sweep_counters", every_s=600, handler=sweep_counters, batch_max=SWEEP_BATCH_MAX),
    Job(name="expire_registrations", every_s=600, handler=expire_unused, batch_max=EXPIRED_BATCH_MAX),
)
