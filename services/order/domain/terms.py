"""The terms of an order: whether its parties may deal with each other, and what its lines cost.

Which condition is asked at which act is a table. A condition that is looked at once, when an order is placed, says
nothing of the day on which the order is confirmed or claimed; ADR 0021 says why each is asked, and why not.

Prices are the server's, by one path for quotes and for placing; each line's voucher share is fixed once and never
spread again (Q12).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.order.domain.refusals import (
    ComponentUnknown,
    EnterpriseNotAuthenticated,
    EnterpriseNotSmall,
    EnterpriseSuspended,
    NoQuotaLeft,
    OfferChanged,
    OrderTooLarge,
    PartiesAffiliated,
    ProductDelistedSince,
    ProductNotOnOffer,
    ProviderNotAuthenticated,
    ProviderNotRecognised,
    ProviderSuspended,
    SeveralProviders,
    VoucherNotTaken,
    VoucherOverMaximum,
)
from shared.contracts.policy import SMALL_FIRMS, PolicyPack
from shared.kernel.money import MAX_FEN, BasisPoints, Fen, allocate, format_yuan, voucher_max
from shared.kernel.refusals import Refusal

LINES_MAX = 20
QUANTITY_MAX = 1_000_000
SAME_CODE = "same_code"
BODY_PLACES = 17
TIE_NAMES: Mapping[str, str] = {
    "subordination": "隶属关系",
    "joint_establishment": "共建关系",
    "property_tie": "产权纽带关系",
    SAME_CODE: "同一统一社会信用代码主体",
    "same_party": "同一单位",
}
"""The kinds of ties as users read them; a kind that is not listed is only called a tie. Source: A13(4)."""


class Act(StrEnum):
    """What is done with an order, or before there is one."""

    QUOTE = "quote"
    PLACE = "place"
    CONFIRM = "confirm"
    CONSENT = "consent"
    DELIVER = "deliver"
    CLAIM = "claim"


class PartyCondition(StrEnum):
    """What the copies are asked; the order of the members is the order of the questions."""

    ENTERPRISE_AUTHENTICATED = "enterprise_authenticated"
    ENTERPRISE_ACTIVE = "enterprise_active"
    PROVIDER_AUTHENTICATED = "provider_authenticated"
    PROVIDER_ACTIVE = "provider_active"
    NOT_TIED = "not_tied"
    PROVIDER_RECOGNISED = "provider_recognised"
    SMALL_FIRM = "small_firm"
    ON_OFFER = "on_offer"


_C, _A = PartyCondition, Act
_BEFORE_DELIVERY = frozenset({_A.QUOTE, _A.PLACE, _A.CONFIRM})
ASKED: Mapping[PartyCondition, frozenset[Act]] = {
    _C.ENTERPRISE_AUTHENTICATED: _BEFORE_DELIVERY,
    _C.ENTERPRISE_ACTIVE: _BEFORE_DELIVERY,
    _C.PROVIDER_AUTHENTICATED: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.PROVIDER_ACTIVE: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.NOT_TIED: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.PROVIDER_RECOGNISED: _BEFORE_DELIVERY,
    _C.SMALL_FIRM: frozenset({_A.QUOTE, _A.PLACE}),
    _C.ON_OFFER: _BEFORE_DELIVERY,
}
"""The acts at which a condition is asked; the cells are explained, and tested one by one, in ADR 0021."""


class PartyStanding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What conditions ask of an organisation; `suspended_since` may lie ahead, and covers a blacklisting as well."""

    authenticated: bool
    recognised: bool
    closed: bool
    suspended_since: datetime | None
    credit_code: str = ""
    size_class: str = ""

    @property
    def body(self) -> str:
        """The places of the code that name one body; copies keep codes in one spelling (`credit_code.same_body`)."""
        return self.credit_code[:BODY_PLACES]

    def stopped(self, now: datetime) -> bool:
        """Whether the organisation may not act at that moment."""
        return self.closed or (self.suspended_since is not None and self.suspended_since <= now)


class PartyCopy(PartyStanding, frozen=True, kw_only=True, gc=False):
    """The copy of an organisation as decisions need it."""

    id: UUID
    version: int
    name: str
    region: str


