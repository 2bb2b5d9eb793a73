"""The copy of organisations that decisions rest on; each row as its newest fact says."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.order.domain.terms import PartyCopy
from services.order.store.copies import OF_PARTY, columns_of, party_of
from shared.contracts.messages.identity import OrganisationFact
from shared.kernel.credit_code import normalise
from shared.runtime.sql import Connection
from shared.runtime.work import Work

# A fact of the same version is taken: identity says its newest facts again when copies keep more (ADR 0021).
_COPY = """
INSERT INTO party (organisation_id, version, kind, name, credit_code, size_class, region, authenticated, recognised,
                   closed, suspended_since)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[],
                     $9::bool[], $10::bool[], $11::timestamptz[])
ON CONFLICT (organisation_id) DO UPDATE SET version = EXCLUDED.version, kind = EXCLUDED.kind, name = EXCLUDED.name,
    credit_code = EXCLUDED.credit_code, size_class = EXCLUDED.size_class, region = EXCLUDED.region,
    authenticated = EXCLUDED.authenticated, recognised = EXCLUDED.recognised, closed = EXCLUDED.closed,
    suspended_since = EXCLUDED.suspended_since
WHERE party.version <= EXCLUDED.version
RETURNING organisation_id
"""
_FIND = f"SELECT {OF_PARTY} FROM party p WHERE p.organisation_id = ANY($1::uuid[])"  # noqa: S608 - column names


async def copy_parties(work: Work, facts: Collection[OrganisationFact]) -> set[UUID]:
    """Take over what facts say, one of each organisation, and say of which; an older fact changes nothing."""
    rows = [
        (
            *(fact.organisation_id, fact.version, fact.party.kind, fact.party.name, normalise(fact.party.credit_code)),
            *(fact.party.size_class, fact.party.region),
            *(fact.party.authenticated, fact.party.recognised, fact.party.closed, fact.party.suspended_since),
        )
        for fact in facts
    ]
    return {row["organisation_id"] for row in await work.connection.fetch(_COPY, *columns_of(rows))}


async def find_parties(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, PartyCopy]:
    """Parties by id."""
    return {row["organisation_id"]: party_of(row) for row in await connection.fetch(_FIND, ids)}
