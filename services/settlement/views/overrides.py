"""Overrides as staff read them, and what stands against each item with what lifts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.settlement.domain.claims import claim_number
from services.settlement.domain.standing import CONDITION_ZH, Mark, OverrideInForce, PaymentCondition, uncovered
from services.settlement.domain.states import OverrideState
from services.settlement.views.standing import MarkCard, mark_cards, read_marks, read_overrides_in_force
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year
from shared.runtime.sql import Connection, Record
from shared.runtime.work import NotFound

_COLUMNS = """
SELECT v.id, v.claim_id, v.order_id, c.serial, c.created_at, v.amount_fen, v.marks, v.state, v.version, v.reason,
       v.proposed_by, v.proposed_at, v.decided_by, v.decision_reason, v.decided_at, v.expires_at
FROM override v JOIN claim c ON c.id = v.claim_id
"""
_LIST = f"""
{_COLUMNS} WHERE ($1::uuid IS NULL OR v.claim_id = $1) AND ($2::text IS NULL OR v.state = $2)
  AND ($3::uuid IS NULL OR v.id < $3) AND ($4::uuid IS NULL OR v.id = $4) ORDER BY v.id DESC LIMIT $5
"""
_OF_ITEMS = f"""
{_COLUMNS} JOIN unnest($1::uuid[], $2::uuid[]) AS k(claim_id, order_id)
    ON k.claim_id = v.claim_id AND k.order_id = v.order_id ORDER BY v.id
"""


class OverrideCard(Resource):
    """What two people lifted for one item, or were asked to: for which amount in fen and which conditions.

    `proposed_by` and `decided_by` are shown to supervisors and auditors only. Source: R7, R8, R9.
    """

    id: UUID
    claim_id: UUID
    claim_number: str
    order_id: UUID
    amount_fen: int
    conditions: Sequence[PaymentCondition]
    text: str
    state: OverrideState
    in_force: bool
    version: int
    reason: str
    proposed_by: UUID | None
    proposed_at: datetime
    decided_by: UUID | None
    decision_reason: str
    decided_at: datetime | None
    expires_at: datetime | None

    def without_persons(self) -> "OverrideCard":
        """The same card for whoever may not see which person acted."""
        return self.model_copy(update={"proposed_by": None, "decided_by": None})


def _card(row: Record, *, now: datetime) -> OverrideCard:
    conditions = sorted({PaymentCondition(mark["condition"]) for mark in row["marks"]})
    values = {
        "claim_number": claim_number(row["serial"], year=business_year(row["created_at"])),
        "conditions": conditions,
        "text": "、".join(CONDITION_ZH[condition] for condition in conditions),
        "in_force": row["expires_at"] is not None and now < row["expires_at"],
    }
    return OverrideCard.model_validate(dict(row) | values)


async def list_overrides(  # noqa: PLR0913 - the filters of a list
    connection: Connection,
    *,
    claim_id: UUID | None,
    state: str | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Page[OverrideCard]:
    """A page of overrides and proposals, newest first."""
    rows = await connection.fetch(_LIST, claim_id, state, after, None, limit + 1)
    cards = [_card(row, now=now) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


async def read_override(connection: Connection, override_id: UUID, *, now: datetime) -> OverrideCard:
    """One override or proposal. Raises: NotFound."""
    row = await connection.fetchrow(_LIST, None, None, None, override_id, 1)
    if row is None:
        raise NotFound
    return _card(row, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What stands against some items, and what was done about it."""

    now: datetime
    found: Mapping[UUID, Sequence[Mark]]
    in_force: Mapping[tuple[UUID, UUID], Sequence[OverrideInForce]]
    cards: Mapping[tuple[UUID, UUID], Sequence[OverrideCard]]

    def marks(self, claim_id: UUID, order_id: UUID, *, amount_fen: int | None) -> list[MarkCard]:
        """The marks of an item, each with whether it is lifted."""
        found = self.found.get(order_id, ())
        overrides = self.in_force.get((claim_id, order_id), ())
        left = uncovered(found, amount_fen=amount_fen, overrides=overrides, now=self.now)
        return mark_cards(found, lifted={mark.key for mark in found} - {mark.key for mark in left})

    def overrides(self, claim_id: UUID, order_id: UUID) -> Sequence[OverrideCard]:
        """The overrides and proposals of an item, oldest first."""
        return self.cards.get((claim_id, order_id), ())


async def read_against(connection: Connection, items: Sequence[tuple[UUID, UUID]], *, now: datetime) -> Against:
    """Everything that stands against these items (claim, order), in a fixed number of statements."""
    orders = {order_id for _, order_id in items}
    cards: dict[tuple[UUID, UUID], list[OverrideCard]] = {}
    rows = await connection.fetch(_OF_ITEMS, [claim for claim, _ in items], [order for _, order in items])
    for row in rows:
        cards.setdefault((row["claim_id"], row["order_id"]), []).append(_card(row, now=now))
    return Against(
        now=now,
        found=await read_marks(connection, orders, now=now),
        in_force=await read_overrides_in_force(connection, orders, now=now),
        cards=cards,
    )
