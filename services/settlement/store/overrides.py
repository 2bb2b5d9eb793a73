"""Overrides: insert, lock, decide; and the record of who read evidence."""

from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.settlement.domain.refusals import OverrideProposedAlready
from services.settlement.domain.states import OverrideState
from services.settlement.tables import EVIDENCE_READ, OVERRIDE
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_one, fetch_value
from shared.runtime.work import Work


async def insert_override(work: Work, values: dict[str, object]) -> None:
    """Store a proposal. Raises: OverrideProposedAlready when the item has an open one."""
    try:
        await execute(work.connection, insert(OVERRIDE).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise OverrideProposedAlready from error


async def lapse_override(work: Work, claim_id: UUID, order_id: UUID, *, proposed_until: datetime) -> None:
    """A proposal for this item that nobody approved in time stands in the way of no other; lock its claim first."""
    open_one = (OVERRIDE.c.claim_id == claim_id) & (OVERRIDE.c.order_id == order_id)
    late = (OVERRIDE.c.state == OverrideState.PROPOSED.value) & (OVERRIDE.c.proposed_at <= proposed_until)
    ended = {"state": OverrideState.LAPSED.value, "version": OVERRIDE.c.version + 1, "decided_at": work.now}
    await execute(work.connection, update(OVERRIDE).where(open_one & late).values(**ended))


async def claim_of(connection: Connection, override_id: UUID) -> UUID | None:
    """The claim of an override; it is locked first, as by every act on it."""
    found: UUID | None = await fetch_value(connection, select(OVERRIDE.c.claim_id).where(OVERRIDE.c.id == override_id))
    return found


async def lock_override(connection: Connection, override_id: UUID) -> Record | None:
    """An override, locked; lock its claim first."""
    return await fetch_one(connection, select(OVERRIDE).where(OVERRIDE.c.id == override_id).with_for_update())


async def decide_override(  # noqa: PLR0913 - what a decision leaves
    work: Work,
    row: Record,
    *,
    to: OverrideState,
    by: UUID | None,
    reason: str,
    expires_at: datetime | None = None,
) -> int:
    """Close a locked proposal and return its new version."""
    version: int = row["version"] + 1
    statement = (
        update(OVERRIDE)
        .where(OVERRIDE.c.id == row["id"], OVERRIDE.c.version == row["version"])
        .values(
            state=to.value,
            version=version,
            decided_by=by,
            decision_reason=reason,
            decided_at=work.now,
            expires_at=expires_at,
        )
    )
    invariant(
        await execute(work.connection, statement) == 1, "a locked override is saved at the version it was read at"
    )
    return version


async def insert_read(work: Work, values: dict[str, object]) -> None:
    """Record that somebody reads evidence."""
    await execute(work.connection, insert(EVIDENCE_READ).values(**values))
