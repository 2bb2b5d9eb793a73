"""Documents: uploaded by their party, read by it and by those who review."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.identity.api.dependencies import KindCode, SealedRun
from services.identity.handlers.documents import DocumentResult, DocumentRight, open_document
from services.identity.uploads import Upload, upload
from shared.contracts.permissions import Permission, Role
from shared.contracts.policy import PartyKind
from shared.documents.blobs import EncryptedBlobs
from shared.documents.transfers import Download, IncomingFile, file_body
from shared.runtime.auth import Principal
from shared.runtime.http import actor_of, principal_of, require, runtime_of
from shared.runtime.work import NotFound, PermissionMissing

router = APIRouter()

UPLOAD_BYTES_MAX: Final = 24 * 1024 * 1024
"""The most that a policy pack may ask for; what a kind of document may have is judged behind it, in words."""
_READING = (Permission.IDENTITY_DOCUMENT_READ_OWN, Permission.IDENTITY_DOCUMENT_READ_ALL)
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf"}


@router.put(
    "/organisations/{organisation_id}/documents/{kind}",
    status_code=201,
    response_model=DocumentResult,
    summary="上传实名认证材料",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _ENDINGS},
        }
    },
)
async def upload_document(  # noqa: PLR0913 - the parts of one upload
    *,
    request: Request,
    run: SealedRun,
    organisation_id: UUID,
    kind: KindCode,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AUTHENTICATION_SUBMIT))],
    incoming: Annotated[IncomingFile, Depends(file_body(bytes_max=UPLOAD_BYTES_MAX))],
) -> Response:
    """Upload the file itself as the body; what it is, is judged by its content. Source: A11(2), A14(2)."""
    if principal.organisation_id != organisation_id:
        raise NotFound
    async with incoming.taken() as file:
        given = Upload(
            organisation_id=organisation_id,
            party=PartyKind.ENTERPRISE if Role.ENTERPRISE in principal.roles else PartyKind.PROVIDER,
            kind=kind,
            file=file,
            by=actor_of(principal),
        )
        return await upload(runtime_of(request), run, given)


def _caller(request: Request) -> Principal:
    """Whoever is signed in; the right to read is asked for where a denial can be recorded. Raises: TokenInvalid."""
    return principal_of(request)


_caller.permissions = _READING  # type: ignore[attr-defined] # read by the test of role x route


def _right_of(principal: Principal) -> DocumentRight:
    if Permission.IDENTITY_DOCUMENT_READ_ALL in principal.permissions:
        return DocumentRight.ALL
    return DocumentRight.OWN if Permission.IDENTITY_DOCUMENT_READ_OWN in principal.permissions else DocumentRight.NONE


@router.get("/documents/{document_id}", summary="下载材料", response_class=Response)
async def read_document(
    request: Request,
    document_id: UUID,
    principal: Annotated[Principal, Depends(_caller)],
    delivery: Download,
) -> Response:
    """The opened document as an attachment; that it was read, or denied, is recorded. Source: R7, R8, ASVS 3.2.1."""
    runtime = runtime_of(request)
    right = _right_of(principal)
    async with runtime.work() as work:
        document = await open_document(work, document_id, by=actor_of(principal), right=right)
    # Raised only now: the record of a denial must be committed.
    if right is DocumentRight.NONE:
        raise PermissionMissing(permission=_READING[0].value)
    if document is None:
        raise NotFound
    opening = partial(runtime.ports.get(EncryptedBlobs).get, document.blob_key, record_id=document.id)
    file_name = f"{document.kind}-{document.version}.{_ENDINGS[document.media_type]}"
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return await delivery.answer(opening, media_type=document.media_type, headers=headers)
