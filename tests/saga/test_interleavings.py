"""Cancel and confirm at once, cancel before the hold, cancel twice: thousands of random interleavings of one purchase.

An interleaving is a number. It decides the order, who acts how often, and what the network does with each message
between the acts: delivers it, again, later, out of turn, or loses it. The number of a failure is printed with its
history, and `INTERLEAVING=<number>` plays that one alone.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, cast

import pytest
from msgspec.structs import replace

from services.order.domain import order as order_rules
from services.order.domain import saga as saga_rules
from services.order.domain.order import Order
from services.order.domain.saga import SagaState, Transition
from services.order.domain.states import CancelReason, OrderState
from services.voucher.domain import holds
from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.states import HoldState, LineState, Movement
from shared.contracts.messages.order import OrderCancelled, OrderConfirmed
from shared.kernel.refusals import Bug, Refusal
from tests.saga.pure_ledger import GRANTED_FEN
from tests.saga.pure_world import Letter, PureWorld
from tests.saga.test_pure_machine import WITHOUT_MONEY, check_line

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
INTERLEAVINGS = 200_000 if LONG else 10_000
TURNS_MAX = 200
LATE_MAX = 4
LOSERS = {"cancel": "order.already_cancelled", "confirm": "order.already_confirmed"}
"""What everybody else is told once this one has won."""
TOO_EARLY = "order.hold_pending"
WON = {"cancel": OrderState.CANCELLED, "confirm": OrderState.CONFIRMED}
TERMINAL = {OrderState.CANCELLED: SagaState.RELEASED, OrderState.CONFIRMED: SagaState.COMMITTED}


@dataclass
class Interleaving:
    """One purchase, the people who race for it, and the messages between their acts."""

    number: int
    random: Random = field(init=False)
    world: PureWorld = field(default_factory=PureWorld)
    history: list[str] = field(default_factory=list)
    winners: list[str] = field(default_factory=list)
    copies: list[Letter] = field(default_factory=list)
    """Messages that come once more when everything seems over."""

    def __post_init__(self) -> None:
        """Seed the chance, and place the order."""
        self.random = Random(self.number)  # noqa: S311 - chance that can be repeated
        shares = [self.random.randint(0, GRANTED_FEN // 3) for _ in range(self.random.randint(1, 3))]
        self.world.place(shares if any(shares) else [1])
        (self.order_id,) = self.world.orders

    def play(self) -> str:
        """Run to the end and check it; the winner's name. Raises: AssertionError with the number and the history."""
        try:
            self._race()
            self._end()
            self._check()
        except (AssertionError, Bug) as error:
            raise AssertionError(f"INTERLEAVING={self.number}: {error}\n" + "\n".join(self.history)) from error
        return self.winners[0]

    def _race(self) -> None:
        """People act, most of them at once, whenever the network lets them."""
        acts = ["confirm", *self.random.choices(["confirm", "cancel"], k=self.random.randint(0, 3)), "cancel"]
        self.random.shuffle(acts)
        eager = self.random.random()
        for _ in range(TURNS_MAX):
            if not acts:
                return
            if self.random.random() < eager or not self.world.network:
                act = acts.pop()
                if not self._act(act):
                    # The voucher is not held yet: who was too early asks again.
                    acts.insert(self.random.randint(0, len(acts)), act)
                    self.world.sweep()
            else:
                self._move_a_letter()
        for act in [*acts, "cancel"]:
            self._act(act)

    def _act(self, act: str) -> bool:
        """Confirm or cancel; whether it was decided."""
        try:
            if act == "confirm":
                self.world.confirm(self.order_id)
            else:
                self.world.cancel(self.order_id, self.random.choice([CancelReason.ENTERPRISE, CancelReason.PROVIDER]))
        except Refusal as refusal:
            self.history.append(f"{act}: {refusal.code}")
            code = refusal.code
        else:
            self.history.append(f"{act}: done")
            self.winners.append(act)
            assert len(self.winners) == 1, f"exactly one wins: {self.winners}"
            return True
        if code != TOO_EARLY:
            assert [code] == [LOSERS[winner] for winner in self.winners], "the loser is told who won"
        return code != TOO_EARLY

    def _move_a_letter(self) -> None:
        """Deliver a letter, perhaps not the oldest and perhaps not for the last time; or lose it, or ask again."""
        network, chance = self.world.network, self.random.random()
        place = 0 if chance < 0.3 else self.random.randrange(len(network))
        name = network[place].what.name  # type: ignore[union-attr] # no claim is filed, so there are no facts
        if chance < 0.75:
            self._note("deliver", name)
            self._copy(network[place])
            self.world.deliver(place, keep=self.random.random() < 0.3)
        elif chance < 0.85:
            self._note("delay", name)
            network.append(network.pop(place))
        elif chance < 0.92:
            self._note("lose", name)
            self.world.lose(place)
        else:
            self._note("sweep", "")
            self.world.sweep()

    def _copy(self, letter: Letter) -> None:
        if len(self.copies) < LATE_MAX and self.random.random() < 0.3:
            self.copies.append(letter)

    def _note(self, what: str, name: str) -> None:
        self.history.append(f"{what} {name}")

    def _end(self) -> None:
        """Everything arrives, and then copies of what came long ago."""
        self.world.drain()
        self.random.shuffle(self.copies)
        for letter in self.copies:
            self._note("late copy", letter.what.name)  # type: ignore[union-attr] # as above
            self.world.network.append(letter)
            self.world.drain()
        for act in ("cancel", "confirm"):
            self._act(act)
        self.world.drain()

    def _check(self) -> None:
        assert len(self.winners) == 1, f"exactly one wins: {self.winners}"
        order, saga = self.world.orders[self.order_id], self.world.sagas[self.order_id]
        assert order.state is WON[self.winners[0]]
        assert (saga.state, saga.pending) == (TERMINAL[order.state], None), "the saga has come to its end"
        assert self.order_id in self.world.ledger.holds, "I9: voucher was never told of the end"
        ledger, kept = self.world.ledger, order.voucher_fen if order.state is OrderState.CONFIRMED else 0
        hold, account = ledger.holds[self.order_id], ledger.account
        balances = (account.available_fen, account.held_fen, account.committed_fen)
        assert balances == (GRANTED_FEN - kept, 0, kept), "I9: what was cancelled is back, what was confirmed is not"
        if order.state is OrderState.CANCELLED:
            assert hold.state in WITHOUT_MONEY, "I9"
        else:
            assert hold.state is HoldState.COMMITTED
            assert {line.state for line in hold.lines} == {LineState.COMMITTED}
        self._check_lines()

    def _check_lines(self) -> None:
        """I4 of every line, from the postings alone; a line that was never held has none."""
        flows: dict[int | None, Counter[Movement]] = {}
        for posting in self.world.ledger.postings.values():
            flows.setdefault(posting.line, Counter())[posting.movement] += posting.amount_fen
        hold = self.world.ledger.holds[self.order_id]
        assert set(flows) == {line.line for line in hold.lines}, "I4"
        for line in hold.lines:
            check_line(flows[line.line], state=line.state, amount_fen=line.amount_fen)


