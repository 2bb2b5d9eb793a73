"""Takes an uploaded document in: judged by its content, sealed, stored, and then recorded in one transaction."""

import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.responses import Response

from services.identity.domain.refusals import DocumentKindUnknown, DocumentSideTooLong
from services.identity.handlers.documents import RecordDocument, record_document
from shared.contracts.policy import DocumentKind, PartyKind, PolicyPack
from shared.documents import loose_files
from shared.documents.blobs import EncryptedBlobs
from shared.documents.inspection import DocumentLimits, InspectedDocument
from shared.documents.spool import Spool
from shared.documents.transfers import Transfers
from shared.documents.uploads import Inspections, keep_if_recorded
from shared.kernel.ids import uuid7
from shared.runtime.http import Commands
from shared.runtime.service import Runtime
from shared.runtime.work import Actor

_PIXELS_MAX: Final = 40_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One uploaded file of an organisation."""

    organisation_id: UUID
    party: PartyKind
    kind: str
    file: Spool
    by: Actor


async def upload(runtime: Runtime, run: Commands, given: Upload) -> Response:
    """Judge, seal, store and record a document; what is refused does not stay in the store.

    Raises: DocumentKindUnknown, DocumentSideTooLong and the refusals of inspect_document. Source: R45, R65.
    """
    wanted = runtime.ports.get(PolicyPack).documents_of(given.party)
    kind = next((kind for kind in wanted if kind.code == given.kind), None)
    if kind is None:
        raise DocumentKindUnknown(kind=given.kind)
    document_id = uuid7(int(runtime.clock.now().timestamp() * 1_000), secrets.randbits(74))
    blob_key = f"documents/{secrets.token_hex(16)}"
    blobs = runtime.ports.get(EncryptedBlobs)
    async with runtime.ports.get(Transfers).loaded(given.file) as content:
        inspected = await _inspect(runtime, content, kind=kind)
        async with runtime.work() as work:
            await loose_files.note(work.connection, blob_key)
        await blobs.put(blob_key, inspected.content, record_id=document_id)
        inspected = inspected.without_content()
    command = RecordDocument(
        document_id=document_id,
        organisation_id=given.organisation_id,
        kind=given.kind,
        blob_key=blob_key,
        inspected=inspected,
        by=given.by,
    )
    recording = run.run(
        record_document,
        command,
        status=201,
        location=lambda recorded: f"/api/identity/v1/documents/{recorded.id}",
    )
    return await keep_if_recorded(recording, blobs=blobs, blob_key=blob_key)


async def _inspect(runtime: Runtime, content: bytes, *, kind: DocumentKind) -> InspectedDocument:
    limits = DocumentLimits(
        size_max_bytes=kind.max_bytes,
        pixels_max=min(_PIXELS_MAX, kind.max_side_pixels**2),
        legible_side_min_px=kind.min_side_pixels,
    )
    inspected = await runtime.ports.get(Inspections).inspect(content, limits=limits)
    if max(inspected.width_px or 0, inspected.height_px or 0) > kind.max_side_pixels:
        raise DocumentSideTooLong(side_max_px=kind.max_side_pixels)
    return inspected
