"""Proposals about staff accounts, which a second person decides."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.tables import STAFF_PROPOSAL
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, execute, fetch_one
from shared.runtime.work import NotFound, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffProposal:
    """What one person proposes about a staff account; `roles` and `region` are those it would then hold."""

    id: UUID
    act: str
    account_id: UUID | None
    sign_in_name: str
    display_name: str
    roles: list[str]
    region: str | None
    designation_id: UUID | None
    reason: str
    state: str
    proposed_by: UUID
    proposed_at: datetime
    expires_at: datetime
    version: int


_LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended('identity.staff_proposal:' || $1, 0))"
_COLUMNS = [STAFF_PROPOSAL.c[field.name] for field in fields(StaffProposal)]


async def add_proposal(work: Work, proposal: StaffProposal) -> None:
    """Insert a proposal."""
    values = {field.name: getattr(proposal, field.name) for field in fields(StaffProposal)}
    await execute(work.connection, insert(STAFF_PROPOSAL).values(**values))


async def is_proposed(connection: Connection, proposal: StaffProposal) -> bool:
    """Whether the same is proposed and open; no other request can propose for that name until the commit."""
    await connection.execute(_LOCK_NAME, proposal.sign_in_name)
    content = [
        STAFF_PROPOSAL.c[name].is_not_distinct_from(getattr(proposal, name))
        for name in ("act", "account_id", "sign_in_name", "display_name", "roles", "region", "designation_id")
    ]
    still_open = (STAFF_PROPOSAL.c.state == "proposed", STAFF_PROPOSAL.c.expires_at > proposal.proposed_at)
    return await fetch_one(connection, select(STAFF_PROPOSAL.c.id).where(*content, *still_open).limit(1)) is not None


async def load_proposal(connection: Connection, proposal_id: UUID) -> StaffProposal:
    """The proposal, locked until the commit. Raises: NotFound."""
    row = await fetch_one(connection, select(*_COLUMNS).where(STAFF_PROPOSAL.c.id == proposal_id).with_for_update())
    if row is None:
        raise NotFound
    return StaffProposal(**dict(row))


async def decide_proposal(work: Work, before: StaffProposal, changes: dict[str, Any]) -> None:
    """Store who decided what on a loaded proposal. Raises: Bug."""
    statement = (
        update(STAFF_PROPOSAL)
        .where(STAFF_PROPOSAL.c.id == before.id, STAFF_PROPOSAL.c.state == "proposed")
        .values(**changes, version=before.version + 1)
    )
    invariant(await execute(work.connection, statement) == 1, "a proposal is decided once")
