"""The allocator: one for each plan, fenced by an epoch; it turns tickets into decisions in batches.

A lease row (machine time, 5 s) says who is in office; taking over bumps the epoch and writes it into the plan's row.
Each batch begins by locking the plan's row `where epoch = mine`, so one that was stopped and resumes commits nothing.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog

from services.voucher.domain.accounts import Part, Posting, QuotaAccount, Shift, shift
from services.voucher.domain.allocation import Entry, EntryKind, Outcome, Pool, Ticket, enter, walk
from services.voucher.domain.states import APPLICATION_MOVES, Account, ApplicationState, Movement, PlanState
from services.voucher.store import ledger, queue
from services.voucher.store.queue import PlanRow, TicketRow
from shared.contracts.messages.voucher import ApplicationClosed, ApplicationDecided
from shared.runtime.runtime import Runtime
from shared.runtime.work import Notice, Work

log = structlog.get_logger()

BATCH_MAX = 1_000
LEASE_S = 5.0
BATCHES_AT_ONCE_MAX = 100

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


async def take_office(work: Work, plan_id: UUID, *, owner: str, lease_s: float = LEASE_S) -> int | None:
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
    fresh: Sequence[TicketRow] = ()
    # A full page of the waiting list may have more behind it, and nobody new may overtake them.
    if len(waiting) < limit:
        fresh = await queue.new_tickets(work.connection, plan, limit=limit - len(waiting))
    rows = [*waiting, *fresh]
    owners = [(row.enterprise_id, row.year) for row in rows]
    accounts = await ledger.lock_accounts_of(work.connection, owners) if rows else []
    used_fen = {account.enterprise_id: account.used_fen for account in accounts}
    pool, served = walk(pool, used_fen, [_ticket(row, row.waiting_fen) for row in waiting], kind=EntryKind.WAITING)
    pool, decided = walk(pool, used_fen, [_ticket(row, row.requested_fen) for row in fresh], kind=EntryKind.TICKET)
    entries = [*served, *decided]
    if not inputs and not entries:
        return 0
    await _save(work, plan, pool, [*inputs, *entries], rows, accounts)
    return len(inputs) + len(entries)


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


def _ticket(row: TicketRow, asked_fen: int) -> Ticket:
    return Ticket(ticket_no=row.ticket_no, enterprise_id=row.enterprise_id, asked_fen=asked_fen, listed=row.listed)


async def _save(  # noqa: PLR0913, PLR0917 - one batch as it was decided
    work: Work,
    plan: PlanRow,
    pool: Pool,
    entries: Sequence[Entry],
    rows: Sequence[TicketRow],
    accounts: Sequence[QuotaAccount],
) -> None:
    by_ticket = {row.ticket_no: row for row in rows}
    by_owner = {account.enterprise_id: account for account in accounts}
    fresh: list[QuotaAccount] = []
    touched: set[UUID] = set()
    postings: list[Posting] = []
    for entry in entries:
        if not entry.amount_fen or entry.enterprise_id is None:
            continue
        account = by_owner.get(entry.enterprise_id)
        if account is None:
            account = _new_account(work, plan, entry.enterprise_id)
            fresh.append(account)
        moved = _earmark(account, plan, entry, by_ticket[entry.ticket_no])
        by_owner[entry.enterprise_id] = moved.account
        touched.add(entry.enterprise_id)
        postings.extend(moved.postings)
    opened = [by_owner[account.enterprise_id] for account in fresh]
    if opened:
        regions = {row.enterprise_id: row.region for row in rows}
        await ledger.insert_accounts(work.connection, opened, regions=regions)
    touched -= {account.enterprise_id for account in fresh}
    changed = sorted((by_owner[owner] for owner in touched), key=lambda account: account.id)
    await ledger.save_accounts(work, changed, [])
    await ledger.copy_postings(work, postings)
    tickets = _tell(work, entries, by_ticket)
    if tickets:
        await queue.save_tickets(work.connection, tickets)
    await queue.insert_entries(work, plan, entries)
    earmarked_fen = plan.earmarked_fen + sum(posting.amount_fen for posting in postings)
    await queue.save_plan(work.connection, plan.after(pool, earmarked_fen=earmarked_fen))


def _new_account(work: Work, plan: PlanRow, enterprise_id: UUID) -> QuotaAccount:
    return QuotaAccount(
        id=work.new_id(), plan_id=plan.id, enterprise_id=enterprise_id, year=plan.year, cap_fen=plan.cap_fen
    )


def _earmark(account: QuotaAccount, plan: PlanRow, entry: Entry, row: TicketRow) -> Shift:
    return shift(
        account,
        movement=Movement.EARMARK,
        debit=Account.LEFT,
        credit=Account.EARMARKED,
        parts=[Part(f"{plan.id}/{entry.decision_no}/earmark", entry.amount_fen, application_id=row.id)],
        reason="allocation",
        rule="A6",
    )


def _tell(work: Work, entries: Sequence[Entry], by_ticket: dict[int, TicketRow]) -> list[TicketRow]:
    """The tickets as they stand after their decisions; each decision is told."""
    due_at = work.pack.working_calendar.working_deadline(
        work.now, days=work.pack.deadlines.application_review_working_days
    )
    after: list[TicketRow] = []
    for entry in entries:
        if entry.kind is EntryKind.LANE_END:
            continue
        row = by_ticket[entry.ticket_no]
        state = _state_after(entry, row)
        APPLICATION_MOVES.check(row.state, state)
        changed: TicketRow = msgspec.structs.replace(
            row,
            state=state,
            earmarked_fen=row.earmarked_fen + entry.amount_fen,
            waiting_fen=entry.waiting_fen,
            code="voucher.cap_used" if entry.outcome in {Outcome.REFUSED, Outcome.CLOSED} else "",
            decided_at=work.now,
            review_due_at=row.review_due_at if not entry.amount_fen else due_at,
            version=row.version + 1,
        )
        _emit(work, changed)
        after.append(changed)
    return after


def _state_after(entry: Entry, row: TicketRow) -> ApplicationState:
    if entry.waiting_fen:
        return ApplicationState.WAITING
    if row.earmarked_fen + entry.amount_fen:
        return ApplicationState.EARMARKED
    if row.granted_fen:
        return ApplicationState.GRANTED
    return ApplicationState.CLOSED if entry.kind is EntryKind.WAITING else ApplicationState.REFUSED


_TEXTS = {
    ApplicationState.EARMARKED: ("已为贵单位的申领（编号{no}）预留额度，等待系统运营方审核", "A16"),
    ApplicationState.WAITING: ("额度不足，贵单位的申领（编号{no}）未满足部分按编号顺序候补", "A6"),
    ApplicationState.REFUSED: ("贵单位本年度额度已达上限，申领（编号{no}）未获受理", "A16"),
    ApplicationState.CLOSED: ("贵单位本年度额度已达上限，候补申领（编号{no}）已关闭", "A16"),
    ApplicationState.GRANTED: ("贵单位本年度额度已达上限，申领（编号{no}）的候补部分已关闭", "A16"),
}


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
    text, article = _TEXTS[ticket.state]
    work.notify(
        Notice(
            recipient=f"org:{ticket.enterprise_id}",
            subject_type="application",
            subject_id=ticket.id,
            event=f"application.{ticket.state.value}",
            text=text.format(no=ticket.ticket_no),
            article=article,
        )
    )


class AllocatorSeat:
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
            epoch = await take_office(work, plan_id, owner=self._runtime.owner)
            if epoch is not None:
                done += await allocate_batch(work, plan_id, epoch=epoch)
        return done


async def allocate(work: Work) -> int:
    """The scheduled look for work; one process at a time."""
    return await work.ports.get(AllocatorSeat).step(work)
