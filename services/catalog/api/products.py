"""Products of the caller: draft, rewrite, submit, withdraw; lists, detail and tasks."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from services.catalog.api.bodies import CodeText, Flag, NameText, PriceFen, ProseText, UnitText, WithdrawBody
from services.catalog.domain.product import COMPONENTS_MAX, Content, EditionState, ProductState
from services.catalog.handlers import delistings, editions
from services.catalog.handlers.delistings import WithdrawProduct
from services.catalog.handlers.editions import DraftProduct, ReviseProduct, SubmitProduct
from services.catalog.handlers.loading import ProductResult
from services.catalog.views.models import ProductDetail, ProductSummary
from services.catalog.views.products import list_products, read_history, read_product
from services.catalog.views.tasks import list_tasks
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task
from shared.contracts.messages.catalog import Component
from shared.contracts.permissions import Permission
from shared.contracts.policy import PolicyPack
from shared.runtime.auth import Principal
from shared.runtime.http import (
    AskedPlace,
    Body,
    Cursor,
    Limit,
    PlainName,
    Reading,
    Run,
    VersionedRun,
    VersionRequiredRun,
    actor_of,
    require,
    runtime_of,
)
from shared.runtime.work import HistoryItem

router = APIRouter()

Drafter = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_DRAFT))]
Submitter = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_SUBMIT))]
Withdrawer = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_WITHDRAW_OWN))]
Reader = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_READ))]
TaskReader = Annotated[Principal, Depends(require(Permission.PLATFORM_TASK_READ))]


def _location(result: ProductResult) -> str:
    return f"/api/catalog/v1/products/{result.id}"


class ComponentBody(Body):
    """One price component."""

    code: CodeText
    name: Annotated[NameText, PlainName]
    unit: Annotated[UnitText, PlainName]
    price_fen: PriceFen


class ContentBody(Body):
    """What a provider says of a product. Source: A11(4), R47."""

    name: NameText
    class_code: CodeText
    description: ProseText
    service_standard: ProseText
    market_reference: ProseText
    voucher: Flag
    components: Annotated[list[ComponentBody], Field(min_length=1, max_length=COMPONENTS_MAX)]

    def content(self) -> Content:
        """The body as a value of the domain."""
        return Content(
            name=self.name,
            class_code=self.class_code,
            description=self.description,
            service_standard=self.service_standard,
            market_reference=self.market_reference,
            voucher=self.voucher,
            components=tuple(Component(**component.model_dump()) for component in self.components),
        )


@router.post("/products", status_code=201, response_model=ProductResult, summary="新建产品草稿")
async def draft_product(run: Run, body: ContentBody, principal: Drafter) -> Response:
    """Begin a product."""
    command = DraftProduct(content=body.content(), by=actor_of(principal))
    return await run.run(editions.draft_product, command, status=201, location=_location)


@router.put("/products/{product_id}", response_model=ProductResult, summary="修改草稿或新建版次")
async def revise_product(run: VersionRequiredRun, product_id: UUID, body: ContentBody, principal: Drafter) -> Response:
    """Rewrite the open edition, or begin a new one of a published product; If-Match is required."""
    command = ReviseProduct(
        product_id=product_id, expected_version=run.expected_version, content=body.content(), by=actor_of(principal)
    )
    return await run.run(editions.revise_product, command)


class SubmitBody(Body):
    """The signed truth declaration and the ticked items of the class's service rules. Source: R10, R41."""

    declaration_version: NameText
    checklist: Annotated[list[CodeText], Field(max_length=100)]
    correction: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    """What was corrected, when an edition that was sent back is handed in with the same content."""


@router.post("/products/{product_id}/submit", response_model=ProductResult, summary="提交审核")
async def submit_product(run: VersionedRun, product_id: UUID, body: SubmitBody, principal: Submitter) -> Response:
    """Hand the open edition in for both reviews."""
    command = SubmitProduct(
        product_id=product_id,
        expected_version=run.expected_version,
        declaration_version=body.declaration_version,
        checklist=tuple(body.checklist),
        correction=body.correction,
        by=actor_of(principal),
    )
    return await run.run(editions.submit_product, command)


@router.post("/products/{product_id}/withdraw", response_model=ProductResult, summary="自行下架产品")
async def withdraw_product(run: VersionedRun, product_id: UUID, body: WithdrawBody, principal: Withdrawer) -> Response:
    """Take the own product off the directory at once."""
    command = WithdrawProduct(
        product_id=product_id, expected_version=run.expected_version, reason=body.reason, by=actor_of(principal)
    )
    return await run.run(delistings.withdraw_product, command)


@router.get("/products", summary="产品列表")
async def get_products(  # noqa: PLR0913, PLR0917 - the filters of the list
    connection: Reading,
    principal: Reader,
    state: ProductState | None = None,
    edition_state: EditionState | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[ProductSummary]:
    """Own products for a provider, all for operator, bureau and auditor; newest first."""
    return await list_products(
        connection, principal=principal, state=state, edition_state=edition_state, limit=limit, cursor=cursor
    )


@router.get("/products/{product_id}", summary="产品详情")
async def get_product(
    request: Request, response: Response, connection: Reading, product_id: UUID, principal: Reader
) -> ProductDetail:
    """One product with all editions, reviews and delistings; its ETag is what If-Match wants."""
    pack = runtime_of(request).ports.get(PolicyPack)
    found = await read_product(connection, product_id, principal=principal, pack=pack)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get("/products/{product_id}/history", summary="产品全过程")
async def get_history(connection: Reading, product_id: UUID, principal: Reader, place: AskedPlace) -> Page[HistoryItem]:
    """Who decided what, when, on which ground, and the facts that came of it. Source: R7, R8."""
    return await read_history(connection, product_id, principal=principal, place=place)


@router.get("/tasks", summary="待我办理")
async def get_tasks(
    request: Request,
    connection: Reading,
    principal: TaskReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[Task]:
    """What waits for the caller, since when and due when."""
    runtime = runtime_of(request)
    pack, now = runtime.ports.get(PolicyPack), runtime.clock.now()
    return await list_tasks(connection, principal=principal, limit=limit, cursor=cursor, pack=pack, now=now)
