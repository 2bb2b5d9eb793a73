"""Reads the local copy of the parties for the rules."""

from collections.abc import Sequence
from uuid import UUID

from services.voucher.domain.eligibility import Applicant
from shared.runtime.sql import Connection

_READ = """
SELECT organisation_id, kind, region, authenticated, legal_person, established_on, size_class, priority_listed,
       suspended_since, closed
FROM party WHERE organisation_id = ANY($1::uuid[])
"""


async def read_applicants(connection: Connection, organisations: Sequence[UUID]) -> dict[UUID, Applicant]:
    """The known organisations among these, by id."""
    rows = await connection.fetch(_READ, organisations)
    names = Applicant.__struct_fields__
    return {row["organisation_id"]: Applicant(**{name: row[name] for name in names}) for row in rows}
