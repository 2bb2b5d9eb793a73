"""The copy of parties, as the catalog's decisions and its directory need them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from services.catalog.domain.rules import Provider
from services.catalog.domain.search import fold
from services.catalog.tables import PARTY
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.sql import Connection, fetch_one
from shared.runtime.work import Work

# A fact of the same version is taken: identity says its newest facts again when copies keep more (ADR 0021).
_COPY_PARTIES = """
INSERT INTO party (organisation_id, version, kind, name, search_text, region, authenticated, recognised,
                   suspended_since, closed)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::bool[],
                     $9::timestamptz[], $10::bool[])
ON CONFLICT (organisation_id) DO UPDATE SET
    version = EXCLUDED.version, kind = EXCLUDED.kind, name = EXCLUDED.name, search_text = EXCLUDED.search_text,
    region = EXCLUDED.region, authenticated = EXCLUDED.authenticated, recognised = EXCLUDED.recognised,
    suspended_since = EXCLUDED.suspended_since, closed = EXCLUDED.closed
WHERE party.version <= EXCLUDED.version
"""
_PROVIDER_KIND = "provider"


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep the newest state of each organisation."""
    newest: dict[UUID, OrganisationFact] = {}
    for fact in sorted(facts, key=lambda fact: fact.version):
        newest[fact.organisation_id] = fact
    rows = [
        (
            organisation_id,
            fact.version,
            fact.party.kind,
            fact.party.name,
            fold(fact.party.name),
            fact.party.region,
            fact.party.authenticated,
            fact.party.recognised,
            fact.party.suspended_since,
            fact.party.closed,
        )
        for organisation_id, fact in sorted(newest.items())
    ]
    await work.connection.execute(_COPY_PARTIES, *[list(column) for column in zip(*rows, strict=True)])


async def find_provider(connection: Connection, organisation_id: UUID | None) -> Provider | None:
    """The provider as the copy knows it, or None when it is unknown or no provider."""
    row = await fetch_one(
        connection,
        select(PARTY).where(PARTY.c.organisation_id == organisation_id, PARTY.c.kind == _PROVIDER_KIND),
    )
    if row is None:
        return None
    return Provider(
        id=row["organisation_id"],
        authenticated=row["authenticated"],
        recognised=row["recognised"],
        suspended_since=row["suspended_since"],
        closed=row["closed"],
    )
