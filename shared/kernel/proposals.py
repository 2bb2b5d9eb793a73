"""How long what one person proposed waits for another one: the same time for every such act."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from shared.kernel.refusals import Refusal, RefusalKind

PROPOSAL_DAYS: Final = 7
PROPOSAL_AGE_MAX: Final = timedelta(days=PROPOSAL_DAYS)
LAPSE_REASON: Final = f"{PROPOSAL_DAYS}日内未获批准"


class ProposalLapsed(Refusal):
    """Nobody approved the proposal in time: what it was made on may have changed since. Source: R8, ASVS 2.3.5."""

    code: ClassVar[str] = "proposal.lapsed"
    kind: ClassVar[RefusalKind] = RefusalKind.STATE
    zh: ClassVar[str] = f"该提请提出已满{PROPOSAL_DAYS}日仍未获批准，已经失效；仍有需要的，请重新提出。"


def lapses_at(proposed_at: datetime) -> datetime:
    """The moment from which a proposal is not approved any more."""
    return proposed_at + PROPOSAL_AGE_MAX


def lapse_text(what: str) -> str:
    """What whoever proposed it is told of a proposal that has lapsed."""
    return f"您提出的{what}已满{PROPOSAL_DAYS}日未获批准，已经失效；仍有需要的，请重新提出。"


def lapsed_before(now: datetime) -> datetime:
    """A proposal that was made at this moment or earlier has lapsed."""
    return now - PROPOSAL_AGE_MAX


def check_in_time(proposed_at: datetime, *, now: datetime) -> None:
    """Refuse to approve what waited too long. Raises: ProposalLapsed."""
    if proposed_at <= lapsed_before(now):
        raise ProposalLapsed
