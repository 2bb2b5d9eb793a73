"""The copy of an organisation is what its newest fact says, in whatever order the facts come (ADR 0025)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.order.handlers.facts import copy_ties
from services.order.handlers.parties import copy_parties
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded, OrganisationAuthenticated
from tests.factories.trade import Market, a_party

NEWEST, OLDER, OLDEST = 9, 8, 7


async def copied(market: Market, facts: Sequence[OrganisationAuthenticated]) -> tuple[dict[str, Any], Any]:
    """The copy after these facts, and when the suspension that it tells of is looked at."""
    async with market.platform.runtime("order").work() as work:
        await copy_parties(work, facts)
    organisation_id = facts[0].organisation_id
    party = await market.rows("SELECT * FROM party WHERE organisation_id = $1", organisation_id)
    timers = await market.rows("SELECT due_at FROM timer WHERE kind = 'suspension' AND key = $1", organisation_id)
    return party[0], [timer["due_at"] for timer in timers]


@pytest.mark.requirement("R66")
async def test_an_older_fact_changes_nothing_of_a_copy_and_of_its_timer(market: Market) -> None:
    """Were it taken, a suspended organisation would trade again, or end its orders later than it must."""
    organisation_id = uuid4()
    begins = market.platform.runtime("order").clock.now() + timedelta(days=1)

    def fact(version: int, **changes: Any) -> OrganisationAuthenticated:
        party = a_party("provider", **changes)
        return OrganisationAuthenticated(version=version, organisation_id=organisation_id, party=party)

    newest = fact(NEWEST, name="新名", suspended_since=begins)
    told = await copied(market, [newest])
    assert (told[0]["version"], told[0]["suspended_since"], told[1]) == (NEWEST, begins, [begins])
    assert await copied(market, [fact(OLDER, name="旧名", suspended_since=begins + timedelta(days=9))]) == told
    assert await copied(market, [newest]) == told


async def test_of_several_facts_of_one_call_the_newest_is_kept(market: Market) -> None:
    organisation_id = uuid4()
    facts = [
        OrganisationAuthenticated(
            version=version, organisation_id=organisation_id, party=a_party("provider", name=f"第{version}版")
        )
        for version in (OLDER, NEWEST, OLDEST)
    ]
    party, timers = await copied(market, facts)
    assert (party["version"], party["name"], timers) == (NEWEST, f"第{NEWEST}版", [])


@pytest.mark.requirement("R63")
async def test_an_older_fact_of_a_tie_does_not_bring_it_back(market: Market) -> None:
    tie = {"affiliation_id": uuid4(), "enterprise_id": uuid4(), "provider_id": uuid4()}
    recorded, ended = AffiliationRecorded(version=1, kind="property_tie", **tie), AffiliationEnded(version=2, **tie)
    for fact in (recorded, ended, recorded):
        async with market.platform.runtime("order").work() as work:
            await copy_ties(work, [fact])
    (row,) = await market.rows(
        "SELECT version, ended FROM affiliation WHERE affiliation_id = $1", tie["affiliation_id"]
    )
    assert dict(row) == {"version": 2, "ended": True}
