"""Review of applications by the operator, and withdrawal by the enterprise. Nothing is decided by silence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import PostingPart, shift
from services.voucher.domain.allocation import EntryKind, enter
from services.voucher.domain.eligibility import check_applicant
from services.voucher.domain.queue import Application, Plan
from services.voucher.domain.refusals import (
    ApplicationStateWrong,
    NothingEarmarked,
    YearClosed,
)
from services.voucher.domain.states import APPLICATION_MOVES, ApplicationState, LedgerAccount, Movement, PlanState
from services.voucher.handlers.allocation import cut_sentence, wake_allocator
from services.voucher.store import ledger, parties, queue
from services.voucher.views.applications import read_application
from shared.contracts.messages.voucher import ApplicationClosed, ApplicationReviewed
from shared.kernel.money import Fen, format_yuan
from shared.kernel.refusals import invariant
from shared.runtime.service import NotLate, Urge, Urged, urge
from shared.runtime.work import Actor, Decision, NotFound, Notice, VersionMismatch, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewApplication:
    """An act about one application. `owner_id` limits it to one enterprise; `expected_version` is If-Match."""

    application_id: UUID
    owner_id: UUID | None
    reason: str
    expected_version: int | None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResult:
    """One application. `code` and `reason` say why when it came to nothing.

    `cut_fen` is what was asked for beyond the yearly cap and is not given (A16, Q1); `correction` is what the applicant
    says it has corrected since it was sent back.
    """

    id: UUID
    plan_id: UUID
    year: int
    ticket_no: int
    enterprise_id: UUID
    enterprise_name: str | None = None
    region: str
    listed: bool
    requested_fen: int
    state: str
    earmarked_fen: int
    granted_fen: int
    waiting_fen: int
    cut_fen: int
    code: str
    reason: str
    correction: str
    received_at: datetime
    decided_at: datetime | None
    review_due_at: datetime | None
    request_sha256: str
    receipt_kid: str
    receipt_signature: str
    version: int


async def grant_application(work: Work, command: ReviewApplication) -> ReviewResult:
    """Earmark becomes quota; a remainder goes on waiting. Source: A13, A16, R30, Q3.

    The applicant is looked at again as it stands now. Emits voucher.application_reviewed and voucher.quota_moved.
    Raises: NotFound, VersionMismatch, ApplicationStateWrong, NothingEarmarked, YearClosed, and as check_applicant.
    """
    plan, ticket = await _open(work, command)
    if ticket.state not in {ApplicationState.EARMARKED, ApplicationState.WAITING}:
        raise ApplicationStateWrong(state=ticket.state.value)
    if ticket.earmarked_fen == 0:
        raise NothingEarmarked
    applicants = await parties.read_applicants(work.connection, [ticket.enterprise_id])
    check_applicant(
        applicants.get(ticket.enterprise_id),
        now=work.now,
        registration_years=work.pack.deadlines.registration_years,
        small_firms_only=work.pack.limited_to_small_firms,
    )
    amount_fen = ticket.earmarked_fen
    (account,) = await ledger.lock_accounts_of(work.connection, [(ticket.enterprise_id, ticket.year)])
    moved = shift(
        account, movement=Movement.GRANT, debit=LedgerAccount.EARMARKED, credit=LedgerAccount.AVAILABLE,
        parts=[PostingPart(f"{ticket.id}/grant/{ticket.version + 1}", amount_fen, application_id=ticket.id)],
        reason=command.reason or "granted", rule="A16",
    )  # fmt: skip
    ledger.move(work, [(account, moved.account)], moved.postings)
    ledger.tell(work, moved.moved)
    earmarked_fen = plan.earmarked_fen - amount_fen
    await queue.save_plan(work, msgspec.structs.replace(plan, earmarked_fen=earmarked_fen))
    after: Application = msgspec.structs.replace(
        ticket,
        state=ApplicationState.WAITING if ticket.waiting_fen else ApplicationState.GRANTED,
        earmarked_fen=0,
        granted_fen=ticket.granted_fen + amount_fen,
        review_due_at=None,
        version=ticket.version + 1,
    )
    APPLICATION_MOVES.check(ticket.state, after.state)
    await queue.save_tickets(work, [after])
    _reviewed(work, after, "granted", amount_fen)
    _record(work, command, ticket, after, "grant")
    _notify(work, after, "application_granted", amount_yuan=format_yuan(Fen(amount_fen)), tail=cut_sentence(after))
    return await _result(work, ticket.id)


async def refuse_application(work: Work, command: ReviewApplication) -> ReviewResult:
    """The operator refuses; what was earmarked serves the waiting list. Source: A16, Q3.

    Emits voucher.application_reviewed. Raises: NotFound, VersionMismatch, ApplicationStateWrong, YearClosed.
    """
    after = await _end(work, command, ApplicationState.REFUSED, "refuse")
    _reviewed(work, after, "refused", 0)
    _notify(work, after, "application_refused", reason=command.reason, article="A16")
    return await _result(work, after.id)


async def send_back_application(work: Work, command: ReviewApplication) -> ReviewResult:
    """The operator asks for better material: the place in the queue is given up. Source: A16, Q3.

    Emits voucher.application_reviewed. Raises: NotFound, VersionMismatch, ApplicationStateWrong, YearClosed.
    """
    after = await _end(work, command, ApplicationState.SENT_BACK, "send_back")
    await queue.return_ticket(work, after)
    _reviewed(work, after, "sent_back", 0)
    _notify(work, after, "application_sent_back", reason=command.reason)
    return await _result(work, after.id)


async def urge_review(work: Work, command: Urge) -> Urged:
    """The bureau's lead urges the operator to review what is late. Source: A16, R8, R30.

    Raises: NotFound, YearClosed, NotLate.
    """
    asked = ReviewApplication(
        application_id=command.subject_id, owner_id=None, reason=command.text, expected_version=None, by=command.by
    )
    _, ticket = await _open(work, asked)
    if not ticket.earmarked_fen or ticket.review_due_at is None or work.now < ticket.review_due_at:
        raise NotLate
    return urge(
        work,
        command,
        subject_type="application",
        rule="A16",
        working_days=work.pack.deadlines.application_review_working_days,
        recipients=("role:operator_clerk", "role:operator_lead"),
        text=f"省大数据局督办：请尽快审核云使用券申领（编号{ticket.ticket_no}）。",
    )


async def withdraw_application(work: Work, command: ReviewApplication) -> ReviewResult:
    """The enterprise gives its place up. Emits voucher.application_closed. Source: R28, Q3.

    Raises: NotFound, VersionMismatch, ApplicationStateWrong, YearClosed.
    """
    after = await _end(work, command, ApplicationState.WITHDRAWN, "withdraw")
    work.emit(
        ApplicationClosed(
            version=after.version, application_id=after.id, enterprise_id=after.enterprise_id, plan_id=after.plan_id,
            year=after.year, ticket_no=after.ticket_no, reason="withdrawn",
        )
    )  # fmt: skip
    return await _result(work, after.id)


async def _result(work: Work, application_id: UUID) -> ReviewResult:
    return ReviewResult(**dict(await read_application(work.connection, application_id)))


async def _open(work: Work, command: ReviewApplication) -> tuple[Plan, Application]:
    """The application with its plan, both locked, the plan first."""
    plan_id = await queue.find_plan_of(work.connection, command.application_id, owner_id=command.owner_id)
    plan = None if plan_id is None else await queue.lock_plan(work.connection, plan_id)
    ticket = None if plan is None else await queue.lock_ticket(work.connection, command.application_id)
    if plan is None or ticket is None:
        raise NotFound
    if command.expected_version is not None and command.expected_version != ticket.version:
        raise VersionMismatch(version=ticket.version)
    if plan.state is not PlanState.PUBLISHED or work.now >= plan.closes_at:
        raise YearClosed(year=plan.year)
    return plan, ticket


async def _end(work: Work, command: ReviewApplication, after: ApplicationState, act: str) -> Application:
    """End an application that was decided a place, and free what it had earmarked into the queue's sequence."""
    plan, ticket = await _open(work, command)
    if ticket.state not in {ApplicationState.EARMARKED, ApplicationState.WAITING}:
        raise ApplicationStateWrong(state=ticket.state.value)
    pool, entry = enter(
        plan.pool(), kind=EntryKind.FREE, amount_fen=ticket.earmarked_fen, ticket_no=ticket.ticket_no,
        enterprise_id=ticket.enterprise_id, outcome=after.value,
    )  # fmt: skip
    if ticket.earmarked_fen:
        (account,) = await ledger.lock_accounts_of(work.connection, [(ticket.enterprise_id, ticket.year)])
        moved = shift(
            account, movement=Movement.FREE, debit=LedgerAccount.EARMARKED, credit=LedgerAccount.LEFT,
            parts=[PostingPart(f"{plan.id}/{entry.decision_no}/free", ticket.earmarked_fen, application_id=ticket.id)],
            reason=act, rule="A16",
        )  # fmt: skip
        ledger.move(work, [(account, moved.account)], moved.postings)
    earmarked_fen = plan.earmarked_fen - ticket.earmarked_fen
    await queue.insert_entries(work, plan, [entry])
    await queue.save_plan(work, plan.after(pool, earmarked_fen=earmarked_fen))
    ended: Application = msgspec.structs.replace(
        ticket,
        state=after,
        earmarked_fen=0,
        waiting_fen=0,
        reason=command.reason,
        review_due_at=None,
        version=ticket.version + 1,
    )
    APPLICATION_MOVES.check(ticket.state, after)
    await queue.save_tickets(work, [ended])
    _record(work, command, ticket, ended, act)
    wake_allocator(work)
    return ended


