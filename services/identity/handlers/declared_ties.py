"""Ties that a party declared by itself, as the operator judges them: confirmed, or dismissed with a reason."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
from sqlalchemy import update

from services.identity.domain.refusals import AffiliationRecordedAlready
from services.identity.domain.standing_refusals import AffiliationJudgedAlready
from services.identity.handlers.affiliations import (
    CONFIRM,
    DISMISS,
    UNJUDGED,
    AffiliationOutcome,
    TieStanding,
    end_tie,
    lock_tie,
    outcome_of,
    say_recorded,
    tell_parties,
)
from services.identity.tables import AFFILIATION
from shared.runtime.sql import Record, execute
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAffiliation:
    """What the operator found out about a declared tie."""

    affiliation_id: UUID
    reason: str
    by: Actor


async def confirm_affiliation(work: Work, command: JudgeAffiliation) -> AffiliationOutcome:
    """Confirm a declared tie; one that was declared again after a dismissal is in force from now on.

    Emits: AffiliationRecorded for the latter. Raises: NotFound, AffiliationEndedAlready, AffiliationJudgedAlready,
    AffiliationRecordedAlready. Source: A13(4), R63.
    """
    row = await _lock_unjudged(work, command)
    outcome = outcome_of(row, standing=TieStanding.CONFIRMED, version=1)
    values = {"standing": outcome.standing.value, "version": outcome.version}
    try:
        await execute(work.connection, update(AFFILIATION).where(AFFILIATION.c.id == outcome.id).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise AffiliationRecordedAlready from error
    if row["standing"] == TieStanding.REPEATED:
        say_recorded(work, outcome, origin=row["origin"])
    tell_parties(work, outcome, by=command.by, act=CONFIRM, ground=command.reason)
    return outcome


async def dismiss_affiliation(work: Work, command: JudgeAffiliation) -> AffiliationOutcome:
    """Dismiss a declared tie: the pair may trade again, and the party's word alone does not bring it back.

    Emits: AffiliationEnded where it was in force. Raises: NotFound, AffiliationEndedAlready, AffiliationJudgedAlready.
    Source: A13(4), R63.
    """
    row = await _lock_unjudged(work, command)
    outcome = await end_tie(work, row, standing=TieStanding.DISMISSED, reason=command.reason)
    tell_parties(work, outcome, by=command.by, act=DISMISS, ground=command.reason)
    return outcome


async def _lock_unjudged(work: Work, command: JudgeAffiliation) -> Record:
    row = await lock_tie(work, command.affiliation_id)
    if row["standing"] not in UNJUDGED:
        raise AffiliationJudgedAlready
    return row