def numbers() -> Iterator[int]:
    """The interleavings of this run."""
    alone = os.environ.get("INTERLEAVING")
    return iter([int(alone)] if alone else range(INTERLEAVINGS))


@pytest.mark.requirement("R72")
def test_in_ten_thousand_interleavings_of_cancels_and_confirmations_exactly_one_wins() -> None:
    winners = Counter(Interleaving(number).play() for number in numbers())
    if "INTERLEAVING" not in os.environ:
        assert winners.total() == INTERLEAVINGS
        assert min(winners["cancel"], winners["confirm"]) > INTERLEAVINGS // 10, "each of them wins often"


def test_an_interleaving_is_the_same_each_time_it_is_played() -> None:
    for number in range(50):
        one, other = Interleaving(number), Interleaving(number)
        one.play()
        other.play()
        assert one.history == other.history


def test_the_interleavings_reach_what_they_are_about() -> None:
    seen: Counter[str] = Counter()
    for number in range(1_000):
        played = Interleaving(number)
        played.play()
        text = "\n".join(played.history)
        before_hold = text.partition("deliver voucher.hold\n")[0]
        seen["cancelled before the hold came"] += "cancel: done" in before_hold
        seen["cancelled twice"] += text.count("cancel: ") > 2
        seen["a late copy"] += "late copy" in text
        seen["a lost letter"] += "lose" in text
        seen["a hold refused by its release"] += played.world.ledger.holds[played.order_id].state is HoldState.CLOSED
        seen["a release of a late hold"] += played.world.sagas[played.order_id].number > 2
    assert min(seen.values()) > 20, seen


