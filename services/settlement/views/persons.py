"""Who has acted on the money of some orders, from every table that keeps it. Source: A23, A24, R8."""

from collections.abc import Collection
from uuid import UUID

from services.settlement.domain.persons import Acted, CasePart
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection

# $1 are the claims, $2 the orders of theirs that are looked at.
_ACTED = """
WITH item AS (
    SELECT claim_id, order_id, first_reviewed_by, bureau_reviewed_by, appropriation_id FROM claim_item
    WHERE claim_id = ANY($1::uuid[]) AND order_id = ANY($2::uuid[])
)
SELECT DISTINCT part, account_id, claim_id, order_id FROM (
    SELECT 'submit' AS part, c.submitted_by AS account_id, i.claim_id, i.order_id
    FROM item i JOIN claim c ON c.id = i.claim_id
    UNION ALL
    SELECT 'submit', e.filed_by, i.claim_id, i.order_id
    FROM item i JOIN evidence e ON e.claim_id = i.claim_id AND e.order_id = i.order_id
    UNION ALL SELECT 'first_review', first_reviewed_by, claim_id, order_id FROM item
    UNION ALL SELECT 'ask', q.asked_by, i.claim_id, i.order_id FROM item i JOIN question q ON q.claim_id = i.claim_id
    UNION ALL
    SELECT 'answer', q.answered_by, i.claim_id, i.order_id FROM item i JOIN question q ON q.claim_id = i.claim_id
    UNION ALL SELECT 'bureau_review', bureau_reviewed_by, claim_id, order_id FROM item
    UNION ALL
    SELECT p.part, p.account_id, i.claim_id, i.order_id
    FROM item i JOIN appropriation a ON a.id = i.appropriation_id
    CROSS JOIN LATERAL (VALUES ('request', a.requested_by), ('approve', a.decided_by), ('pay', a.paid_by))
        AS p(part, account_id)
    UNION ALL
    SELECT p.part, p.account_id, i.claim_id, i.order_id
    FROM item i JOIN override v ON v.claim_id = i.claim_id AND v.order_id = i.order_id
    CROSS JOIN LATERAL (VALUES ('propose_override', v.proposed_by),
                               ('approve_override', CASE v.state WHEN 'approved' THEN v.decided_by END))
        AS p(part, account_id)
) t WHERE account_id IS NOT NULL ORDER BY claim_id, order_id, part, account_id
"""


async def read_acted_by_order(
    connection: Connection, *, claim_ids: Collection[UUID], order_ids: Collection[UUID]
) -> dict[tuple[UUID, UUID], list[Acted]]:
    """Who had which part, by claim and order."""
    found: dict[tuple[UUID, UUID], list[Acted]] = {}
    for row in await connection.fetch(_ACTED, list(claim_ids), list(order_ids)):
        acted = Acted(CasePart(row["part"]), row["account_id"])
        found.setdefault((row["claim_id"], row["order_id"]), []).append(acted)
    return found


async def read_acted(connection: Connection, *, claim_ids: Collection[UUID], order_ids: Collection[UUID]) -> set[Acted]:
    """Everybody who had a part in any of these orders."""
    by_order = await read_acted_by_order(connection, claim_ids=claim_ids, order_ids=order_ids)
    return {acted for parts in by_order.values() for acted in parts}


class ActCard(Resource):
    """Somebody's part in an order of a claim."""

    claim_id: UUID
    order_id: UUID
    part: CasePart
    account_id: UUID


async def read_acts(
    connection: Connection, *, claim_ids: Collection[UUID], order_ids: Collection[UUID]
) -> list[ActCard]:
    """Who had which part, as auditors read it."""
    found = await read_acted_by_order(connection, claim_ids=claim_ids, order_ids=order_ids)
    return [
        ActCard(claim_id=claim_id, order_id=order_id, part=acted.part, account_id=acted.account_id)
        for (claim_id, order_id), parts in found.items()
        for acted in parts
    ]
