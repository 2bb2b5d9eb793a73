"""Hypothesis drives the pure rules of orders, vouchers and claims over a network that loses, repeats and reorders."""

import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.order.domain.order import Order
from services.order.domain.saga import RESTING, SagaKind, SagaState
from services.order.domain.states import CancelReason, OrderState
from services.settlement.domain.states import LIVE_ITEMS, ItemState
from services.voucher.domain.states import HoldState, LedgerAccount, LineState, Movement
from shared.kernel.refusals import Refusal
from tests.saga.pure_ledger import GRANTED_FEN
from tests.saga.pure_world import PureWorld

ORDERS_MAX = 4
CLAIMS_MAX = 3
HISTORIES = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 250
STEPS = 40
BALANCES = (
    LedgerAccount.AVAILABLE,
    LedgerAccount.HELD,
    LedgerAccount.COMMITTED,
    LedgerAccount.CLAIMED,
    LedgerAccount.REDEEMED,
    LedgerAccount.TAKEN_BACK,
)
ENDED = {OrderState.CANCELLED, OrderState.REFUSED, OrderState.REFUNDED}
# What voucher holds for an order in each state, once nothing is under way.
HOLD_OF_ORDER = {
    OrderState.AWAITING_CONFIRMATION: (HoldState.HELD, LineState.HELD),
    OrderState.CONFIRMED: (HoldState.COMMITTED, LineState.COMMITTED),
    OrderState.REFUNDED: (HoldState.COMMITTED, LineState.REFUNDED),
    OrderState.CLAIMED: (HoldState.CLAIMED, LineState.CLAIMED),
    OrderState.REDEEMED: (HoldState.REDEEMED, LineState.REDEEMED),
}
WITHOUT_MONEY = {HoldState.REFUSED, HoldState.CLOSED, HoldState.RELEASED}
places = st.integers(0, 10**6)


