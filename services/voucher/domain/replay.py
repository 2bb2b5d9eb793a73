"""Replays a plan's queue from its recorded tickets and inputs; the decisions come out the same. Source: I12, I13."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from services.voucher.domain.allocation import Entry, EntryKind, Pool, Ticket, TicketOutcome, enter, walk
from shared.kernel.refusals import invariant

INPUTS = frozenset(EntryKind) - {EntryKind.TICKET, EntryKind.WAITING}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the pack and the plan say: the cap in fen and the lane's share in basis points."""

    cap_fen: int
    lane_share_bp: int


class _ReplayedQueue:
    """The queue as it stands during a replay."""

    def __init__(self, tickets: Iterable[Ticket], rules: Rules) -> None:
        self._tickets = {ticket.ticket_no: ticket for ticket in tickets}
        self._rules = rules
        self._pool = Pool(left_fen=0, lane_left_fen=0, cap_fen=rules.cap_fen, last_decision_no=0, decided_to=0)
        self._used_fen: dict[UUID, int] = {}
        # Tickets begin to wait in ticket order, so insertion order is ticket order.
        self._waiting: dict[int, Ticket] = {}

    def apply(self, recorded: Entry) -> Entry:
        """Take in an input of the record."""
        self._pool, entry = enter(
            self._pool,
            kind=recorded.kind,
            amount_fen=recorded.amount_fen,
            ticket_no=recorded.ticket_no,
            enterprise_id=recorded.enterprise_id,
            outcome=recorded.outcome,
            lane_share_bp=self._rules.lane_share_bp,
        )
        if recorded.kind in {EntryKind.FREE, EntryKind.REVOKE} and recorded.enterprise_id is not None:
            self._used_fen[recorded.enterprise_id] = self._used_fen.get(recorded.enterprise_id, 0) - recorded.amount_fen
        if recorded.kind is EntryKind.FREE:
            self._waiting.pop(recorded.ticket_no, None)
        return entry

    def decide(self) -> Entry:
        """The decision that must come next: the first waiting ticket that can take money, else the next new one."""
        ticket = self._head()
        kind = EntryKind.WAITING
        if ticket is None:
            found = self._tickets.get(self._pool.decided_to + 1)
            invariant(found is not None, "the record decides a ticket that was never taken in")
            ticket, kind = found, EntryKind.TICKET
        self._pool, entries = walk(self._pool, self._used_fen, [ticket], kind=kind)  # type: ignore[list-item]
        entry = entries[0]
        if entry.outcome == TicketOutcome.WAITING:
            self._waiting[entry.ticket_no] = msgspec.structs.replace(
                self._tickets[entry.ticket_no], asked_fen=entry.waiting_fen
            )
        else:
            self._waiting.pop(entry.ticket_no, None)
        return entry

    def _head(self) -> Ticket | None:
        if self._pool.left_fen == 0:
            return None
        for ticket in self._waiting.values():
            if self._pool.budget_fen(listed=ticket.listed):
                return ticket
        return None


def replay(
    tickets: Sequence[Ticket], inputs: Mapping[int, Entry], *, rules: Rules, last_decision_no: int
) -> list[Entry]:
    """All entries 1..`last_decision_no`, recomputed; `inputs` are the recorded inputs by their number.

    Raises: Bug when the record cannot have come about.
    """
    queue = _ReplayedQueue(tickets, rules)
    return [
        queue.apply(inputs[number]) if number in inputs else queue.decide() for number in range(1, last_decision_no + 1)
    ]
