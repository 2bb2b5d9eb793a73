"""The copy of parties, fed by identity's facts."""

from collections.abc import Sequence

from services.catalog.store import parties
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.work import Work


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep each organisation as it is after its newest fact; a suspension or reinstatement works at once.

    An older fact changes nothing, whenever it comes.
    """
    await parties.copy_parties(work, facts)