class PureMachine(RuleBasedStateMachine):
    """Rules are what people, time and the network do; invariants are those of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.world = PureWorld()

    def _order(self, place: int) -> UUID:
        return list(self.world.orders)[place % len(self.world.orders)]

    def _claim(self, place: int) -> UUID:
        return list(self.world.claims)[place % len(self.world.claims)]

    def _try(self, act: Callable[..., None], *arguments: object) -> None:
        with suppress(Refusal):
            act(*arguments)

    @precondition(lambda self: len(self.world.orders) < ORDERS_MAX)
    @rule(vouchers_fen=st.lists(st.integers(0, 60), min_size=1, max_size=3))
    def place(self, vouchers_fen: list[int]) -> None:
        """An order of one to three lines."""
        self.world.place(vouchers_fen)

    @precondition(lambda self: self.world.network)
    @rule(place=places, keep=st.booleans())
    def deliver(self, place: int, keep: bool) -> None:  # noqa: FBT001 - Hypothesis names the arguments
        """Any letter, in any order; a kept copy comes again, as if no inbox knew it."""
        self.world.deliver(place % len(self.world.network), keep=keep)

    @precondition(lambda self: self.world.network)
    @rule()
    def deliver_all(self) -> None:
        """The network is quick for once."""
        for _ in range(len(self.world.network)):
            self.world.deliver(0, keep=False)

    @precondition(lambda self: self.world.network)
    @rule(place=places)
    def lose(self, place: int) -> None:
        """A command or an answer is lost; the sweeper asks again."""
        self.world.lose(place % len(self.world.network))

    @rule()
    def sweep(self) -> None:
        """The sweeper sends what is pending once more."""
        self.world.sweep()

    @precondition(lambda self: self.world.orders)
    @rule(place=places)
    def confirm(self, place: int) -> None:
        """The provider confirms."""
        self._try(self.world.confirm, self._order(place))

    @precondition(lambda self: self.world.orders)
    @rule(place=places, reason=st.sampled_from([CancelReason.ENTERPRISE, CancelReason.PROVIDER]))
    def cancel(self, place: int, reason: CancelReason) -> None:
        """One of the parties cancels."""
        self._try(self.world.cancel, self._order(place), reason)

    @rule(days=st.integers(1, 20))
    def pass_days(self, days: int) -> None:
        """Time passes, and times out who was silent."""
        self.world.pass_days(days)

    @precondition(lambda self: self.world.orders)
    @rule(place=places, wanted=st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True))
    def request_refund(self, place: int, wanted: list[int]) -> None:
        """The enterprise wants lines back."""
        self._try(self.world.request_refund, self._order(place), wanted)

    @precondition(lambda self: self.world.refunds)
    @rule(place=places)
    def consent_refund(self, place: int) -> None:
        """The provider consents."""
        self._try(self.world.consent_refund, list(self.world.refunds)[place % len(self.world.refunds)])

    @precondition(lambda self: self.world.refunds)
    @rule(place=places)
    def refuse_refund(self, place: int) -> None:
        """The provider refuses, or is silent."""
        order_id = list(self.world.refunds)[place % len(self.world.refunds)]
        self._try(self.world.escalate_refund if place % 3 else self.world.refuse_refund, order_id)

    @precondition(lambda self: self.world.orders and len(self.world.claims) < CLAIMS_MAX)
    @rule(chosen=st.lists(places, min_size=1, max_size=2))
    def file_claim(self, chosen: list[int]) -> None:
        """The provider claims one or two orders, whatever they have become meanwhile."""
        self.world.file_claim(list(dict.fromkeys(self._order(place) for place in chosen)))

    @precondition(lambda self: self.world.claims)
    @rule(place=places)
    def end_item(self, place: int) -> None:
        """An item is withdrawn or rejected."""
        claim_id = self._claim(place)
        items = list(self.world.claims[claim_id].items)
        self._try(self.world.end_item, claim_id, items[place % len(items)])

    @precondition(lambda self: self.world.claims)
    @rule(place=places, short_fen=st.sampled_from([0, 0, 1, 50]))
    def pay_claim(self, place: int, short_fen: int) -> None:
        """A claim is paid, in full or short."""
        self.world.pay_claim(self._claim(place), short_fen)

    @rule()
    def end_year(self) -> None:
        """24:00 on 31 December."""
        self.world.end_year()

    @invariant()
    def money_is_conserved(self) -> None:
        """I1 and I2 of the account: its balances are its grant, and each equals its postings."""
        account = self.world.ledger.account
        posted = defaultdict(int, {LedgerAccount.AVAILABLE: GRANTED_FEN})
        for posting in self.world.ledger.postings.values():
            posted[posting.debit] -= posting.amount_fen
            posted[posting.credit] += posting.amount_fen
        stored = {name: getattr(account, f"{name.value}_fen") for name in BALANCES}
        assert stored == {name: posted[name] for name in BALANCES}, "I1: a balance is not its postings"
        assert sum(stored.values()) == GRANTED_FEN, "I1: money appeared or vanished"
        assert min(stored.values()) >= 0
        assert account.used_fen <= account.cap_fen, "I2"

    @invariant()
    def every_line_flows(self) -> None:
        """I4 and I5, line by line."""
        flows: dict[tuple[UUID | None, int | None], dict[Movement, int]] = defaultdict(lambda: defaultdict(int))
        for posting in self.world.ledger.postings.values():
            flows[posting.order_id, posting.line][posting.movement] += posting.amount_fen
        for hold in self.world.ledger.holds.values():
            for line in hold.lines:
                flow = flows[hold.order_id, line.line]
                check_line(flow, state=line.state, amount_fen=line.amount_fen)

    @invariant()
    def what_ended_holds_no_money(self) -> None:
        """I9: once the sagas of an ended order rest, its money is back and nothing was paid."""
        resting = {
            order_id: all(saga.state in RESTING for saga in self.world.sagas.values() if saga.order_id == order_id)
            for order_id, order in self.world.orders.items()
            if order.state in ENDED
        }
        for order_id in (order_id for order_id, rests in resting.items() if rests):
            assert self._open_fen(order_id) == 0, "I9"

    def _open_fen(self, order_id: UUID) -> int:
        hold = self.world.ledger.holds.get(order_id)
        gone = (LineState.RELEASED, LineState.REFUNDED)
        return sum(line.amount_fen for line in hold.lines if line.state not in gone) if hold is not None else 0

    def teardown(self) -> None:
        """When everything was delivered: I3, I10 and I11, and the invariants of a step once more."""
        self.world.drain()
        for check in (self.money_is_conserved, self.every_line_flows, self.what_ended_holds_no_money):
            check()
        for order in self.world.orders.values():
            self._check_order(order)
        self._check_items()

    def _check_order(self, order: Order) -> None:
        hold = self.world.ledger.holds.get(order.id)
        if not order.voucher_fen:
            assert hold is None
            return
        assert hold is not None
        assert order.state is not OrderState.PLACED, "I11: a placed order with a voucher was answered"
        if order.state in {OrderState.CANCELLED, OrderState.REFUSED}:
            assert hold.state in WITHOUT_MONEY, "I3"
            return
        state, line_state = HOLD_OF_ORDER[order.state]
        assert (hold.state, hold.claim_id) == (state, order.claim_id), "I3"
        refunded = {line.line for line in self.world.lines[order.id] if line.refunded}
        expected = {line.line: LineState.REFUNDED if line.line in refunded else line_state for line in hold.lines}
        assert {line.line: line.state for line in hold.lines} == expected, "I3"

    def _check_items(self) -> None:
        live = {
            item.order_id: item
            for claim in self.world.claims.values()
            for item in claim.items.values()
            if item.state in LIVE_ITEMS
        }
        for order in self.world.orders.values():
            claimed = order.state in {OrderState.CLAIMED, OrderState.REDEEMED}
            assert claimed == (order.id in live), "I10: a lock without a living claim, or a claim without its lock"
            if claimed:
                item = live[order.id]
                wanted = (order.claim_id, order.state is OrderState.REDEEMED, order.paid_fen)
                assert (item.claim_id, item.state is ItemState.PAID, item.approved_fen) == wanted, "I3"
        for saga in self.world.sagas.values():
            assert saga.state is not SagaState.HELD or saga.kind is SagaKind.PURCHASE


def check_line(flow: dict[Movement, int], *, state: LineState, amount_fen: int) -> None:
    """I4 and I5 of one line."""
    kept = {LineState.HELD: 0, LineState.COMMITTED: 0, LineState.CLAIMED: 0} | {state: amount_fen}
    held, committed, claimed = flow[Movement.HOLD], flow[Movement.COMMIT], flow[Movement.CLAIM]
    paid = flow[Movement.REDEEM] + flow[Movement.SHORT]
    assert held == amount_fen, "I4"
    assert held - flow[Movement.RELEASE] - committed == kept[LineState.HELD], "I4"
    unclaimed = flow[Movement.UNCLAIM]
    assert committed - flow[Movement.REFUND] - claimed + unclaimed == kept[LineState.COMMITTED], "I4"
    assert claimed - unclaimed - paid == kept[LineState.CLAIMED], "I4"
    assert not (flow[Movement.REFUND] and paid), "I5"


@pytest.mark.requirement("R72")
@pytest.mark.requirement("R73")
@pytest.mark.requirement("R74")
class TestPureMachine(PureMachine.TestCase):  # type: ignore[misc, valid-type] # Hypothesis makes the class
    """The machine as a test; the smallest failing history is printed with its seed."""

    settings = settings(
        max_examples=HISTORIES,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        database=None,
        derandomize=HISTORIES < 1_000,
        suppress_health_check=list(HealthCheck),
    )
