"""Proposals to take a product off the directory."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.delisting import Delisting, DelistingState
from services.catalog.tables import DELISTING
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_one
from shared.runtime.work import Work


async def add_delisting(work: Work, proposal: Delisting) -> bool:
    """Write a proposal; False when the product has one that waits already."""
    row = {
        "id": proposal.id,
        "product_id": proposal.product_id,
        "version": proposal.version,
        "state": proposal.state,
        "ground": proposal.ground,
        "evidence": proposal.evidence,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at,
    }
    return await execute(work.connection, upsert(DELISTING).values(row).on_conflict_do_nothing()) == 1


async def product_of_delisting(connection: Connection, delisting_id: UUID) -> UUID | None:
    """The product a proposal is about, without a lock, or None."""
    row = await fetch_one(connection, select(DELISTING.c.product_id).where(DELISTING.c.id == delisting_id))
    return None if row is None else row["product_id"]


async def find_delisting(connection: Connection, delisting_id: UUID) -> Delisting | None:
    """The proposal, locked for this transaction, or None."""
    row: Record | None = await fetch_one(
        connection, select(DELISTING).where(DELISTING.c.id == delisting_id).with_for_update()
    )
    if row is None:
        return None
    return Delisting(
        id=row["id"],
        product_id=row["product_id"],
        version=row["version"],
        state=DelistingState(row["state"]),
        ground=row["ground"],
        evidence=row["evidence"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        statement=row["statement"],
    )


async def save_delisting(work: Work, after: Delisting, **decided: object) -> None:
    """Write a proposal after one move, guarded by the version before it."""
    saved = await execute(
        work.connection,
        update(DELISTING)
        .where(DELISTING.c.id == after.id, DELISTING.c.version == after.version - 1)
        .values(state=after.state, version=after.version, statement=after.statement, **decided),
    )
    invariant(saved == 1, "a proposal is saved under the lock it was loaded with")


async def lapse_delistings(work: Work, product_id: UUID, *, proposed_until: datetime) -> int:
    """Let open proposals lapse that were made at that moment or before; how many."""
    return await execute(
        work.connection,
        update(DELISTING)
        .where(
            DELISTING.c.product_id == product_id,
            DELISTING.c.state == DelistingState.PROPOSED,
            DELISTING.c.proposed_at <= proposed_until,
        )
        .values(state=DelistingState.LAPSED, version=DELISTING.c.version + 1, decided_at=work.now),
    )
