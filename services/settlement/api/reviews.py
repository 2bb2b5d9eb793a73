"""Reviews of claims, the bureau's questions and the operator's answers."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.settlement.api.scopes import StaffReader
from services.settlement.handlers import questions, reviews
from services.settlement.handlers.progress import ClaimResult
from services.settlement.views import questions as views
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.kernel.calendar import business_year
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, Run, VersionedRun, actor_of, require, runtime_of
from shared.runtime.service import Urge, Urged

router = APIRouter(tags=["审核"])

FirstReviewer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_FIRST_REVIEW))]
BureauReviewer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_BUREAU_REVIEW))]
Asker = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_QUESTION))]
Answerer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_ANSWER))]
Supervisor = Annotated[Principal, Depends(require(Permission.SETTLEMENT_APPROPRIATION_APPROVE))]
Words = Annotated[str, Field(min_length=1, max_length=2_000)]


class FirstReviewBody(Body):
    """Whether the item passes, and the opinion on truth and on validity."""

    passed: Annotated[bool, Field(alias="pass")]
    truth_opinion: Words
    validity_opinion: Words


class BureauReviewBody(Body):
    """Whether the bureau agrees, and why."""

    approve: bool
    reason: Words


class QuestionBody(Body):
    """What the bureau found, or what it urges."""

    text: Words


class AnswerBody(Body):
    """What the operator answers."""

    text: Words


@router.post("/claims/{claim_id}/items/{order_id}/first-review", response_model=ClaimResult, summary="系统运营方初审")
async def review_first(
    run: VersionedRun, claim_id: UUID, order_id: UUID, body: FirstReviewBody, principal: FirstReviewer
) -> Response:
    """Judge truth and validity of one order's service."""
    command = reviews.FirstReview(
        claim_id=claim_id,
        order_id=order_id,
        passed=body.passed,
        truth_opinion=body.truth_opinion,
        validity_opinion=body.validity_opinion,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(reviews.review_first, command)


@router.post("/claims/{claim_id}/items/{order_id}/bureau-review", response_model=ClaimResult, summary="省大数据局审核")
async def review_by_bureau(
    run: VersionedRun, claim_id: UUID, order_id: UUID, body: BureauReviewBody, principal: BureauReviewer
) -> Response:
    """Judge one order that passed first review."""
    command = reviews.BureauReview(
        claim_id=claim_id,
        order_id=order_id,
        approve=body.approve,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(reviews.review_by_bureau, command)


@router.post(
    "/claims/{claim_id}/questions",
    status_code=201,
    response_model=questions.QuestionResult,
    summary="向系统运营方反馈问题",
)
async def ask(run: Run, claim_id: UUID, body: QuestionBody, principal: Asker) -> Response:
    """Ask the operator about a claim; the answer is due in working days."""
    command = questions.AskQuestion(claim_id=claim_id, text=body.text, by=actor_of(principal))
    return await run.run(questions.ask_question, command, status=201)


@router.post("/questions/{question_id}/answer", response_model=questions.QuestionResult, summary="答复省大数据局")
async def answer(run: Run, question_id: UUID, body: AnswerBody, principal: Answerer) -> Response:
    """Answer the bureau; a late answer counts as late."""
    command = questions.AnswerQuestion(question_id=question_id, text=body.text, by=actor_of(principal))
    return await run.run(questions.answer_question, command)


@router.post("/questions/{question_id}/urge", response_model=Urged, summary="督办逾期未答复的问题")
async def urge(run: Run, question_id: UUID, body: QuestionBody, principal: Supervisor) -> Response:
    """Urge the operator to answer what is late; the task is done until its time has passed once more."""
    command = Urge(subject_id=question_id, text=body.text, by=actor_of(principal))
    return await run.run(questions.urge_answer, command)


@router.get("/questions", summary="问题列表")
async def list_questions(
    connection: Reading,
    _reader: StaffReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    claim_id: UUID | None = None,
    state: Literal["open", "answered"] | None = None,
) -> Page[views.QuestionCard]:
    """The bureau's questions, newest first."""
    return await views.list_questions(
        connection, claim_id=claim_id, state=state, after=decode_cursor(cursor), limit=limit
    )


@router.get("/operator-score", summary="系统运营方答复情况")
async def read_score(
    request: Request,
    connection: Reading,
    _reader: StaffReader,
    year: Annotated[int | None, Query(ge=2018, le=2100)] = None,
) -> views.OperatorScore:
    """How the operator answered the questions asked in a year, this year when none is named."""
    now = runtime_of(request).clock.now()
    return await views.read_score(connection, year=year or business_year(now), now=now)
