"""Orders: placed, decided on by their parties until they are confirmed, and read."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.order import views
from services.order.api.bodies import LINE_EXAMPLE, ContactBody, Lines, VoucherFen, example
from services.order.api.scopes import Reader
from services.order.contacts import ContactSeal, contact_of
from services.order.domain import refusals
from services.order.domain.saga import UNDER_WAY
from services.order.domain.states import OrderState
from services.order.domain.terms import Wanted
from services.order.handlers.orders import OrderAct, OrderCommand, OrderResult, decide_orders
from services.order.handlers.place import PlaceOrder, place_orders, wish_of
from services.order.store import contacts
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import (
    AskedPlace,
    Body,
    Cursor,
    HotCall,
    HotRoute,
    Limit,
    Moment,
    Reading,
    actor_of,
    reading_for_caller,
    runtime_of,
    to_json,
    wait_preference,
)
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["订单"])


# A word at least, and nothing that a database does not store or a terminal obeys.
_WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f\u3000][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


class PlaceBody(Body):
    """A purchase. Exactly one of `voucher` (max or none) and `voucher_fen` says how much voucher is wanted."""

    model_config = example({"lines": [LINE_EXAMPLE], "agreement_version": "1.0.0", "voucher": "max"})

    lines: Lines
    agreement_version: str = Field(min_length=1, max_length=32)
    voucher: Literal["max", "none"] | None = None
    voucher_fen: VoucherFen | None = None
    contact: ContactBody | None = None


class RefuseBody(Body):
    """Why the provider does not take the order; its buyer reads it."""

    model_config = example({"reason": "该规格暂时无法供应"})

    reason: str = Field(min_length=1, max_length=500, pattern=_WORDS)


class NothingBody(Body):
    """No fields: the path says everything."""

    model_config = example({})


@router.get("/orders", summary="订单列表")
async def list_orders(  # noqa: PLR0913, PLR0917 - one parameter a filter
    connection: Reading,
    principal: Reader,
    state: OrderState | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    placed_from: Moment | None = None,
    placed_to: Moment | None = None,
    number: Annotated[str | None, Query(max_length=32)] = None,
    enterprise_id: UUID | None = None,
    provider_id: UUID | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[views.OrderItem]:
    """Own orders, the region's, or all, by who asks; newest first. Source: R1, R5, R9."""
    wanted = views.OrderFilter(
        state=state,
        year=year,
        placed_from=placed_from,
        placed_to=placed_to,
        number=number,
        enterprise_id=enterprise_id,
        provider_id=provider_id,
    )
    return await views.list_orders(
        connection, scope=views.scope_of(principal), wanted=wanted, limit=limit, after=decode_cursor(cursor)
    )


@router.get("/orders/{order_id}", response_model=views.OrderDetail, summary="订单详情")
async def read_order(
    request: Request, order_id: UUID, principal: Reader, wait_s: Annotated[float, Depends(wait_preference)]
) -> Response:
    """One order. With `Prefer: wait=N` the answer comes when its voucher has moved, at the latest after N seconds.

    That somebody else than the buyer is shown the buyer's contact person is recorded.
    """
    scope = views.scope_of(principal)
    found = await _read(request, order_id, scope)
    if wait_s and _under_way(found):
        found = await _read_later(request, order_id, scope, wait_s=wait_s)
    if found.contact is not None and principal.organisation_id != found.enterprise_id:
        await _record_read(request, found, principal)
    return Response(to_json(found), media_type="application/json", headers={"ETag": f'"{found.version}"'})


async def _record_read(request: Request, found: views.OrderDetail, principal: Principal) -> None:
    """That the buyer's contact person is shown to somebody else is recorded before it leaves. Source: R7, R9."""
    async with runtime_of(request).work() as work:
        await contacts.record_read(
            work,
            work.new_id(),
            order_id=found.id,
            enterprise_id=found.enterprise_id,
            by=actor_of(principal),
            now=work.now,
        )


async def _read_later(request: Request, order_id: UUID, scope: views.Scope, *, wait_s: float) -> views.OrderDetail:
    """Wait for the next move, which may have come between the first reading and here; so read again in between."""
    waiters = runtime_of(request).waiters
    news = waiters.register(order_id)
    if news is None:
        return await _read(request, order_id, scope)
    timeout_s = 0.0
    try:
        found = await _read(request, order_id, scope)
        timeout_s = wait_s if _under_way(found) else 0.0
    finally:
        moved = await waiters.wait(order_id, news, timeout_s=timeout_s)
    return await _read(request, order_id, scope) if moved is not None else found


