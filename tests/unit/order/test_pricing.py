"""The price of an order: server-side prices, the ratio on each line, and shares that always sum to the voucher."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.order.domain import refusals
from services.order.domain.terms import Buyer, Offer, PartyCopy, Price, Priced, VoucherWish, Wanted, price
from shared.contracts.policy import PolicyPack, load_pack
from shared.kernel.refusals import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PACK: PolicyPack = load_pack(
    (Path(__file__).resolve().parents[3] / "policies/guizhou-2018.toml").read_text(encoding="utf-8"), name="pack"
)
PROVIDER = PartyCopy(
    id=UUID(int=2),
    version=3,
    name="服务商",
    region="520100",
    authenticated=True,
    recognised=True,
    closed=False,
    suspended_since=None,
    credit_code="91520100MA6DR26U9X",
)
BUYER = Buyer(
    party=replace(PROVIDER, id=UUID(int=1), recognised=False, credit_code="91520100MA6DK0X17T"),
    ties={},
    available_fen=5_000_000,
)
MAX = VoucherWish(mode="max")


def an_offer(number: int, *, price_fen: int = 10_001, class_code: str = "compute", edition: int = 1) -> Offer:
    """An edition on offer since a month."""
    return Offer(
        product_id=UUID(int=100 + number),
        edition=edition,
        version=1,
        provider=PROVIDER,
        product_name="产品",
        class_code=class_code,
        components={"month": Price(unit="月", price_fen=price_fen)},
        voucher=True,
        service_standard="标准",
        effective_at=NOW - timedelta(days=30),
        delisted_at=None,
    )


def priced(
    *offers: Offer, wish: VoucherWish = MAX, buyer: Buyer | None = BUYER, quantity: int = 1, edition: int = 1
) -> Priced:
    """The price of one line of each offer's product."""
    by_product: dict[UUID, list[Offer]] = {}
    for offer in offers:
        by_product.setdefault(offer.product_id, []).append(offer)
    wanted = [
        Wanted(product_id=product_id, edition=edition, component="month", quantity=quantity)
        for product_id in by_product
    ]
    return price(wanted, offers=by_product, buyer=buyer, wish=wish, pack=PACK, now=NOW)


@pytest.mark.requirement("R32")
@pytest.mark.parametrize(
    ("class_code", "maximum_fen"),
    [("compute", 4_000), ("database", 6_000), ("production", 6_000), ("unlisted", 0)],
)
def test_the_maximum_of_a_line_is_its_layers_ratio_floored_to_fen(class_code: str, maximum_fen: int) -> None:
    found = priced(an_offer(1, class_code=class_code), wish=VoucherWish(mode="none"))
    assert (found.voucher_max_fen, found.voucher_fen, found.own_fen) == (maximum_fen, 0, 10_001)


def test_lines_of_several_layers_are_summed_line_by_line() -> None:
    found = priced(an_offer(1), an_offer(2, class_code="database", price_fen=999))
    # 40 % of 100.01 is 40.00 and 60 % of 9.99 is 5.99.
    assert [line.voucher_fen for line in found.lines] == [4_000, 599]


def test_an_exact_wish_is_spread_over_the_maxima_and_fixed() -> None:
    wish = VoucherWish(mode="exact", amount_fen=100)
    found = priced(an_offer(1, price_fen=10_000), an_offer(2, price_fen=20_000), wish=wish)
    assert [line.voucher_fen for line in found.lines] == [33, 67]


