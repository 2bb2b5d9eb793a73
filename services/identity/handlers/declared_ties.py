"""Ties that a party declared by itself, as the operator judges them: confirmed, or dismissed with a reason."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.affiliations import UNJUDGED, AffiliationStanding, RecordedAffiliation
from services.identity.domain.standing_refusals import AffiliationJudgedAlready
from services.identity.handlers.affiliations import (
    CONFIRM,
    DISMISS,
    AffiliationResult,
    end_tie,
    lock_tie,
    result_of,
    say_recorded,
    tell_parties,
)
from services.identity.store import affiliations as store
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAffiliation:
    """What the operator found out about a declared tie."""

    affiliation_id: UUID
    reason: str
    by: Actor


async def confirm_affiliation(work: Work, command: JudgeAffiliation) -> AffiliationResult:
    """Confirm a declared tie; one that was declared again after a dismissal is in force from now on.

    Emits: AffiliationRecorded for the latter. Raises: NotFound, AffiliationEndedAlready, AffiliationJudgedAlready,
    AffiliationRecordedAlready. Source: A13(4), R63.
    """
    tie = await _lock_unjudged(work, command)
    result = result_of(tie, standing=AffiliationStanding.CONFIRMED, version=1)
    await store.confirm_affiliation(work, tie.id, version=result.version)
    if tie.standing is AffiliationStanding.REPEATED:
        say_recorded(work, result, origin=tie.origin)
    tell_parties(work, result, by=command.by, act=CONFIRM, ground=command.reason)
    return result


async def dismiss_affiliation(work: Work, command: JudgeAffiliation) -> AffiliationResult:
    """Dismiss a declared tie: the pair may trade again, and the party's word alone does not bring it back.

    Emits: AffiliationEnded where it was in force. Raises: NotFound, AffiliationEndedAlready, AffiliationJudgedAlready.
    Source: A13(4), R63.
    """
    tie = await _lock_unjudged(work, command)
    result = await end_tie(work, tie, standing=AffiliationStanding.DISMISSED, reason=command.reason)
    tell_parties(work, result, by=command.by, act=DISMISS, ground=command.reason)
    return result


async def _lock_unjudged(work: Work, command: JudgeAffiliation) -> RecordedAffiliation:
    tie = await lock_tie(work, command.affiliation_id)
    if tie.standing not in UNJUDGED:
        raise AffiliationJudgedAlready
    return tie
