"""Copies of what other services own: ties, offers, balances; written by facts, read by decisions with their parties."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.order.domain.terms import Buyer, Offer, PartyCopy, Price
from shared.contracts.messages.catalog import ProductDelisted, ProductPublished
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.voucher import QuotaMoved
from shared.runtime.sql import Connection, Record
from shared.runtime.work import Work

_TIES = """
INSERT INTO affiliation (affiliation_id, enterprise_id, provider_id, kind, version, ended)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bool[])
ON CONFLICT (affiliation_id) DO UPDATE SET version = EXCLUDED.version, ended = EXCLUDED.ended
WHERE affiliation.version <= EXCLUDED.version
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
_PARTY_COLUMNS = tuple(name for name in PartyCopy.__struct_fields__ if name != "id")
OF_PARTY = ", ".join(f"p.{name}" for name in ("organisation_id", *_PARTY_COLUMNS))
"""The columns of `party p` that `party_of` reads."""
_BUYERS = f"""
SELECT {OF_PARTY},
       COALESCE((SELECT available_fen FROM balance b WHERE b.enterprise_id = p.organisation_id AND b.year = $2), 0)
           AS available_fen,
       (SELECT jsonb_object_agg(a.provider_id, a.kind) FROM affiliation a
        WHERE a.enterprise_id = p.organisation_id AND NOT a.ended) AS ties
FROM party p WHERE p.organisation_id = ANY($1::uuid[]) AND p.kind = 'enterprise'
"""  # noqa: S608 - column names from this module
_OFFERED = f"""
SELECT o.product_id, o.edition, o.version AS offer_version, o.product_name, o.class_code, o.components, o.voucher,
       o.service_standard, o.effective_at, o.delisted_at, {OF_PARTY}
FROM offer o JOIN party p ON p.organisation_id = o.provider_id WHERE o.product_id = ANY($1::uuid[])
"""  # noqa: S608 - as above
_STANDING_TIES = """
SELECT affiliation_id, enterprise_id, provider_id FROM affiliation WHERE affiliation_id = ANY($1::uuid[]) AND NOT ended
"""


def columns_of(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as the arrays of their columns."""
    return [list(column) for column in zip(*rows, strict=True)]


async def copy_ties(work: Work, facts: Sequence[AffiliationRecorded | AffiliationEnded]) -> None:
    """Record or end ties."""
    rows = [
        (
            *(fact.affiliation_id, fact.enterprise_id, fact.provider_id),
            *(fact.kind if isinstance(fact, AffiliationRecorded) else "", fact.version),
            isinstance(fact, AffiliationEnded),
        )
        for fact in facts
    ]
    await work.connection.execute(_TIES, *columns_of(rows))


async def copy_offers(work: Work, facts: Sequence[ProductPublished]) -> None:
    """Keep every published edition: orders refer to what they were placed on."""
    rows = [
        (
            *(fact.product_id, fact.edition, fact.provider_id, fact.version, fact.product_name, fact.class_code),
            {one.code: {"name": one.name, "unit": one.unit, "price_fen": one.price_fen} for one in fact.components},
            *(fact.voucher, fact.service_standard, fact.effective_at),
        )
        for fact in facts
    ]
    await work.connection.execute(_OFFERS, *columns_of(rows))


async def copy_delistings(work: Work, facts: Sequence[ProductDelisted]) -> None:
    """End the editions of products."""
    await work.connection.execute(
        _DELIST, *columns_of([(fact.product_id, fact.version, fact.effective_at) for fact in facts])
    )


async def copy_balances(work: Work, facts: Sequence[QuotaMoved]) -> None:
    """Keep what is left on quota accounts, for quotes."""
    rows = [(fact.enterprise_id, fact.year, fact.version, fact.available_fen) for fact in facts]
    await work.connection.execute(_BALANCES, *columns_of(rows))


def party_of(row: Record) -> PartyCopy:
    """The party of a row that has its columns."""
    return PartyCopy(id=row["organisation_id"], **{name: row[name] for name in _PARTY_COLUMNS})


async def find_buyers(connection: Connection, ids: Sequence[UUID], *, year: int) -> Mapping[UUID, Buyer]:
    """Enterprises with their ties and what is left to them in `year`."""
    rows = await connection.fetch(_BUYERS, ids, year)
    return {
        row["organisation_id"]: Buyer(
            party=party_of(row),
            ties={UUID(provider_id): kind for provider_id, kind in (row["ties"] or {}).items()},
            available_fen=row["available_fen"],
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


async def find_ties(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, UUID]]:
    """Enterprise and provider of the ties that stand, by tie."""
    rows = await connection.fetch(_STANDING_TIES, ids)
    return {row["affiliation_id"]: (row["enterprise_id"], row["provider_id"]) for row in rows}
