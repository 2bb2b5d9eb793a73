"""Every business "no" of settlement, one class each."""

from typing import ClassVar

from shared.kernel.refusals import Refusal, RefusalKind

STATE_ZH = {
    "draft": "草稿",
    "submitted": "已提交",
    "open": "待初审",
    "accepted": "已受理",
    "in_review": "初审中",
    "bureau_review": "省大数据局审核中",
    "passed": "已通过审核",
    "endorsed": "已通过省大数据局审核",
    "requested": "已申请拨付",
    "approved": "已核定",
    "paid": "已拨付",
    "refused": "未获同意",
    "rejected": "未通过审核",
    "withdrawn": "已撤回",
}
"""How the sentences name the states of items, claims and appropriations; the facts keep the codes."""


class _StateRefusal(Refusal):
    """A refusal whose sentence names the state in Chinese."""

    words: ClassVar = {"state": STATE_ZH}


class OrderNotClaimable(Refusal):
    """An order is not the provider's, not confirmed, under refund, or has no voucher part. Source: A20, A22, R76."""

    code = "settlement.order_not_claimable"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "有 {count} 个订单不能申请兑现：须为本单位已确认、使用了云使用券、未在退款中且未在其他兑现申请中的订单。"


class OrderUnknown(OrderNotClaimable):
    """The copy of orders knows no such order of the provider: somebody else's, or one that is not here yet."""

    momentary: ClassVar[bool] = True


class OrderNotClaimableNow(Refusal):
    """As far as is known here the order waits for something; the copy may be a moment behind. Source: A20, A22."""

    code = "settlement.order_not_claimable_now"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "有 {count} 个订单目前不能申请兑现：尚未确认、退款申请未办结，或尚未由此前的申请退回；状态更新后可重新提交。"
    momentary: ClassVar[bool] = True


class EvidenceUnchanged(Refusal):
    """An order that a reviewer rejected is filed again with other or better papers. Source: A22, A23."""

    code = "settlement.evidence_unchanged"
    kind = RefusalKind.RULE
    article = "A23"
    zh = "有 {count} 个订单的兑现申请曾未通过审核，且本次材料与当时完全相同；请按审核意见补正材料后再提交。"


class PartiesBarred(Refusal):
    """Something stands against the provider or the pair, so nothing may be filed. Source: A12, A13(4), R58, R63."""

    code = "settlement.parties_barred"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A13(4)"
    zh = "存在下列情形，不能{step_zh}：{marks_zh}。"


class OverrideMissing(Refusal):
    """Something stands against an order; it goes on after an override by two people, or not. Source: A12, A13(4)."""

    code = "settlement.override_missing"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A13(4)"
    zh = "存在下列情形，未经两人特批不能{step_zh}：{marks_zh}。"


class NothingToOverride(Refusal):
    """Nothing stands against the order that is not lifted already."""

    code = "settlement.nothing_to_override"
    kind = RefusalKind.RULE
    article = "A13(4)"
    zh = "该申请项目前没有需要特批的情形。"


class OverrideProposedAlready(Refusal):
    """One proposal of an item is decided before the next is made."""

    code = "settlement.override_proposed_already"
    kind = RefusalKind.STATE
    article = "A13(4)"
    zh = "该申请项已有待决定的特批建议。"


class NotProposer(Refusal):
    """Whoever proposed an override withdraws it; another person refuses it. Source: R8."""

    code = "settlement.not_proposer"
    kind = RefusalKind.RULE
    article = "A13(4)"
    zh = "只有提出特批建议的人员本人可以撤回；其他情况由省大数据局负责人不予同意。"


class OverrideNotOpen(Refusal):
    """The proposal was decided or withdrawn, its item ended, or what it was made for has changed."""

    code = "settlement.override_not_open"
    kind = RefusalKind.STATE
    article = "A13(4)"
    zh = "该特批建议已办结，或所依据的情形、金额已变化，不能再作此操作。"