async def _read(request: Request, order_id: UUID, scope: views.Scope) -> views.OrderDetail:
    seal = runtime_of(request).ports.get(ContactSeal)
    async with reading_for_caller(request) as connection:
        return await views.read_order(connection, order_id, scope=scope, seal=seal)


def _under_way(order: views.OrderDetail) -> bool:
    return order.saga in UNDER_WAY


@router.get("/orders/{order_id}/history", summary="订单全过程")
async def read_history(connection: Reading, order_id: UUID, principal: Reader, place: AskedPlace) -> Page[HistoryItem]:
    """Who decided what, when, on which ground, and the facts that came of it. Source: R7, R8."""
    return await views.read_history(
        connection, order_id, scope=views.scope_of(principal), reader=principal, place=place
    )


def _place(body: PlaceBody, call: HotCall) -> PlaceOrder:
    given = body.contact
    return PlaceOrder(
        wanted=[
            Wanted(product_id=line.product_id, edition=line.edition, component=line.component, quantity=line.quantity)
            for line in body.lines
        ],
        wish=wish_of(body.voucher, body.voucher_fen),
        agreement_version=body.agreement_version,
        by=actor_of(call.principal),
        contact=None if given is None else contact_of(given.name, given.phone, given.email, at="/contact"),
    )


def _on_order(act: OrderAct, body: NothingBody | RefuseBody, call: HotCall) -> OrderCommand:
    return OrderCommand(
        act=act,
        order_id=call.id("order_id"),
        by=actor_of(call.principal),
        expected_version=call.expected_version,
        reason=body.reason if isinstance(body, RefuseBody) else "",
    )


def _order_id(result: OrderResult) -> UUID:
    return result.id


def _location(result: OrderResult) -> str:
    return f"/api/order/v1/orders/{result.id}"


_WINNERS = (
    refusals.OrderNotFound,
    refusals.AlreadyConfirmed,
    refusals.AlreadyCancelled,
    refusals.AlreadyRefused,
    refusals.AlreadyRefunded,
    refusals.AlreadyClaimed,
    refusals.AlreadyRedeemed,
)

HOT_ROUTES = (
    HotRoute(
        method="POST",
        path="/orders",
        summary="下单",
        permission=Permission.ORDER_ORDER_PLACE,
        body=PlaceBody,
        answer=OrderResult,
        command=_place,
        handler=place_orders,
        status=201,
        location=_location,
        awaits=_order_id,
        if_match="ignored",
        refusals=(
            refusals.AgreementNotCurrent,
            refusals.EnterpriseNotAuthenticated,
            refusals.EnterpriseSuspended,
            refusals.ProviderNotAuthenticated,
            refusals.ProviderNotRecognised,
            refusals.ProviderSuspended,
            refusals.PartiesAffiliated,
            refusals.EnterpriseNotSmall,
            refusals.ProductNotOnOffer,
            refusals.OfferChanged,
            refusals.ComponentUnknown,
            refusals.SeveralProviders,
            refusals.OrderTooLarge,
            refusals.VoucherOverMaximum,
            refusals.NoQuotaLeft,
            refusals.VoucherNotTaken,
        ),
    ),
    HotRoute(
        method="POST",
        path="/orders/{order_id}/confirm",
        summary="交易确认",
        permission=Permission.ORDER_ORDER_CONFIRM,
        body=NothingBody,
        answer=OrderResult,
        command=partial(_on_order, OrderAct.CONFIRM),
        handler=decide_orders,
        awaits=_order_id,
        refusals=(
            *_WINNERS,
            refusals.HoldPending,
            refusals.ConfirmTooLate,
            refusals.YearClosed,
            refusals.EnterpriseNotAuthenticated,
            refusals.EnterpriseSuspended,
            refusals.ProviderNotAuthenticated,
            refusals.ProviderNotRecognised,
            refusals.ProviderSuspended,
            refusals.PartiesAffiliated,
            refusals.ProductDelistedSince,
        ),
    ),
    HotRoute(
        method="POST",
        path="/orders/{order_id}/cancel",
        summary="取消订单",
        permission=Permission.ORDER_ORDER_CANCEL,
        body=NothingBody,
        answer=OrderResult,
        command=partial(_on_order, OrderAct.CANCEL),
        handler=decide_orders,
        awaits=_order_id,
        refusals=_WINNERS,
    ),
    HotRoute(
        method="POST",
        path="/orders/{order_id}/refuse",
        summary="不接受订单",
        permission=Permission.ORDER_ORDER_CONFIRM,
        body=RefuseBody,
        answer=OrderResult,
        command=partial(_on_order, OrderAct.REFUSE),
        handler=decide_orders,
        awaits=_order_id,
        refusals=_WINNERS,
    ),
)
