"""What was done to a claim, a request for appropriation and an override, by whom and why. Source: R7, R8, R9.

Overrides and the bureau's questions are staff's own matter: a provider is told what came of them, not who said what.
"""

from uuid import UUID

from sqlalchemy import literal, select, true, union_all

from services.settlement.tables import APPROPRIATION, CLAIM, ITEM, OVERRIDE, QUESTION, RUNTIME
from shared.contracts.http.lists import Page
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Place, fetch_all, fetch_one, fetch_value
from shared.runtime.work import HistoryItem, NotFound, history_of

_OVERRIDE_ID = RUNTIME.decision.c.facts["override_id"].astext


async def read_claim_history(
    connection: Connection, claim_id: UUID, *, provider_id: UUID | None, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Every act on a claim, its questions and overrides, and on the requests it is in. Raises: NotFound.

    A draft is its provider's own matter.
    """
    visible = CLAIM.c.filed_at.is_not(None) if provider_id is None else CLAIM.c.provider_id == provider_id
    if await fetch_one(connection, select(CLAIM.c.id).where(CLAIM.c.id == claim_id, visible)) is None:
        raise NotFound
    requests = select(ITEM.c.appropriation_id.label("id")).where(
        ITEM.c.claim_id == claim_id, ITEM.c.appropriation_id.is_not(None)
    )
    questions = select(QUESTION.c.id).where(QUESTION.c.claim_id == claim_id)
    concerned = requests if provider_id is not None else union_all(requests, questions)
    subjects = {claim_id, *(row["id"] for row in await fetch_all(connection, concerned))}
    only = None if provider_id is None else _OVERRIDE_ID.is_(None)
    return await history_of(connection, RUNTIME, subjects, reader=reader, place=place, only=only)


async def read_appropriation_history(
    connection: Connection, appropriation_id: UUID, *, provider_id: UUID | None, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Every act on a request for appropriation. Raises: NotFound."""
    own = true() if provider_id is None else APPROPRIATION.c.provider_id == provider_id
    found = select(APPROPRIATION.c.id).where(APPROPRIATION.c.id == appropriation_id, own)
    if await fetch_one(connection, found) is None:
        raise NotFound
    return await history_of(connection, RUNTIME, [appropriation_id], reader=reader, place=place)


async def read_override_history(
    connection: Connection, override_id: UUID, *, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Every act on an override; each is a decision on its claim. Raises: NotFound."""
    claim_id = await fetch_value(connection, select(OVERRIDE.c.claim_id).where(OVERRIDE.c.id == override_id))
    if claim_id is None:
        raise NotFound
    only = literal(str(override_id)) == _OVERRIDE_ID
    return await history_of(connection, RUNTIME, [claim_id], reader=reader, place=place, only=only, facts=False)
