"""The public side, open to everybody: directory, classes, agreement, legal basis. Source: R15, R34, R68, R83."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from services.catalog.views import directory, reference
from services.catalog.views.directory import Filters, Sort
from services.catalog.views.models import (
    AgreementText,
    ClassItem,
    DeclarationText,
    DirectoryDetail,
    DirectoryItem,
    GroundItem,
    LegalReferenceItem,
    ProviderItem,
)
from shared.contracts.http.lists import LIMIT_DEFAULT, LIMIT_MAX, Page
from shared.contracts.policy import PolicyPack
from shared.kernel.calendar import business_date
from shared.runtime.http import CURSOR_MAX_CHARACTERS, Cursor, Limit, Reading, runtime_of

router = APIRouter()

QUERY_MAX = 100
PackCode = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]


class DirectoryQuery(BaseModel):
    """What a visitor asks; several words of `q` must all be found."""

    model_config = {"frozen": True, "extra": "forbid"}

    q: Annotated[str | None, Field(max_length=QUERY_MAX)] = None
    class_code: Annotated[PackCode | None, Field(alias="class")] = None
    layer: PackCode | None = None
    voucher: bool | None = None
    provider: UUID | None = None
    sort: Sort = Sort.NEWEST
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: Annotated[str | None, Field(max_length=CURSOR_MAX_CHARACTERS)] = None

    def filters(self) -> Filters:
        """The query as the view takes it."""
        return Filters(
            query=self.q,
            class_code=self.class_code,
            layer=self.layer,
            voucher=self.voucher,
            provider_id=self.provider,
        )


def _pack(request: Request) -> PolicyPack:
    return runtime_of(request).ports.get(PolicyPack)


@router.get("/directory", summary="云服务目录")
async def get_directory(
    request: Request, connection: Reading, query: Annotated[DirectoryQuery, Query()]
) -> Page[DirectoryItem]:
    """What may be bought now. Reads follow writes at once."""
    return await directory.list_directory(
        connection,
        query.filters(),
        sort=query.sort,
        limit=query.limit,
        cursor=query.cursor,
        pack=_pack(request),
        now=runtime_of(request).clock.now(),
    )


@router.get("/directory/{product_id}", summary="云服务详情")
async def get_directory_product(request: Request, connection: Reading, product_id: UUID) -> DirectoryDetail:
    """One product of the directory."""
    now = runtime_of(request).clock.now()
    return await directory.read_directory(connection, product_id, pack=_pack(request), now=now)


@router.get("/providers", summary="云服务商名录")
async def get_providers(
    request: Request, connection: Reading, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[ProviderItem]:
    """Providers that offer something now."""
    now = runtime_of(request).clock.now()
    return await directory.list_providers(connection, limit=limit, cursor=cursor, now=now)


@router.get("/classes", summary="云服务类别")
async def get_classes(request: Request) -> list[ClassItem]:
    """The eligible classes with layers, guidance, ratios and service rules."""
    return reference.list_classes(_pack(request))


@router.get("/agreement", summary="交易协议")
async def get_agreement(request: Request) -> AgreementText:
    """The transaction agreement in force."""
    return reference.read_agreement(_pack(request))


@router.get("/truth-declaration", summary="真实性承诺书")
async def get_declaration(request: Request) -> DeclarationText:
    """The truth declaration that a submission signs."""
    return reference.read_declaration(_pack(request))


@router.get("/delisting-grounds", summary="下架情形")
async def get_grounds(request: Request) -> list[GroundItem]:
    """The grounds of forced delisting with their codes."""
    return reference.list_grounds(_pack(request))


@router.get("/legal-references", summary="政策依据")
async def get_legal_references(request: Request) -> list[LegalReferenceItem]:
    """The legal basis and whether each text holds today."""
    today = business_date(runtime_of(request).clock.now())
    return reference.list_legal_references(_pack(request), today=today)
