"""Quotes and the reading of orders."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.order import views
from services.order.api.scopes import Cursor, Limit, Reader
from services.order.contacts import ContactSeal
from services.order.domain.pricing import LINES_MAX, QUANTITY_MAX, Wanted
from services.order.domain.saga import UNDER_WAY
from services.order.domain.states import OrderState
from services.order.handlers.place import MakeQuote, Quote, make_quote, wish_of
from services.order.store import contacts
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.auth import Principal
from shared.runtime.http import (
    AskedPlace,
    Body,
    Moment,
    Reading,
    actor_of,
    reading_for_caller,
    require,
    runtime_of,
    to_json,
    wait_preference,
)
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["订单"])


class QuoteLine(Body):
    """One line to be priced."""

    product_id: UUID
    edition: int = Field(ge=1, le=1_000_000)
    component: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=QUANTITY_MAX)


class QuoteBody(Body):
    """What a quote is asked for; exactly one of `voucher` and `voucher_fen` is given."""

    lines: list[QuoteLine] = Field(min_length=1, max_length=LINES_MAX)
    voucher: Literal["max", "none"] | None = None
    voucher_fen: int | None = Field(default=None, strict=True, ge=0, le=MAX_FEN)


class QuotedLine(Resource):
    """One priced line; amounts in fen."""

    line: int
    product_id: UUID
    edition: int
    product_name: str
    component: str
    quantity: int
    price_fen: int
    fee_fen: int
    rate_bp: int
    voucher_max_fen: int
    voucher_fen: int
    own_fen: int


class QuoteAnswer(Resource):
    """What the order would cost now; `binding` is always false. Amounts in fen."""

    binding: Literal[False] = False
    year: int
    provider_id: UUID
    lines: Sequence[QuotedLine]
    fee_fen: int
    voucher_max_fen: int
    voucher_fen: int
    own_fen: int
    available_fen: int
    agreement_version: str
    warnings: Sequence[str]


@router.post("/quotes", summary="试算（不具约束力）")
async def quote(
    request: Request, body: QuoteBody, principal: Annotated[Principal, Depends(require(Permission.ORDER_QUOTE_MAKE))]
) -> QuoteAnswer:
    """The same rules as placing, on the same copies; nothing is stored and nothing is held. Source: R67, Q4."""
    wanted = [Wanted(**line.model_dump()) for line in body.lines]
    command = MakeQuote(wanted=wanted, wish=wish_of(body.voucher, body.voucher_fen), by=actor_of(principal))
    async with runtime_of(request).work() as work:
        return _quote_answer(await make_quote(work, command), agreement_version=work.pack.agreement.version)


def _quote_answer(found: Quote, *, agreement_version: str) -> QuoteAnswer:
    priced = found.priced
    same = ("line", "component", "quantity", "price_fen", "fee_fen", "rate_bp", "voucher_max_fen", "voucher_fen")
    lines = [
        QuotedLine(
            **{name: getattr(line, name) for name in same},
            product_id=line.offer.product_id,
            edition=line.offer.edition,
            product_name=line.offer.product_name,
            own_fen=line.fee_fen - line.voucher_fen,
        )
        for line in priced.lines
    ]
    return QuoteAnswer(
        year=found.year,
        provider_id=priced.provider.id,
        lines=lines,
        fee_fen=priced.fee_fen,
        voucher_max_fen=priced.voucher_max_fen,
        voucher_fen=priced.voucher_fen,
        own_fen=priced.own_fen,
        available_fen=found.available_fen,
        agreement_version=agreement_version,
        warnings=found.warnings,
    )


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
            work.connection,
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
