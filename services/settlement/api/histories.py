"""Who did what to a claim, a request for appropriation and an override, in the form of every service's histories."""

from uuid import UUID

from fastapi import APIRouter, Request

from services.settlement.api.reads import record_read
from services.settlement.api.scopes import ScopedReader, StaffReader
from services.settlement.views import histories as views
from shared.contracts.http.lists import Page
from shared.runtime.http import AskedPlace, Reading, runtime_of
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["监督"])


@router.get("/claims/{claim_id}/history", summary="兑现申请全过程")
async def read_claim_history(
    request: Request, connection: Reading, claim_id: UUID, reader: ScopedReader, place: AskedPlace
) -> Page[HistoryItem]:
    """Who did what to a claim, when, why; auditors and supervisors see the person, everybody else the role.

    That somebody else than its provider reads it is recorded, as of the claim itself. Source: R7, R8, R9.
    """
    history = await views.read_claim_history(
        connection, claim_id, provider_id=reader.provider_id, reader=reader.principal, place=place
    )
    if reader.provider_id is None:
        async with runtime_of(request).work() as work:
            await record_read(work, reader, what="claim", claim_id=claim_id, kind="history")
    return history


@router.get("/appropriations/{appropriation_id}/history", summary="资金拨付申请全过程")
async def read_appropriation_history(
    connection: Reading, appropriation_id: UUID, reader: ScopedReader, place: AskedPlace
) -> Page[HistoryItem]:
    """Who did what to a request for appropriation. Source: R7, R8, R9."""
    return await views.read_appropriation_history(
        connection, appropriation_id, provider_id=reader.provider_id, reader=reader.principal, place=place
    )


@router.get("/overrides/{override_id}/history", summary="特批全过程")
async def read_override_history(
    connection: Reading, override_id: UUID, reader: StaffReader, place: AskedPlace
) -> Page[HistoryItem]:
    """Who proposed, decided or took back an override, and why. Source: R7, R8, R9."""
    return await views.read_override_history(connection, override_id, reader=reader, place=place)
