"""Settlement's copies of parties and of their ties are what the newest fact says, in whatever order facts come."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import msgspec
import pytest

from services.settlement.handlers.copies import copy_ties
from services.settlement.handlers.parties import copy_parties
from shared.contracts.messages.identity import (
    AffiliationEnded,
    AffiliationRecorded,
    OrganisationFact,
    OrganisationReinstated,
    OrganisationSuspended,
)
from tests.factories.settlement import START, Flow, a_flow, a_party

LATER = START + timedelta(days=1)


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


def a_history() -> list[OrganisationFact]:
    """A provider is suspended, reinstated under another name, and blacklisted."""
    organisation_id = uuid4()
    first, second = a_party("甲公司", "provider"), a_party("乙公司", "provider")
    suspended = msgspec.structs.replace(first, suspended_since=START)
    blacklisted = msgspec.structs.replace(second, suspended_since=LATER, blacklisted=True, closed=True)
    return [
        OrganisationSuspended(version=1, organisation_id=organisation_id, party=suspended),
        OrganisationReinstated(version=2, organisation_id=organisation_id, party=second),
        OrganisationSuspended(version=3, organisation_id=organisation_id, party=blacklisted),
    ]


async def test_an_older_fact_of_a_party_changes_nothing(flow: Flow) -> None:
    runtime = flow.platform.runtime("settlement")
    for order in permutations(range(3)):
        for together in (False, True):
            history = a_history()
            facts = [history[place] for place in order]
            for call in [facts] if together else [[fact] for fact in facts]:
                async with runtime.work() as work:
                    await copy_parties(work, call)
            async with runtime.reading() as connection:
                row = await connection.fetchrow(
                    "SELECT name, suspended_since, blacklisted, closed, version FROM party WHERE organisation_id = $1",
                    history[0].organisation_id,
                )
            assert tuple(row) == ("乙公司", LATER, True, True, 3), (order, together)


@pytest.mark.requirement("R63")
async def test_an_older_fact_of_a_tie_does_not_bring_it_back(flow: Flow) -> None:
    runtime = flow.platform.runtime("settlement")
    tie = {"affiliation_id": uuid4(), "enterprise_id": uuid4(), "provider_id": uuid4()}
    recorded = AffiliationRecorded(version=1, kind="property_tie", recorded_at=START, **tie)
    ended = AffiliationEnded(version=2, ended_at=LATER, **tie)
    for fact in (recorded, ended, recorded):
        async with runtime.work() as work:
            await copy_ties(work, [fact])
    async with runtime.reading() as connection:
        row = await connection.fetchrow(
            "SELECT kind, ended, version FROM affiliation WHERE affiliation_id = $1", tie["affiliation_id"]
        )
    assert tuple(row) == ("property_tie", True, 2)
