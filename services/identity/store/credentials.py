"""Reset codes, second factors and recovery codes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.runtime.sql import Connection
from shared.runtime.work import Work

_ADD_RESET = """
INSERT INTO password_reset (id, account_id, parts, issued_by, ground, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + $6::interval) RETURNING expires_at
"""
_OPEN_RESET = """
SELECT id, parts FROM password_reset
WHERE account_id = $1 AND used_at IS NULL AND expires_at > clock_timestamp() FOR UPDATE
"""
_KEEP_FACTOR = """
INSERT INTO second_factor (account_id, secret_sealed, made_at, last_step) VALUES ($1, $2, clock_timestamp(), 0)
ON CONFLICT (account_id) DO UPDATE SET secret_sealed = $2, made_at = clock_timestamp(), last_step = 0
"""
_USE_CODE = """
UPDATE recovery_code SET used_at = clock_timestamp() WHERE account_id = $1 AND code_index = $2 AND used_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """An authenticator's secret, sealed, and the newest step that was taken; `confirmed` when it counts."""

    secret_sealed: bytes
    confirmed: bool
    last_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A right to set another password, once; `parts` is how many people each hold a part of the code."""

    id: UUID
    account_id: UUID
    parts: int
    issued_by: UUID
    ground: str


@dataclass(frozen=True, slots=True)
class OpenReset:
    """A reset that is good now, and of how many parts its code is."""

    id: UUID
    parts: int


async def add_reset(work: Work, reset: Reset, *, ttl: timedelta) -> datetime:
    """Store a reset in place of an unused one of the account; machine time until which it is good."""
    await drop_resets(work, reset.account_id)
    values = (reset.id, reset.account_id, reset.parts, reset.issued_by, reset.ground, ttl)
    expires_at: datetime = await work.connection.fetchval(_ADD_RESET, *values)
    return expires_at


async def drop_resets(work: Work, account_id: UUID) -> None:
    """No code that was issued before is good any more."""
    await work.connection.execute("DELETE FROM password_reset WHERE account_id = $1 AND used_at IS NULL", account_id)


async def open_reset(connection: Connection, account_id: UUID) -> OpenReset | None:
    """The reset that is good now, locked until the commit."""
    row = await connection.fetchrow(_OPEN_RESET, account_id)
    return None if row is None else OpenReset(row["id"], row["parts"])


async def use_reset(work: Work, reset_id: UUID) -> None:
    """A reset is good once."""
    await work.connection.execute("UPDATE password_reset SET used_at = clock_timestamp() WHERE id = $1", reset_id)


async def find_factor(connection: Connection, account_id: UUID) -> SecondFactor | None:
    """The account's second factor; whoever judges a code holds the account's row locked."""
    row = await connection.fetchrow(
        "SELECT secret_sealed, confirmed_at IS NOT NULL AS confirmed, last_step FROM second_factor"
        " WHERE account_id = $1",
        account_id,
    )
    return None if row is None else SecondFactor(row["secret_sealed"], row["confirmed"], row["last_step"])


async def keep_factor(work: Work, account_id: UUID, *, secret_sealed: bytes) -> None:
    """Store a secret that is not confirmed yet, in place of another such."""
    await work.connection.execute(_KEEP_FACTOR, account_id, secret_sealed)


async def confirm_factor(work: Work, account_id: UUID) -> None:
    """From now on a sign-in asks for its codes."""
    await work.connection.execute(
        "UPDATE second_factor SET confirmed_at = clock_timestamp() WHERE account_id = $1", account_id
    )


async def take_step(work: Work, account_id: UUID, *, step: int) -> None:
    """No code of this step, or of one before it, is good any more."""
    await work.connection.execute("UPDATE second_factor SET last_step = $2 WHERE account_id = $1", account_id, step)


async def drop_factor(work: Work, account_id: UUID) -> bool:
    """Forget the second factor and its recovery codes; whether there was one."""
    await work.connection.execute("DELETE FROM recovery_code WHERE account_id = $1", account_id)
    done: str = await work.connection.execute("DELETE FROM second_factor WHERE account_id = $1", account_id)
    return not done.endswith(" 0")


async def keep_recovery_codes(work: Work, account_id: UUID, *, indexes: list[bytes]) -> None:
    """Store the keyed hashes of fresh recovery codes, in place of older ones."""
    await work.connection.execute("DELETE FROM recovery_code WHERE account_id = $1", account_id)
    await work.connection.execute(
        "INSERT INTO recovery_code (account_id, code_index) SELECT $1, unnest($2::bytea[])", account_id, indexes
    )


async def use_recovery_code(work: Work, account_id: UUID, *, index: bytes) -> bool:
    """Whether an unused recovery code was there; it is used now."""
    done: str = await work.connection.execute(_USE_CODE, account_id, index)
    return not done.endswith(" 0")