def _reviewed(work: Work, ticket: Application, outcome: str, granted_fen: int) -> None:
    invariant(ticket.version > 0, "a reviewed application was decided before")
    work.emit(
        ApplicationReviewed(
            version=ticket.version, application_id=ticket.id, enterprise_id=ticket.enterprise_id,
            plan_id=ticket.plan_id, year=ticket.year, ticket_no=ticket.ticket_no, outcome=outcome,
            granted_fen=granted_fen,
        )
    )  # fmt: skip


def _record(work: Work, command: ReviewApplication, before: Application, after: Application, act: str) -> None:
    work.decide(
        Decision(
            subject_type="application",
            subject_id=after.id,
            act=act,
            by=command.by,
            rule="A16",
            ground=command.reason,
            before=before.state.value,
            after=after.state.value,
            facts={
                "requested_fen": after.requested_fen,
                "earmarked_fen": before.earmarked_fen,
                "granted_fen": after.granted_fen,
                "waiting_fen": before.waiting_fen,
                "cut_fen": after.cut_fen,
            },
        )
    )


def _notify(work: Work, ticket: Application, code: str, *, tail: str = "", **marks: str) -> None:
    body = work.pack.notice(code).body.format(
        **{"receipt_number": ticket.ticket_no, "year": ticket.year, "article": "A16", **marks}
    )
    work.notify(
        Notice(
            recipient=f"org:{ticket.enterprise_id}",
            subject_type="application",
            subject_id=ticket.id,
            event=code.replace("application_", "application."),
            text=f"{body}{tail}",
            reason=marks.get("reason", ""),
            article="A16",
        )
    )