class TooManyDrafts(Refusal):
    """A provider has as many drafts open as it may; one of them can be submitted or discarded first."""

    code = "settlement.too_many_drafts"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "贵单位未提交的兑现申请草稿已达 {drafts_max} 份，请先提交或撤回已有草稿。"


class ClaimNotDraft(_StateRefusal):
    """A submitted claim is not edited; it can be withdrawn. Source: A20, R74."""

    code = "settlement.claim_not_draft"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "该兑现申请已提交，不能再修改；当前状态为“{state}”。"


class EvidenceKindUnknown(Refusal):
    """The scheme names no such kind of evidence. Source: A22, R76."""

    code = "settlement.evidence_kind_unknown"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "不接受此类材料；兑现材料为：{kinds_zh}。"


class EvidenceReferenceMissing(Refusal):
    """Invoices and transfers are filed with number, amount and date. Source: A22, R76."""

    code = "settlement.evidence_reference_missing"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "发票和转账信息须填写号码、金额和日期，缺少：{missing_zh}。"


class EvidenceDateInFuture(Refusal):
    """A paper is not dated later than the day it is filed on. Source: A22."""

    code = "settlement.evidence_date_in_future"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "材料日期不能晚于提交当日。"


class DuplicateEvidence(Refusal):
    """The piece of evidence was used before; whose it was is not said. Source: A22, R10."""

    code = "settlement.duplicate_evidence"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "该材料（{kind_zh}）已在其他订单的兑现申请中使用，每份材料只能使用一次。"


class EvidenceOfTwoKinds(DuplicateEvidence):
    """One piece stands for one kind of an order's evidence; the order is the provider's own. Source: A22, R76."""

    zh = "该材料已作为本订单的{earlier_zh}提交，不能再作为{kind_zh}提交；每份材料只能使用一次。"


class EvidenceIncomplete(Refusal):
    """Every order of a claim needs every required kind of evidence. Source: A22, R76."""

    code = "settlement.evidence_incomplete"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "兑现材料不齐全，缺少 {count} 份（{missing_zh}）；请补齐后再提交。"


class DeclarationOutdated(Refusal):
    """The truth declaration signed off is not the one in force. Source: R10."""

    code = "settlement.declaration_outdated"
    kind = RefusalKind.RULE
    article = "N五(四)"
    zh = "请阅读并确认现行版本（{version}）的真实性承诺后再提交。"


class ClaimUnanswered(Refusal):
    """The orders of the claim are being locked; a moment later it can be withdrawn."""

    code = "settlement.claim_unanswered"
    kind = RefusalKind.STATE
    momentary = True  # the claim goes on by itself
    article = "A22"
    zh = "该兑现申请正在核对订单，请稍后再操作。"


class ItemPastWithdrawal(_StateRefusal):
    """Approved, paid or ended items cannot be withdrawn. Source: A24, Q13."""

    code = "settlement.item_past_withdrawal"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "该申请项当前状态为“{state}”，不能撤回。"


class ItemAlreadyAnswered(_StateRefusal):
    """The item was closed with the other answer; the first answer holds."""

    code = "settlement.item_already_answered"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "该申请项已有结论：{state}。"


class ItemUnknown(Refusal):
    """No submitted claim holds this order."""

    code = "settlement.item_unknown"
    kind = RefusalKind.NOT_FOUND
    article = "A22"
    zh = "没有该兑现申请项。"


class ClaimNotInFirstReview(_StateRefusal):
    """First review begins when the claim's window has closed. Source: A22, R77."""

    code = "settlement.claim_not_in_first_review"
    kind = RefusalKind.STATE
    momentary = True  # the window closes by itself
    article = "A22"
    zh = "该兑现申请不在初审阶段（当前状态为“{state}”）；系统运营方在兑现节点后集中办理。"


class ClaimNotInBureauReview(_StateRefusal):
    """The bureau judges what passed first review. Source: A23, R78."""

    code = "settlement.claim_not_in_bureau_review"
    kind = RefusalKind.STATE
    article = "A23"
    zh = "该兑现申请不在省大数据局审核阶段（当前状态为“{state}”）。"


