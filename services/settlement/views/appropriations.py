"""Appropriations. Source: A24, Q22."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import appropriation_number
from services.settlement.domain.states import ENDED_ITEMS
from services.settlement.tables import listed
from services.settlement.views.overrides import OverrideCard, read_against
from services.settlement.views.persons import ActCard
from services.settlement.views.standing import MarkCard
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year
from shared.runtime.sql import Connection, Record
from shared.runtime.work import NotFound

_APPROPRIATIONS = f"""
SELECT a.id, a.serial, a.provider_id, COALESCE(p.name, '') AS provider_name, a.state, a.version, a.requested_at,
       a.decided_at, a.reason, a.approved_fen, a.payment_reference, a.paid_on, a.paid_fen,
       COALESCE(p.suspended_since <= $6, false) AS provider_suspended,
       COALESCE(p.blacklisted, false) AS provider_blacklisted,
       COALESCE(p.closed, false) AS provider_closed,
       (SELECT COALESCE(sum(i.voucher_fen), 0) FROM claim_item i
        WHERE i.appropriation_id = a.id AND i.state NOT IN ({listed(ENDED_ITEMS)}))::bigint AS claimed_fen
FROM appropriation a LEFT JOIN party p ON p.organisation_id = a.provider_id
WHERE ($1::uuid IS NULL OR a.provider_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
  AND ($3::text IS NULL OR a.state = $3) AND ($4::uuid IS NULL OR a.id < $4)
ORDER BY a.id DESC LIMIT $5
"""  # noqa: S608 - states of our own
_APPROPRIATION_ITEMS = """
SELECT i.claim_id, i.order_id, o.number AS order_number, i.state, i.voucher_fen AS claimed_fen, i.approved_fen,
       i.approved_reason
FROM claim_item i JOIN order_copy o ON o.order_id = i.order_id
WHERE i.appropriation_id = $1 ORDER BY i.claim_id, i.order_id
"""


class AppropriationItem(Resource):
    """One order of a request."""

    claim_id: UUID
    order_id: UUID
    order_number: str
    state: str
    claimed_fen: int
    approved_fen: int | None
    approved_reason: str
    marks: Sequence[MarkCard] = ()
    """What stands against paying this order now, and why."""
    overrides: Sequence[OverrideCard] = ()
    """What two people lifted, or were asked to; for staff."""


class AppropriationCard(Resource):
    """A request for appropriation; `items` are empty in a list. Amounts in fen count no order that has left it."""

    id: UUID
    number: str
    provider_id: UUID
    provider_name: str
    provider_suspended: bool
    provider_blacklisted: bool
    provider_closed: bool
    state: str
    version: int
    requested_at: datetime
    decided_at: datetime | None
    reason: str
    claimed_fen: int
    approved_fen: int | None
    payment_reference: str
    paid_on: date | None
    paid_fen: int | None
    items: Sequence[AppropriationItem] = ()
    acts: Sequence[ActCard] = ()
    """Who had which part in each order; for auditors and the bureau's lead."""

    def without_persons(self) -> "AppropriationCard":
        """The same for whoever may not see which person proposed and decided overrides."""
        plain = [
            item.model_copy(update={"overrides": [card.without_persons() for card in item.overrides]})
            for item in self.items
        ]
        return self.model_copy(update={"items": plain})


async def list_appropriations(  # noqa: PLR0913 - the filters of a list
    connection: Connection,
    *,
    provider_id: UUID | None,
    state: str | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Page[AppropriationCard]:
    """A page of requests."""
    rows = await connection.fetch(_APPROPRIATIONS, provider_id, None, state, after, limit + 1, now)
    cards = [AppropriationCard.model_validate(_appropriation_values(row)) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


async def read_appropriation(
    connection: Connection, appropriation_id: UUID, *, provider_id: UUID | None, now: datetime
) -> AppropriationCard:
    """One request with its orders and what stands against them. Raises: NotFound."""
    row = await connection.fetchrow(_APPROPRIATIONS, provider_id, appropriation_id, None, None, 1, now)
    if row is None:
        raise NotFound
    found = await connection.fetch(_APPROPRIATION_ITEMS, appropriation_id)
    against = await read_against(connection, [(item["claim_id"], item["order_id"]) for item in found], now=now)
    items = [
        dict(item)
        | {
            "marks": against.marks(item["claim_id"], item["order_id"], amount_fen=item["claimed_fen"]),
            "overrides": against.overrides(item["claim_id"], item["order_id"]) if provider_id is None else (),
        }
        for item in found
    ]
    return AppropriationCard.model_validate(_appropriation_values(row) | {"items": items})


def _appropriation_values(row: Record) -> dict[str, object]:
    number = appropriation_number(row["serial"], year=business_year(row["requested_at"]))
    return dict(row) | {"number": number}
