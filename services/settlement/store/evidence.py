"""Evidence, the keys by which a piece is used once, and the record of who read it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from services.settlement.domain.evidence import EvidenceKey, EvidenceUse, KeyScheme
from services.settlement.domain.papers import stated_of
from services.settlement.tables import EVIDENCE, EVIDENCE_KEY
from shared.runtime.sql import Connection, Record, execute, fetch_all
from shared.runtime.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledEvidence:
    """A row of evidence."""

    id: UUID
    claim_id: UUID
    order_id: UUID
    kind: str
    reference: str
    reference_folded: str
    amount_fen: int | None
    dated_on: date | None
    sha256: bytes
    media_type: str
    size_bytes: int
    pages: int
    legible: bool
    blob_key: str
    filed_by: UUID | None
    filed_at: datetime


# One after another for each provider, so that uploads at the same time do not pass the quota together.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('unfiled:' || $1::text, 0))"
_UNFILED = """
SELECT count(*) AS files, COALESCE(sum(e.size_bytes), 0)::bigint AS held_bytes
FROM evidence e JOIN claim c ON c.id = e.claim_id WHERE c.provider_id = $1 AND c.filed_at IS NULL
"""
# Whoever submits a draft holds its row, so nothing is removed under a submission.
_REMOVE_UNFILED = """
DELETE FROM evidence WHERE id IN (
    SELECT e.id FROM evidence e JOIN claim c ON c.id = e.claim_id
    WHERE c.filed_at IS NULL AND (c.state = 'withdrawn' OR e.filed_at < $1)
    ORDER BY e.filed_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED
) RETURNING blob_key
"""


async def unfiled(connection: Connection, provider_id: UUID) -> tuple[int, int]:
    """How many files, and bytes, a provider's drafts hold; whoever asks is alone until the commit."""
    await connection.execute(_ALONE, str(provider_id))
    row = await connection.fetchrow(_UNFILED, provider_id)
    return row["files"], row["held_bytes"]


async def remove_unfiled(work: Work, *, before: datetime, limit: int) -> list[str]:
    """Delete evidence of discarded drafts, and of drafts what is older; returns where its files lie."""
    return [row["blob_key"] for row in await work.connection.fetch(_REMOVE_UNFILED, before, limit)]


async def put_evidence(work: Work, evidence: FiledEvidence) -> list[str]:
    """Store a piece in place of an earlier one of its kind; returns where the earlier one's file lies."""
    same = (EVIDENCE.c.claim_id, evidence.claim_id), (EVIDENCE.c.order_id, evidence.order_id)
    earlier = select(EVIDENCE.c.blob_key).where(*(column == value for column, value in same))
    replaces = await fetch_all(work.connection, earlier.where(EVIDENCE.c.kind == evidence.kind))
    values = {name: getattr(evidence, name) for name in evidence.__slots__}
    statement = insert(EVIDENCE).values(**values)
    replaced = statement.on_conflict_do_update(index_elements=["claim_id", "order_id", "kind"], set_=values)
    await execute(work.connection, replaced)
    return [row["blob_key"] for row in replaces]


_PIECE_COLUMNS = ("order_id", "kind", "sha256", "reference", "reference_folded", "amount_fen", "dated_on")
_PIECES = tuple(EVIDENCE.c[name] for name in _PIECE_COLUMNS)
# The newest item of each order that a reviewer rejected for itself; a refused appropriation is no fault of its papers.
_REJECTED = """
SELECT DISTINCT ON (i.order_id) i.claim_id, i.order_id FROM claim_item i JOIN claim c ON c.id = i.claim_id
WHERE i.order_id = ANY($1::uuid[]) AND i.claim_id <> $2 AND c.filed_at IS NOT NULL
  AND i.state = 'rejected' AND i.appropriation_id IS NULL
ORDER BY i.order_id, c.serial DESC
"""


async def evidence_of(connection: Connection, claim_id: UUID) -> list[Record]:
    """Order, kind, content, number, amount and date of every piece of a claim."""
    statement = select(*_PIECES).where(EVIDENCE.c.claim_id == claim_id)
    return await fetch_all(connection, statement.order_by(EVIDENCE.c.order_id, EVIDENCE.c.kind))


async def rejected_papers(
    connection: Connection, order_ids: Collection[UUID], *, claim_id: UUID
) -> dict[UUID, frozenset[tuple[object, ...]]]:
    """What each order was filed with when a reviewer rejected it last; orders that were never rejected are left out."""
    items = await connection.fetch(_REJECTED, list(order_ids), claim_id)
    wanted = [(row["claim_id"], row["order_id"]) for row in items]
    if not wanted:
        return {}
    statement = select(*_PIECES).where(tuple_(EVIDENCE.c.claim_id, EVIDENCE.c.order_id).in_(wanted))
    found: dict[UUID, set[tuple[object, ...]]] = {}
    for row in await fetch_all(connection, statement):
        found.setdefault(row["order_id"], set()).add(stated_of(row))
    return {order_id: frozenset(pieces) for order_id, pieces in found.items()}


async def uses_of(connection: Connection, keys: Collection[EvidenceKey]) -> dict[EvidenceKey, EvidenceUse]:
    """What each known key stands for."""
    if not keys:
        return {}
    wanted = sorted((key.scheme.value, key.value) for key in keys)
    statement = select(EVIDENCE_KEY).where(tuple_(EVIDENCE_KEY.c.scheme, EVIDENCE_KEY.c.value).in_(wanted))
    rows = await fetch_all(connection, statement)
    return {
        EvidenceKey(KeyScheme(row["scheme"]), row["value"]): EvidenceUse(row["order_id"], row["kind"]) for row in rows
    }


async def bind_keys(work: Work, uses: Mapping[EvidenceKey, EvidenceUse]) -> None:
    """Bind keys that are free; the caller reads them again to see who has them.

    Rows go in sorted, so two claims with the same papers wait for each other instead of deadlocking.
    """
    if not uses:
        return
    rows = [
        {"scheme": key.scheme.value, "value": key.value, "order_id": use.order_id, "kind": use.evidence_kind}
        for key, use in sorted(uses.items(), key=lambda pair: (pair[0].scheme.value, pair[0].value))
    ]
    await execute(work.connection, insert(EVIDENCE_KEY).values(rows).on_conflict_do_nothing())
