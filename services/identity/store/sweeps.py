"""What is deleted once it is worth nothing any more, so many rows at once; each says how many."""

from datetime import timedelta

from shared.runtime.work import Work

_EXPIRED_TOKENS = """
DELETE FROM refresh_token WHERE token_hash IN (
    SELECT token_hash FROM refresh_token WHERE expires_at < clock_timestamp() LIMIT $1
)
"""
_OLD_COUNTERS = """
DELETE FROM failed_sign_in WHERE (scope, key) IN (
    SELECT scope, key FROM failed_sign_in WHERE last_failed_at < clock_timestamp() - $1::interval LIMIT $2
)
"""
# Later than their end by more than clocks differ: until then one that comes again is known.
_OLD_ASSERTIONS = """
DELETE FROM client_assertion WHERE (client_id, jti_hash) IN (
    SELECT client_id, jti_hash FROM client_assertion
    WHERE expires_at < clock_timestamp() - interval '10 minutes' LIMIT $1
)
"""
_OLD_SUCCESSORS = """
UPDATE refresh_token SET successor_sealed = NULL WHERE token_hash IN (
    SELECT token_hash FROM refresh_token
    WHERE successor_sealed IS NOT NULL AND rotated_at < clock_timestamp() - $1::interval LIMIT $2
)
"""


async def delete_expired_tokens(work: Work, *, limit: int) -> int:
    """Refresh tokens past the end of their session."""
    return _rows(await work.connection.execute(_EXPIRED_TOKENS, limit))


async def delete_old_counters(work: Work, *, older_than: timedelta, limit: int) -> int:
    """Counters of failed tries whose last one is so long ago."""
    return _rows(await work.connection.execute(_OLD_COUNTERS, older_than, limit))


async def delete_old_assertions(work: Work, *, limit: int) -> int:
    """Assertions of clients that no clock would take any more."""
    return _rows(await work.connection.execute(_OLD_ASSERTIONS, limit))


async def forget_old_successors(work: Work, *, older_than: timedelta, limit: int) -> int:
    """The sealed successors of refresh tokens that were exchanged so long ago."""
    return _rows(await work.connection.execute(_OLD_SUCCESSORS, older_than, limit))


def _rows(status: str) -> int:
    return int(status.rpartition(" ")[2])
