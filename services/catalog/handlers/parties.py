"""The copy of parties, fed by identity's facts."""

from collections.abc import Sequence

from services.catalog import store
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.work import Work


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep each organisation as it is after its newest fact; a suspension or reinstatement works at once."""
    await store.copy_parties(work, facts)
