"""The bureau's questions, the operator's answers, and what happens when an answer is late. Source: A25, Q15."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.settlement.domain.persons import CasePart
from services.settlement.domain.questions import answer_due_at, is_late, running_due_at
from services.settlement.domain.refusals import QuestionAnswered, QuestionNotPossible
from services.settlement.domain.states import CLAIM_MOVES, QUESTION_STATES
from services.settlement.handlers.checks import check_actor
from services.settlement.handlers.progress import lock_claim, number_of
from services.settlement.store import appropriations as rows
from shared.kernel.refusals import bug
from shared.runtime.service import NotLate, Urge, Urged, urge
from shared.runtime.sql import Record
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, Work

QUESTION_TIMER = "question_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion:
    """The bureau found a problem in a claim."""

    claim_id: UUID
    text: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerQuestion:
    """The operator answers the bureau."""

    question_id: UUID
    text: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResult:
    """Where a question stands; `due_provisional` while the due year's calendar is not announced."""

    id: UUID
    claim_id: UUID
    due_at: datetime
    due_provisional: bool
    late: bool
    answered_at: datetime | None


async def ask_question(work: Work, command: AskQuestion) -> QuestionResult:
    """Ask the operator; three working days run from the day after.

    Raises: QuestionNotPossible, SamePerson. Source: A25, Q14.
    """
    claim = await lock_claim(work, command.claim_id)
    if claim.state not in QUESTION_STATES:
        raise QuestionNotPossible(state=claim.state.value)
    await check_actor(work, CasePart.ASK, claim.live_items(), by=command.by)
    calendar = work.pack.working_calendar
    days = work.pack.deadlines.question_working_days
    due_at = answer_due_at(work.now, working_days=days, calendar=calendar)
    question_id = work.new_id()
    await rows.insert_question(
        work,
        {
            "id": question_id,
            "claim_id": claim.id,
            "text": command.text,
            "asked_by": command.by.account_id or bug("a question is asked by somebody"),
            "asked_at": work.now,
            "due_at": due_at,
        },
    )
    work.set_timer(QUESTION_TIMER, key=question_id, due_at=due_at)
    _decide(work, question_id, act="question.ask", by=command.by, ground=command.text)
    for role in ("operator_clerk", "operator_lead"):
        _tell(
            work,
            question_id,
            recipient=f"role:{role}",
            event="question.asked",
            text=f"省大数据局就兑现申请{number_of(claim)}反馈了问题，请在{days}个工作日内回复。",
            reason=command.text,
        )
    return QuestionResult(
        id=question_id,
        claim_id=claim.id,
        due_at=due_at,
        due_provisional=calendar.is_provisional(due_at.year),
        late=False,
        answered_at=None,
    )


async def answer_question(work: Work, command: AnswerQuestion) -> QuestionResult:
    """Answer the bureau; a late answer is taken, and counted as late.

    Raises: QuestionAnswered, SamePerson. Source: A25, Q15.
    """
    row = await rows.lock_question(work.connection, command.question_id)
    if row is None:
        raise NotFound
    if row["answered_at"] is not None:
        raise QuestionAnswered
    claim = await lock_claim(work, row["claim_id"])
    await check_actor(work, CasePart.ANSWER, claim.live_items(), by=command.by)
    due_at = _running_due_at(work, row)
    late = row["late"] or is_late(work.now, due_at=due_at)
    values = {
        "answer": command.text,
        "answered_by": command.by.account_id,
        "answered_at": work.now,
        "due_at": due_at,
        "late": late,
    }
    await rows.change_question(work, row["id"], values=values)
    work.drop_timer(QUESTION_TIMER, key=row["id"])
    _decide(work, row["id"], act="question.answer", by=command.by, ground=command.text, facts={"late": late})
    _tell(
        work,
        row["id"],
        recipient=f"account:{row['asked_by']}",
        event="question.answered",
        text="系统运营方已逾期答复您反馈的问题。" if late else "系统运营方已答复您反馈的问题。",
        reason=command.text,
    )
    return QuestionResult(
        id=row["id"],
        claim_id=row["claim_id"],
        due_at=due_at,
        due_provisional=work.pack.working_calendar.is_provisional(due_at.year),
        late=late,
        answered_at=work.now,
    )


async def urge_answer(work: Work, command: Urge) -> Urged:
    """The bureau's lead urges the operator to answer what is late. Raises: NotFound, QuestionAnswered, NotLate.

    A question whose claim has ended waits for nobody. Source: A25, R8, Q15.
    """
    row = await rows.lock_question(work.connection, command.subject_id)
    if row is None:
        raise NotFound
    claim = await lock_claim(work, row["claim_id"])
    if row["answered_at"] is not None or CLAIM_MOVES.terminal(claim.state):
        raise QuestionAnswered
    if not row["late"]:
        raise NotLate
    return urge(
        work,
        command,
        subject_type="question",
        rule="A25",
        working_days=work.pack.deadlines.question_working_days,
        recipients=("role:operator_clerk", "role:operator_lead"),
        text=f"省大数据局督办：请尽快答复就兑现申请{number_of(claim)}反馈的问题。",
    )


async def escalate_questions(work: Work, keys: Sequence[UUID]) -> None:
    """Flag and escalate unanswered questions; nothing is approved by silence. Source: A25, Q15.

    A question whose claim has ended waits for nobody any more.
    """
    for question_id in sorted(keys):
        row = await rows.lock_question(work.connection, question_id)
        if row is None or row["answered_at"] is not None or row["late"]:
            continue
        if CLAIM_MOVES.terminal((await lock_claim(work, row["claim_id"])).state):
            continue
        due_at = _running_due_at(work, row)
        if not is_late(work.now, due_at=due_at):
            await rows.change_question(work, question_id, values={"due_at": due_at})
            work.set_timer(QUESTION_TIMER, key=question_id, due_at=due_at)
            continue
        values = {"late": True, "escalated_at": work.now}
        await rows.change_question(work, question_id, values=values)
        _decide(work, question_id, act="question.escalate", by=SYSTEM, ground="逾期未答复")
        for role in ("operator_lead", "bureau_lead"):
            _tell(
                work,
                question_id,
                recipient=f"role:{role}",
                event="question.late",
                text="系统运营方未在规定的工作日内答复省大数据局反馈的问题，已升级处理；答复前不作任何审核决定。",
                reason=row["text"],
            )


def _running_due_at(work: Work, row: Record) -> datetime:
    return running_due_at(
        row["due_at"],
        asked_at=row["asked_at"],
        working_days=work.pack.deadlines.question_working_days,
        calendar=work.pack.working_calendar,
    )


def _decide(  # noqa: PLR0913 - the parts of a decision
    work: Work, question_id: UUID, *, act: str, by: Actor, ground: str, facts: dict[str, object] | None = None
) -> None:
    work.decide(
        Decision(
            subject_type="question",
            subject_id=question_id,
            act=act,
            by=by,
            rule="A25",
            ground=ground,
            facts=facts or {},
        )
    )


def _tell(work: Work, question_id: UUID, *, recipient: str, event: str, text: str, reason: str) -> None:  # noqa: PLR0913 - the parts of a notice
    work.notify(
        Notice(
            recipient=recipient,
            subject_type="question",
            subject_id=question_id,
            event=event,
            text=text,
            reason=reason,
            article="A25",
        )
    )
