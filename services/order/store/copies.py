"""Copies of what other services own: parties, ties, offers, balances; written by facts, read by decisions."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.order.domain.pricing import Buyer, Offer, Party, Price
from shared.contracts.messages.catalog import ProductDelisted, ProductPublished
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded, OrganisationFact
from shared.contracts.messages.voucher import QuotaMoved
from shared.runtime.db import Connection, Record

_PARTIES = """
INSERT INTO party (organisation_id, version, kind, name, region, authenticated, recognised, closed, suspended_since)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[], $8::bool[],
                     $9::timestamptz[])
ON CONFLICT (organisation_id) DO UPDATE SET version = EXCLUDED.version, kind = EXCLUDED.kind, name = EXCLUDED.name,
    region = EXCLUDED.region, authenticated = EXCLUDED.authenticated, recognised = EXCLUDED.recognised,
    closed = EXCLUDED.closed, suspended_since = EXCLUDED.suspended_since
"""
_TIES = """
INSERT INTO affiliation (affiliation_id, enterprise_id, provider_id, kind, version, ended)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bool[])
ON CONFLICT (affiliation_id) DO UPDATE SET version = EXCLUDED.version, ended = EXCLUDED.ended
"""
_OFFERS = """
INSERT INTO offer (product_id, edition, provider_id, version, product_name, class_code, components, voucher,
                   service_standard, effective_at)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::jsonb[], $8::bool[],
                     $9::text[], $10::timestamptz[])
ON CONFLICT (product_id, edition) DO UPDATE SET version = EXCLUDED.version, voucher = EXCLUDED.voucher,
    components = EXCLUDED.components, service_standard = EXCLUDED.service_standard,
    effective_at = EXCLUDED.effective_at, delisted_at = NULL
"""
_DELIST = """
UPDATE offer SET delisted_at = n.at, version = n.version
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS n(product_id, version, at)
WHERE offer.product_id = n.product_id AND offer.delisted_at IS NULL
"""
_BALANCES = """
INSERT INTO balance (enterprise_id, year, version, available_fen)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[])
ON CONFLICT (enterprise_id, year) DO UPDATE SET version = EXCLUDED.version, available_fen = EXCLUDED.available_fen
"""
_PARTY_COLUMNS = ("organisation_id", "version", "name", "region", "authenticated", "recognised", "closed")
_BUYERS = """
SELECT p.organisation_id, p.version, p.name, p.region, p.authenticated, p.recognised, p.closed, p.suspended_since,
       COALESCE((SELECT available_fen FROM balance b WHERE b.enterprise_id = p.organisation_id AND b.year = $2), 0)
           AS available_fen,
       ARRAY(SELECT provider_id FROM affiliation a WHERE a.enterprise_id = p.organisation_id AND NOT a.ended) AS tied
FROM party p WHERE p.organisation_id = ANY($1::uuid[]) AND p.kind = 'enterprise'
"""
_OFFERED = """
SELECT o.product_id, o.edition, o.version AS offer_version, o.product_name, o.class_code, o.components, o.voucher,
       o.service_standard, o.effective_at, o.delisted_at, p.organisation_id, p.version, p.name, p.region,
       p.authenticated, p.recognised, p.closed, p.suspended_since
FROM offer o JOIN party p ON p.organisation_id = o.provider_id WHERE o.product_id = ANY($1::uuid[])
"""
_PARTIES_BY_ID = """
SELECT organisation_id, version, name, region, authenticated, recognised, closed, suspended_since
FROM party WHERE organisation_id = ANY($1::uuid[])
"""


def _arrays(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def save_parties(connection: Connection, facts: Sequence[OrganisationFact]) -> None:
    """Take over the state that organisation facts carry."""
    rows = [
        (
            *(fact.organisation_id, fact.version, fact.party.kind, fact.party.name, fact.party.region),
            *(fact.party.authenticated, fact.party.recognised, fact.party.closed, fact.party.suspended_since),
        )
        for fact in facts
    ]
    await connection.execute(_PARTIES, *_arrays(rows))


async def save_ties(connection: Connection, facts: Sequence[AffiliationRecorded | AffiliationEnded]) -> None:
    """Record or end ties."""
    rows = [
        (
            *(fact.affiliation_id, fact.enterprise_id, fact.provider_id),
            *(fact.kind if isinstance(fact, AffiliationRecorded) else "", fact.version),
            isinstance(fact, AffiliationEnded),
        )
        for fact in facts
    ]
    await connection.execute(_TIES, *_arrays(rows))


async def save_offers(connection: Connection, facts: Sequence[ProductPublished]) -> None:
    """Keep every published edition: orders refer to what they were placed on."""
    rows = [
        (
            *(fact.product_id, fact.edition, fact.provider_id, fact.version, fact.product_name, fact.class_code),
            {one.code: {"name": one.name, "unit": one.unit, "price_fen": one.price_fen} for one in fact.components},
            *(fact.voucher, fact.service_standard, fact.effective_at),
        )
        for fact in facts
    ]
    await connection.execute(_OFFERS, *_arrays(rows))


async def save_delistings(connection: Connection, facts: Sequence[ProductDelisted]) -> None:
    """End the editions of products."""
    await connection.execute(_DELIST, *_arrays([(fact.product_id, fact.version, fact.effective_at) for fact in facts]))


async def save_balances(connection: Connection, facts: Sequence[QuotaMoved]) -> None:
    """Keep what is left on quota accounts, for quotes."""
    rows = [(fact.enterprise_id, fact.year, fact.version, fact.available_fen) for fact in facts]
    await connection.execute(_BALANCES, *_arrays(rows))


def party_of(row: Record) -> Party:
    """The party of a row that has its columns."""
    values = {name: row[name] for name in _PARTY_COLUMNS if name != "organisation_id"}
    return Party(id=row["organisation_id"], suspended_since=row["suspended_since"], **values)


async def find_buyers(connection: Connection, ids: Sequence[UUID], *, year: int) -> Mapping[UUID, Buyer]:
    """Enterprises with their ties and what is left to them in `year`."""
    rows = await connection.fetch(_BUYERS, ids, year)
    return {
        row["organisation_id"]: Buyer(
            party=party_of(row), tied=frozenset(row["tied"]), available_fen=row["available_fen"]
        )
        for row in rows
    }


async def find_offers(connection: Connection, product_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Offer]]:
    """All editions of products, with their providers."""
    found: dict[UUID, list[Offer]] = {}
    for row in await connection.fetch(_OFFERED, product_ids):
        offer = Offer(
            product_id=row["product_id"],
            edition=row["edition"],
            version=row["offer_version"],
            provider=party_of(row),
            product_name=row["product_name"],
            class_code=row["class_code"],
            components={
                code: Price(unit=one["unit"], price_fen=one["price_fen"]) for code, one in row["components"].items()
            },
            voucher=row["voucher"],
            service_standard=row["service_standard"],
            effective_at=row["effective_at"],
            delisted_at=row["delisted_at"],
        )
        found.setdefault(offer.product_id, []).append(offer)
    return found


async def find_parties(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, Party]:
    """Parties by id."""
    return {row["organisation_id"]: party_of(row) for row in await connection.fetch(_PARTIES_BY_ID, ids)}
