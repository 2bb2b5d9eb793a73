"""The bureau's designations of the operator, and the accounts that work under one."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.tables import DESIGNATION
from shared.runtime.sql import Connection, execute, fetch_one
from shared.runtime.work import NotFound, Work

_ACCOUNTS_OF_ENDED = (
    "SELECT a.id FROM account a JOIN designation d ON d.id = a.designation_id"
    " WHERE d.id = ANY($1::uuid[]) AND d.ends_at <= $2 AND a.state = 'active' ORDER BY a.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Designation:
    """A designation of the operator by an act of the bureau, from a moment on; `ends_at` None means open."""

    id: UUID
    operator_name: str
    act: str
    starts_at: datetime
    ends_at: datetime | None
    version: int

    def has_ended(self, now: datetime) -> bool:
        """Whether it is over, or will never begin."""
        return self.ends_at is not None and self.ends_at <= max(self.starts_at, now)


_COLUMNS = [DESIGNATION.c[field.name] for field in fields(Designation)]


async def designate_alone(connection: Connection) -> None:
    """Let designations come one after the other until the commit: two at the same moment must see each other."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('identity.designation'))")


async def overlaps_another(connection: Connection, *, starts_at: datetime, ends_at: datetime | None) -> bool:
    """Whether a designation is in force at some moment between the two."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM designation WHERE tstzrange(starts_at, ends_at) && tstzrange($1, $2))",
        starts_at,
        ends_at,
    )
    return found


async def add_designation(work: Work, designation: Designation, *, recorded_by: UUID | None) -> None:
    """Insert a designation."""
    await execute(work.connection, insert(DESIGNATION).values(**asdict(designation), recorded_by=recorded_by))


async def lock_designation(connection: Connection, designation_id: UUID, *, shared: bool = False) -> Designation:
    """A designation, locked until the commit; `shared` for who only works under it. Raises: NotFound."""
    statement = select(*_COLUMNS).where(DESIGNATION.c.id == designation_id)
    row = await fetch_one(connection, statement.with_for_update(read=shared))
    if row is None:
        raise NotFound
    return Designation(**dict(row))


async def end_designation(work: Work, after: Designation) -> None:
    """Store the end of a locked designation, as its next version."""
    statement = update(DESIGNATION).where(DESIGNATION.c.id == after.id)
    await execute(work.connection, statement.values(ends_at=after.ends_at, version=after.version))


async def accounts_of_ended(connection: Connection, ids: Collection[UUID], *, now: datetime) -> list[UUID]:
    """The active accounts under those of the designations that have ended, in lock order."""
    return [row["id"] for row in await connection.fetch(_ACCOUNTS_OF_ENDED, list(ids), now)]


async def ends_to_come(
    connection: Connection, ids: Collection[UUID], *, now: datetime
) -> Sequence[tuple[UUID, datetime]]:
    """Those of the designations whose end is still to come, each with its end."""
    rows = await connection.fetch(
        "SELECT id, ends_at FROM designation WHERE id = ANY($1::uuid[]) AND ends_at > $2", list(ids), now
    )
    return [(row["id"], row["ends_at"]) for row in rows]


async def designation_in_force(connection: Connection, *, now: datetime) -> UUID | None:
    """The designation of the operator that is in force at a business time. Source: A4, A7, R2."""
    found: UUID | None = await connection.fetchval(
        "SELECT id FROM designation WHERE starts_at <= $1 AND (ends_at IS NULL OR ends_at > $1)", now
    )
    return found


async def operator_designated(connection: Connection, designation_id: UUID | None, *, now: datetime) -> bool:
    """Whether the designation that an account works under is in force. Source: A4, A7, R2."""
    if designation_id is None:
        return False
    return designation_id == await designation_in_force(connection, now=now)
