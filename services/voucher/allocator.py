"""The allocator: one for each plan, fenced by an epoch; it turns tickets into decisions in batches.

A lease row (machine time, 5 s) says who is in office; taking over bumps the epoch and writes it into the plan's row.
Each batch begins by locking the plan's row `where epoch = mine`, so one that was stopped and resumes commits nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation import Entry, EntryKind, Outcome, Pool, Ticket, after_earmark, enter, walk
from services.voucher.domain.states import APPLICATION_MOVES, ApplicationState, PlanState
from services.voucher.store import ledger, queue
from services.voucher.store import queue_earmarks as earmarks
from services.voucher.store.queue import PlanRow, QueuedTicket, TicketRow
from services.voucher.store.queue_earmarks import Earmark
from shared.contracts.messages.voucher import ApplicationClosed, ApplicationDecided
from shared.kernel.money import Fen, format_yuan
from shared.runtime.service import Runtime
from shared.runtime.work import Notice, Work

log = structlog.get_logger()

BATCH_MAX = 2_000
LEASE_S = 5.0
BATCHES_AT_ONCE_MAX = 100
CAP_USED = "voucher.cap_used"
_REFUSED = Outcome.REFUSED.value

_LEASE = """
INSERT INTO allocator_lease AS l (plan_id, owner, epoch, until)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (plan_id) DO UPDATE SET owner = $2, epoch = l.epoch + (l.owner <> $2)::int,
    until = clock_timestamp() + make_interval(secs => $3)
WHERE l.owner = $2 OR l.until < clock_timestamp()
RETURNING epoch
"""
# Held only long enough to write the number: a former holder's batch is finished or fenced by this very lock.
_TAKE_OFFICE = "UPDATE plan SET allocator_epoch = $2 WHERE id = $1 AND allocator_epoch < $2"
_PLANS_WITH_WORK = """
SELECT p.id FROM plan p JOIN intake_counter c ON c.plan_id = p.id
WHERE p.state = 'published' AND p.closes_at > $1 AND (
    c.last_ticket_no > p.decided_to
    OR (p.lane_left_fen > 0 AND p.lane_until <= $1)
    OR (p.left_fen > p.lane_left_fen
        AND EXISTS (SELECT 1 FROM application a WHERE a.plan_id = p.id AND a.waits))
    OR (p.lane_left_fen > 0
        AND EXISTS (SELECT 1 FROM application a WHERE a.plan_id = p.id AND a.waits AND a.listed))
) ORDER BY p.id
"""


async def plans_with_work(work: Work) -> list[UUID]:
    """The plans whose queue can move now."""
    return [row["id"] for row in await work.connection.fetch(_PLANS_WITH_WORK, work.now)]


async def acquire_lease(work: Work, plan_id: UUID, *, owner: str, lease_s: float = LEASE_S) -> int | None:
    """The epoch in which `owner` may decide for the plan, or None while another one is in office."""
    epoch: int | None = await work.connection.fetchval(_LEASE, plan_id, owner, lease_s)
    if epoch is not None:
        await work.connection.execute(_TAKE_OFFICE, plan_id, epoch)
    return epoch


async def allocate_batch(work: Work, plan_id: UUID, *, epoch: int, limit: int = BATCH_MAX) -> int:
    """Decide up to `limit` tickets of a plan, the waiting list first; returns how many numbers it used.

    0 means nothing to do, or that another allocator took over. Emits voucher.application_decided or
    application_closed for each ticket. Source: R25, R27, Q1-Q3.
    """
    plan = await queue.lock_plan(work.connection, plan_id, epoch=epoch)
    if plan is None or plan.state is not PlanState.PUBLISHED or work.now >= plan.closes_at:
        return 0
    pool, inputs = _end_lane(plan, work)
    waiting = await _waiting(work, plan, pool, limit)
    fresh: Sequence[QueuedTicket] = ()
    # A full page of the waiting list may have more behind it, and nobody new may overtake them.
    if len(waiting) < limit:
        fresh = await queue.new_tickets(work.connection, plan, limit=limit - len(waiting))
    accounts = await _lock_accounts(work, plan.year, waiting, fresh)
    used_fen = {account.enterprise_id: account.used_fen for account in accounts}
    pool, served = walk(pool, used_fen, [_ticket(row) for row in waiting], kind=EntryKind.WAITING)
    pool, decided = walk(pool, used_fen, fresh, kind=EntryKind.TICKET)
    if not inputs and not served and not decided:
        return 0
    batch = _Batch(work, plan, accounts)
    batch.earmark(served, {row.ticket_no: row for row in waiting})
    batch.earmark(decided, {row.ticket_no: row for row in fresh})
    await queue.insert_entries(work, plan, [*inputs, *served, *decided])
    await batch.save(pool)
    await _save_served(work, served, waiting)
    await _save_decided(work, plan, decided, fresh)
    return len(inputs) + len(served) + len(decided)


async def _lock_accounts(
    work: Work, year: int, waiting: Sequence[TicketRow], fresh: Sequence[QueuedTicket]
) -> list[QuotaAccount]:
    """The accounts of these tickets' enterprises, locked in id order by one statement; at an opening there are none."""
    if waiting:
        owners = [(row.enterprise_id, year) for row in waiting] + [(row.enterprise_id, year) for row in fresh]
        return await ledger.lock_accounts_of(work.connection, owners)
    known = [row.quota_account_id for row in fresh if row.quota_account_id is not None]
    return await ledger.lock_accounts(work.connection, known) if known else []