class ItemNotWaiting(_StateRefusal):
    """The item was judged already, or ended. Source: A23."""

    code = "settlement.item_not_waiting"
    kind = RefusalKind.STATE
    article = "A23"
    zh = "该申请项当前状态为“{state}”，不能再作此项审核。"


class SamePerson(Refusal):
    """No person has two parts in the way of the same money, whatever the roles. Source: A23, A24."""

    code = "settlement.same_person"
    kind = RefusalKind.RULE
    article = "A23"
    zh = "同一笔资金的各环节须由不同的人办理；您已办理过：{earlier_zh}。"


class QuestionOpen(Refusal):
    """Nothing is decided while the operator owes an answer. Source: A25, Q15."""

    code = "settlement.question_open"
    kind = RefusalKind.STATE
    article = "A25"
    zh = "省大数据局反馈的问题尚未答复，答复前不能作出审核决定。"


class QuestionNotPossible(_StateRefusal):
    """The bureau asks during its own review. Source: A25, R81."""

    code = "settlement.question_not_possible"
    kind = RefusalKind.STATE
    article = "A25"
    zh = "该兑现申请不在省大数据局审核过程中（当前状态为“{state}”），不能反馈问题。"


class QuestionAnswered(Refusal):
    """The question has its answer. Source: A25."""

    code = "settlement.question_answered"
    kind = RefusalKind.STATE
    article = "A25"
    zh = "该问题已答复。"


class ClaimNotPassed(Refusal):
    """Appropriation is requested for claims that passed their reviews. Source: A24, R79."""

    code = "settlement.claim_not_passed"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "有 {count} 个兑现申请尚未通过审核或已申请拨付，不能一并申请拨付。"


class AppropriationNotRequested(_StateRefusal):
    """The request was decided already, or withdrawn. Source: A24."""

    code = "settlement.appropriation_not_requested"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "该拨付申请当前状态为“{state}”，不能再作决定。"


class AppropriationNotApproved(_StateRefusal):
    """Money is paid only after approval, and once. Source: A24, R80."""

    code = "settlement.appropriation_not_approved"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "该拨付申请当前状态为“{state}”，已核定且尚未拨付的方可登记拨付。"


class ApprovedItemsDiffer(Refusal):
    """An approval names every item of the request once, and no other. Source: A24."""

    code = "settlement.approved_items_differ"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "核定清单须与拨付申请的全部订单一致：申请 {requested} 项，核定 {given} 项。"


class ApprovedAboveClaimed(Refusal):
    """Approved is at most claimed. Source: A24, R80, Q17."""

    code = "settlement.approved_above_claimed"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "核定金额（{approved_yuan}元）不能超过申请金额（{claimed_yuan}元）。"


class ReductionUnexplained(Refusal):
    """Less than claimed needs a reason. Source: Q17."""

    code = "settlement.reduction_unexplained"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "核定金额低于申请金额时须说明理由。"


class NothingApproved(Refusal):
    """A request of which nothing is approved is refused instead. Source: A24, Q17."""

    code = "settlement.nothing_approved"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "全部订单的核定金额均为 0；如不予拨付，请作出不予拨付的决定。"


class PaymentAmountDiffers(Refusal):
    """The payment must equal the approved sum. Source: A24, R80."""

    code = "settlement.payment_amount_differs"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "拨付金额（{paid_yuan}元）与核定金额（{approved_yuan}元）不一致。"


class PaymentReferenceUsed(Refusal):
    """A payment reference stands for one payment. Source: A24, R80."""

    code = "settlement.payment_reference_used"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "该拨付凭证号已登记，或不含任何字母和数字。"


class PaymentDateWrong(Refusal):
    """Money is paid on or after the day of approval and not in the future. Source: A24, R80."""

    code = "settlement.payment_date_wrong"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "拨付日期须不早于核定日{approved_on_zh}，且不晚于当日。"