class OrderParties(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The parties of one order; `tie` is the kind of a recorded tie or empty.

    `delisted_at` is the first moment at which one of the order's editions left the directory, or None.
    """

    enterprise: PartyStanding
    provider: PartyStanding
    tie: str = ""
    delisted_at: datetime | None = None


def tie_of(enterprise: PartyStanding, provider: PartyStanding, *, recorded: str = "") -> str:
    """The kind of the tie between two parties, or nothing: parties of one code are tied whatever was recorded.

    A code that is not known equals none. Source: A13(4), R63.
    """
    return SAME_CODE if enterprise.body and enterprise.body == provider.body else recorded


def check_enterprise(act: Act, enterprise: PartyStanding | None, *, now: datetime) -> None:
    """Whether the buyer may do this act. Raises: EnterpriseNotAuthenticated, EnterpriseSuspended. Source: A14, R66."""
    if act in ASKED[PartyCondition.ENTERPRISE_AUTHENTICATED] and (enterprise is None or not enterprise.authenticated):
        raise EnterpriseNotAuthenticated
    if act in ASKED[PartyCondition.ENTERPRISE_ACTIVE] and enterprise is not None and enterprise.stopped(now):
        raise EnterpriseSuspended


def check_pair(act: Act, pair: OrderParties, *, voucher: bool, small_firms_only: bool, now: datetime) -> None:
    """Whether an enterprise, checked before, and this provider may do this act; `voucher` when voucher money is in it.

    Raises: a refusal of this module's imports. Source: A11(3), A12, A13(4), N三(二), Q7, Q9.
    """
    for condition, refusal in _broken(pair, voucher=voucher, small_firms_only=small_firms_only, now=now):
        if act in ASKED[condition]:
            raise refusal


def check_both(act: Act, pair: OrderParties, *, voucher: bool, small_firms_only: bool, now: datetime) -> None:
    """Whether the parties of an order may do this act as they stand now. Raises: Refusal. Source: A13(4), R63."""
    check_enterprise(act, pair.enterprise, now=now)
    check_pair(act, pair, voucher=voucher, small_firms_only=small_firms_only, now=now)


def _broken(
    pair: OrderParties, *, voucher: bool, small_firms_only: bool, now: datetime
) -> list[tuple[PartyCondition, Refusal]]:
    """The conditions that do not hold, in the order of the questions."""
    provider = pair.provider
    found: list[tuple[PartyCondition, Refusal]] = []
    if not provider.authenticated:
        found.append((PartyCondition.PROVIDER_AUTHENTICATED, ProviderNotAuthenticated()))
    if provider.stopped(now):
        found.append((PartyCondition.PROVIDER_ACTIVE, ProviderSuspended()))
    tie = tie_of(pair.enterprise, provider, recorded=pair.tie)
    if tie:
        found.append((PartyCondition.NOT_TIED, PartiesAffiliated(kind=tie, tie=TIE_NAMES.get(tie, "关联关系"))))
    if voucher and not provider.recognised:
        found.append((PartyCondition.PROVIDER_RECOGNISED, ProviderNotRecognised()))
    if voucher and small_firms_only and pair.enterprise.size_class not in SMALL_FIRMS:
        found.append((PartyCondition.SMALL_FIRM, EnterpriseNotSmall()))
    if pair.delisted_at is not None and pair.delisted_at <= now:
        found.append((PartyCondition.ON_OFFER, ProductDelistedSince()))
    return found


class Buyer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An enterprise, the kinds of its ties by provider, and the copy of what is left to it this year, in fen."""

    party: PartyCopy
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
    provider: PartyCopy
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

    provider: PartyCopy
    lines: Sequence[PricedLine]
    fee_fen: int
    voucher_max_fen: int
    voucher_fen: int

    @property
    def own_fen(self) -> int:
        """What the enterprise pays itself."""
        return self.fee_fen - self.voucher_fen


def order_number(*, order_id: UUID, year: int) -> str:
    """The number people read: year and 60 random bits of the id in Crockford's base 32; no counter to queue at."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = order_id.int & ((1 << 60) - 1)
    code = "".join(alphabet[(bits >> shift) & 31] for shift in range(55, -5, -5))
    return f"{year}-{code[:4]}-{code[4:8]}-{code[8:]}"


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

    Raises: one of the refusals of this module's imports. Source: A18, A19, R63, R67, Q4.
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
    pair = OrderParties(enterprise=buyer.party, provider=provider, tie=buyer.ties.get(provider.id, ""))
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