def _end_lane(plan: PlanRow, work: Work) -> tuple[Pool, list[Entry]]:
    pool = plan.pool()
    if plan.lane_left_fen == 0 or plan.lane_until is None or work.now < plan.lane_until:
        return pool, []
    pool, entry = enter(pool, kind=EntryKind.LANE_END)
    return pool, [entry]


async def _waiting(work: Work, plan: PlanRow, pool: Pool, limit: int) -> list[TicketRow]:
    if pool.left_fen == 0:
        return []
    only_listed = pool.budget_fen(listed=False) == 0
    return await queue.waiting_tickets(work.connection, plan, only_listed=only_listed, limit=limit)


def _ticket(row: TicketRow) -> Ticket:
    return Ticket(
        ticket_no=row.ticket_no, enterprise_id=row.enterprise_id, asked_fen=row.waiting_fen, listed=row.listed
    )


class _Batch:
    """The earmarks of one batch: accounts as they stand after it, and its postings."""

    def __init__(self, work: Work, plan: PlanRow, accounts: Sequence[QuotaAccount]) -> None:
        self._work = work
        self._plan = plan
        self._locked = {account.enterprise_id: account for account in accounts}
        self._accounts = dict(self._locked)
        self._regions: dict[UUID, str] = {}
        self._touched: set[UUID] = set()
        self._postings: list[Earmark] = []
        self._earmarked_fen = plan.earmarked_fen

    def earmark(self, entries: Sequence[Entry], rows: Mapping[int, TicketRow | QueuedTicket]) -> None:
        """Put the money of decisions on its accounts; `rows` are their tickets by number."""
        for entry in entries:
            if not entry.amount_fen:
                continue
            row = rows[entry.ticket_no]
            account = self._accounts.get(row.enterprise_id)
            if account is None:
                account = self._open(row)
            elif row.enterprise_id not in self._regions:
                self._touched.add(row.enterprise_id)
            self._accounts[row.enterprise_id] = after_earmark(account, amount_fen=entry.amount_fen)
            self._earmarked_fen += entry.amount_fen
            self._postings.append(Earmark(account.id, entry.decision_no, entry.amount_fen, row.id))

    def _open(self, row: TicketRow | QueuedTicket) -> QuotaAccount:
        plan = self._plan
        self._regions[row.enterprise_id] = row.region
        return QuotaAccount(
            id=self._work.new_id(),
            plan_id=plan.id,
            enterprise_id=row.enterprise_id,
            year=plan.year,
            cap_fen=plan.cap_fen,
        )

    async def save(self, pool: Pool) -> None:
        """Write accounts, postings and the plan's row."""
        opened = [(self._accounts[owner], region) for owner, region in self._regions.items()]
        if opened:
            await earmarks.copy_accounts(self._work.connection, opened)
        changed = [(self._locked[owner], self._accounts[owner]) for owner in self._touched]
        ledger.move(self._work, sorted(changed, key=lambda pair: pair[0].id), [])
        if self._postings:
            await earmarks.copy_postings(self._work, self._plan.id, self._postings)
        await queue.save_plan(self._work.connection, self._plan.after(pool, earmarked_fen=self._earmarked_fen))


