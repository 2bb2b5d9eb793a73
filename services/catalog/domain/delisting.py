"""Delisting of one product: grounds of the pack, evidence, and a second person. Source: A12(2), R50-R54, Q18."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.catalog.domain.refusals import (
    CorrectionDueOutOfRange,
    CorrectionFirst,
    DelistingDecided,
    DelistingSamePerson,
    GroundUnknown,
    NotProposer,
)
from shared.contracts.policy import DelistingGround, PolicyPack
from shared.kernel.proposals import check_in_time
from shared.kernel.states import Transitions

WITHDRAWN = "withdrawn"
"""The ground of a product that its own provider took off."""


CORRECTION_MAX = timedelta(days=366)


class DelistingState(StrEnum):
    """Where a proposal stands. `lapsed`: nobody decided it in time, or before the product was off."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


DELISTING_MOVES = Transitions(
    {
        (DelistingState.PROPOSED, DelistingState.APPROVED),
        (DelistingState.PROPOSED, DelistingState.REFUSED),
        (DelistingState.PROPOSED, DelistingState.WITHDRAWN),
        (DelistingState.PROPOSED, DelistingState.LAPSED),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delisting:
    """A proposal to take one product off the directory."""

    id: UUID
    product_id: UUID
    version: int
    state: DelistingState
    ground: str
    evidence: str
    proposed_by: UUID
    proposed_at: datetime
    statement: str = ""


def ground_of(code: str, *, pack: PolicyPack) -> DelistingGround:
    """The ground of that code. Raises: GroundUnknown. Source: A12(2)."""
    found = next((ground for ground in pack.delisting_grounds if ground.code == code), None)
    if found is None:
        raise GroundUnknown(ground=code)
    return found


def check_correction_due(due_at: datetime, *, now: datetime) -> None:
    """Refuse a correction order that ends at once or after more than a year. Raises: CorrectionDueOutOfRange."""
    if not now < due_at <= now + CORRECTION_MAX:
        raise CorrectionDueOutOfRange


def check_correction(ground: DelistingGround, *, corrections_due_at: Iterable[datetime], now: datetime) -> None:
    """Refuse a ground that needs a correction order whose time is over. Raises: CorrectionFirst. Source: R54."""
    if ground.correction_order_first and not any(due_at <= now for due_at in corrections_due_at):
        raise CorrectionFirst(ground=ground.code)


def decide(delisting: Delisting, *, by: UUID, outcome: DelistingState, now: datetime) -> Delisting:
    """The proposal approved or refused by a second person.

    Raises: DelistingDecided, DelistingSamePerson, ProposalLapsed.
    """
    if delisting.state is DelistingState.LAPSED:
        check_in_time(delisting.proposed_at, now=now)
    _check_open(delisting)
    if by == delisting.proposed_by:
        raise DelistingSamePerson
    if outcome is DelistingState.APPROVED:
        check_in_time(delisting.proposed_at, now=now)
    DELISTING_MOVES.check(delisting.state, outcome)
    return replace(delisting, state=outcome, version=delisting.version + 1)


def withdraw(delisting: Delisting, *, by: UUID) -> Delisting:
    """The proposal taken back by whoever made it. Raises: DelistingDecided, NotProposer."""
    _check_open(delisting)
    if by != delisting.proposed_by:
        raise NotProposer
    DELISTING_MOVES.check(delisting.state, DelistingState.WITHDRAWN)
    return replace(delisting, state=DelistingState.WITHDRAWN, version=delisting.version + 1)


def lapse(delisting: Delisting) -> Delisting:
    """The proposal that nobody decided in time."""
    DELISTING_MOVES.check(delisting.state, DelistingState.LAPSED)
    return replace(delisting, state=DelistingState.LAPSED, version=delisting.version + 1)


def _check_open(delisting: Delisting) -> None:
    if delisting.state is not DelistingState.PROPOSED:
        raise DelistingDecided(state=delisting.state.value)


def answer(delisting: Delisting, *, statement: str) -> Delisting:
    """The proposal with the provider's own words, which the second person reads first. Raises: DelistingDecided."""
    _check_open(delisting)
    return replace(delisting, statement=statement, version=delisting.version + 1)
