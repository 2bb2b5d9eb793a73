"""The rules of an order's voucher part, and any sequence of commands against a hand-kept balance."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.voucher.domain import holds
from services.voucher.domain.accounts import Posting, PostingPart, QuotaAccount, shift
from services.voucher.domain.holds import Hold, LedgerStep
from services.voucher.domain.refusals import InsufficientQuota, NothingToClaim, PaidAboveClaim
from services.voucher.domain.states import HoldState, LedgerAccount, LineState, Movement
from shared.contracts.messages.voucher import HoldVoucher, LineAmount
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Bug, Refusal

PLAN, ACCOUNT, ENTERPRISE, CLAIM = (UUID(int=number) for number in range(1, 5))
BEFORE = datetime(2024, 6, 1, tzinfo=UTC)
AFTER = year_closes_at(2024)


def an_account(available_fen: int) -> QuotaAccount:
    return QuotaAccount(
        id=ACCOUNT,
        plan_id=PLAN,
        enterprise_id=ENTERPRISE,
        year=2024,
        cap_fen=5_000_000,
        granted_fen=available_fen,
        available_fen=available_fen,
        version=1,
    )


def a_hold(order: UUID, *amounts_fen: int) -> HoldVoucher:
    lines = tuple(LineAmount(line=number, amount_fen=fen) for number, fen in enumerate(amounts_fen, 1))
    return HoldVoucher(order_id=order, enterprise_id=ENTERPRISE, year=2024, lines=lines)


def committed(*amounts_fen: int) -> LedgerStep:
    order = UUID(int=9)
    step = holds.place(an_account(1_000), None, command=a_hold(order, *amounts_fen), now=BEFORE)
    return holds.commit(step.account, step.hold)


@pytest.mark.requirement("R24")
def test_the_last_second_of_the_year_still_holds_and_the_next_does_not() -> None:
    order = UUID(int=9)
    last = AFTER.replace(year=2024, month=12, day=31, hour=15, minute=59, second=59)
    assert holds.place(an_account(5), None, command=a_hold(order, 5), now=last).amount_fen == 5
    with pytest.raises(Refusal, match=r"voucher\.year_closed"):
        holds.place(an_account(5), None, command=a_hold(order, 5), now=AFTER)


def test_an_enterprise_without_an_account_has_no_quota() -> None:
    with pytest.raises(InsufficientQuota) as caught:
        holds.place(None, None, command=a_hold(UUID(int=9), 5), now=BEFORE)
    assert caught.value.detail == "云使用券可用额度不足：需要0.05元，可用0.00元"


def test_a_line_without_voucher_makes_no_posting() -> None:
    step = holds.place(an_account(5), None, command=a_hold(UUID(int=9), 5, 0), now=BEFORE)
    assert [posting.business_key for posting in step.postings] == [f"{UUID(int=9)}/1/hold"]
    assert len(step.hold.lines) == 2


def test_a_short_payment_is_spread_over_the_lines_by_largest_remainder() -> None:
    claimed = holds.claim(committed(100, 50, 50).account, committed(100, 50, 50).hold, claim_id=CLAIM)
    paid = holds.redeem(claimed.account, claimed.hold, claim_id=CLAIM, paid_fen=101)
    assert [(line.paid_fen, line.short_fen) for line in paid.hold.lines] == [(51, 49), (25, 25), (25, 25)]
    assert [moved.movement for moved in paid.moved] == [Movement.REDEEM, Movement.SHORT]
    assert [moved.account.version for moved in paid.moved] == [5, 6]


def test_more_than_was_claimed_is_never_paid() -> None:
    claimed = holds.claim(committed(100).account, committed(100).hold, claim_id=CLAIM)
    with pytest.raises(PaidAboveClaim):
        holds.redeem(claimed.account, claimed.hold, claim_id=CLAIM, paid_fen=101)


def test_an_order_refunded_whole_has_nothing_to_claim() -> None:
    step = committed(100, 50)
    refunded = holds.refund(step.account, step.hold, lines=(1, 2), now=BEFORE)
    with pytest.raises(NothingToClaim):
        holds.claim(refunded.account, refunded.hold, claim_id=CLAIM)


def test_a_refund_of_one_unknown_line_moves_nothing() -> None:
    step = committed(100, 50)
    with pytest.raises(Refusal, match=r"voucher\.line_unknown"):
        holds.refund(step.account, step.hold, lines=(1, 3), now=BEFORE)


def test_an_unclaim_that_overtakes_its_claim_makes_the_claim_refused() -> None:
    step = committed(100)
    ended = holds.unclaim(step.account, step.hold, claim_id=CLAIM)
    assert ended.amount_fen == 0
    with pytest.raises(Refusal, match=r"voucher\.claim_ended"):
        holds.claim(ended.account, ended.hold, claim_id=CLAIM)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda hold: holds.commit(None, hold), "voucher.hold_released"),
        (lambda hold: holds.refund(None, hold, lines=(1,), now=BEFORE), "voucher.hold_released"),
        (lambda hold: holds.claim(None, hold, claim_id=CLAIM), "voucher.hold_released"),
    ],
)
def test_nothing_follows_a_release(act: Callable[[Hold], LedgerStep], code: str) -> None:
    closed = Hold(order_id=UUID(int=9), account_id=None, state=HoldState.CLOSED)
    with pytest.raises(Refusal) as caught:
        act(closed)
    assert caught.value.code == code


def test_a_balance_never_passes_below_zero_and_a_cap_is_never_passed() -> None:
    with pytest.raises(Bug):
        shift(
            an_account(5), movement=Movement.HOLD, debit=LedgerAccount.AVAILABLE, credit=LedgerAccount.HELD,
            parts=[PostingPart("key", 6)], reason="", rule="",
        )  # fmt: skip
    with pytest.raises(Bug):
        shift(
            an_account(5_000_000), movement=Movement.EARMARK, debit=LedgerAccount.LEFT, credit=LedgerAccount.EARMARKED,
            parts=[PostingPart("key", 1)], reason="", rule="",
        )  # fmt: skip


class Purchases(RuleBasedStateMachine):
    """Any commands, in any order, repeated at will, for a few orders on one account."""

    def __init__(self) -> None:
        super().__init__()
        self.account = an_account(1_000)
        self.holds: dict[UUID, Hold] = {}
        self.postings: list[Posting] = []
        self.versions = [1]
        self.now = BEFORE

    def act(self, order: int, run: Callable[[QuotaAccount | None, Hold | None, UUID], LedgerStep]) -> None:
        """Run one command twice: the second must move nothing and answer the same."""
        order_id = UUID(int=order)
        first = self._once(order_id, run)
        second = self._once(order_id, run)
        assert first is None or second == (first[0], 0)

    def _once(
        self, order_id: UUID, run: Callable[[QuotaAccount | None, Hold | None, UUID], LedgerStep]
    ) -> tuple[int, int] | None:
        hold = self.holds.get(order_id)
        try:
            step = run(self.account, hold, order_id)
        except Refusal:
            return None
        self.holds[order_id] = step.hold
        self.account = step.account or self.account
        self.postings.extend(step.postings)
        self.versions.extend(moved.account.version for moved in step.moved)
        return step.amount_fen, len(step.postings)

    @rule(order=st.integers(10, 13), amounts=st.lists(st.integers(0, 300), min_size=1, max_size=3))
    def hold(self, order: int, amounts: list[int]) -> None:
        """Hold lines 1..3."""
        self.act(order, lambda a, h, o: holds.place(a, h, command=a_hold(o, *amounts), now=self.now))

    @rule(order=st.integers(10, 13))
    def release(self, order: int) -> None:
        """Give the hold back."""
        self.act(order, lambda a, h, o: holds.release(a, h, order_id=o, reason="test", now=self.now))

    @rule(order=st.integers(10, 13))
    def commit(self, order: int) -> None:
        """The provider confirmed."""
        self.act(order, lambda a, h, _: holds.commit(a, h))

    @rule(order=st.integers(10, 13), lines=st.sets(st.integers(1, 3), min_size=1))
    def refund(self, order: int, lines: set[int]) -> None:
        """Refund some lines."""
        self.act(order, lambda a, h, _: holds.refund(a, h, lines=tuple(lines), now=self.now))

    @rule(order=st.integers(10, 13), claim=st.integers(20, 21))
    def claim(self, order: int, claim: int) -> None:
        """Lock for a claim."""
        self.act(order, lambda a, h, _: holds.claim(a, h, claim_id=UUID(int=claim)))

    @rule(order=st.integers(10, 13), claim=st.integers(20, 21))
    def unclaim(self, order: int, claim: int) -> None:
        """Let the claim go."""
        self.act(order, lambda a, h, _: holds.unclaim(a, h, claim_id=UUID(int=claim)))

    @rule(order=st.integers(10, 13), claim=st.integers(20, 21), paid_fen=st.integers(0, 400))
    def redeem(self, order: int, claim: int, paid_fen: int) -> None:
        """Pay a claim, in part or whole."""
        self.act(order, lambda a, h, _: holds.redeem(a, h, claim_id=UUID(int=claim), paid_fen=paid_fen))

    @rule(order=st.integers(10, 13), amounts=st.lists(st.integers(0, 90), min_size=1, max_size=3))
    def buy_and_claim(self, order: int, amounts: list[int]) -> None:
        """A purchase that comes as far as it can, so that the late states are reached often."""
        self.hold(order, amounts)
        self.commit(order)
        self.claim(order, 20)

    @rule()
    def year_ends(self) -> None:
        """Everything from here on is after the year."""
        self.now = AFTER

    @invariant()
    def balances_equal_postings(self) -> None:
        """I1 for one account."""
        balances = {LedgerAccount.AVAILABLE: 1_000}
        for posting in self.postings:
            balances[posting.debit] = balances.get(posting.debit, 0) - posting.amount_fen
            balances[posting.credit] = balances.get(posting.credit, 0) + posting.amount_fen
        account = self.account
        assert balances.get(LedgerAccount.AVAILABLE, 0) == account.available_fen
        assert balances.get(LedgerAccount.HELD, 0) == account.held_fen
        assert balances.get(LedgerAccount.COMMITTED, 0) == account.committed_fen
        assert balances.get(LedgerAccount.CLAIMED, 0) == account.claimed_fen
        assert balances.get(LedgerAccount.REDEEMED, 0) == account.redeemed_fen
        assert balances.get(LedgerAccount.TAKEN_BACK, 0) == account.taken_back_fen
        assert sum(balances.values()) == 1_000
        assert min(balances.values()) >= 0

    @invariant()
    def every_key_is_single_and_every_version_has_one_fact(self) -> None:
        """Keys are permanent, versions gapless."""
        keys = [posting.business_key for posting in self.postings]
        assert len(keys) == len(set(keys))
        assert self.versions == list(range(1, self.account.version + 1))

    @invariant()
    def lines_equal_balances(self) -> None:
        """I4 for all lines."""
        totals = dict.fromkeys(LineState, 0)
        for kept in self.holds.values():
            for line in kept.lines:
                totals[line.state] += line.amount_fen
                assert line.paid_fen + line.short_fen == (line.amount_fen if line.state is LineState.REDEEMED else 0)
        assert totals[LineState.HELD] == self.account.held_fen
        assert totals[LineState.COMMITTED] == self.account.committed_fen
        assert totals[LineState.CLAIMED] == self.account.claimed_fen


TestPurchases = Purchases.TestCase
# Taken here, because a machine's own default is older than the profile of the tests.
TestPurchases.settings = settings()


@pytest.mark.requirement("R73")
def test_an_unclaimed_line_is_committed_again_and_can_be_refunded() -> None:
    step = committed(100, 50)
    claimed = holds.claim(step.account, step.hold, claim_id=CLAIM)
    with pytest.raises(Refusal, match=r"voucher\.line_claimed"):
        holds.refund(claimed.account, claimed.hold, lines=(1,), now=BEFORE)
    with pytest.raises(Refusal, match=r"voucher\.claimed_elsewhere"):
        holds.unclaim(claimed.account, claimed.hold, claim_id=ENTERPRISE)
    freed = holds.unclaim(claimed.account, claimed.hold, claim_id=CLAIM)
    assert (freed.amount_fen, freed.hold.state, freed.hold.claim_id) == (150, HoldState.COMMITTED, None)
    assert freed.postings[0].business_key.endswith(f"/1/unclaim/{CLAIM}")
    refunded = holds.refund(freed.account, freed.hold, lines=(1,), now=BEFORE)
    assert refunded.account is not None
    assert (refunded.account.available_fen, refunded.account.committed_fen) == (950, 50)


def test_a_kept_refusal_is_given_again_with_the_same_facts() -> None:
    order = UUID(int=9)
    kept = holds.refused_hold(order, InsufficientQuota(required_fen=5, available_fen=3))
    with pytest.raises(InsufficientQuota) as caught:
        holds.place(an_account(100), kept, command=a_hold(order, 5), now=BEFORE)
    assert caught.value.facts == {"required_fen": 5, "available_fen": 3}
    assert holds.release(None, kept, order_id=order, reason="test", now=BEFORE).amount_fen == 0


def test_a_claim_that_let_go_or_never_held_is_not_paid() -> None:
    step = committed(100)
    with pytest.raises(Refusal, match=r"voucher\.claimed_elsewhere"):
        holds.redeem(step.account, step.hold, claim_id=CLAIM, paid_fen=1)
    ended = holds.unclaim(step.account, step.hold, claim_id=CLAIM)
    with pytest.raises(Refusal, match=r"voucher\.claim_ended"):
        holds.redeem(ended.account, ended.hold, claim_id=CLAIM, paid_fen=1)


@pytest.mark.requirement("R36")
def test_a_grant_counts_for_the_cap_and_a_revocation_in_the_open_year_gives_it_free() -> None:
    account = msgspec.structs.replace(an_account(0), granted_fen=0, earmarked_fen=400)
    granted = shift(
        account, movement=Movement.GRANT, debit=LedgerAccount.EARMARKED, credit=LedgerAccount.AVAILABLE,
        parts=[PostingPart("grant", 400)], reason="", rule="A16",
    ).account  # fmt: skip
    assert (granted.granted_fen, granted.available_fen, granted.earmarked_fen, granted.used_fen) == (400, 400, 0, 400)
    for target, used_fen in ((LedgerAccount.LEFT, 300), (LedgerAccount.TAKEN_BACK, 400)):
        revoked = shift(
            granted, movement=Movement.REVOKE, debit=LedgerAccount.AVAILABLE, credit=target,
            parts=[PostingPart("revoke", 100)], reason="", rule="A9",
        ).account  # fmt: skip
        assert (revoked.available_fen, revoked.used_fen) == (300, used_fen)


def test_a_redeemed_claim_cannot_be_taken_back() -> None:
    step = committed(100)
    claimed = holds.claim(step.account, step.hold, claim_id=CLAIM)
    paid = holds.redeem(claimed.account, claimed.hold, claim_id=CLAIM, paid_fen=100)
    with pytest.raises(Refusal, match=r"voucher\.line_claimed"):
        holds.unclaim(paid.account, paid.hold, claim_id=CLAIM)


def test_a_closed_account_takes_back_whatever_the_clock_says() -> None:
    step = committed(100)
    assert step.account is not None
    closed = msgspec.structs.replace(step.account, closed=True)
    refunded = holds.refund(closed, step.hold, lines=(1,), now=BEFORE)
    assert refunded.account is not None
    assert refunded.account.taken_back_fen == 100


@pytest.mark.requirement("R72")
def test_a_hold_is_released_once_and_not_after_its_commitment() -> None:
    order = UUID(int=9)
    held = holds.place(an_account(1_000), None, command=a_hold(order, 100), now=BEFORE)
    freed = holds.release(held.account, held.hold, order_id=order, reason="test", now=BEFORE)
    assert freed.account is not None
    assert (freed.amount_fen, freed.account.available_fen, freed.account.held_fen) == (100, 1_000, 0)
    again = holds.release(freed.account, freed.hold, order_id=order, reason="test", now=BEFORE)
    assert (again.amount_fen, again.postings, again.account) == (100, freed.postings[:0], freed.account)
    firm = committed(100)
    with pytest.raises(Refusal, match=r"voucher\.hold_committed"):
        holds.release(firm.account, firm.hold, order_id=order, reason="test", now=BEFORE)


def test_a_claim_said_twice_moves_once_and_another_claim_is_refused() -> None:
    claimed = holds.claim(committed(100).account, committed(100).hold, claim_id=CLAIM)
    again = holds.claim(claimed.account, claimed.hold, claim_id=CLAIM)
    assert (again.amount_fen, len(again.postings)) == (100, 0)
    with pytest.raises(Refusal, match=r"voucher\.claimed_elsewhere"):
        holds.claim(claimed.account, claimed.hold, claim_id=ENTERPRISE)
    paid = holds.redeem(claimed.account, claimed.hold, claim_id=CLAIM, paid_fen=90)
    twice = holds.redeem(paid.account, paid.hold, claim_id=CLAIM, paid_fen=90)
    assert (twice.amount_fen, len(twice.postings)) == (90, 0)


def test_a_hold_said_twice_moves_once() -> None:
    command = a_hold(UUID(int=9), 100)
    held = holds.place(an_account(1_000), None, command=command, now=BEFORE)
    again = holds.place(held.account, held.hold, command=command, now=BEFORE)
    assert (again.amount_fen, len(again.postings), again.account) == (100, 0, held.account)


def test_a_release_that_overtakes_its_hold_makes_the_hold_refused() -> None:
    order = UUID(int=9)
    closed = holds.release(an_account(1_000), None, order_id=order, reason="test", now=BEFORE)
    assert (closed.hold.state, closed.amount_fen, len(closed.postings)) == (HoldState.CLOSED, 0, 0)
    with pytest.raises(Refusal, match=r"voucher\.hold_released"):
        holds.place(closed.account, closed.hold, command=a_hold(order, 100), now=BEFORE)


def test_what_was_never_held_is_neither_committed_nor_claimed() -> None:
    with pytest.raises(Refusal, match=r"voucher\.hold_unknown"):
        holds.commit(an_account(5), None)
    with pytest.raises(Refusal, match=r"voucher\.hold_unknown"):
        holds.claim(an_account(5), None, claim_id=CLAIM)


def test_a_hold_is_committed_once_and_claimed_only_then() -> None:
    held = holds.place(an_account(1_000), None, command=a_hold(UUID(int=9), 100), now=BEFORE)
    with pytest.raises(Refusal, match=r"voucher\.not_committed"):
        holds.claim(held.account, held.hold, claim_id=CLAIM)
    firm = holds.commit(held.account, held.hold)
    again = holds.commit(firm.account, firm.hold)
    assert (again.amount_fen, len(again.postings), again.account) == (100, 0, firm.account)


def test_an_unclaim_said_twice_moves_once() -> None:
    claimed = holds.claim(committed(100).account, committed(100).hold, claim_id=CLAIM)
    freed = holds.unclaim(claimed.account, claimed.hold, claim_id=CLAIM)
    again = holds.unclaim(freed.account, freed.hold, claim_id=CLAIM)
    assert (again.amount_fen, len(again.postings), again.account) == (100, 0, freed.account)


@pytest.mark.requirement("R36")
@pytest.mark.parametrize("paid_fen", [0, 1, 99, 100])
def test_the_unpaid_part_of_a_short_payment_is_taken_back_and_never_available_again(paid_fen: int) -> None:
    before = committed(100)
    claimed = holds.claim(before.account, before.hold, claim_id=CLAIM)
    paid = holds.redeem(claimed.account, claimed.hold, claim_id=CLAIM, paid_fen=paid_fen)
    account = paid.account
    assert account is not None
    assert (account.available_fen, account.redeemed_fen, account.taken_back_fen) == (900, paid_fen, 100 - paid_fen)
    assert {posting.credit for posting in paid.postings} <= {LedgerAccount.REDEEMED, LedgerAccount.TAKEN_BACK}
    # The year is still open, and what is left can be spent to the last fen and no further.
    with pytest.raises(InsufficientQuota):
        holds.place(account, None, command=a_hold(UUID(int=10), 901), now=BEFORE)
    assert holds.place(account, None, command=a_hold(UUID(int=10), 900), now=BEFORE).amount_fen == 900
