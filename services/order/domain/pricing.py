"""What an order costs and how much voucher it may use: one path for quotes and for placing.

Prices are the server's; each line's voucher share is fixed once and never spread again (Q12).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.order.domain.parties import Act, Pair, Party, check_enterprise, check_pair
from services.order.domain.refusals import (
    ComponentUnknown,
    EnterpriseNotAuthenticated,
    NoQuotaLeft,
    OfferChanged,
    OrderTooLarge,
    ProductNotOnOffer,
    SeveralProviders,
    VoucherNotTaken,
    VoucherOverMaximum,
)
from shared.contracts.policy import PolicyPack
from shared.kernel.money import MAX_FEN, BasisPoints, Fen, allocate, format_yuan, voucher_max

LINES_MAX = 20
QUANTITY_MAX = 1_000_000


class Buyer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An enterprise, the kinds of its ties by provider, and the copy of what is left to it this year, in fen."""

    party: Party
    ties: Mapping[UUID, str]
    available_fen: int


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One price component of an edition; `price_fen` is for one `unit`, tax included."""

    unit: str
    price_fen: int


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One edition of a product, with its provider."""

    product_id: UUID
    edition: int
    version: int
    provider: Party
    product_name: str
    class_code: str
    components: Mapping[str, Price]
    voucher: bool
    service_standard: str
    effective_at: datetime
    delisted_at: datetime | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line as the buyer asks for it."""

    product_id: UUID
    edition: int
    component: str
    quantity: int


class VoucherWish(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How much voucher the buyer wants: none, as much as possible, or an exact amount in fen. Source: R67."""

    mode: Literal["none", "max", "exact"]
    amount_fen: int = 0


class PricedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line with everything that is fixed when the order is placed; amounts in fen."""

    line: int
    offer: Offer
    component: str
    quantity: int
    price_fen: int
    fee_fen: int
    rate_bp: int
    voucher_max_fen: int
    voucher_fen: int = 0

    @property
    def unit(self) -> str:
        """What is counted, for example a month."""
        return self.offer.components[self.component].unit


class NewLine(msgspec.Struct, frozen=True, gc=False):
    """A line of an order that is placed."""

    order_id: UUID
    priced: PricedLine


class Priced(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole order, priced; own part + voucher part = fee. Source: A19, R69."""

    provider: Party
    lines: Sequence[PricedLine]
    fee_fen: int
    voucher_max_fen: int
    voucher_fen: int

    @property
    def own_fen(self) -> int:
        """What the enterprise pays itself."""
        return self.fee_fen - self.voucher_fen


def price(  # noqa: PLR0913 - the copies that the decision rests on
    wanted: Sequence[Wanted],
    *,
    offers: Mapping[UUID, Sequence[Offer]],
    buyer: Buyer | None,
    wish: VoucherWish,
    pack: PolicyPack,
    now: datetime,
    act: Act = Act.PLACE,
) -> Priced:
    """Price 1..20 lines of one provider and fix their voucher shares; `act` is to quote or to place.

    Raises: one of the refusals of this module's imports and of `parties`. Source: A18, A19, R63, R67, Q4.
    """
    check_enterprise(act, None if buyer is None else buyer.party, now=now)
    if buyer is None:
        raise EnterpriseNotAuthenticated
    lines = [
        _line(number, want, offers=offers.get(want.product_id, ()), pack=pack, now=now)
        for number, want in enumerate(wanted, start=1)
    ]
    providers = {line.offer.provider.id for line in lines}
    if len(providers) > 1:
        raise SeveralProviders
    provider = lines[0].offer.provider
    pair = Pair(enterprise=buyer.party, provider=provider, tie=buyer.ties.get(provider.id, ""))
    check_pair(act, pair, voucher=wish.mode != "none", small_firms_only=pack.limited_to_small_firms, now=now)
    fee_fen = sum(line.fee_fen for line in lines)
    if fee_fen > MAX_FEN:
        raise OrderTooLarge
    maximum_fen = sum(line.voucher_max_fen for line in lines)
    voucher_fen = _voucher(wish, maximum_fen=maximum_fen, available_fen=buyer.available_fen)
    shares = allocate(Fen(voucher_fen), weights=[line.voucher_max_fen for line in lines])
    return Priced(
        provider=provider,
        lines=[replace(line, voucher_fen=share) for line, share in zip(lines, shares, strict=True)],
        fee_fen=fee_fen,
        voucher_max_fen=maximum_fen,
        voucher_fen=voucher_fen,
    )


def _line(number: int, want: Wanted, *, offers: Sequence[Offer], pack: PolicyPack, now: datetime) -> PricedLine:
    effective = [offer for offer in offers if offer.effective_at <= now]
    if not effective:
        raise ProductNotOnOffer(line=number)
    offer = max(effective, key=lambda one: one.edition)
    if offer.delisted_at is not None and offer.delisted_at <= now:
        raise ProductNotOnOffer(line=number)
    if offer.edition != want.edition:
        raise OfferChanged(line=number, current=offer.edition)
    component = offer.components.get(want.component)
    if component is None:
        raise ComponentUnknown(line=number, component=want.component)
    fee_fen = component.price_fen * want.quantity
    if fee_fen > MAX_FEN:
        raise OrderTooLarge
    eligible = offer.voucher and pack.class_of(offer.class_code) is not None
    rate_bp = pack.rate_bp(offer.class_code) if eligible else BasisPoints(0)
    return PricedLine(
        line=number,
        offer=offer,
        component=want.component,
        quantity=want.quantity,
        price_fen=component.price_fen,
        fee_fen=fee_fen,
        rate_bp=rate_bp,
        voucher_max_fen=voucher_max(Fen(fee_fen), rate_bp=rate_bp),
    )


def _voucher(wish: VoucherWish, *, maximum_fen: int, available_fen: int) -> int:
    """The voucher part in fen. The copy of the balance bounds `max` only; voucher alone decides money."""
    match wish.mode:
        case "none":
            return 0
        case "max":
            if not maximum_fen:
                # Who asks for a voucher is not sold the same at own cost unasked, so this is no order with 0.
                raise VoucherNotTaken
            found_fen = min(maximum_fen, available_fen)
            if found_fen <= 0:
                raise NoQuotaLeft
            return found_fen
        case "exact":
            if wish.amount_fen and not maximum_fen:
                raise VoucherNotTaken
            if wish.amount_fen > maximum_fen:
                raise VoucherOverMaximum(maximum_fen=maximum_fen, maximum_yuan=format_yuan(Fen(maximum_fen)))
            return wish.amount_fen
        case _:
            assert_never(wish.mode)
