"""Quotes over HTTP: what an order would cost."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.order.api.bodies import LINE_EXAMPLE, Lines, VoucherFen, example
from services.order.domain.terms import Wanted
from services.order.handlers.place import MakeQuote, QuoteResult, make_quote, wish_of
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, actor_of, require, runtime_of

router = APIRouter(tags=["订单"])


class QuoteBody(Body):
    """What a quote is asked for; exactly one of `voucher` and `voucher_fen` is given."""

    model_config = example({"lines": [LINE_EXAMPLE], "voucher": "max"})

    lines: Lines
    voucher: Literal["max", "none"] | None = None
    voucher_fen: VoucherFen | None = None


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


def _quote_answer(found: QuoteResult, *, agreement_version: str) -> QuoteAnswer:
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
