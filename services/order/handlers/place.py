"""Quotes and new orders: one pure path prices both."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from services.order.contacts import ContactPerson, ContactSeal
from services.order.domain.order import NewOrder
from services.order.domain.refusals import AgreementNotCurrent
from services.order.domain.saga import Saga, SagaKind, SagaState, SagaStep, begin
from services.order.domain.states import OrderState
from services.order.domain.terms import Act, Buyer, Offer, Priced, VoucherWish, Wanted, order_number, price
from services.order.handlers.effects import await_confirmation
from services.order.handlers.orders import OrderBatch, OrderResult
from services.order.store import copies
from services.order.store.contacts import SealedContact
from shared.contracts.messages.order import OrderLine, OrderPlaced
from shared.contracts.messages.voucher import HoldVoucher, LineAmount
from shared.kernel.calendar import business_year
from shared.kernel.refusals import Refusal
from shared.runtime.work import Actor, BadRequest, Work


def wish_of(voucher: str | None, voucher_fen: int | None) -> VoucherWish:
    """How much voucher is wanted. Raises: BadRequest."""
    if (voucher is None) == (voucher_fen is None):
        raise BadRequest(reason="抵扣方式与抵扣金额须填且只填一项", pointer="/voucher")
    if voucher_fen:
        return VoucherWish(mode="exact", amount_fen=voucher_fen)
    return VoucherWish(mode="max" if voucher == "max" else "none")


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Buy lines of one provider."""

    wanted: Sequence[Wanted]
    wish: VoucherWish
    agreement_version: str
    by: Actor
    contact: ContactPerson | None = None


class MakeQuote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Ask what an order would cost; binds nobody."""

    wanted: Sequence[Wanted]
    wish: VoucherWish
    by: Actor


class QuoteResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A priced order, the copy of the balance, and what may go wrong when it is placed."""

    priced: Priced
    year: int
    available_fen: int
    warnings: Sequence[str]


class _Market(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The copies that a batch is decided on."""

    buyers: Mapping[UUID, Buyer]
    offers: Mapping[UUID, Sequence[Offer]]


async def _market(work: Work, commands: Sequence[PlaceOrder | MakeQuote]) -> _Market:
    enterprises = {command.by.organisation_id for command in commands if command.by.organisation_id is not None}
    products = {want.product_id for command in commands for want in command.wanted}
    year = business_year(work.now)
    return _Market(
        buyers=await copies.find_buyers(work.connection, list(enterprises), year=year),
        offers=await copies.find_offers(work.connection, list(products)),
    )


def _price(work: Work, command: PlaceOrder | MakeQuote, market: _Market) -> tuple[Buyer, Priced]:
    buyer = market.buyers.get(command.by.organisation_id or UUID(int=0))
    act = Act.PLACE if isinstance(command, PlaceOrder) else Act.QUOTE
    priced = price(
        command.wanted, offers=market.offers, buyer=buyer, wish=command.wish, pack=work.pack, now=work.now, act=act
    )
    assert buyer is not None, "price refuses a missing buyer"  # noqa: S101 - tells mypy what price has checked
    return buyer, priced


async def make_quote(work: Work, command: MakeQuote) -> QuoteResult:
    """Price lines as placing would. Raises: Refusal. Source: R67, Q4."""
    market = await _market(work, [command])
    buyer, priced = _price(work, command, market)
    warnings = []
    if priced.voucher_fen > buyer.available_fen:
        warnings.append("云使用券可用额度可能不足，以下单时冻结结果为准")
    return QuoteResult(
        priced=priced, year=business_year(work.now), available_fen=buyer.available_fen, warnings=warnings
    )


async def place_orders(work: Work, commands: Sequence[PlaceOrder]) -> Sequence[OrderResult | Refusal]:
    """Place orders: agreement accepted, prices and voucher shares fixed; emits OrderPlaced for each.

    With a voucher the hold is asked for, without one the provider is asked at once. Source: A18, R63, R67-R69, R75.
    """
    market = await _market(work, commands)
    batch = OrderBatch(work)
    results: list[OrderResult | Refusal] = []
    for command in commands:
        try:
            results.append(_place(batch, command, market))
        except Refusal as refusal:
            results.append(refusal)
    batch.write()
    return results


def _place(batch: OrderBatch, command: PlaceOrder, market: _Market) -> OrderResult:
    work = batch.work
    if command.agreement_version != work.pack.agreement.version:
        raise AgreementNotCurrent(current=work.pack.agreement.version)
    buyer, priced = _price(work, command, market)
    order = _new_order(work, buyer, priced, by=command.by)
    batch.place(order, _fact(order, priced), lines=priced.lines, contact=_sealed(work, order, command))
    if order.voucher_fen:
        batch.step(_hold(order, priced))
    else:
        await_confirmation(batch, order)
    return batch.result(order.id)


def _new_order(work: Work, buyer: Buyer, priced: Priced, *, by: Actor) -> NewOrder:
    order_id, year = work.new_id(), business_year(work.now)
    return NewOrder(
        id=order_id,
        number=order_number(order_id=order_id, year=year),
        enterprise_id=buyer.party.id,
        provider_id=priced.provider.id,
        region=buyer.party.region,
        year=year,
        state=OrderState.PLACED,
        version=1,
        fee_fen=priced.fee_fen,
        voucher_fen=priced.voucher_fen,
        placed_at=work.now,
        agreement_version=work.pack.agreement.version,
        pack_version=work.pack.version,
        enterprise_version=buyer.party.version,
        provider_version=priced.provider.version,
        placed_by=by.account_id,
    )


def _sealed(work: Work, order: NewOrder, command: PlaceOrder) -> SealedContact | None:
    if command.contact is None:
        return None
    sealed = work.ports.get(ContactSeal).close(command.contact, subject_id=order.id)
    return SealedContact(subject_id=order.id, sealed=sealed, given_by=command.by.account_id, given_at=work.now)


def _hold(order: NewOrder, priced: Priced) -> SagaStep:
    shares = tuple(LineAmount(line=line.line, amount_fen=line.voucher_fen) for line in priced.lines if line.voucher_fen)
    command = HoldVoucher(order_id=order.id, enterprise_id=order.enterprise_id, year=order.year, lines=shares)
    saga = Saga(id=order.id, kind=SagaKind.PURCHASE, order_id=order.id, state=SagaState.HOLDING, last_event="placed")
    return begin(saga, command)


def _fact(order: NewOrder, priced: Priced) -> OrderPlaced:
    lines = tuple(
        OrderLine(
            line=line.line,
            product_id=line.offer.product_id,
            edition=line.offer.edition,
            class_code=line.offer.class_code,
            component=line.component,
            quantity=line.quantity,
            fee_fen=line.fee_fen,
            voucher_fen=line.voucher_fen,
        )
        for line in priced.lines
    )
    return OrderPlaced(
        version=1,
        order_id=order.id,
        number=order.number,
        enterprise_id=order.enterprise_id,
        provider_id=order.provider_id,
        year=order.year,
        lines=lines,
        fee_fen=order.fee_fen,
        voucher_fen=order.voucher_fen,
        agreement_version=order.agreement_version,
        placed_at=order.placed_at,
    )
