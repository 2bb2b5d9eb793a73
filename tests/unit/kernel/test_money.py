"""Money: rounding goes one way, allocation conserves, and only plain amounts are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.money import (
    MAX_FEN,
    AmountMalformed,
    AmountTooLarge,
    AmountTooPrecise,
    BasisPoints,
    Fen,
    allocate,
    format_yuan,
    parse_yuan,
    voucher_max,
)
from shared.kernel.refusals import Bug

amounts = st.integers(0, MAX_FEN).map(Fen)
weights_above_zero = st.lists(st.integers(0, 10**12), min_size=1, max_size=40).filter(lambda found: sum(found) > 0)


@pytest.mark.requirement("R32")
@pytest.mark.parametrize(
    ("price_fen", "rate_bp", "share_fen"),
    [
        (1_000_000, 4_000, 400_000),
        (1_000_000, 6_000, 600_000),
        (1, 6_000, 0),
        (2, 6_000, 1),
        (99, 4_000, 39),
        (0, 6_000, 0),
        (MAX_FEN, 10_000, MAX_FEN),
    ],
)
def test_the_voucher_share_of_a_line_floors_to_fen(price_fen: int, rate_bp: int, share_fen: int) -> None:
    assert voucher_max(Fen(price_fen), rate_bp=BasisPoints(rate_bp)) == share_fen


@given(price_fen=amounts, rate_bp=st.integers(0, 10_000).map(BasisPoints))
def test_the_voucher_share_never_passes_the_ratio_and_misses_it_by_less_than_a_fen(
    price_fen: Fen, rate_bp: BasisPoints
) -> None:
    missed = price_fen * rate_bp - voucher_max(price_fen, rate_bp=rate_bp) * 10_000
    assert 0 <= missed < 10_000


@pytest.mark.parametrize(("price_fen", "rate_bp"), [(-1, 0), (MAX_FEN + 1, 0), (0, -1), (0, 10_001)])
def test_a_price_or_rate_out_of_bounds_is_a_bug(price_fen: int, rate_bp: int) -> None:
    with pytest.raises(Bug):
        voucher_max(Fen(price_fen), rate_bp=BasisPoints(rate_bp))


@pytest.mark.parametrize(
    ("total_fen", "weights", "shares_fen"),
    [
        (100, [1, 1, 1], (34, 33, 33)),
        (5, [1, 1, 1, 1], (2, 1, 1, 1)),
        (100, [3, 2, 2], (43, 29, 28)),
        (10, [0, 1, 0], (0, 10, 0)),
        (0, [0, 0], (0, 0)),
        (0, [5], (0,)),
        (1, [1, 3], (0, 1)),
    ],
)
def test_allocation_gives_the_largest_remainders_first_and_the_earlier_of_equals(
    total_fen: int, weights: list[int], shares_fen: tuple[int, ...]
) -> None:
    assert allocate(Fen(total_fen), weights=weights) == shares_fen


@given(total_fen=amounts, weights=weights_above_zero)
def test_allocation_conserves_the_total_and_stays_within_a_fen_of_exact(total_fen: Fen, weights: list[int]) -> None:
    shares_fen = allocate(total_fen, weights=weights)
    assert sum(shares_fen) == total_fen
    assert len(shares_fen) == len(weights)
    for share_fen, weight in zip(shares_fen, weights, strict=True):
        assert share_fen >= 0
        assert abs(share_fen * sum(weights) - total_fen * weight) < sum(weights)


@given(weights=weights_above_zero, percent=st.integers(0, 100))
def test_no_share_passes_its_weight_while_the_total_does_not_pass_their_sum(weights: list[int], percent: int) -> None:
    total_fen = Fen(min(sum(weights) * percent // 100, MAX_FEN))
    shares_fen = allocate(total_fen, weights=weights)
    assert all(share_fen <= weight for share_fen, weight in zip(shares_fen, weights, strict=True))


@pytest.mark.parametrize(("total_fen", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (MAX_FEN + 1, [1]), (1, [2, -1])])
def test_an_allocation_that_cannot_conserve_is_a_bug(total_fen: int, weights: list[int]) -> None:
    with pytest.raises(Bug):
        allocate(Fen(total_fen), weights=weights)


@pytest.mark.parametrize(
    ("text", "amount_fen"),
    [
        ("50000", 5_000_000),
        ("1234.50", 123_450),
        ("0.5", 50),
        ("0.05", 5),
        ("007", 700),
        ("  12 ", 1_200),
        ("\u3000１２．３４\u3000", 1_234),
        ("10000000000000", MAX_FEN),
    ],
)
def test_an_amount_in_yuan_is_read_exactly(text: str, amount_fen: int) -> None:
    assert parse_yuan(text) == amount_fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+1",
        "-1",
        "1e3",
        "1,000",
        "¥1",
        "1.",
        ".5",
        "1.2.3",
        "0x10",
        "1_000",
        "1 000",
        "١٢",
        "²",
        "一百",
        "111111111111111",
    ],
)
def test_an_amount_with_signs_exponents_or_separators_is_refused(text: str) -> None:
    with pytest.raises(AmountMalformed):
        parse_yuan(text)


def test_parts_of_a_fen_are_refused_and_never_rounded() -> None:
    with pytest.raises(AmountTooPrecise):
        parse_yuan("12.345")
    with pytest.raises(AmountTooPrecise):
        parse_yuan("１２．３４０")


@pytest.mark.parametrize("text", ["10000000000000.01", "99999999999999"])
def test_an_amount_above_the_bound_is_refused(text: str) -> None:
    with pytest.raises(AmountTooLarge):
        parse_yuan(text)


@pytest.mark.parametrize(("amount_fen", "text"), [(0, "0.00"), (5, "0.05"), (123_450, "1234.50")])
def test_an_amount_is_written_with_two_decimals(amount_fen: int, text: str) -> None:
    assert format_yuan(Fen(amount_fen)) == text


def test_a_negative_amount_is_a_bug() -> None:
    with pytest.raises(Bug):
        format_yuan(Fen(-1))


@given(amount_fen=amounts)
def test_what_is_written_is_read_back(amount_fen: Fen) -> None:
    assert parse_yuan(format_yuan(amount_fen)) == amount_fen