def _review_due_at(work: Work) -> datetime:
    days = work.pack.deadlines.application_review_working_days
    return work.pack.working_calendar.working_deadline(work.now, days=days)


async def _save_served(work: Work, entries: Sequence[Entry], rows: Sequence[TicketRow]) -> None:
    """Write and tell what became of tickets that waited."""
    if not entries:
        return
    due_at = _review_due_at(work)
    by_ticket = {row.ticket_no: row for row in rows}
    after: list[TicketRow] = []
    for entry in entries:
        row = by_ticket[entry.ticket_no]
        state = _state_after(entry, row)
        APPLICATION_MOVES.check(row.state, state)
        changed: TicketRow = msgspec.structs.replace(
            row,
            state=state,
            earmarked_fen=row.earmarked_fen + entry.amount_fen,
            waiting_fen=entry.waiting_fen,
            code=CAP_USED if entry.outcome == Outcome.CLOSED else "",
            decided_at=work.now,
            review_due_at=row.review_due_at if not entry.amount_fen else due_at,
            version=row.version + 1,
        )
        _emit(work, changed)
        after.append(changed)
    await queue.save_tickets(work.connection, after)


async def _save_decided(work: Work, plan: PlanRow, entries: Sequence[Entry], rows: Sequence[QueuedTicket]) -> None:
    """Write and tell what new tickets became: their first decision, so their first version."""
    if not entries:
        return
    writing = asyncio.create_task(
        queue.decide_tickets(work, plan, entries, code=CAP_USED, review_due_at=_review_due_at(work))
    )
    # The statement leaves now, and the facts are built while the database works on it.
    await asyncio.sleep(0)
    try:
        _tell_decided(work, plan, entries, rows)
    finally:
        await writing


def _tell_decided(work: Work, plan: PlanRow, entries: Sequence[Entry], rows: Sequence[QueuedTicket]) -> None:
    plan_id, year = plan.id, plan.year
    for entry, row in zip(entries, rows, strict=True):
        outcome, number = entry.outcome, entry.ticket_no
        work.emit(
            ApplicationDecided(
                version=1,
                application_id=row.id,
                enterprise_id=row.enterprise_id,
                plan_id=plan_id,
                year=year,
                ticket_no=number,
                outcome=outcome,
                earmarked_fen=entry.amount_fen,
                waiting_fen=entry.waiting_fen,
                code=CAP_USED if outcome == _REFUSED else "",
            )
        )
        cut_fen = 0 if outcome == _REFUSED else row.asked_fen - entry.amount_fen - entry.waiting_fen
        tail = _cut(row.asked_fen, got_fen=entry.amount_fen, cut_fen=cut_fen) if cut_fen else ""
        work.notify(_notice(row.enterprise_id, row.id, outcome, number, tail))


def _state_after(entry: Entry, row: TicketRow) -> ApplicationState:
    """The state of a ticket that waited. Nothing more can come of it once its cap is used."""
    if entry.waiting_fen:
        return ApplicationState.WAITING
    if row.earmarked_fen + entry.amount_fen:
        return ApplicationState.EARMARKED
    if row.granted_fen:
        return ApplicationState.GRANTED
    return ApplicationState.CLOSED