def cancel_whatever_it_is(order: Order, *, reason: CancelReason, now: object) -> tuple[Order, OrderCancelled]:
    """A cancellation that does not look at the row it changes."""
    del now
    after = replace(order, state=OrderState.CANCELLED, reason=reason.value, version=order.version + 1)
    return after, OrderCancelled(version=after.version, order_id=order.id, reason=reason.value)


def confirm_whatever_it_is(order: Order, *, now: datetime) -> tuple[Order, OrderConfirmed]:
    """A confirmation that waits for the hold, but does not see who was there before it."""
    if order.state is OrderState.PLACED:
        raise order_rules.winner(order)
    after = replace(order, state=OrderState.CONFIRMED, version=order.version + 1)
    return after, OrderConfirmed(version=after.version, order_id=order.id, confirmed_at=now)


def place_over_a_tombstone(account: QuotaAccount, hold: holds.Hold | None, **others: Any) -> holds.LedgerStep:
    """A hold that comes through although its release was there before it."""
    closed = hold is not None and hold.state is HoldState.CLOSED
    return PLACE(account, None if closed else hold, **others)


def release_without_posting(account: QuotaAccount, hold: holds.Hold | None, **others: Any) -> holds.LedgerStep:
    """A release that gives the money back and posts nothing."""
    made = RELEASE(account, hold, **others)
    return replace(made, postings=made.postings[1:])


PLACE, RELEASE = holds.place, holds.release
BROKEN: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "a cancellation of what is confirmed": (
        lambda patch: patch.setattr(order_rules, "cancel", cancel_whatever_it_is),
        "exactly one wins",
    ),
    "a confirmation of what is cancelled": (
        lambda patch: patch.setattr(order_rules, "confirm", confirm_whatever_it_is),
        "exactly one wins",
    ),
    "a hold after its release": (lambda patch: patch.setattr(holds, "place", place_over_a_tombstone), "I9"),
    "a release without its posting": (lambda patch: patch.setattr(holds, "release", release_without_posting), "I4|I9"),
    "a cancellation that forgets the voucher": (
        lambda patch: patch.setitem(
            cast("dict[object, Transition]", saga_rules.PURCHASE),
            (SagaState.HELD, saga_rules.Cancelled),
            Transition(SagaState.RELEASED),
        ),
        "I9",
    ),
    "a cancellation that forgets the voucher it asked for": (
        lambda patch: patch.setitem(
            cast("dict[object, Transition]", saga_rules.PURCHASE),
            (SagaState.HOLDING, saga_rules.Cancelled),
            Transition(SagaState.RELEASED),
        ),
        "I9",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_rule_is_seen_and_the_failing_number_is_told(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    break_it, check = BROKEN[broken]
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=rf"INTERLEAVING=\d+: [^\n]*({check})"):
        Counter(Interleaving(number).play() for number in range(2_000))
