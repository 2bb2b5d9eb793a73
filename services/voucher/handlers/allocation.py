"""The allocator's transaction: a batch of tickets becomes decisions, which are written and told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation import Entry, TicketOutcome
from services.voucher.domain.allocation_batch import CAP_USED, AllocationBatch, after_decision
from services.voucher.domain.queue import Application, Plan, QueuedTicket
from services.voucher.domain.states import ApplicationState, PlanState
from services.voucher.store import earmarks, ledger, queue
from shared.contracts.messages.voucher import ApplicationClosed, ApplicationDecided
from shared.kernel.money import Fen, format_yuan
from shared.runtime.work import Notice, Work

BATCH_MAX = 2_000
_REFUSED = TicketOutcome.REFUSED.value


@dataclass(frozen=True, slots=True)
class AllocatorWaker:
    """The port by which handlers have this process's allocator look for work."""

    wake: Callable[[], None]


def wake_allocator(work: Work) -> None:
    """Have the allocator look for work after the commit."""
    work.after_commit.append(work.ports.get(AllocatorWaker).wake)


async def allocate_batch(work: Work, plan_id: UUID, *, epoch: int, limit: int = BATCH_MAX) -> int:
    """Decide up to `limit` tickets of a plan, the waiting list first; returns how many numbers it used.

    0 means nothing to do, or that another allocator took over. Emits voucher.application_decided or
    application_closed for each ticket. Source: R25, R27, Q1-Q3.
    """
    plan = await queue.lock_plan(work.connection, plan_id, epoch=epoch)
    if plan is None or plan.state is not PlanState.PUBLISHED or work.now >= plan.closes_at:
        return 0
    batch = AllocationBatch(plan, now=work.now, new_id=work.new_id)
    waiting: Sequence[Application] = ()
    if batch.serves_waiting:
        waiting = await queue.waiting_tickets(work.connection, plan, only_listed=batch.only_listed, limit=limit)
    fresh: Sequence[QueuedTicket] = ()
    # A full page of the waiting list may have more behind it, and nobody new may overtake them.
    if len(waiting) < limit:
        fresh = await queue.new_tickets(work.connection, plan, limit=limit - len(waiting))
    batch.decide(await _lock_accounts(work, plan.year, waiting, fresh), waiting, fresh)
    entries = batch.entries()
    if not entries:
        return 0
    await queue.insert_entries(work, plan, entries)
    await _save_accounts(work, plan, batch)
    await queue.save_plan(work, batch.plan_after())
    await _save_served(work, batch.served, waiting)
    await _save_decided(work, plan, batch.decided, fresh)
    return len(entries)


async def _lock_accounts(
    work: Work, year: int, waiting: Sequence[Application], fresh: Sequence[QueuedTicket]
) -> list[QuotaAccount]:
    """The accounts of these tickets' enterprises, locked in id order by one statement; at an opening there are none."""
    if waiting:
        owners = [(row.enterprise_id, year) for row in waiting] + [(row.enterprise_id, year) for row in fresh]
        return await ledger.lock_accounts_of(work.connection, owners)
    known = [row.quota_account_id for row in fresh if row.quota_account_id is not None]
    return await ledger.lock_accounts(work.connection, known) if known else []


async def _save_accounts(work: Work, plan: Plan, batch: AllocationBatch) -> None:
    """Write new and changed accounts, and the postings that explain them."""
    if opened := batch.opened_accounts():
        await earmarks.insert_accounts(work, opened)
    ledger.move(work, batch.changed_accounts(), [])
    if batch.earmarks:
        await earmarks.insert_postings(work, plan.id, batch.earmarks)


def _review_due_at(work: Work) -> datetime:
    days = work.pack.deadlines.application_review_working_days
    return work.pack.working_calendar.working_deadline(work.now, days=days)


async def _save_served(work: Work, entries: Sequence[Entry], waiting: Sequence[Application]) -> None:
    """Write and tell what became of applications that waited."""
    if not entries:
        return
    due_at = _review_due_at(work)
    by_ticket = {application.ticket_no: application for application in waiting}
    after = [after_decision(by_ticket[entry.ticket_no], entry, now=work.now, review_due_at=due_at) for entry in entries]
    for application in after:
        _emit(work, application)
    await queue.save_tickets(work, after)


async def _save_decided(work: Work, plan: Plan, entries: Sequence[Entry], fresh: Sequence[QueuedTicket]) -> None:
    """Write and tell what new tickets became: their first decision, so their first version."""
    if not entries:
        return
    writing = asyncio.create_task(
        queue.decide_tickets(work, plan, entries, code=CAP_USED, review_due_at=_review_due_at(work))
    )
    # The statement leaves now, and the facts are built while the database works on it (docs/benchmarks.md).
    await asyncio.sleep(0)
    try:
        _tell_decided(work, plan, entries, fresh)
    finally:
        await writing


def _tell_decided(work: Work, plan: Plan, entries: Sequence[Entry], rows: Sequence[QueuedTicket]) -> None:
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


_TEXTS = {
    "earmarked": ("已为贵单位的申领（编号", "）预留额度，等待系统运营方审核", "A16"),
    "waiting": ("额度不足，贵单位的申领（编号", "）未满足部分按编号顺序候补", "A6"),
    "refused": ("贵单位本年度额度已达上限，申领（编号", "）未获受理", "A16"),
    "closed": ("贵单位本年度额度已达上限，候补申领（编号", "）已关闭", "A16"),
    "granted": ("贵单位本年度额度已达上限，申领（编号", "）的候补部分已关闭", "A16"),
}
"""By the application's state: the text before and after the ticket's number, and the article."""


def _emit(work: Work, ticket: Application) -> None:
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


def cut_sentence(ticket: Application) -> str:
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
