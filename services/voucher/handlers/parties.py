"""The local copy of the parties, fed by identity's organisation facts."""

from collections.abc import Sequence

from services.voucher.store import parties
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.work import Work


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep what the queue needs to know of organisations, as each is after its newest fact."""
    await parties.copy_parties(work, facts)
