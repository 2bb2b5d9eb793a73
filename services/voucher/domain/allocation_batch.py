"""One batch of the allocator: its decisions, and what they make of accounts and applications. All amounts are fen."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation import (
    Entry,
    EntryKind,
    Ticket,
    TicketOutcome,
    after_earmark,
    enter,
    walk,
)
from services.voucher.domain.queue import Application, Plan, QueuedTicket
from services.voucher.domain.states import APPLICATION_MOVES, ApplicationState

CAP_USED = "voucher.cap_used"
"""The code of a ticket that got nothing because its enterprise's yearly cap is used up."""


class Earmark(NamedTuple):
    """Money of a decision that goes from what is left of the plan to an account's earmark."""

    account_id: UUID
    decision_no: int
    amount_fen: int
    application_id: UUID


class AllocationBatch:
    """What one batch decides for a locked plan.

    Create it, load the applications that wait where it `serves_waiting`, and `decide`; then write what it holds.
    Source: R25, R27, Q1-Q3.
    """

    def __init__(self, plan: Plan, *, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._plan = plan
        self._new_id = new_id
        self._pool = plan.pool()
        self._locked: dict[UUID, QuotaAccount] = {}
        self._accounts: dict[UUID, QuotaAccount] = {}
        self._regions: dict[UUID, str] = {}
        self._touched: set[UUID] = set()
        self._earmarked_fen = plan.earmarked_fen
        self.inputs: list[Entry] = []
        """What was put into the sequence before the decisions: the end of the lane, once its time is over."""
        self.served: list[Entry] = []
        """The decisions about applications that waited."""
        self.decided: list[Entry] = []
        """The decisions about new tickets."""
        self.earmarks: list[Earmark] = []
        if plan.lane_left_fen and plan.lane_until is not None and now >= plan.lane_until:
            self._pool, entry = enter(self._pool, kind=EntryKind.LANE_END)
            self.inputs.append(entry)

    @property
    def serves_waiting(self) -> bool:
        """Whether there is money for the waiting list."""
        return self._pool.left_fen != 0

    @property
    def only_listed(self) -> bool:
        """Whether nothing is left but the lane's money, which only listed enterprises may take. Source: Q2."""
        return self._pool.budget_fen(listed=False) == 0

    def decide(
        self, accounts: Sequence[QuotaAccount], waiting: Sequence[Application], fresh: Sequence[QueuedTicket]
    ) -> None:
        """Decide waiting applications, then new tickets; `accounts` are those of their enterprises, locked."""
        self._locked = {account.enterprise_id: account for account in accounts}
        self._accounts = dict(self._locked)
        used_fen = {account.enterprise_id: account.used_fen for account in accounts}
        again = [_waiting_ticket(application) for application in waiting]
        self._pool, self.served = walk(self._pool, used_fen, again, kind=EntryKind.WAITING)
        self._pool, self.decided = walk(self._pool, used_fen, fresh, kind=EntryKind.TICKET)
        self._earmark(self.served, {application.ticket_no: application for application in waiting})
        self._earmark(self.decided, {ticket.ticket_no: ticket for ticket in fresh})

    def _earmark(self, entries: Sequence[Entry], tickets: Mapping[int, Application | QueuedTicket]) -> None:
        """Put the money of decisions on its accounts; `tickets` are those they are about, by number."""
        for entry in entries:
            if not entry.amount_fen:
                continue
            ticket = tickets[entry.ticket_no]
            account = self._accounts.get(ticket.enterprise_id)
            if account is None:
                account = self._open(ticket)
            elif ticket.enterprise_id not in self._regions:
                self._touched.add(ticket.enterprise_id)
            self._accounts[ticket.enterprise_id] = after_earmark(account, amount_fen=entry.amount_fen)
            self._earmarked_fen += entry.amount_fen
            self.earmarks.append(Earmark(account.id, entry.decision_no, entry.amount_fen, ticket.id))

    def _open(self, ticket: Application | QueuedTicket) -> QuotaAccount:
        plan = self._plan
        self._regions[ticket.enterprise_id] = ticket.region
        return QuotaAccount(
            id=self._new_id(),
            plan_id=plan.id,
            enterprise_id=ticket.enterprise_id,
            year=plan.year,
            cap_fen=plan.cap_fen,
        )

    def entries(self) -> list[Entry]:
        """All new numbers of the plan's sequence, in order."""
        return [*self.inputs, *self.served, *self.decided]

    def opened_accounts(self) -> list[tuple[QuotaAccount, str]]:
        """New quota accounts, each with its region."""
        return [(self._accounts[owner], region) for owner, region in self._regions.items()]

    def changed_accounts(self) -> list[tuple[QuotaAccount, QuotaAccount]]:
        """Accounts as they were locked and as they are now, in id order."""
        changed = [(self._locked[owner], self._accounts[owner]) for owner in self._touched]
        return sorted(changed, key=lambda pair: pair[0].id)

    def plan_after(self) -> Plan:
        """The plan after the batch."""
        return self._plan.after(self._pool, earmarked_fen=self._earmarked_fen)


def _waiting_ticket(application: Application) -> Ticket:
    return Ticket(
        ticket_no=application.ticket_no,
        enterprise_id=application.enterprise_id,
        asked_fen=application.waiting_fen,
        listed=application.listed,
    )


def after_decision(application: Application, entry: Entry, *, now: datetime, review_due_at: datetime) -> Application:
    """A waiting application after a decision about it. Raises: Bug. Source: Q3, R27, R30."""
    state = _state_after(application, entry)
    APPLICATION_MOVES.check(application.state, state)
    after: Application = msgspec.structs.replace(
        application,
        state=state,
        earmarked_fen=application.earmarked_fen + entry.amount_fen,
        waiting_fen=entry.waiting_fen,
        code=CAP_USED if entry.outcome == TicketOutcome.CLOSED else "",
        decided_at=now,
        review_due_at=review_due_at if entry.amount_fen else application.review_due_at,
        version=application.version + 1,
    )
    return after


def _state_after(application: Application, entry: Entry) -> ApplicationState:
    """Nothing more can come of an application once its enterprise's cap is used."""
    if entry.waiting_fen:
        return ApplicationState.WAITING
    if application.earmarked_fen + entry.amount_fen:
        return ApplicationState.EARMARKED
    if application.granted_fen:
        return ApplicationState.GRANTED
    return ApplicationState.CLOSED
