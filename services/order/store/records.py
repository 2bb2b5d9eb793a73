"""Records of an order: added, and voided by the record that corrects them, never edited."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from services.order.domain.records import Known, RecordKind
from services.order.tables import RECORD
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, execute, fetch_all, fetch_one
from shared.runtime.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One record; `due_at` is the end of the time for a complaint's first answer."""

    id: UUID
    order_id: UUID
    kind: RecordKind
    recorded_by: UUID | None
    organisation_id: UUID | None
    recorded_at: datetime
    dated_on: date | None = None
    amount_fen: int | None = None
    text: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    document_sha256: str = ""
    answers_id: UUID | None = None
    due_at: datetime | None = None
    voids_id: UUID | None = None
    correction_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A complaint as its answer needs it."""

    id: UUID
    order_id: UUID
    answered_at: datetime | None
    voided_at: datetime | None


async def add(work: Work, record: Recorded) -> None:
    """Keep a record."""
    values = {name: getattr(record, name) for name in Recorded.__slots__}
    await execute(work.connection, insert(RECORD).values(**{**values, "kind": record.kind.value}))


async def find_known(connection: Connection, order_id: UUID) -> list[Known]:
    """The records an order has, oldest first; the caller holds the order's lock."""
    names = ("id", "kind", "organisation_id", "dated_on", "amount_fen", "answers_id", "voided_at", "answered_at")
    columns = [RECORD.c[name] for name in names]
    rows = await fetch_all(connection, select(*columns).where(RECORD.c.order_id == order_id).order_by(RECORD.c.id))
    return [
        Known(
            **{name: row[name] for name in names[:6] if name != "kind"},
            kind=RecordKind(row["kind"]),
            voided=row["voided_at"] is not None,
            answered=row["answered_at"] is not None,
        )
        for row in rows
    ]


async def find_order_of(connection: Connection, record_id: UUID) -> UUID | None:
    """The order that a record belongs to, or None."""
    row = await fetch_one(connection, select(RECORD.c.order_id).where(RECORD.c.id == record_id))
    return None if row is None else row["order_id"]


async def void(work: Work, record_id: UUID, *, now: datetime) -> None:
    """A record counts no more, for the one that is added next says why. Raises: Bug when it was voided before."""
    touched = await execute(
        work.connection,
        update(RECORD).where(RECORD.c.id == record_id, RECORD.c.voided_at.is_(None)).values(voided_at=now),
    )
    invariant(touched == 1, "a record is voided once under its order's lock")


async def find_complaint(connection: Connection, complaint_id: UUID) -> Complaint | None:
    """A complaint by id."""
    columns = (RECORD.c.id, RECORD.c.order_id, RECORD.c.answered_at, RECORD.c.voided_at)
    row = await fetch_one(
        connection, select(*columns).where(RECORD.c.id == complaint_id, RECORD.c.kind == RecordKind.COMPLAINT.value)
    )
    return None if row is None else Complaint(**dict(row))


async def mark_answered(work: Work, complaint_id: UUID, *, now: datetime) -> None:
    """The complaint has its first answer. Raises: Bug when it had one."""
    touched = await execute(
        work.connection,
        update(RECORD).where(RECORD.c.id == complaint_id, RECORD.c.answered_at.is_(None)).values(answered_at=now),
    )
    invariant(touched == 1, "a complaint is answered once under its order's lock")
