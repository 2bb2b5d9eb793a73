"""What stands against orders now, and what two people have lifted. Source: A12, A13(4), R58, R63."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.settlement.domain.claims import ClaimItem
from services.settlement.domain.standing import (
    Mark,
    OrderParties,
    OverrideInForce,
    PartyStanding,
    PartyTie,
    PaymentCondition,
    marks_of,
    uncovered,
    words_of,
)
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, Record

BODY_PLACES = 17
"""The first places of a credit code name the body; the last one is computed from them."""

_PAIRS = f"""
SELECT o.order_id, left(p.credit_code, {BODY_PLACES}) = left(e.credit_code, {BODY_PLACES}) AS same_code,
       p.suspended_since AS provider_suspended_since, p.blacklisted AS provider_blacklisted,
       p.closed AS provider_closed, e.suspended_since AS enterprise_suspended_since,
       e.blacklisted AS enterprise_blacklisted, e.closed AS enterprise_closed,
       o.enterprise_id, o.provider_id
FROM order_copy o LEFT JOIN party p ON p.organisation_id = o.provider_id
LEFT JOIN party e ON e.organisation_id = o.enterprise_id
WHERE o.order_id = ANY($1::uuid[])
"""  # noqa: S608 - a number of our own
_TIES = """
SELECT a.affiliation_id, a.enterprise_id, a.provider_id, a.kind, a.origin, a.recorded_at
FROM affiliation a JOIN unnest($1::uuid[], $2::uuid[]) AS k(enterprise_id, provider_id)
    ON k.enterprise_id = a.enterprise_id AND k.provider_id = a.provider_id
WHERE NOT a.ended ORDER BY a.affiliation_id
"""
_IN_FORCE = """
SELECT v.claim_id, v.order_id, v.amount_fen, v.marks, v.expires_at FROM override v
WHERE v.order_id = ANY($1::uuid[]) AND v.state = 'approved' AND v.expires_at > $2
"""
_LIVE = """
SELECT claim_id, order_id FROM claim_item
WHERE claim_id = ANY($1::uuid[]) AND state NOT IN ('draft', 'paid', 'refused', 'rejected', 'withdrawn')
"""


class MarkCard(Resource):
    """What stands against an order: since when; of a tie its kind and origin; whether two people lifted it."""

    condition: PaymentCondition
    text: str
    since: datetime | None
    kind: str
    origin: str
    overridden: bool


async def read_marks(
    connection: Connection, order_ids: Collection[UUID], *, now: datetime
) -> dict[UUID, tuple[Mark, ...]]:
    """What stands against each of these orders; an order against which nothing stands is left out."""
    rows = await connection.fetch(_PAIRS, list(order_ids))
    pairs = sorted({(row["enterprise_id"], row["provider_id"]) for row in rows})
    ties: dict[tuple[UUID, UUID], list[PartyTie]] = {}
    columns = [[pair[place] for pair in pairs] for place in (0, 1)]
    for row in await connection.fetch(_TIES, *columns) if pairs else ():
        tie = PartyTie(id=row["affiliation_id"], kind=row["kind"], origin=row["origin"], recorded_at=row["recorded_at"])
        ties.setdefault((row["enterprise_id"], row["provider_id"]), []).append(tie)
    found = {
        row["order_id"]: marks_of(_pair(row, ties.get((row["enterprise_id"], row["provider_id"]), ())), now=now)
        for row in rows
    }
    return {order_id: marks for order_id, marks in found.items() if marks}


def _pair(row: Record, ties: Sequence[PartyTie]) -> OrderParties:
    def standing(party: str) -> PartyStanding:
        return PartyStanding(
            suspended_since=row[f"{party}_suspended_since"],
            blacklisted=bool(row[f"{party}_blacklisted"]),
            closed=bool(row[f"{party}_closed"]),
        )

    return OrderParties(
        provider=standing("provider"), enterprise=standing("enterprise"), ties=ties, same_code=bool(row["same_code"])
    )


async def read_overrides_in_force(
    connection: Connection, order_ids: Collection[UUID], *, now: datetime
) -> dict[tuple[UUID, UUID], list[OverrideInForce]]:
    """Approved overrides that have not expired, by claim and order."""
    found: dict[tuple[UUID, UUID], list[OverrideInForce]] = {}
    for row in await connection.fetch(_IN_FORCE, list(order_ids), now):
        override = OverrideInForce(
            amount_fen=row["amount_fen"],
            covers=frozenset(mark["key"] for mark in row["marks"]),
            expires_at=row["expires_at"],
        )
        found.setdefault((row["claim_id"], row["order_id"]), []).append(override)
    return found


async def read_lifted(
    connection: Connection, items: Sequence[ClaimItem], *, marks: Mapping[UUID, Sequence[Mark]], now: datetime
) -> dict[UUID, frozenset[str]]:
    """By order, the keys of those marks that an override of exactly this item and amount covers now."""
    overrides = await read_overrides_in_force(connection, marks.keys(), now=now) if marks else {}
    lifted: dict[UUID, frozenset[str]] = {}
    for item in items:
        own = overrides.get((item.claim_id, item.order_id), ())
        found = marks.get(item.order_id, ())
        left = uncovered(found, amount_fen=item.voucher_fen, overrides=own, now=now)
        lifted[item.order_id] = frozenset(mark.key for mark in found) - {mark.key for mark in left}
    return lifted


async def read_barring(
    connection: Connection, items: Sequence[ClaimItem], *, now: datetime
) -> dict[UUID, tuple[Mark, ...]]:
    """By order, what stands against paying it now and is not lifted; an order that may be paid is left out."""
    marks = await read_marks(connection, [item.order_id for item in items], now=now)
    lifted = await read_lifted(connection, items, marks=marks, now=now)
    barring = {
        order_id: tuple(mark for mark in found if mark.key not in lifted[order_id]) for order_id, found in marks.items()
    }
    return {order_id: found for order_id, found in barring.items() if found}


def mark_cards(marks: Sequence[Mark], *, lifted: Collection[str]) -> list[MarkCard]:
    """Marks as people read them."""
    return [
        MarkCard(
            condition=mark.condition,
            text=words_of([mark]),
            since=mark.since,
            kind=mark.kind,
            origin=mark.origin,
            overridden=mark.key in lifted,
        )
        for mark in marks
    ]


async def read_words_of_claims(
    connection: Connection, claim_ids: Collection[UUID], *, now: datetime
) -> dict[UUID, str]:
    """What stands against the running orders of each claim, in Chinese; a claim with nothing is left out."""
    rows = await connection.fetch(_LIVE, list(claim_ids))
    marks = await read_marks(connection, {row["order_id"] for row in rows}, now=now)
    by_claim: dict[UUID, list[Mark]] = {}
    for row in rows:
        by_claim.setdefault(row["claim_id"], []).extend(marks.get(row["order_id"], ()))
    return {claim_id: words_of(found) for claim_id, found in by_claim.items() if found}
