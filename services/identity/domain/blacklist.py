"""What the external decision behind a listing, or behind its end, must be."""

from dataclasses import dataclass
from datetime import date

from services.identity.domain.standing_refusals import ExternalDecisionInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalDecision:
    """A decision of an organ outside the scheme. Source: Q19."""

    organ: str
    number: str
    decided_on: date


def check_dated(decided_on: date, *, today: date) -> None:
    """Accept a decision that was taken; `today` is a business date. Raises: ExternalDecisionInvalid. Source: Q19."""
    if decided_on > today:
        raise ExternalDecisionInvalid


def check_follows(decision: ExternalDecision, *, first: ExternalDecision) -> None:
    """Accept another decision than the first one, not older. Raises: ExternalDecisionInvalid. Source: A12, Q19."""
    same = _folded(decision) == _folded(first)
    if same or decision.decided_on < first.decided_on:
        raise ExternalDecisionInvalid


def _folded(decision: ExternalDecision) -> tuple[str, str]:
    organ, number = ("".join(text.split()).casefold() for text in (decision.organ, decision.number))
    return organ, number
