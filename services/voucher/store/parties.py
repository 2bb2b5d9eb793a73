"""The local copy of the parties, fed by identity's organisation facts and read by the rules."""

from collections.abc import Sequence
from uuid import UUID

from services.voucher.domain.eligibility import Applicant
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.sql import Connection
from shared.runtime.work import Work

_READ = """
SELECT organisation_id, kind, region, authenticated, legal_person, established_on, size_class, priority_listed,
       suspended_since, closed
FROM party WHERE organisation_id = ANY($1::uuid[])
"""
# A fact of the same version is taken: identity says its newest facts again when copies keep more (ADR 0021).
_COPY_PARTIES = """
INSERT INTO party (organisation_id, kind, name, region, authenticated, legal_person, established_on, size_class,
                   priority_listed, suspended_since, closed, version)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::bool[], $7::date[], $8::text[],
                     $9::bool[], $10::timestamptz[], $11::bool[], $12::int[])
ON CONFLICT (organisation_id) DO UPDATE SET kind = EXCLUDED.kind, name = EXCLUDED.name, region = EXCLUDED.region,
    authenticated = EXCLUDED.authenticated, legal_person = EXCLUDED.legal_person,
    established_on = EXCLUDED.established_on, size_class = EXCLUDED.size_class,
    priority_listed = EXCLUDED.priority_listed, suspended_since = EXCLUDED.suspended_since, closed = EXCLUDED.closed,
    version = EXCLUDED.version
WHERE party.version <= EXCLUDED.version
"""


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep the newest state of each organisation; a fact that is older than what is kept changes nothing."""
    newest = {fact.organisation_id: fact for fact in sorted(facts, key=lambda fact: fact.version)}
    kept = list(newest.values())
    await work.connection.execute(
        _COPY_PARTIES,
        [fact.organisation_id for fact in kept],
        [fact.party.kind for fact in kept],
        [fact.party.name for fact in kept],
        [fact.party.region for fact in kept],
        [fact.party.authenticated for fact in kept],
        [fact.party.legal_person for fact in kept],
        [fact.party.established_on for fact in kept],
        [fact.party.size_class for fact in kept],
        [fact.party.priority_listed for fact in kept],
        [fact.party.suspended_since for fact in kept],
        [fact.party.closed for fact in kept],
        [fact.version for fact in kept],
    )


async def read_applicants(connection: Connection, organisations: Sequence[UUID]) -> dict[UUID, Applicant]:
    """The known organisations among these, by id."""
    rows = await connection.fetch(_READ, organisations)
    names = Applicant.__struct_fields__
    return {row["organisation_id"]: Applicant(**{name: row[name] for name in names}) for row in rows}
