"""Counters of failed tries: of an account, a network, an account from a network, a device; and of registrations."""

from typing import Literal, TypeAlias

from services.identity.auth.throttle import FailureCounter
from shared.runtime.sql import Connection
from shared.runtime.work import Work

CounterScope: TypeAlias = Literal["account", "network", "lane", "device", "second_factor", "registration"]


async def count_alone(connection: Connection, *, key: bytes) -> None:
    """Let tries under one key count one after the other until the commit, the very first ones too."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(key[:8], "big", signed=True))


async def failure_counter(connection: Connection, scope: CounterScope, *, key: bytes) -> FailureCounter | None:
    """The failed sign-ins of an account or a network, locked until the commit."""
    row = await connection.fetchrow(
        "SELECT failures, last_failed_at FROM failed_sign_in WHERE scope = $1 AND key = $2 FOR UPDATE", scope, key
    )
    return None if row is None else FailureCounter(failures=row["failures"], last_failed_at=row["last_failed_at"])


async def keep_counter(work: Work, scope: CounterScope, *, key: bytes, counter: FailureCounter) -> None:
    """Store a counter."""
    await work.connection.execute(
        "INSERT INTO failed_sign_in (scope, key, failures, last_failed_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (scope, key) DO UPDATE SET failures = $3, last_failed_at = $4",
        scope,
        key,
        counter.failures,
        counter.last_failed_at,
    )


async def take_back_failure(work: Work, scope: CounterScope, *, key: bytes) -> None:
    """Take one counted try back."""
    await work.connection.execute(
        "DELETE FROM failed_sign_in WHERE scope = $1 AND key = $2 AND failures = 1", scope, key
    )
    await work.connection.execute(
        "UPDATE failed_sign_in SET failures = failures - 1 WHERE scope = $1 AND key = $2", scope, key
    )


async def clear_counter(work: Work, scope: CounterScope, *, key: bytes) -> None:
    """Forget the failed sign-ins after a good one."""
    await work.connection.execute("DELETE FROM failed_sign_in WHERE scope = $1 AND key = $2", scope, key)