_TEXTS = {
    "earmarked": ("已为贵单位的申领（编号", "）预留额度，等待系统运营方审核", "A16"),
    "waiting": ("额度不足，贵单位的申领（编号", "）未满足部分按编号顺序候补", "A6"),
    "refused": ("贵单位本年度额度已达上限，申领（编号", "）未获受理", "A16"),
    "closed": ("贵单位本年度额度已达上限，候补申领（编号", "）已关闭", "A16"),
    "granted": ("贵单位本年度额度已达上限，申领（编号", "）的候补部分已关闭", "A16"),
}
"""By the application's state: the text before and after the ticket's number, and the article."""


def _emit(work: Work, ticket: TicketRow) -> None:
    if ticket.state is ApplicationState.CLOSED:
        work.emit(
            ApplicationClosed(
                version=ticket.version,
                application_id=ticket.id,
                enterprise_id=ticket.enterprise_id,
                plan_id=ticket.plan_id,
                year=ticket.year,
                ticket_no=ticket.ticket_no,
                reason=ticket.code,
            )
        )
    else:
        work.emit(
            ApplicationDecided(
                version=ticket.version,
                application_id=ticket.id,
                enterprise_id=ticket.enterprise_id,
                plan_id=ticket.plan_id,
                year=ticket.year,
                ticket_no=ticket.ticket_no,
                outcome=ticket.state.value,
                earmarked_fen=ticket.earmarked_fen,
                waiting_fen=ticket.waiting_fen,
                code=ticket.code,
            )
        )
    tail = cut_sentence(ticket)
    work.notify(_notice(ticket.enterprise_id, ticket.id, ticket.state.value, ticket.ticket_no, tail))


def cut_sentence(ticket: TicketRow) -> str:
    """What an application asked for, what it got and what the yearly cap cut off, or nothing. Source: A16, R29, Q1."""
    if not ticket.cut_fen:
        return ""
    got_fen = ticket.earmarked_fen + ticket.granted_fen
    return _cut(ticket.requested_fen, got_fen=got_fen, cut_fen=ticket.cut_fen)


def _cut(asked_fen: int, *, got_fen: int, cut_fen: int) -> str:
    asked, got, cut = (format_yuan(Fen(fen)) for fen in (asked_fen, got_fen, cut_fen))
    return f"。申请{asked}元，预留或核准{got}元，超过每家企业年度额度上限的{cut}元不予受理（A16）"


def _notice(enterprise_id: UUID, application_id: UUID, state: str, ticket_no: int, tail: str = "") -> Notice:
    before, after, article = _TEXTS[state]
    return Notice(
        recipient=f"org:{enterprise_id}",
        subject_type="application",
        subject_id=application_id,
        event=f"application.{state}",
        text=f"{before}{ticket_no}{after}{tail}",
        article=article,
    )


class AllocatorRunner:
    """This process's candidate for the allocator's office; it runs when woken, and on a schedule."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Look for work soon; call it after a commit that made some."""
        self._woken = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            for _ in range(BATCHES_AT_ONCE_MAX):
                self._woken = False
                async with self._runtime.work() as work:
                    done = await self.step(work)
                if done == 0 and not self._woken:
                    return
        except Exception as error:  # noqa: BLE001 - the schedule tries again in 200 ms
            log.warning("allocator.failed", error=type(error).__name__, reason=str(error)[:200])

    async def step(self, work: Work) -> int:
        """One batch of every plan that has work; returns how many numbers were used."""
        done = 0
        for plan_id in await plans_with_work(work):
            epoch = await acquire_lease(work, plan_id, owner=self._runtime.owner)
            if epoch is not None:
                done += await allocate_batch(work, plan_id, epoch=epoch)
        return done


async def allocate(work: Work) -> int:
    """The scheduled look for work; one process at a time."""
    return await work.ports.get(AllocatorRunner).step(work)
