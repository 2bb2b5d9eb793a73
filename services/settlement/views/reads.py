"""Who read which evidence when, for auditors. Source: R9."""

from datetime import datetime
from uuid import UUID

from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection

_READS = """
SELECT id, what, claim_id, order_id, kind, account_id, organisation_id, role, read_at FROM evidence_read
WHERE ($1::uuid IS NULL OR claim_id = $1) AND ($2::uuid IS NULL OR account_id = $2)
  AND ($3::text IS NULL OR what = $3) AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5
"""


class ReadCard(Resource):
    """One reading: of a claim (`claim`), of one piece of its evidence (`document`), or of the payments (`export`)."""

    id: UUID
    what: str
    claim_id: UUID | None
    order_id: UUID | None
    kind: str
    account_id: UUID
    organisation_id: UUID | None
    role: str
    read_at: datetime


async def list_reads(  # noqa: PLR0913 - the filters of a list
    connection: Connection,
    *,
    claim_id: UUID | None,
    account_id: UUID | None,
    what: str | None,
    after: UUID | None,
    limit: int,
) -> Page[ReadCard]:
    """A page of readings."""
    rows = await connection.fetch(_READS, claim_id, account_id, what, after, limit + 1)
    cards = [ReadCard.model_validate(dict(row)) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])
