"""Evidence in and out: raw files, judged before anything is stored, sealed before they are written."""

from functools import partial
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from services.settlement.api.reads import record_read
from services.settlement.api.scopes import ScopedReader
from services.settlement.domain.evidence import EvidenceFacts
from services.settlement.handlers.claims import provider_of
from services.settlement.handlers.evidence import EvidenceResult, FileEvidence, file_evidence
from services.settlement.views import claims as views
from shared.contracts.permissions import Permission
from shared.documents import loose_files
from shared.documents.blobs import EncryptedBlobs
from shared.documents.inspection import DocumentLimits
from shared.documents.transfers import Download, IncomingFile, Transfers, file_body
from shared.documents.uploads import Inspections, keep_if_recorded
from shared.kernel.money import MAX_FEN
from shared.runtime.auth import Principal
from shared.runtime.http import Day, Run, actor_of, reading_for_caller, require, runtime_of

router = APIRouter(tags=["兑现材料"])

LIMITS = DocumentLimits()
_MEDIA = ("application/pdf", "image/png", "image/jpeg")

Filer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_FILE))]
EvidenceKindName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


@router.put(
    "/claims/{claim_id}/documents/{order_id}/{kind}",
    response_model=EvidenceResult,
    summary="上传兑现材料",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _MEDIA},
        }
    },
)
async def put_evidence(  # noqa: PLR0913 - the parts of one upload
    *,
    request: Request,
    run: Run,
    claim_id: UUID,
    order_id: UUID,
    kind: EvidenceKindName,
    principal: Filer,
    incoming: Annotated[IncomingFile, Depends(file_body(bytes_max=LIMITS.size_max_bytes))],
    reference: Annotated[str, Query(max_length=64)] = "",
    amount_fen: Annotated[int | None, Query(ge=1, le=MAX_FEN)] = None,
    dated_on: Day | None = None,
) -> Response:
    """The body is the file (PDF, PNG or JPEG); number, amount and date are given in the query."""
    provider_id = provider_of(actor_of(principal))
    runtime = runtime_of(request)
    async with reading_for_caller(request) as connection:
        await views.check_own(connection, claim_id, provider_id=provider_id)
    blobs = runtime.ports.get(EncryptedBlobs)
    blob_key = f"evidence/{uuid4().hex}"
    async with incoming.taken() as file:
        async with runtime.ports.get(Transfers).loaded(file) as data:
            document = await runtime.ports.get(Inspections).inspect(data, limits=LIMITS)
            async with runtime.work() as work:
                await loose_files.note(work.connection, blob_key)
            await blobs.put(blob_key, document.content, record_id=claim_id)
            document = document.without_content()
        command = FileEvidence(
            claim_id=claim_id,
            order_id=order_id,
            evidence_kind=kind,
            facts=EvidenceFacts(reference=reference.strip(), amount_fen=amount_fen, dated_on=dated_on),
            document=document,
            blob_key=blob_key,
            by=actor_of(principal),
        )
        return await keep_if_recorded(run.run(file_evidence, command), blobs=blobs, blob_key=blob_key)


@router.get("/claims/{claim_id}/documents/{order_id}/{kind}", summary="查看兑现材料")
async def get_evidence(  # noqa: PLR0913 - the parts of an address
    *,
    request: Request,
    claim_id: UUID,
    order_id: UUID,
    kind: EvidenceKindName,
    reader: ScopedReader,
    delivery: Download,
) -> Response:
    """The file itself, for its provider and for the reviewers; who reads it is recorded before it leaves."""
    runtime = runtime_of(request)
    async with runtime.work() as work:
        stored = await views.find_document(
            work.connection, claim_id, order_id=order_id, kind=kind, provider_id=reader.provider_id
        )
        await record_read(work, reader, what="document", claim_id=claim_id, order_id=order_id, kind=kind)
    opening = partial(runtime.ports.get(EncryptedBlobs).get, stored.blob_key, record_id=claim_id)
    headers = {
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{stored.sha256}"',
    }
    return await delivery.answer(opening, media_type=stored.media_type, headers=headers)
