"""The catalog's copy of parties says what the newest fact of each says, in whatever order facts come."""

from collections.abc import Sequence
from itertools import permutations
from typing import Final
from uuid import UUID

from services.catalog.handlers.parties import copy_parties
from shared.contracts.messages.identity import (
    OrganisationAuthenticated,
    OrganisationFact,
    OrganisationReinstated,
    OrganisationSuspended,
    Party,
)
from tests.factories.catalog import Catalog

NEWEST: Final = (3, "贵州云上科技集团有限公司", True)


def _facts(organisation_id: UUID) -> Sequence[OrganisationFact]:
    """Three facts of one provider, the oldest first."""

    def party(name: str, *, recognised: bool) -> Party:
        return Party(
            kind="provider",
            name=name,
            credit_code="91520100MA6DR26U9X",
            region="520100",
            authenticated=True,
            recognised=recognised,
            legal_person=True,
        )

    return (
        OrganisationAuthenticated(
            version=1, organisation_id=organisation_id, party=party("贵州云上科技有限公司", recognised=False)
        ),
        OrganisationSuspended(
            version=2, organisation_id=organisation_id, party=party("贵州云上科技有限公司", recognised=True)
        ),
        OrganisationReinstated(version=3, organisation_id=organisation_id, party=party(NEWEST[1], recognised=True)),
    )


async def _copies(catalog: Catalog) -> list[tuple[UUID, int, str, bool]]:
    async with catalog.platform.runtime("catalog").reading() as connection:
        rows = await connection.fetch(
            "SELECT organisation_id, version, name, recognised FROM party WHERE organisation_id > $1 ORDER BY 1",
            UUID(int=1_000),
        )
    return [tuple(row) for row in rows]


async def test_facts_of_a_party_that_come_out_of_order_leave_the_newest(catalog: Catalog) -> None:
    """Each order of three facts, one fact a transaction."""
    ids = [UUID(int=1_001 + number) for number in range(6)]
    for organisation_id, order in zip(ids, permutations(range(3)), strict=True):
        facts = _facts(organisation_id)
        for index in order:
            async with catalog.platform.runtime("catalog").work() as work:
                await copy_parties(work, [facts[index]])
    assert await _copies(catalog) == [(organisation_id, *NEWEST) for organisation_id in ids]


async def test_facts_of_several_parties_in_one_batch_leave_the_newest_of_each(catalog: Catalog) -> None:
    """All orders at once, then every older fact once more."""
    ids = [UUID(int=1_001 + number) for number in range(6)]
    batch = [
        _facts(organisation_id)[index]
        for organisation_id, order in zip(ids, permutations(range(3)), strict=True)
        for index in order
    ]
    older = [fact for fact in batch if fact.version < NEWEST[0]]
    for facts in (batch, older):
        async with catalog.platform.runtime("catalog").work() as work:
            await copy_parties(work, facts)
    assert await _copies(catalog) == [(organisation_id, *NEWEST) for organisation_id in ids]
