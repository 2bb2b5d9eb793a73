"""The local copy of the parties, fed by identity's organisation facts; a batch is one statement."""

from collections.abc import Sequence

from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.work import Work

# A fact of the same version is taken: identity says its newest facts again when copies keep more (ADR 0021).
_COPY_PARTIES = """
INSERT INTO party (organisation_id, kind, name, credit_code, recognised, suspended_since, blacklisted, closed,
                   version)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::bool[],
                     $8::bool[], $9::int[])
ON CONFLICT (organisation_id) DO UPDATE SET kind = EXCLUDED.kind, name = EXCLUDED.name,
    credit_code = EXCLUDED.credit_code, recognised = EXCLUDED.recognised, suspended_since = EXCLUDED.suspended_since,
    blacklisted = EXCLUDED.blacklisted, closed = EXCLUDED.closed, version = EXCLUDED.version
WHERE party.version <= EXCLUDED.version
"""


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep the newest state of each organisation; a fact that is older than what is kept changes nothing."""
    newest = {fact.organisation_id: fact for fact in sorted(facts, key=lambda fact: fact.version)}
    rows = [
        (
            *(fact.organisation_id, fact.party.kind, fact.party.name, fact.party.credit_code, fact.party.recognised),
            *(fact.party.suspended_since, fact.party.blacklisted, fact.party.closed, fact.version),
        )
        for fact in newest.values()
    ]
    await work.connection.execute(_COPY_PARTIES, *[list(column) for column in zip(*rows, strict=True)])
