"""Claims as their provider and the reviewers see them."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import claim_number
from services.settlement.domain.states import ENDED_ITEMS
from services.settlement.domain.windows import closing_day
from services.settlement.tables import listed
from services.settlement.views.overrides import OverrideCard, read_against
from services.settlement.views.persons import ActCard
from services.settlement.views.standing import MarkCard
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year
from shared.runtime.sql import Connection, Record
from shared.runtime.work import NotFound

_ENDED = f"i.state IN ({listed(ENDED_ITEMS)})"
_CLAIMS = f"""
SELECT c.id, c.serial, c.provider_id, COALESCE(p.name, '') AS provider_name, c.state, c.version, c.created_at,
       c.filed_at, c.window_closes_at, c.declaration_version, c.pack_version,
       COALESCE(p.suspended_since <= $8, false) AS provider_suspended,
       COALESCE(p.blacklisted, false) AS provider_blacklisted,
       COALESCE(p.closed, false) AS provider_closed,
       count(i.order_id) AS items, count(i.order_id) FILTER (WHERE {_ENDED}) AS ended_items,
       COALESCE(sum(i.voucher_fen) FILTER (WHERE NOT {_ENDED}), 0)::bigint AS claimed_fen,
       COALESCE(sum(i.approved_fen) FILTER (WHERE NOT {_ENDED}), 0)::bigint AS approved_fen,
       (SELECT count(*) FROM question q WHERE q.claim_id = c.id AND q.answered_at IS NULL) AS open_questions
FROM claim c JOIN claim_item i ON i.claim_id = c.id LEFT JOIN party p ON p.organisation_id = c.provider_id
WHERE ($1::uuid IS NULL OR c.provider_id = $1) AND ($2::uuid IS NULL OR c.id = $2)
  AND ($1::uuid IS NOT NULL OR c.filed_at IS NOT NULL)
  AND ($3::text IS NULL OR c.state = $3) AND ($4::uuid IS NULL OR c.provider_id = $4)
  AND ($5::timestamptz IS NULL OR c.window_closes_at = $5) AND ($6::uuid IS NULL OR c.id < $6)
GROUP BY c.id, p.organisation_id ORDER BY c.id DESC LIMIT $7
"""  # noqa: S608 - states of our own
_ITEMS = """
SELECT i.order_id, o.number AS order_number, o.enterprise_id, COALESCE(p.name, '') AS enterprise_name, o.year,
       o.fee_fen, i.state, i.voucher_fen AS claimed_fen, i.refusal_code, i.refusal_article, i.refusal_detail,
       i.truth_opinion, i.validity_opinion, i.first_reviewed_at, i.bureau_reason, i.bureau_reviewed_at,
       i.ended_reason, i.appropriation_id, i.approved_fen, i.approved_reason
FROM claim_item i JOIN order_copy o ON o.order_id = i.order_id
LEFT JOIN party p ON p.organisation_id = o.enterprise_id
WHERE i.claim_id = $1 ORDER BY i.order_id
"""
_EVIDENCE = """
SELECT order_id, kind, reference, amount_fen, dated_on, encode(sha256, 'hex') AS sha256, media_type, size_bytes,
       pages, legible, filed_at
FROM evidence WHERE claim_id = $1 ORDER BY order_id, kind
"""
_DOCUMENT = """
SELECT e.blob_key, e.media_type, encode(e.sha256, 'hex') AS sha256
FROM evidence e JOIN claim c ON c.id = e.claim_id
WHERE e.claim_id = $1 AND e.order_id = $2 AND e.kind = $3 AND ($4::uuid IS NULL OR c.provider_id = $4)
  AND ($4::uuid IS NOT NULL OR c.filed_at IS NOT NULL)
"""
_CLAIMABLE = """
SELECT o.order_id, o.number AS order_number, o.enterprise_id, COALESCE(p.name, '') AS enterprise_name, o.year,
       o.fee_fen, o.voucher_fen, o.confirmed_at
FROM order_copy o LEFT JOIN party p ON p.organisation_id = o.enterprise_id
WHERE o.provider_id = $1 AND o.state = 'confirmed' AND NOT o.refund_open AND o.voucher_fen > 0
  AND NOT EXISTS (SELECT 1 FROM claim_item i WHERE i.order_id = o.order_id
                  AND i.state NOT IN ('draft', 'refused', 'rejected', 'withdrawn'))
  AND ($2::integer IS NULL OR o.year = $2) AND ($3::uuid IS NULL OR o.order_id < $3)
