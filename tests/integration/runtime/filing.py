"""A toy service that takes files and gives them back, for tests of what they cost on their way."""

import secrets
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy import MetaData
from starlette.responses import Response

from shared.contracts.permissions import Permission
from shared.documents.blobs import EncryptedBlobs
from shared.documents.settings import DocumentSettings, open_documents, open_transfers
from shared.documents.transfers import Download, IncomingFile, Transfers, file_body
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.tables import attach
from shared.runtime.http.edge import require, runtime_of
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service

METADATA = MetaData()
attach(METADATA)
FILE_BYTES_MAX = 10 * 1024 * 1024
RECORD = UUID(int=1)

router = APIRouter()
Owner = Annotated[Principal, Depends(require(Permission.ORDER_ORDER_PLACE))]


@router.put("/files", status_code=201)
async def put(
    request: Request, _: Owner, incoming: Annotated[IncomingFile, Depends(file_body(bytes_max=FILE_BYTES_MAX))]
) -> dict[str, str]:
    """Keep a file; its name is random."""
    ports, name = runtime_of(request).ports, secrets.token_hex(8)
    async with incoming.taken() as file, ports.get(Transfers).loaded(file) as content:
        await ports.get(EncryptedBlobs).put(name, content, record_id=RECORD)
    return {"name": name, "digest": (await request.body()).hex()}


@router.get("/files/{name}", response_class=Response)
async def get(request: Request, name: str, _: Owner, delivery: Download) -> Response:
    """Give a file back."""
    opening = partial(runtime_of(request).ports.get(EncryptedBlobs).get, name, record_id=RECORD)
    return await delivery.answer(opening, media_type="application/pdf", headers={"Content-Disposition": "attachment"})


async def prepare(runtime: Runtime) -> None:
    """Open the store."""
    assert isinstance(runtime.settings, DocumentSettings)
    runtime.ports.add(EncryptedBlobs, open_documents(runtime.settings))
    runtime.ports.add(Transfers, open_transfers(runtime.settings))


SERVICE = Service(name="filing", metadata=METADATA, settings=DocumentSettings, router=router, prepare=prepare)
