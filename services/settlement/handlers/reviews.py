"""First review by the operator and review by the bureau, order by order. Source: A23, R78."""

from dataclasses import dataclass
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem, waiting_item
from services.settlement.domain.persons import CasePart
from services.settlement.domain.refusals import (
    ClaimNotInBureauReview,
    ClaimNotInFirstReview,
    QuestionOpen,
)
from services.settlement.domain.standing import MoneyStep
from services.settlement.domain.states import ClaimState, ItemState
from services.settlement.handlers.checks import check_actor, check_step
from services.settlement.handlers.progress import (
    ClaimResult,
    conclude,
    lock_claim,
    number_of,
    result_of,
    tell_provider,
)
from services.settlement.store import appropriations
from shared.runtime.work import Actor, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstReview:
    """The operator's opinion on truth and validity of one order's service."""

    claim_id: UUID
    order_id: UUID
    passed: bool
    truth_opinion: str
    validity_opinion: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BureauReview:
    """The bureau's judgement on one order that passed first review."""

    claim_id: UUID
    order_id: UUID
    approve: bool
    reason: str
    by: Actor
    expected_version: int | None = None


async def review_first(work: Work, command: FirstReview) -> ClaimResult:
    """Pass or reject an item; the claim goes to the bureau when all are judged. Emits ClaimItemEnded on rejection.

    Raises: ClaimNotInFirstReview, ItemNotWaiting, SamePerson, OverrideMissing. Source: A12, A13(4), A23, R78.
    """
    claim = await lock_claim(work, command.claim_id, expected_version=command.expected_version)
    if claim.state is not ClaimState.IN_REVIEW:
        raise ClaimNotInFirstReview(state=claim.state.value)
    item = waiting_item(claim, command.order_id, state=ItemState.OPEN)
    await check_actor(work, CasePart.FIRST_REVIEW, [item], by=command.by)
    if command.passed:
        await check_step(work, MoneyStep.FIRST_REVIEW, [item])
    ground = f"真实性：{command.truth_opinion}；有效性：{command.validity_opinion}"
    judged = item.moved(
        ItemState.PASSED if command.passed else ItemState.REJECTED,
        truth_opinion=command.truth_opinion,
        validity_opinion=command.validity_opinion,
        first_reviewed_by=command.by.account_id,
        first_reviewed_at=work.now,
        ended_reason="" if command.passed else ground,
    )
    _record(work, claim, item, judged, act="item.first_review", by=command.by, ground=ground)
    return result_of(await _judged(work, claim, judged))


async def review_by_bureau(work: Work, command: BureauReview) -> ClaimResult:
    """Endorse or reject an item; needs somebody without another part in it, and no open question.

    Raises: ClaimNotInBureauReview, ItemNotWaiting, SamePerson, QuestionOpen, OverrideMissing.
    Source: A12, A13(4), A23, A25, Q15.
    """
    claim = await lock_claim(work, command.claim_id, expected_version=command.expected_version)
    if claim.state is not ClaimState.BUREAU_REVIEW:
        raise ClaimNotInBureauReview(state=claim.state.value)
    item = waiting_item(claim, command.order_id, state=ItemState.PASSED)
    await check_actor(work, CasePart.BUREAU_REVIEW, [item], by=command.by)
    if await appropriations.open_questions(work.connection, [claim.id]):
        raise QuestionOpen
    if command.approve:
        await check_step(work, MoneyStep.BUREAU_REVIEW, [item])
    judged = item.moved(
        ItemState.ENDORSED if command.approve else ItemState.REJECTED,
        bureau_reason=command.reason,
        bureau_reviewed_by=command.by.account_id,
        bureau_reviewed_at=work.now,
        ended_reason="" if command.approve else command.reason,
    )
    _record(work, claim, item, judged, act="item.bureau_review", by=command.by, ground=command.reason)
    return result_of(await _judged(work, claim, judged))


async def _judged(work: Work, claim: Claim, judged: ClaimItem) -> Claim:
    ended = [judged] if judged.state is ItemState.REJECTED else []
    after = await conclude(work, claim, changed=[judged], ended=ended)
    if after.state is ClaimState.PASSED and claim.state is not ClaimState.PASSED:
        tell_provider(
            work,
            after,
            event="claim.passed",
            text=f"兑现申请{number_of(after)}已通过审核，请按项目申报程序提交资金拨付申请。",
            article="A24",
        )
    return after


_WORDS = {
    ItemState.PASSED: "通过初审",
    ItemState.ENDORSED: "通过省大数据局审核",
    ItemState.REJECTED: "未通过审核，订单恢复为已确认",
}


def _record(  # noqa: PLR0913 - the parts of a decision
    work: Work, claim: Claim, before: ClaimItem, judged: ClaimItem, *, act: str, by: Actor, ground: str
) -> None:
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act=act,
            by=by,
            rule="A23",
            ground=ground,
            before=before.state.value,
            after=judged.state.value,
            facts={"order_id": str(judged.order_id)},
        )
    )
    tell_provider(
        work,
        claim,
        event=f"item.{judged.state.value}",
        text=f"兑现申请{number_of(claim)}中的一个订单{_WORDS[judged.state]}。",
        reason=ground,
        article="A23",
    )
