"""Voucher's copy of a party is what its newest fact says, in whatever order facts come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import msgspec

from services.voucher.handlers.parties import copy_parties
from shared.contracts.messages.identity import OrganisationFact, OrganisationReinstated, OrganisationSuspended
from tests.factories.voucher import an_enterprise
from tests.integration.voucher.conftest import Voucher

FIRST = datetime(2030, 2, 4, tzinfo=UTC)
LATER = FIRST + timedelta(days=1)


def a_history() -> list[OrganisationFact]:
    """An enterprise is suspended, reinstated on the priority list, and suspended for good."""
    organisation_id = uuid4()
    suspended = msgspec.structs.replace(an_enterprise(), suspended_since=FIRST)
    listed = an_enterprise(listed=True)
    closed = msgspec.structs.replace(listed, suspended_since=LATER, closed=True)
    return [
        OrganisationSuspended(version=1, organisation_id=organisation_id, party=suspended),
        OrganisationReinstated(version=2, organisation_id=organisation_id, party=listed),
        OrganisationSuspended(version=3, organisation_id=organisation_id, party=closed),
    ]


async def test_an_older_fact_of_a_party_changes_nothing(voucher: Voucher) -> None:
    for order in permutations(range(3)):
        for together in (False, True):
            history = a_history()
            facts = [history[place] for place in order]
            for call in [facts] if together else [[fact] for fact in facts]:
                async with voucher.runtime.work() as work:
                    await copy_parties(work, call)
            (row,) = await voucher.rows(
                "SELECT priority_listed, suspended_since, closed, version FROM party WHERE organisation_id = $1",
                history[0].organisation_id,
            )
            assert tuple(row) == (True, LATER, True, 3), (order, together)
