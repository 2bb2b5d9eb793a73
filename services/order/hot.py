"""The hot routes: place, confirm, cancel, refuse."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from services.order.answers import OrderAnswer
from services.order.contacts import contact_of
from services.order.domain import refusals
from services.order.domain.contacts import EMAIL, NAME, PHONE
from services.order.domain.pricing import LINES_MAX, QUANTITY_MAX, Wanted
from services.order.handlers.decide import Act, OrderCommand, decide_orders
from services.order.handlers.place import PlaceOrder, place_orders, wish_of
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.http import HotCall, HotRoute, actor_of, whole

# A word at least, and nothing that a database does not store or a terminal obeys.
_SAID = whole(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f\u3000][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")


class LineBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One line: the edition is the one the buyer saw, so that a changed price is noticed."""

    product_id: UUID
    edition: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    component: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX)]


class ContactBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom the provider may ring about this order; the parties of the order alone see it."""

    name: Annotated[str, msgspec.Meta(pattern=whole(NAME))]
    phone: Annotated[str, msgspec.Meta(pattern=whole(PHONE))]
    email: Annotated[str, msgspec.Meta(pattern=whole(EMAIL))] = ""


class PlaceBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A purchase. Exactly one of `voucher` (max or none) and `voucher_fen` says how much voucher is wanted."""

    lines: Annotated[list[LineBody], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    agreement_version: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    voucher: Literal["max", "none"] | None = None
    voucher_fen: Annotated[int, msgspec.Meta(ge=0, le=MAX_FEN)] | None = None
    contact: ContactBody | None = None


class RefuseBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Why the provider does not take the order; its buyer reads it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_SAID)]


class NothingBody(msgspec.Struct, forbid_unknown_fields=True):
    """No fields: the path says everything."""


def _place(body: PlaceBody, call: HotCall) -> PlaceOrder:
    return PlaceOrder(
        wanted=[
            Wanted(product_id=line.product_id, edition=line.edition, component=line.component, quantity=line.quantity)
            for line in body.lines
        ],
        wish=wish_of(body.voucher, body.voucher_fen),
        agreement_version=body.agreement_version,
        by=actor_of(call.principal),
        contact=None
        if body.contact is None
        else contact_of(body.contact.name, body.contact.phone, body.contact.email, at="/contact"),
    )


def _on_order(act: Act, body: NothingBody | RefuseBody, call: HotCall) -> OrderCommand:
    reason = body.reason.strip() if isinstance(body, RefuseBody) else ""
    by = actor_of(call.principal)
    return OrderCommand(act=act, order_id=call.id("order_id"), by=by, version=call.version, reason=reason)


def _order_id(result: OrderAnswer) -> UUID:
    return result.id


def _location(result: OrderAnswer) -> str:
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
        answer=OrderAnswer,
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
        answer=OrderAnswer,
        command=partial(_on_order, Act.CONFIRM),
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
        answer=OrderAnswer,
        command=partial(_on_order, Act.CANCEL),
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
        answer=OrderAnswer,
        command=partial(_on_order, Act.REFUSE),
        handler=decide_orders,
        awaits=_order_id,
        refusals=_WINNERS,
    ),
)