@given(
    prices=st.lists(
        st.tuples(st.integers(1, 10**9), st.sampled_from(["compute", "iot", "other"])), min_size=1, max_size=20
    ),
    share=st.integers(0, 100),
)
def test_shares_sum_to_the_voucher_and_stay_under_each_lines_maximum(prices: list[tuple[int, str]], share: int) -> None:
    offers = [an_offer(number, price_fen=fen, class_code=code) for number, (fen, code) in enumerate(prices)]
    maximum_fen = priced(*offers, wish=VoucherWish(mode="none")).voucher_max_fen
    wish = VoucherWish(mode="exact", amount_fen=maximum_fen * share // 100)
    found = priced(*offers, wish=wish)
    assert sum(line.voucher_fen for line in found.lines) == found.voucher_fen == wish.amount_fen
    assert all(0 <= line.voucher_fen <= line.voucher_max_fen <= line.fee_fen for line in found.lines)
    assert found.own_fen + found.voucher_fen == found.fee_fen == sum(fen for fen, _ in prices)


@given(available_fen=st.integers(1, 10**7), price_fen=st.integers(3, 10**7))
def test_as_much_as_possible_is_the_smaller_of_ratio_and_balance(available_fen: int, price_fen: int) -> None:
    found = priced(an_offer(1, price_fen=price_fen), buyer=replace(BUYER, available_fen=available_fen))
    assert found.voucher_fen == min(price_fen * 4_000 // 10_000, available_fen)


def _suspended(party: PartyCopy) -> PartyCopy:
    return replace(party, suspended_since=NOW)


@pytest.mark.parametrize(
    ("refusal", "offers", "buyer", "wish"),
    [
        (refusals.EnterpriseNotAuthenticated, [an_offer(1)], None, MAX),
        (refusals.EnterpriseSuspended, [an_offer(1)], replace(BUYER, party=_suspended(BUYER.party)), MAX),
        (refusals.PartiesAffiliated, [an_offer(1)], replace(BUYER, ties={PROVIDER.id: "property_tie"}), MAX),
        (refusals.ProviderSuspended, [replace(an_offer(1), provider=_suspended(PROVIDER))], BUYER, MAX),
        (
            refusals.ProviderNotAuthenticated,
            [replace(an_offer(1), provider=replace(PROVIDER, authenticated=False))],
            BUYER,
            MAX,
        ),
        (
            refusals.ProviderNotRecognised,
            [replace(an_offer(1), provider=replace(PROVIDER, recognised=False))],
            BUYER,
            MAX,
        ),
        (
            refusals.SeveralProviders,
            [an_offer(1), replace(an_offer(2), provider=replace(PROVIDER, id=UUID(int=9)))],
            BUYER,
            MAX,
        ),
        (refusals.ProductNotOnOffer, [replace(an_offer(1), delisted_at=NOW)], BUYER, MAX),
        (refusals.ProductNotOnOffer, [replace(an_offer(1), effective_at=NOW + timedelta(seconds=1))], BUYER, MAX),
        (refusals.OfferChanged, [an_offer(1), an_offer(1, edition=2)], BUYER, MAX),
        (refusals.ComponentUnknown, [replace(an_offer(1), components={})], BUYER, MAX),
        (refusals.NoQuotaLeft, [an_offer(1)], replace(BUYER, available_fen=0), MAX),
        (refusals.VoucherNotTaken, [replace(an_offer(1), voucher=False)], BUYER, MAX),
        (
            refusals.VoucherNotTaken,
            [replace(an_offer(1), voucher=False)],
            BUYER,
            VoucherWish(mode="exact", amount_fen=1),
        ),
        (refusals.VoucherOverMaximum, [an_offer(1)], BUYER, VoucherWish(mode="exact", amount_fen=4_001)),
        (refusals.OrderTooLarge, [an_offer(1, price_fen=10**15 + 1)], BUYER, MAX),
        (refusals.OrderTooLarge, [an_offer(1, price_fen=10**15), an_offer(2)], BUYER, VoucherWish(mode="none")),
    ],
)
def test_a_purchase_that_a_rule_forbids_is_refused_by_name(
    refusal: type[Refusal], offers: list[Offer], buyer: Buyer | None, wish: VoucherWish
) -> None:
    with pytest.raises(refusal):
        priced(*offers, buyer=buyer, wish=wish)


@pytest.mark.requirement("R75")
def test_a_provider_without_recognition_sells_at_own_cost() -> None:
    offer = replace(an_offer(1), provider=replace(PROVIDER, recognised=False))
    assert priced(offer, wish=VoucherWish(mode="none")).own_fen == 10_001
