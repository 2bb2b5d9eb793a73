"""Ties between an enterprise and a provider: what ties them, where the word of it comes from, and how it counts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class AffiliationKind(StrEnum):
    """What ties an enterprise to a provider. Source: A13(4), R63."""

    SUBORDINATION = "subordination"
    JOINT_ESTABLISHMENT = "joint_establishment"
    PROPERTY_TIE = "property_tie"
    SAME_CODE = "same_code"
    """One credit code holds both kinds: recorded by itself, for ever."""
    SAME_PARTY = "same_party"
    """A reviewer found two registrations to be one company."""


class AffiliationStanding(StrEnum):
    """What became of a tie that a party declared; what staff or the platform recorded is confirmed from the first."""

    DECLARED = "declared"
    """In force, because a doubt must not let public money through, until somebody judges it."""
    REPEATED = "repeated"
    """Declared once more after a dismissal: in force only once it is confirmed."""
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


UNJUDGED = frozenset({AffiliationStanding.DECLARED, AffiliationStanding.REPEATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Affiliation:
    """A tie of a pair: `origin` is declared (by a party), recorded (by the operator) or automatic."""

    enterprise_id: UUID
    provider_id: UUID
    kind: AffiliationKind
    source: str
    origin: str
    standing: AffiliationStanding = AffiliationStanding.CONFIRMED


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAffiliation(Affiliation):
    """A tie as it is stored; `version` counts what was told of it, and is 0 while it is not in force."""

    id: UUID
    recorded_by: UUID | None
    ended_at: datetime | None
    version: int
