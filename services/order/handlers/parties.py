"""The copy of parties, fed by identity's facts."""

from collections.abc import Sequence

from services.order.store import parties
from shared.contracts.messages.identity import OrganisationFact
from shared.runtime.work import Work

SUSPENSION_TIMER = "suspension"


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep each organisation as its newest fact says; one that may not act ends its unconfirmed orders in time.

    Source: A12.
    """
    newest = {fact.organisation_id: fact for fact in sorted(facts, key=lambda fact: fact.version)}
    taken = await parties.copy_parties(work, newest.values())
    for fact in newest.values():
        since = fact.party.suspended_since
        if fact.organisation_id in taken and (fact.party.closed or since is not None):
            due_at = max(since or work.now, work.now)
            work.set_timer(SUSPENSION_TIMER, key=fact.organisation_id, due_at=due_at)
