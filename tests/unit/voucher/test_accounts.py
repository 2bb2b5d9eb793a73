"""What no movement of money may do, whoever asks for it: the guards behind every rule of the ledger."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.voucher.domain.accounts import PostingPart, QuotaAccount, shift
from services.voucher.domain.states import LedgerAccount, Movement
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Bug

CAP_FEN = 5_000_000


def an_account(**changes: Any) -> QuotaAccount:
    """An account of 2026 with 1,000 fen available of 4,000,000 granted."""
    fields: dict[str, Any] = {"granted_fen": 4_000_000, "available_fen": 1_000} | changes
    return QuotaAccount(
        id=UUID(int=1), plan_id=UUID(int=2), enterprise_id=UUID(int=3), year=2026, cap_fen=CAP_FEN, **fields
    )


def moved(
    account: QuotaAccount, movement: Movement, debit: LedgerAccount, credit: LedgerAccount, *amounts_fen: int
) -> Any:
    """A movement of some parts."""
    parts = [PostingPart(f"key/{number}", amount_fen) for number, amount_fen in enumerate(amounts_fen)]
    return shift(account, movement=movement, debit=debit, credit=credit, parts=parts, reason="test", rule="R24")


def test_a_balance_never_passes_below_zero() -> None:
    with pytest.raises(Bug, match="available_fen"):
        moved(an_account(), Movement.HOLD, LedgerAccount.AVAILABLE, LedgerAccount.HELD, 1_001)


def test_a_movement_has_no_negative_part_even_when_its_sum_is_right() -> None:
    with pytest.raises(Bug, match="negative"):
        moved(an_account(), Movement.HOLD, LedgerAccount.AVAILABLE, LedgerAccount.HELD, 600, -100)


def test_a_grant_never_passes_the_yearly_cap() -> None:
    account = an_account(earmarked_fen=1_000_000)
    assert (
        moved(account, Movement.GRANT, LedgerAccount.EARMARKED, LedgerAccount.AVAILABLE, 1_000_000).account.used_fen
        == CAP_FEN
    )
    over = an_account(granted_fen=4_500_000, earmarked_fen=500_001)
    with pytest.raises(Bug, match="cap"):
        moved(over, Movement.HOLD, LedgerAccount.AVAILABLE, LedgerAccount.HELD, 1)


def test_what_was_revoked_in_an_open_year_no_longer_counts_against_the_cap() -> None:
    revoked = moved(an_account(), Movement.REVOKE, LedgerAccount.AVAILABLE, LedgerAccount.LEFT, 400).account
    assert (revoked.revoked_fen, revoked.used_fen) == (400, 3_999_600)


def test_what_is_revoked_in_a_closed_year_frees_nothing() -> None:
    taken = moved(an_account(), Movement.REVOKE, LedgerAccount.AVAILABLE, LedgerAccount.TAKEN_BACK, 400).account
    assert (taken.revoked_fen, taken.used_fen, taken.taken_back_fen) == (0, 4_000_000, 400)


def test_the_year_is_over_at_midnight_in_beijing_and_once_its_quota_was_taken_back() -> None:
    midnight = year_closes_at(2026)
    assert not an_account().year_over(midnight - timedelta(microseconds=1))
    assert an_account().year_over(midnight)
    assert an_account(closed=True).year_over(midnight - timedelta(days=30))
