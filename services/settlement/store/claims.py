"""Claims and their items: lock, insert, save."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.settlement.domain.claims import Claim, ClaimItem
from services.settlement.domain.states import ClaimState, ItemState
from services.settlement.tables import CLAIM, ITEM
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_value
from shared.runtime.work import Work

_ITEM_COLUMNS = (
    "claim_id", "order_id", "state", "voucher_fen", "refusal_code", "refusal_article", "refusal_detail",
    "truth_opinion", "validity_opinion", "first_reviewed_by", "first_reviewed_at", "bureau_reason",
    "bureau_reviewed_by", "bureau_reviewed_at", "ended_reason", "appropriation_id", "approved_fen",
    "approved_reason",
)  # fmt: skip
_CLAIM_COLUMNS = ("id", "serial", "provider_id", "state", "version", "window_closes_at", "created_at")


async def insert_draft(work: Work, claim_id: UUID, *, provider_id: UUID, order_ids: Collection[UUID]) -> int:
    """Store a draft with its items and return its serial number."""
    statement = insert(CLAIM).values(
        id=claim_id,
        provider_id=provider_id,
        state=ClaimState.DRAFT.value,
        version=0,
        created_at=work.now,
        state_since=work.now,
    )
    serial: int = await fetch_value(work.connection, statement.returning(CLAIM.c.serial))
    items = [
        {"claim_id": claim_id, "order_id": order_id, "state": ItemState.DRAFT.value} for order_id in sorted(order_ids)
    ]
    await execute(work.connection, insert(ITEM).values(items))
    return serial


async def drafts_of(connection: Connection, provider_id: UUID) -> int:
    """How many drafts of a provider are open."""
    counted = "SELECT count(*) FROM claim WHERE provider_id = $1 AND state = 'draft'"
    drafts: int = await connection.fetchval(counted, provider_id)
    return drafts


async def lock_claims(connection: Connection, claim_ids: Collection[UUID]) -> dict[UUID, Claim]:
    """The claims that exist, each locked, always in one order."""
    columns = [CLAIM.c[name] for name in _CLAIM_COLUMNS]
    statement = select(*columns).where(CLAIM.c.id.in_(sorted(claim_ids))).order_by(CLAIM.c.id).with_for_update()
    rows = await fetch_all(connection, statement)
    chosen = [ITEM.c[name] for name in _ITEM_COLUMNS]
    found = select(*chosen).where(ITEM.c.claim_id.in_(sorted(claim_ids))).order_by(ITEM.c.claim_id, ITEM.c.order_id)
    items: dict[UUID, dict[UUID, ClaimItem]] = {}
    for row in await fetch_all(connection, found):
        items.setdefault(row["claim_id"], {})[row["order_id"]] = ClaimItem.of(row)
    return {row["id"]: _claim(row, items.get(row["id"], {})) for row in rows}


def _claim(row: Record, items: dict[UUID, ClaimItem]) -> Claim:
    return Claim(**{**dict(row), "state": ClaimState(row["state"])}, items=items)


async def save_items(work: Work, items: Sequence[ClaimItem]) -> None:
    """Write changed items back; their claims are locked."""
    for item in items:
        values = asdict(item) | {"state": item.state.value}
        statement = update(ITEM).where(ITEM.c.claim_id == item.claim_id, ITEM.c.order_id == item.order_id)
        count = await execute(work.connection, statement.values(**values))
        invariant(count == 1, "a changed item exists")


async def save_claim(work: Work, claim: Claim, *, expected_version: int) -> None:
    """Write state, version and window of a locked claim. Raises: Bug when it was not at `expected_version`."""
    statement = (
        update(CLAIM)
        .where(CLAIM.c.id == claim.id, CLAIM.c.version == expected_version)
        .values(
            state=claim.state.value,
            version=claim.version,
            window_closes_at=claim.window_closes_at,
            state_since=work.now,
        )
    )
    invariant(await execute(work.connection, statement) == 1, "a locked claim is saved at the version it was read at")


async def save_filing(  # noqa: PLR0913 - what a claim is filed under
    work: Work,
    claim_id: UUID,
    *,
    declaration_version: str,
    pack_version: str,
    filed_at: datetime,
    submitted_by: UUID | None,
) -> None:
    """Write what a claim was filed under, and by whom."""
    statement = update(CLAIM).where(CLAIM.c.id == claim_id)
    values = {
        "declaration_version": declaration_version,
        "pack_version": pack_version,
        "filed_at": filed_at,
        "submitted_by": submitted_by,
    }
    await execute(work.connection, statement.values(**values))
