"""Ties between enterprises and providers."""

from dataclasses import fields
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.identity.domain.affiliations import (
    Affiliation,
    AffiliationKind,
    AffiliationStanding,
    RecordedAffiliation,
)
from services.identity.domain.refusals import AffiliationRecordedAlready
from services.identity.tables import AFFILIATION
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one
from shared.runtime.work import NotFound, Work

_COLUMNS = [AFFILIATION.c[field.name] for field in fields(RecordedAffiliation)]
_TERMS = ", ".join(f"a.{field.name}" for field in fields(Affiliation))
_OPEN_OF_BODY = f"""
SELECT {_TERMS}, a.recorded_by
FROM organisation own
JOIN organisation o ON left(o.credit_code, 17) = left(own.credit_code, 17) AND o.kind = own.kind AND o.id <> own.id
JOIN affiliation a ON o.id IN (a.enterprise_id, a.provider_id)
LEFT JOIN account c ON c.id = a.recorded_by
WHERE own.id = $1 AND a.ended_at IS NULL AND a.standing <> 'repeated' AND a.kind <> 'same_code'
  AND c.organisation_id IS DISTINCT FROM o.id
ORDER BY a.id
"""  # noqa: S608 - the names of our own columns


async def add_affiliation(
    work: Work, affiliation_id: UUID, affiliation: Affiliation, *, recorded_by: UUID | None, version: int
) -> bool:
    """Insert a tie; False where the same one is open already."""
    values = {
        "id": affiliation_id,
        "enterprise_id": affiliation.enterprise_id,
        "provider_id": affiliation.provider_id,
        "kind": affiliation.kind.value,
        "source": affiliation.source,
        "origin": affiliation.origin,
        "standing": affiliation.standing.value,
        "recorded_by": recorded_by,
        "recorded_at": work.now,
        "version": version,
    }
    statement = insert(AFFILIATION).values(**values).on_conflict_do_nothing()
    return bool(await execute(work.connection, statement))


async def same_affiliations(connection: Connection, affiliation: Affiliation) -> list[RecordedAffiliation]:
    """Every tie of this pair and kind, those that have ended as well."""
    same = [AFFILIATION.c[name] == getattr(affiliation, name) for name in ("enterprise_id", "provider_id", "kind")]
    return [_recorded(row) for row in await fetch_all(connection, select(*_COLUMNS).where(*same))]


async def open_of_body(connection: Connection, organisation_id: UUID) -> list[tuple[Affiliation, UUID | None]]:
    """The open ties of others that hold the code of an organisation, each with whoever recorded it.

    What such a holder declared itself is left out.
    """
    found = []
    for row in await connection.fetch(_OPEN_OF_BODY, organisation_id):
        values = dict(row)
        recorded_by = values.pop("recorded_by")
        found.append((Affiliation(**_typed(values)), recorded_by))
    return found


async def lock_affiliation(connection: Connection, affiliation_id: UUID) -> RecordedAffiliation:
    """A tie, locked until the commit. Raises: NotFound."""
    statement = select(*_COLUMNS).where(AFFILIATION.c.id == affiliation_id).with_for_update()
    row = await fetch_one(connection, statement)
    if row is None:
        raise NotFound
    return _recorded(row)


async def confirm_affiliation(work: Work, affiliation_id: UUID, *, version: int) -> None:
    """A declared tie is confirmed. Raises: AffiliationRecordedAlready when the same one is in force by now."""
    values = {"standing": AffiliationStanding.CONFIRMED.value, "version": version}
    try:
        await execute(work.connection, update(AFFILIATION).where(AFFILIATION.c.id == affiliation_id).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise AffiliationRecordedAlready from error


async def end_affiliation(
    work: Work, affiliation_id: UUID, *, standing: AffiliationStanding, reason: str, version: int
) -> None:
    """A locked tie ends now."""
    ending = {"standing": standing.value, "ended_reason": reason, "ended_at": work.now, "version": version}
    await execute(work.connection, update(AFFILIATION).where(AFFILIATION.c.id == affiliation_id).values(**ending))


def _recorded(row: Record) -> RecordedAffiliation:
    return RecordedAffiliation(**_typed(dict(row)))


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    kind, standing = AffiliationKind(values["kind"]), AffiliationStanding(values["standing"])
    return {**values, "kind": kind, "standing": standing}
