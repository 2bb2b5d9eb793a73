"""The queue's rule: min(request, cap left, budget left), strictly in ticket order. All amounts are fen.

Everything that changes what is left of a plan has a number in one gapless sequence: decisions about tickets, and the
inputs between them (opening, increase, freed money, the lane's end). So the intake can be replayed. Source: Q1-Q3.
"""

from collections.abc import Iterable, MutableMapping
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import QuotaAccount
from shared.kernel.money import RATE_SCALE
from shared.kernel.refusals import invariant


class EntryKind(StrEnum):
    """What a number of the sequence stands for; `ticket` and `waiting` are decisions, the rest are inputs."""

    TICKET = "ticket"
    WAITING = "waiting"
    OPEN = "open"
    INCREASE = "increase"
    FREE = "free"
    REVOKE = "revoke"
    LANE_END = "lane_end"


class TicketOutcome(StrEnum):
    """What a decision about a ticket came to."""

    EARMARKED = "earmarked"
    WAITING = "waiting"
    REFUSED = "refused"
    CLOSED = "closed"


class Ticket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place in the queue. `asked_fen` is the request at first, later the remainder that waits."""

    ticket_no: int
    enterprise_id: UUID
    asked_fen: int
    listed: bool = False


class Asking(Protocol):
    """What the rule reads of a ticket: a `Ticket`, or a row that has the same."""

    @property
    def ticket_no(self) -> int:
        """The place in the queue."""

    @property
    def enterprise_id(self) -> UUID:
        """Who asks."""

    @property
    def asked_fen(self) -> int:
        """How much."""

    @property
    def listed(self) -> bool:
        """Whether the lane is open to it."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the plan, how much of it only listed enterprises may take, and the place in the sequence."""

    left_fen: int
    lane_left_fen: int
    cap_fen: int
    last_decision_no: int
    decided_to: int

    def budget_fen(self, *, listed: bool) -> int:
        """What a ticket may take: all that is left when listed, else what the lane does not keep. Source: Q2."""
        return self.left_fen if listed else self.left_fen - self.lane_left_fen


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One number of the sequence with what it came to, and what was left after it."""

    decision_no: int
    kind: EntryKind
    left_after_fen: int
    lane_left_after_fen: int
    ticket_no: int = 0
    enterprise_id: UUID | None = None
    outcome: str = ""
    amount_fen: int = 0
    waiting_fen: int = 0
    cap_left_fen: int = 0


def walk(
    pool: Pool, used_fen: MutableMapping[UUID, int], tickets: Iterable[Asking], *, kind: EntryKind
) -> tuple[Pool, list[Entry]]:
    """Decide tickets in the order given; `used_fen` (earmarked + granted - revoked by enterprise) is carried on.

    A waiting ticket that can take nothing from the budget is passed over without a decision; a waiting ticket whose
    cap is used up is closed. A new ticket always gets its decision. Source: Q1, Q2, Q3, R25, R27.
    """
    left_fen, lane_fen, number, decided_to = (
        pool.left_fen,
        pool.lane_left_fen,
        pool.last_decision_no,
        pool.decided_to,
    )
    is_new = kind is EntryKind.TICKET
    entries: list[Entry] = []
    for ticket in tickets:
        budget_fen = left_fen if ticket.listed else left_fen - lane_fen
        if not is_new and budget_fen == 0:
            continue
        used = used_fen.get(ticket.enterprise_id, 0)
        cap_left_fen = max(pool.cap_fen - used, 0)
        wanted_fen = min(ticket.asked_fen, cap_left_fen)
        taken_fen = min(wanted_fen, budget_fen)
        waiting_fen = wanted_fen - taken_fen
        if ticket.listed:
            lane_fen -= min(taken_fen, lane_fen)
        left_fen -= taken_fen
        used_fen[ticket.enterprise_id] = used + taken_fen
        number += 1
        if is_new:
            invariant(ticket.ticket_no == decided_to + 1, "tickets are decided in order, none is left out")
            decided_to = ticket.ticket_no
        entries.append(
            Entry(
                decision_no=number,
                kind=kind,
                left_after_fen=left_fen,
                lane_left_after_fen=lane_fen,
                ticket_no=ticket.ticket_no,
                enterprise_id=ticket.enterprise_id,
                outcome=_outcome(wanted_fen, waiting_fen, kind),
                amount_fen=taken_fen,
                waiting_fen=waiting_fen,
                cap_left_fen=cap_left_fen,
            )
        )
    after = Pool(
        left_fen=left_fen,
        lane_left_fen=lane_fen,
        cap_fen=pool.cap_fen,
        last_decision_no=number,
        decided_to=decided_to,
    )
    return after, entries


def _outcome(wanted_fen: int, waiting_fen: int, kind: EntryKind) -> str:
    if wanted_fen == 0:
        return (TicketOutcome.REFUSED if kind is EntryKind.TICKET else TicketOutcome.CLOSED).value
    return (TicketOutcome.WAITING if waiting_fen else TicketOutcome.EARMARKED).value


def enter(  # noqa: PLR0913 - the parts of an entry
    pool: Pool,
    *,
    kind: EntryKind,
    amount_fen: int = 0,
    ticket_no: int = 0,
    enterprise_id: UUID | None = None,
    outcome: str = "",
    lane_share_bp: int = 0,
) -> tuple[Pool, Entry]:
    """Put an input into the sequence: money that comes to `left`, or the end of the lane.

    Only the opening fills the lane; money that returns or is added later is for all. Raises: Bug. Source: Q2, Q3.
    """
    invariant(amount_fen >= 0, "an input brings no negative amount")
    lane_fen = pool.lane_left_fen
    if kind is EntryKind.OPEN:
        lane_fen = amount_fen * lane_share_bp // RATE_SCALE
    elif kind is EntryKind.LANE_END:
        lane_fen = 0
    left_fen = pool.left_fen + amount_fen
    number = pool.last_decision_no + 1
    after: Pool = msgspec.structs.replace(pool, left_fen=left_fen, lane_left_fen=lane_fen, last_decision_no=number)
    entry = Entry(
        decision_no=number,
        kind=kind,
        left_after_fen=left_fen,
        lane_left_after_fen=lane_fen,
        ticket_no=ticket_no,
        enterprise_id=enterprise_id,
        outcome=outcome,
        amount_fen=amount_fen,
    )
    return after, entry


def after_earmark(account: QuotaAccount, *, amount_fen: int) -> QuotaAccount:
    """An account with an earmark more. Raises: Bug when the yearly cap would be passed. Source: R29, Q1."""
    after: QuotaAccount = msgspec.structs.replace(account, earmarked_fen=account.earmarked_fen + amount_fen)
    invariant(amount_fen > 0 and after.used_fen <= after.cap_fen, "the yearly cap holds")
    return after


def canonical(entry: Entry, *, pack_version: str) -> bytes:
    """The bytes of an entry by which a replay is compared."""
    return msgspec.json.encode({"entry": entry, "pack_version": pack_version}, order="deterministic")
