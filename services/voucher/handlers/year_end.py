"""The end of the year: unused quota is taken back, the waiting list is closed, the plan is closed. Source: Q5, R36."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import Posting, PostingPart, QuotaAccount, shift
from services.voucher.domain.queue import Application, Plan
from services.voucher.domain.states import APPLICATION_MOVES, ApplicationState, LedgerAccount, Movement, PlanState
from services.voucher.handlers.plans import YEAR_END_TIMER
from services.voucher.store import ledger, plans, queue
from shared.contracts.messages.voucher import ApplicationClosed, PlanClosed
from shared.kernel.money import Fen, format_yuan
from shared.runtime.work import SYSTEM, Decision, Notice, Work

BATCH_MAX = 500
_YEAR_OVER_ZH = "年度结束"
"""Why, as notices say it; facts and entries keep the code."""


async def close_years(work: Work, plan_ids: Sequence[UUID]) -> None:
    """Close plans whose year is over, a batch at a time; a timer at the same moment goes on with the rest.

    Emits voucher.quota_moved, application_closed and plan_closed.
    """
    for plan_id in sorted(plan_ids):
        closes_at = await plans.find_close(work.connection, plan_id)
        if closes_at is None:
            continue
        plan = await _begin(work, plan_id) if work.now >= closes_at else None
        if work.now < closes_at or (plan is not None and not await _finish(work, plan)):
            work.set_timer(YEAR_END_TIMER, key=plan_id, due_at=closes_at)


async def _begin(work: Work, plan_id: UUID) -> Plan | None:
    """The plan, locked and closing, with its counter shut: counter first, then plan."""
    await plans.close_counter(work, plan_id)
    plan = await queue.lock_plan(work.connection, plan_id)
    if plan is None or plan.state not in {PlanState.PUBLISHED, PlanState.CLOSING}:
        return None
    return plan


async def _finish(work: Work, plan: Plan) -> bool:
    """Close a batch of tickets, else a batch of accounts, else the plan; whether nothing is left to close."""
    tickets = await queue.open_tickets_of(work.connection, plan.id, limit=BATCH_MAX)
    if tickets:
        await _close_tickets(work, plan, tickets)
        return False
    accounts = await ledger.lock_unclosed_accounts(work.connection, plan.id, limit=BATCH_MAX)
    if accounts:
        await _recover(work, accounts)
        return False
    for subject_type, subject_id in await plans.lapse_proposals(work, plan.id):
        work.decide(
            Decision(
                subject_type=subject_type, subject_id=subject_id, act="lapse", by=SYSTEM, rule="Q5", ground="year_end"
            )
        )
    after = msgspec.structs.replace(plan, state=PlanState.CLOSED, version=plan.version + 1)
    await queue.save_plan(work, after)
    work.emit(PlanClosed(version=after.version, plan_id=plan.id, year=plan.year, total_fen=plan.total_fen))
    return True


async def _close_tickets(work: Work, plan: Plan, tickets: Sequence[Application]) -> None:
    earmarked = [ticket for ticket in tickets if ticket.earmarked_fen]
    owners = [(ticket.enterprise_id, ticket.year) for ticket in earmarked]
    before = {a.enterprise_id: a for a in await ledger.lock_accounts_of(work.connection, owners)}
    accounts = dict(before)
    postings: list[Posting] = []
    for ticket in earmarked:
        moved = shift(
            accounts[ticket.enterprise_id], movement=Movement.RECOVER, debit=LedgerAccount.EARMARKED,
            credit=LedgerAccount.TAKEN_BACK,
            parts=[PostingPart(f"{ticket.id}/recover", ticket.earmarked_fen, application_id=ticket.id)],
            reason="year_end", rule="Q5",
        )  # fmt: skip
        accounts[ticket.enterprise_id] = moved.account
        postings.extend(moved.postings)
        ledger.tell(work, moved.moved)
    ledger.move(work, [(before[owner], account) for owner, account in accounts.items()], postings)
    earmarked_fen = plan.earmarked_fen - sum(ticket.earmarked_fen for ticket in earmarked)
    await queue.save_plan(work, msgspec.structs.replace(plan, state=PlanState.CLOSING, earmarked_fen=earmarked_fen))
    await queue.save_tickets(work, [_closed(work, ticket) for ticket in tickets])


def _closed(work: Work, ticket: Application) -> Application:
    APPLICATION_MOVES.check(ticket.state, ApplicationState.CLOSED)
    after: Application = msgspec.structs.replace(
        ticket,
        state=ApplicationState.CLOSED,
        earmarked_fen=0,
        waiting_fen=0,
        code="voucher.year_closed",
        reason="year_end",
        review_due_at=None,
        version=ticket.version + 1,
    )
    work.emit(
        ApplicationClosed(
            version=after.version, application_id=after.id, enterprise_id=after.enterprise_id, plan_id=after.plan_id,
            year=after.year, ticket_no=after.ticket_no, reason="year_end",
        )
    )  # fmt: skip
    text = work.pack.notice("waiting_list_closed").body.format(year=ticket.year, receipt_number=ticket.ticket_no)
    _tell(work, ticket.enterprise_id, "application", ticket.id, "waiting_list.closed", text)
    return after


async def _recover(work: Work, accounts: Sequence[QuotaAccount]) -> None:
    moves: list[tuple[QuotaAccount, QuotaAccount]] = []
    postings: list[Posting] = []
    for account in accounts:
        moved = shift(
            account, movement=Movement.RECOVER, debit=LedgerAccount.AVAILABLE, credit=LedgerAccount.TAKEN_BACK,
            parts=[PostingPart(f"{account.id}/recover", account.available_fen)], reason="year_end", rule="Q5",
        )  # fmt: skip
        if not moved.postings:
            continue
        moves.append((account, moved.account))
        postings.extend(moved.postings)
        ledger.tell(work, moved.moved)
        amount_yuan = format_yuan(Fen(account.available_fen))
        text = work.pack.notice("quota_recovered").body.format(year=account.year, amount_yuan=amount_yuan)
        _tell(work, account.enterprise_id, "quota_account", account.id, "quota.recovered", text)
    ledger.move(work, moves, postings)
    await ledger.close_accounts(work, [account.id for account in accounts])


def _tell(  # noqa: PLR0913, PLR0917 - the parts of a notice
    work: Work, enterprise_id: UUID, subject_type: str, subject_id: UUID, event: str, text: str
) -> None:
    work.notify(
        Notice(
            recipient=f"org:{enterprise_id}",
            subject_type=subject_type,
            subject_id=subject_id,
            event=event,
            text=text,
            reason=_YEAR_OVER_ZH,
            article="A9",
        )
    )
