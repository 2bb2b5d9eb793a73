"""Decisions on the order's row: a machine that tries everything, and the refusals that name the winner."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain import refusals
from services.order.domain.order import Order, RefundableLine
from services.order.domain.states import MOVES, CancelReason, OrderState, RefundState
from services.order.domain.terms import order_number
from shared.contracts.messages.order import OrderFact
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROVIDER, CLAIM_ID = UUID(int=2), UUID(int=7)
LINES = (
    RefundableLine(line=1, fee_fen=1_000, voucher_fen=400, refunded=False),
    RefundableLine(line=2, fee_fen=2_000, voucher_fen=0, refunded=False),
)


def an_order(state: OrderState = OrderState.PLACED) -> Order:
    """An order of two lines, one of them with a voucher share."""
    order = Order(
        id=UUID(int=1),
        number="2026-0000-0000-0001",
        enterprise_id=UUID(int=3),
        provider_id=PROVIDER,
        region="520100",
        year=2026,
        state=state,
        version=1,
        fee_fen=3_000,
        voucher_fen=400,
        placed_at=NOW,
    )
    held = state in {OrderState.CLAIMED, OrderState.REDEEMED}
    return replace(order, claim_id=CLAIM_ID if held else None, confirm_due_at=NOW + timedelta(days=15))


WINNERS = [
    (OrderState.CANCELLED, refusals.AlreadyCancelled),
    (OrderState.REFUSED, refusals.AlreadyRefused),
    (OrderState.REFUNDED, refusals.AlreadyRefunded),
    (OrderState.CLAIMED, refusals.AlreadyClaimed),
    (OrderState.REDEEMED, refusals.AlreadyRedeemed),
]


@pytest.mark.requirement("R74")
@pytest.mark.parametrize(("state", "refusal"), WINNERS)
def test_the_loser_of_a_race_learns_what_the_order_has_become(state: OrderState, refusal: type[Refusal]) -> None:
    order = an_order(state)
    losers: list[Callable[[], object]] = [
        lambda: rules.confirm(order, now=NOW),
        lambda: rules.cancel(order, reason=CancelReason.ENTERPRISE, now=NOW),
        lambda: rules.request_refund(order, lines=LINES, wanted=[1]),
        lambda: rules.claim(order, claim_id=CLAIM_ID, provider_id=PROVIDER),
    ]
    for loser in losers:
        with pytest.raises(refusal):
            loser()


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        *WINNERS,
        (OrderState.PLACED, refusals.HoldPending),
        (OrderState.AWAITING_CONFIRMATION, refusals.NotConfirmed),
        (OrderState.CONFIRMED, refusals.AlreadyConfirmed),
    ],
)
def test_every_state_has_a_refusal_that_names_it(state: OrderState, refusal: type[Refusal]) -> None:
    assert type(rules.winner(an_order(state))) is refusal


def test_before_confirmation_there_is_nothing_to_refund_or_claim() -> None:
    for state in (OrderState.PLACED, OrderState.AWAITING_CONFIRMATION):
        with pytest.raises(refusals.NotConfirmed):
            rules.request_refund(an_order(state), lines=LINES, wanted=[1])
        with pytest.raises(refusals.NotConfirmed):
            rules.claim(an_order(state), claim_id=CLAIM_ID, provider_id=PROVIDER)
    with pytest.raises(refusals.HoldPending):
        rules.confirm(an_order(), now=NOW)


@pytest.mark.requirement("R72")
def test_the_last_moment_of_the_year_still_confirms_and_the_next_does_not() -> None:
    order = replace(an_order(OrderState.AWAITING_CONFIRMATION), confirm_due_at=None)
    closes_at = year_closes_at(2026)
    after, _ = rules.confirm(order, now=closes_at - timedelta(microseconds=1))
    assert after.state is OrderState.CONFIRMED
    with pytest.raises(refusals.YearClosed):
        rules.confirm(order, now=closes_at)
    own_cost = replace(order, voucher_fen=0)
    assert rules.confirm(own_cost, now=closes_at)[0].state is OrderState.CONFIRMED


def test_a_second_confirmation_is_told_that_there_is_one_and_not_how_to_cancel() -> None:
    """A19: the provider who confirms again wants to confirm, so the sentence for cancelling does not answer it."""
    with pytest.raises(refusals.AlreadyConfirmed) as caught:
        rules.confirm(an_order(OrderState.CONFIRMED), now=NOW)
    assert caught.value.detail == "该订单已完成交易确认，无需再次确认"


def test_a_confirmation_at_its_due_time_is_too_late() -> None:
    order = an_order(OrderState.AWAITING_CONFIRMATION)
    with pytest.raises(refusals.ConfirmTooLate):
        rules.confirm(order, now=NOW + timedelta(days=15))


def test_the_time_to_confirm_ends_with_the_year_for_voucher_orders_only() -> None:
    late = datetime(2026, 12, 25, tzinfo=UTC)
    order = an_order()
    assert rules.confirm_due_at(order, now=late, timeout_days=15) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    own_cost = replace(order, voucher_fen=0)
    assert rules.confirm_due_at(own_cost, now=late, timeout_days=15) == datetime(2027, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("wanted", [[], [1, 1], [3], [2]])
def test_only_whole_lines_that_are_not_refunded_can_be_asked_back(wanted: list[int]) -> None:
    lines = (LINES[0], replace(LINES[1], refunded=True))
    with pytest.raises(refusals.LinesNotRefundable):
        rules.request_refund(an_order(OrderState.CONFIRMED), lines=lines, wanted=wanted)


def test_an_order_number_has_the_year_and_sixty_bits_of_the_id() -> None:
    assert order_number(order_id=UUID(int=(1 << 64) + 33), year=2026) == "2026-0000-0000-0011"


class OrderMachine(RuleBasedStateMachine):
    """Tries every decision at any time: what is not refused is in the table, and no fen is refunded and claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.order = an_order()
        self.lines = list(LINES)
        self.wanted: list[int] = []
        self.versions = [1]

    def attempt(self, decide: Callable[[], tuple[Order, OrderFact]]) -> None:
        """Take a decision unless it is refused."""
        try:
            after, fact = decide()
        except Refusal:
            return
        assert after.state is self.order.state or MOVES.allows(self.order.state, after.state)
        assert fact.version == after.version
        self.versions.append(after.version)
        self.order = after

    @initialize(state=st.sampled_from([OrderState.PLACED, OrderState.CONFIRMED]))
    def begin(self, state: OrderState) -> None:
        """Half of the histories begin after the confirmation, where refund and claim race."""
        self.order = an_order(state)

    @rule(wanted=st.sampled_from([[1], [2], [2, 1]]))
    def request_and_consent(self, wanted: list[int]) -> None:
        """A refund that comes as far as it can, so that the late states are reached often."""
        self.request(wanted)
        self.consent()

    @rule()
    def held(self) -> None:
        """Voucher holds."""
        if self.order.state is OrderState.PLACED:
            self.attempt(lambda: rules.await_confirmation(self.order, due_at=NOW + timedelta(days=15)))

    @rule(days=st.sampled_from([0, 14, 15, 400]))
    def confirm(self, days: int) -> None:
        """The provider confirms."""
        self.attempt(lambda: rules.confirm(self.order, now=NOW + timedelta(days=days)))

    @rule(reason=st.sampled_from(CancelReason))
    def cancel(self, reason: CancelReason) -> None:
        """Anybody cancels."""
        self.attempt(lambda: rules.cancel(self.order, reason=reason, now=NOW))

    @rule(wanted=st.sampled_from([[1], [2], [2, 1], [1, 1], [3], []]))
    def request(self, wanted: list[int]) -> None:
        """The enterprise asks for lines."""
        open_before = self.order.refund_state
        self.attempt(lambda: rules.request_refund(self.order, lines=self.lines, wanted=wanted))
        if open_before is RefundState.NONE and self.order.refund_state is RefundState.REQUESTED:
            self.wanted = wanted

    @rule()
    def escalate(self) -> None:
        """The provider is silent."""
        self.attempt(lambda: rules.escalate_refund(self.order))

    @rule()
    def refuse(self) -> None:
        """The refund is refused."""
        self.attempt(lambda: rules.refuse_refund(self.order))

    @rule()
    def consent(self) -> None:
        """The refund is consented to."""
        before = self.order.version
        self.attempt(lambda: rules.consent_refund(self.order, lines=self.lines, wanted=self.wanted))
        if self.order.version > before:
            self.lines = [replace(one, refunded=one.refunded or one.line in self.wanted) for one in self.lines]

    @rule()
    def returned(self) -> None:
        """Voucher has returned the lines."""
        if self.order.refund_state is RefundState.RETURNING:
            self.order = rules.returned(self.order)

    @rule()
    def claim(self) -> None:
        """The provider claims."""
        self.attempt(lambda: rules.claim(self.order, claim_id=CLAIM_ID, provider_id=PROVIDER))

    @rule(pays=st.booleans())
    def end_claim(self, pays: bool) -> None:  # noqa: FBT001 - drawn
        """The claim ends, paid or not."""
        if self.order.state is OrderState.CLAIMED:
            left_fen = self.order.voucher_left_fen
            if pays:
                self.attempt(lambda: rules.redeem(self.order, paid_fen=left_fen, now=NOW))
            else:
                self.attempt(lambda: rules.unclaim(self.order))

    @invariant()
    def versions_are_gapless(self) -> None:
        """One fact a version."""
        assert self.versions == list(range(1, len(self.versions) + 1))

    @invariant()
    def refunded_and_redeemed_never_pass_the_voucher(self) -> None:
        """A line is refunded or redeemed, never both."""
        assert self.order.refunded_voucher_fen == sum(one.voucher_fen for one in self.lines if one.refunded)
        assert self.order.refunded_voucher_fen + (self.order.paid_fen or 0) <= self.order.voucher_fen

    @invariant()
    def a_claimed_order_has_no_open_refund(self) -> None:
        """Refund and claim shut each other out."""
        if self.order.state in {OrderState.CLAIMED, OrderState.REDEEMED}:
            assert self.order.refund_state is RefundState.NONE
            assert self.order.claim_id is not None


TestOrderMachine = OrderMachine.TestCase
# Taken here, because a machine's own default is older than the profile of the tests.
TestOrderMachine.settings = settings()
