"""An earmark counts for the yearly cap at once."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation import after_earmark
from shared.kernel.refusals import Bug


def an_account(*, earmarked_fen: int, granted_fen: int) -> QuotaAccount:
    return QuotaAccount(
        id=UUID(int=2),
        plan_id=UUID(int=1),
        enterprise_id=UUID(int=3),
        year=2024,
        cap_fen=100,
        earmarked_fen=earmarked_fen,
        granted_fen=granted_fen,
        available_fen=granted_fen,
        version=1,
    )


@pytest.mark.requirement("R29")
def test_an_earmark_may_reach_the_cap_and_not_pass_it() -> None:
    account = an_account(earmarked_fen=30, granted_fen=50)
    after = after_earmark(account, amount_fen=20)
    assert (after.earmarked_fen, after.granted_fen, after.used_fen) == (50, 50, 100)
    with pytest.raises(Bug):
        after_earmark(account, amount_fen=21)


@pytest.mark.parametrize("amount_fen", [0, -1])
def test_an_earmark_of_nothing_is_none(amount_fen: int) -> None:
    with pytest.raises(Bug):
        after_earmark(an_account(earmarked_fen=0, granted_fen=0), amount_fen=amount_fen)


@pytest.mark.requirement("R29")
@given(amounts=st.lists(st.integers(1, 60), max_size=8))
def test_no_row_of_earmarks_ever_passes_the_cap(amounts: list[int]) -> None:
    account, sum_fen = an_account(earmarked_fen=0, granted_fen=0), 0
    for amount_fen in amounts:
        if sum_fen + amount_fen > 100:
            with pytest.raises(Bug):
                after_earmark(account, amount_fen=amount_fen)
        else:
            account, sum_fen = after_earmark(account, amount_fen=amount_fen), sum_fen + amount_fen
        assert account.earmarked_fen == sum_fen
