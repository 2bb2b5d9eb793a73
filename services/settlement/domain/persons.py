"""Who may act on money that others have acted on: a case knows its persons, whatever their roles. Source: A23, R8.

The chain runs from the provider that files and requests, over the operator that reviews and answers, the bureau that
asks, reviews and approves, to finance that pays. One person stands on one place of it, for every order concerned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.settlement.domain.refusals import SamePerson


class CasePart(StrEnum):
    """What somebody did to the money of an order, in the order of the chain."""

    SUBMIT = "submit"
    FIRST_REVIEW = "first_review"
    ASK = "ask"
    ANSWER = "answer"
    BUREAU_REVIEW = "bureau_review"
    REQUEST = "request"
    APPROVE = "approve"
    PAY = "pay"
    PROPOSE_OVERRIDE = "propose_override"
    APPROVE_OVERRIDE = "approve_override"


PART_ZH = {
    CasePart.SUBMIT: "提交兑现申请或材料",
    CasePart.FIRST_REVIEW: "初审",
    CasePart.ASK: "反馈问题",
    CasePart.ANSWER: "答复问题",
    CasePart.BUREAU_REVIEW: "省大数据局审核",
    CasePart.REQUEST: "申请拨付",
    CasePart.APPROVE: "核定拨付金额",
    CasePart.PAY: "登记拨付",
    CasePart.PROPOSE_OVERRIDE: "提出特批",
    CasePart.APPROVE_OVERRIDE: "批准特批",
}

# One side's own work, in which nobody checks anybody: a provider files and requests; the operator's reviewer answers
# what the bureau asks about the review; whoever asks for the bureau decides after the answer; and whoever finds that
# something stands against an order proposes to lift it.
_OWN_WORK = (
    {CasePart.SUBMIT, CasePart.REQUEST},
    {CasePart.FIRST_REVIEW, CasePart.ANSWER},
    {CasePart.ASK, CasePart.BUREAU_REVIEW},
    {CasePart.ASK, CasePart.APPROVE},
    {CasePart.PROPOSE_OVERRIDE, CasePart.FIRST_REVIEW},
    {CasePart.PROPOSE_OVERRIDE, CasePart.ANSWER},
    {CasePart.PROPOSE_OVERRIDE, CasePart.ASK},
    {CasePart.PROPOSE_OVERRIDE, CasePart.BUREAU_REVIEW},
)
TOGETHER = frozenset(frozenset(pair) for pair in _OWN_WORK) | {frozenset({part}) for part in CasePart}
"""The pairs of parts that one person may have in one case; the same part on another order of it is one of them."""


@dataclass(frozen=True, slots=True)
class Acted:
    """Somebody's part in a case."""

    part: CasePart
    account_id: UUID


def check_person(part: CasePart, account_id: UUID | None, *, acted: Iterable[Acted]) -> None:
    """Refuse a part to somebody who has another in the case. Raises: SamePerson. Source: A23, A24."""
    if account_id is None:
        raise SamePerson(earlier="", earlier_zh="（未知）")
    for earlier in acted:
        if earlier.account_id == account_id and frozenset({part, earlier.part}) not in TOGETHER:
            raise SamePerson(earlier=earlier.part.value, earlier_zh=PART_ZH[earlier.part])