ORDER BY o.order_id DESC LIMIT $4
"""


class ClaimCard(Resource):
    """A claim in a list. `window_closes_on` is the Beijing day at whose end the claim's window closes.

    `ended_items` of the `items` were withdrawn, refused or rejected; amounts in fen count the others only.
    """

    id: UUID
    number: str
    provider_id: UUID
    provider_name: str
    provider_suspended: bool
    provider_blacklisted: bool
    provider_closed: bool
    state: str
    version: int
    created_at: datetime
    filed_at: datetime | None
    window_closes_on: date | None
    items: int
    ended_items: int
    claimed_fen: int
    approved_fen: int
    open_questions: int


class EvidenceCard(Resource):
    """One piece of evidence; the file itself has its own address."""

    order_id: UUID
    kind: str
    reference: str
    amount_fen: int | None
    dated_on: date | None
    sha256: str
    media_type: str
    size_bytes: int
    pages: int
    legible: bool
    filed_at: datetime


class ItemCard(Resource):
    """One order of a claim with its result."""

    order_id: UUID
    order_number: str
    enterprise_id: UUID
    enterprise_name: str
    year: int
    fee_fen: int
    state: str
    claimed_fen: int | None
    refusal_code: str
    refusal_article: str
    refusal_detail: str
    truth_opinion: str
    validity_opinion: str
    first_reviewed_at: datetime | None
    bureau_reason: str
    bureau_reviewed_at: datetime | None
    ended_reason: str
    appropriation_id: UUID | None
    approved_fen: int | None
    approved_reason: str
    evidence: Sequence[EvidenceCard] = ()
    marks: Sequence[MarkCard] = ()
    """What stands against paying this order now, and why."""
    overrides: Sequence[OverrideCard] = ()
    """What two people lifted, or were asked to; for staff."""


class ClaimDetail(ClaimCard):
    """A claim with the result of every item: the status resource of a submitted batch."""

    declaration_version: str
    pack_version: str
    results: Sequence[ItemCard]
    acts: Sequence[ActCard] = ()
    """Who had which part in each order; for auditors and the bureau's lead."""

    def without_persons(self) -> "ClaimDetail":
        """The same for whoever may not see which person proposed and decided overrides."""
        plain = [
            item.model_copy(update={"overrides": [card.without_persons() for card in item.overrides]})
            for item in self.results
        ]
        return self.model_copy(update={"results": plain})


class ClaimableOrder(Resource):
    """An order that its provider may claim now."""

    order_id: UUID
    order_number: str
    enterprise_id: UUID
    enterprise_name: str
    year: int
    fee_fen: int
    voucher_fen: int
    confirmed_at: datetime | None


class StoredDocument(Resource):
    """Where a piece of evidence lies; never sent to anybody."""

    blob_key: str
    media_type: str
    sha256: str


def _card_values(row: Record) -> dict[str, object]:
    closes_at = row["window_closes_at"]
    return dict(row) | {
        "number": claim_number(row["serial"], year=business_year(row["created_at"])),
        "window_closes_on": None if closes_at is None else closing_day(closes_at),
    }


async def list_claims(  # noqa: PLR0913 - the filters of a list
    connection: Connection,
    *,
    provider_id: UUID | None,
    state: str | None,
    of_provider: UUID | None,
    window_closes_at: datetime | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Page[ClaimCard]:
    """A page of claims; drafts are their provider's own matter."""
    asked = (provider_id, None, state, of_provider, window_closes_at, after, limit + 1, now)
    rows = await connection.fetch(_CLAIMS, *asked)
    cards = [ClaimCard.model_validate(_card_values(row)) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


async def read_claim(connection: Connection, claim_id: UUID, *, provider_id: UUID | None, now: datetime) -> ClaimDetail:
    """One claim with its items, their evidence, and what stands against them. Raises: NotFound."""
    row = await connection.fetchrow(_CLAIMS, provider_id, claim_id, None, None, None, None, 1, now)
    if row is None:
        raise NotFound
    evidence: dict[UUID, list[EvidenceCard]] = {}
    for piece in await connection.fetch(_EVIDENCE, claim_id):
        evidence.setdefault(piece["order_id"], []).append(EvidenceCard.model_validate(dict(piece)))
    items = await connection.fetch(_ITEMS, claim_id)
    against = await read_against(connection, [(claim_id, item["order_id"]) for item in items], now=now)
    results = [
        ItemCard.model_validate(
            dict(item)
            | {
                "evidence": evidence.get(item["order_id"], []),
                "marks": against.marks(claim_id, item["order_id"], amount_fen=item["claimed_fen"]),
                "overrides": against.overrides(claim_id, item["order_id"]) if provider_id is None else (),
            }
        )
        for item in items
    ]
    return ClaimDetail.model_validate(_card_values(row) | {"results": results})


async def check_own(connection: Connection, claim_id: UUID, *, provider_id: UUID) -> None:
    """Whether a claim is a provider's own. Raises: NotFound."""
    if not await connection.fetchval(
        "SELECT true FROM claim WHERE id = $1 AND provider_id = $2", claim_id, provider_id
    ):
        raise NotFound


async def find_document(
    connection: Connection, claim_id: UUID, *, order_id: UUID, kind: str, provider_id: UUID | None
) -> StoredDocument:
    """Where one piece of evidence lies. Raises: NotFound."""
    row = await connection.fetchrow(_DOCUMENT, claim_id, order_id, kind, provider_id)
    if row is None:
        raise NotFound
    return StoredDocument.model_validate(dict(row))


async def list_claimable(
    connection: Connection, *, provider_id: UUID, year: int | None, after: UUID | None, limit: int
) -> Page[ClaimableOrder]:
    """A page of the orders that a provider may claim now."""
    rows = await connection.fetch(_CLAIMABLE, provider_id, year, after, limit + 1)
    orders = [ClaimableOrder.model_validate(dict(row)) for row in rows]
    return page_of(orders, limit=limit, ids=[order.order_id for order in orders])
