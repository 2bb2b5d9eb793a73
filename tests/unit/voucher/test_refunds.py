"""A refund that is said again, or for more lines, gives each line back once (A20, R73)."""

import pytest

from services.voucher.domain import holds
from tests.unit.voucher.test_holds import BEFORE, committed


@pytest.mark.requirement("R73")
def test_a_refund_said_twice_and_one_of_more_lines_move_each_line_once() -> None:
    first = holds.refund(committed(100, 50).account, committed(100, 50).hold, lines=[1], now=BEFORE)
    again = holds.refund(first.account, first.hold, lines=[1], now=BEFORE)
    assert (again.amount_fen, again.postings, again.account) == (100, (), first.account)
    more = holds.refund(first.account, first.hold, lines=[1, 2], now=BEFORE)
    assert [posting.amount_fen for posting in more.postings] == [50]
    assert more.account is not None
    assert more.account.available_fen == 1_000
