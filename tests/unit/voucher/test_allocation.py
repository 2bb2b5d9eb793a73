"""The queue's rule: order, cap, budget, lane; and the replay of any history."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voucher.domain.allocation import Entry, EntryKind, Pool, Ticket, TicketOutcome, canonical, enter, walk
from services.voucher.domain.replay import INPUTS, Rules, replay
from shared.kernel.refusals import Bug

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
CAP_FEN = 50


def a_pool(left_fen: int, *, lane_fen: int = 0, decided_to: int = 0) -> Pool:
    return Pool(left_fen=left_fen, lane_left_fen=lane_fen, cap_fen=CAP_FEN, last_decision_no=0, decided_to=decided_to)


def a_ticket(number: int, enterprise: UUID, asked_fen: int, *, listed: bool = False) -> Ticket:
    return Ticket(ticket_no=number, enterprise_id=enterprise, asked_fen=asked_fen, listed=listed)


@pytest.mark.requirement("R29")
def test_a_ticket_gets_the_least_of_request_cap_left_and_budget_left() -> None:
    tickets = [a_ticket(1, A, 40), a_ticket(2, A, 40), a_ticket(3, B, 40), a_ticket(4, C, 40)]
    pool, entries = walk(a_pool(80), {}, tickets, kind=EntryKind.TICKET)
    assert [(e.amount_fen, e.waiting_fen, e.outcome) for e in entries] == [
        (40, 0, TicketOutcome.EARMARKED),
        (10, 0, TicketOutcome.EARMARKED),
        (30, 10, TicketOutcome.WAITING),
        (0, 40, TicketOutcome.WAITING),
    ]
    assert pool.left_fen == 0


def test_a_ticket_of_an_enterprise_at_its_cap_is_refused_at_once() -> None:
    _, entries = walk(a_pool(80), {A: CAP_FEN}, [a_ticket(1, A, 1)], kind=EntryKind.TICKET)
    assert (entries[0].outcome, entries[0].amount_fen) == (TicketOutcome.REFUSED, 0)


def test_a_waiting_head_that_can_take_no_money_is_closed_and_the_next_one_is_served() -> None:
    pool, entries = walk(
        a_pool(30, decided_to=2), {A: CAP_FEN}, [a_ticket(1, A, 20), a_ticket(2, B, 20)], kind=EntryKind.WAITING
    )
    assert [(e.outcome, e.amount_fen) for e in entries] == [(TicketOutcome.CLOSED, 0), (TicketOutcome.EARMARKED, 20)]
    assert (pool.left_fen, pool.decided_to) == (10, 2)


def test_a_waiting_ticket_for_which_nothing_is_left_is_passed_over_without_a_decision() -> None:
    tickets = [a_ticket(1, A, 20), a_ticket(2, B, 20), a_ticket(3, C, 5, listed=True)]
    pool, entries = walk(a_pool(25, lane_fen=5, decided_to=3), {}, tickets, kind=EntryKind.WAITING)
    assert [(entry.ticket_no, entry.amount_fen) for entry in entries] == [(1, 20), (3, 5)]
    assert pool.last_decision_no == 2


@pytest.mark.requirement("R31")
def test_the_lane_serves_listed_enterprises_only_and_is_used_before_the_rest() -> None:
    tickets = [a_ticket(1, A, 50), a_ticket(2, B, 50, listed=True), a_ticket(3, C, 50)]
    pool, entries = walk(a_pool(100, lane_fen=40), {}, tickets, kind=EntryKind.TICKET)
    assert [(e.amount_fen, e.waiting_fen) for e in entries] == [(50, 0), (50, 0), (0, 50)]
    assert (pool.left_fen, pool.lane_left_fen) == (0, 0)


def test_a_ticket_left_out_is_a_bug() -> None:
    with pytest.raises(Bug):
        walk(a_pool(10), {}, [a_ticket(2, A, 1)], kind=EntryKind.TICKET)


def test_only_the_opening_fills_the_lane() -> None:
    empty = a_pool(0)
    opened, _ = enter(empty, kind=EntryKind.OPEN, amount_fen=1_000, lane_share_bp=2_500)
    assert (opened.left_fen, opened.lane_left_fen) == (1_000, 250)
    raised, _ = enter(opened, kind=EntryKind.INCREASE, amount_fen=100, lane_share_bp=2_500)
    assert (raised.left_fen, raised.lane_left_fen) == (1_100, 250)
    ended, entry = enter(raised, kind=EntryKind.LANE_END)
    assert (ended.left_fen, ended.lane_left_fen, entry.decision_no) == (1_100, 0, 3)


class History:
    """A queue driven as the service drives it, in batches, with a record of everything."""

    def __init__(self, total_fen: int, share_bp: int) -> None:
        self.rules = Rules(cap_fen=CAP_FEN, lane_share_bp=share_bp)
        self.tickets: list[Ticket] = []
        self.earmarked_fen: dict[int, int] = {}
        self.waiting: dict[int, Ticket] = {}
        self.used_fen: dict[UUID, int] = {}
        self.record: list[Entry] = []
        self.total_fen = 0
        self.pool = a_pool(0)
        self.enter(EntryKind.OPEN, amount_fen=total_fen)
        self.total_fen = total_fen

    def enter(self, kind: EntryKind, *, amount_fen: int = 0, ticket: Ticket | None = None) -> None:
        """Record an input."""
        self.pool, entry = enter(
            self.pool,
            kind=kind,
            amount_fen=amount_fen,
            ticket_no=0 if ticket is None else ticket.ticket_no,
            enterprise_id=None if ticket is None else ticket.enterprise_id,
            lane_share_bp=self.rules.lane_share_bp,
        )
        self.record.append(entry)

    def arrive(self, enterprise: int, asked_fen: int, *, listed: bool) -> None:
        """A new ticket."""
        number = len(self.tickets) + 1
        self.tickets.append(a_ticket(number, UUID(int=enterprise), asked_fen, listed=listed))

    def leave(self, choice: int) -> None:
        """A decided ticket gives up its place."""
        decided = [t for t in self.tickets if t.ticket_no in self.earmarked_fen]
        if not decided:
            return
        ticket = decided[choice % len(decided)]
        freed_fen = self.earmarked_fen.pop(ticket.ticket_no)
        self.waiting.pop(ticket.ticket_no, None)
        self.used_fen[ticket.enterprise_id] -= freed_fen
        self.enter(EntryKind.FREE, amount_fen=freed_fen, ticket=ticket)

    def decide(self, limit: int) -> None:
        """One batch, as the allocator takes it."""
        for kind in (EntryKind.WAITING, EntryKind.TICKET):
            if kind is EntryKind.WAITING:
                batch = [t for t in self.waiting.values() if self.pool.budget_fen(listed=t.listed)][:limit]
                if len(batch) == limit:
                    self._walk(batch, kind)
                    return
            else:
                batch = self.tickets[self.pool.decided_to :][:limit]
            self._walk(batch, kind)

    def _walk(self, batch: list[Ticket], kind: EntryKind) -> None:
        self.pool, entries = walk(self.pool, self.used_fen, batch, kind=kind)
        for entry in entries:
            ticket = self.tickets[entry.ticket_no - 1]
            self.earmarked_fen[entry.ticket_no] = self.earmarked_fen.get(entry.ticket_no, 0) + entry.amount_fen
            self.waiting.pop(entry.ticket_no, None)
            if entry.waiting_fen:
                kept = a_ticket(ticket.ticket_no, ticket.enterprise_id, entry.waiting_fen, listed=ticket.listed)
                self.waiting[entry.ticket_no] = kept
        self.waiting = dict(sorted(self.waiting.items()))
        self.record.extend(entries)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.integers(1, 8), st.integers(1, 80), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 50)),
        st.tuples(st.just("decide"), st.integers(1, 5)),
        st.tuples(st.just("increase"), st.integers(1, 60)),
        st.tuples(st.just("lane_end")),
    ),
    min_size=15,
    max_size=60,
)


@pytest.mark.requirement("R25")
@given(total_fen=st.integers(1, 120), share_bp=st.sampled_from([0, 0, 2_000, 10_000]), acts=ACTS)
def test_any_history_conserves_money_keeps_the_cap_and_the_order_and_replays_the_same(
    total_fen: int, share_bp: int, acts: list[tuple[object, ...]]
) -> None:
    history = History(total_fen, share_bp)
    for act in acts:
        match act:
            case ("arrive", int(enterprise), int(asked_fen), bool(listed)):
                history.arrive(enterprise, asked_fen, listed=listed)
            case ("leave", int(choice)):
                history.leave(choice)
            case ("decide", int(limit)):
                history.decide(limit)
            case ("increase", int(amount_fen)):
                history.enter(EntryKind.INCREASE, amount_fen=amount_fen)
                history.total_fen += amount_fen
            case _:
                history.enter(EntryKind.LANE_END)
        pool = history.pool
        assert pool.left_fen + sum(history.earmarked_fen.values()) == history.total_fen
        assert 0 <= pool.lane_left_fen <= pool.left_fen
        assert all(0 <= used_fen <= CAP_FEN for used_fen in history.used_fen.values())
    record = history.record
    assert [entry.decision_no for entry in record] == list(range(1, len(record) + 1))
    inputs = {entry.decision_no: entry for entry in record if entry.kind in INPUTS}
    again = replay(history.tickets, inputs, rules=history.rules, last_decision_no=len(record))
    assert [canonical(e, pack_version="1") for e in again] == [canonical(e, pack_version="1") for e in record]


@given(amounts=st.lists(st.integers(1, 80), min_size=1, max_size=40), total_fen=st.integers(0, 800))
def test_without_a_lane_nobody_is_served_before_an_earlier_one_is_full(amounts: list[int], total_fen: int) -> None:
    tickets = [a_ticket(number, UUID(int=number), fen) for number, fen in enumerate(amounts, 1)]
    _, entries = walk(a_pool(total_fen), {}, tickets, kind=EntryKind.TICKET)
    full = [entry.waiting_fen == 0 for entry in entries]
    assert full == sorted(full, reverse=True)
    assert sum(entry.amount_fen for entry in entries) == min(total_fen, sum(min(fen, CAP_FEN) for fen in amounts))


@pytest.mark.requirement("R25")
def test_freed_money_goes_to_the_first_that_waits_and_the_replay_says_the_same() -> None:
    history = History(100, 2_000)
    for enterprise, asked_fen in ((1, 50), (2, 40), (3, 20)):
        history.arrive(enterprise, asked_fen, listed=False)
    history.decide(5)
    history.arrive(4, 30, listed=True)
    history.decide(5)
    assert history.earmarked_fen == {1: 50, 2: 30, 3: 0, 4: 20}
    history.leave(0)
    history.decide(5)
    assert history.earmarked_fen == {2: 40, 3: 20, 4: 30}
    assert history.pool.left_fen == 10
    kinds = [entry.kind.value for entry in history.record]
    assert kinds == ["open", "ticket", "ticket", "ticket", "ticket", "free", "waiting", "waiting", "waiting"]
    inputs = {entry.decision_no: entry for entry in history.record if entry.kind in INPUTS}
    assert replay(history.tickets, inputs, rules=history.rules, last_decision_no=9) == history.record


def test_a_record_that_decides_an_unknown_ticket_is_no_history() -> None:
    opened = enter(a_pool(0), kind=EntryKind.OPEN, amount_fen=10)[1]
    with pytest.raises(Bug):
        replay([], {1: opened}, rules=Rules(cap_fen=CAP_FEN, lane_share_bp=0), last_decision_no=2)
