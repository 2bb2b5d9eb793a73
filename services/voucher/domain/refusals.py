"""Every "no" of the voucher service: a stable code, the article, a Chinese sentence."""

from collections.abc import Mapping
from typing import ClassVar, Final

from services.voucher.domain.states import APPLICATION_STATE_NAMES, PLAN_STATE_NAMES
from shared.kernel.refusals import Refusal, RefusalKind

_PLAN_ZH: Final[Mapping[str, str]] = {"": "不存在", **PLAN_STATE_NAMES}


class InsufficientQuota(Refusal):
    """The enterprise's available quota of that year does not cover the order. Source: A16, R29."""

    code = "voucher.insufficient_quota"
    kind = RefusalKind.RULE
    article = "A16"
    zh = "云使用券可用额度不足：需要{required_yuan}元，可用{available_yuan}元"


class YearClosed(Refusal):
    """The year of the voucher is over; nothing of it can be spent any more. Source: Q5."""

    code = "voucher.year_closed"
    kind = RefusalKind.STATE
    article = "A9"
    zh = "{year}年度已于12月31日24时结束，该年度云使用券不能再使用"


class HoldReleased(Refusal):
    """The order's hold was given back before; it cannot come to life again. Source: A20."""

    code = "voucher.hold_released"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "该订单的云使用券已退回，不能再占用或确认"


class HoldUnknown(Refusal):
    """The order holds no voucher."""

    code = "voucher.hold_unknown"
    kind = RefusalKind.STATE
    article = "A18"
    zh = "该订单没有占用云使用券"


class HoldCommitted(Refusal):
    """The provider has confirmed: the hold is firm and needs a refund instead. Source: A20, R73."""

    code = "voucher.hold_committed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "交易已确认，云使用券不能直接退回，请走退款程序"


class NotCommitted(Refusal):
    """Only what the provider confirmed can be refunded or claimed. Source: A20, A22."""

    code = "voucher.not_committed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "该订单的云使用券尚未确认"


class LineUnknown(Refusal):
    """The order has no such line."""

    code = "voucher.line_unknown"
    kind = RefusalKind.RULE
    article = "A20"
    zh = "订单没有第{line}行"


class LineClaimed(Refusal):
    """A claim holds the line, so a refund exists no more. Source: A20, R74."""

    code = "voucher.line_claimed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "第{line}行已申请兑现，不能再退款"


class NothingToClaim(Refusal):
    """All lines were refunded: no committed money is left. Source: A22."""

    code = "voucher.nothing_to_claim"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "该订单没有可兑现的云使用券"


class ClaimedElsewhere(Refusal):
    """Another claim holds the order's money. Source: A22."""

    code = "voucher.claimed_elsewhere"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "该订单的云使用券已被另一兑现申请锁定"


class ClaimEnded(Refusal):
    """That claim was withdrawn or rejected before. Source: Q13."""

    code = "voucher.claim_ended"
    kind = RefusalKind.STATE
    article = "A22"
    zh = "该兑现申请已撤回或被驳回"


class PaidAboveClaim(Refusal):
    """More was paid than the claim holds. Source: A24, Q17."""

    code = "voucher.paid_above_claim"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "核定金额{paid_yuan}元超过申请兑现金额{claimed_yuan}元"


class PlanExists(Refusal):
    """There is one plan a year. Source: A15, R26."""

    code = "voucher.plan_exists"
    kind = RefusalKind.STATE
    article = "A15"
    zh = "{year}年度发放计划已存在"


class PlanOpensOutsideYear(Refusal):
    """A plan opens within its own year. Source: A15."""

    code = "voucher.plan_opens_outside_year"
    kind = RefusalKind.RULE
    article = "A15"
    zh = "{year}年度发放计划的开放时间须在该年度内"


class PlanYearOver(Refusal):
    """A plan is for this year or a later one. Source: A15."""

    code = "voucher.plan_year_over"
    kind = RefusalKind.RULE
    article = "A15"
    zh = "{year}年度已结束，不能办理该年度发放计划"


class PlanStateWrong(Refusal):
    """The plan is not in the state that the act needs. Source: A15."""

    code = "voucher.plan_state"
    kind = RefusalKind.STATE
    article = "A15"
    zh = "发放计划{state}，不能进行此操作"
    words: ClassVar = {"state": _PLAN_ZH}


class PlanTooLarge(Refusal):
    """The total passes the largest amount of the platform."""

    code = "voucher.plan_too_large"
    kind = RefusalKind.RULE
    zh = "追加后的发放总额超出系统允许的上限"


class SamePerson(Refusal):
    """The second person of a four-eyes act must be another one. Source: R8, A15."""

    code = "voucher.same_person"
    kind = RefusalKind.RULE
    article = "A15"
    zh = "经办与审批不能为同一人"


class PlanNotOpen(Refusal):
    """The plan takes no applications now. Source: A15, A16."""

    code = "voucher.plan_not_open"
    kind = RefusalKind.STATE
    momentary = True  # the time of opening comes by itself
    article = "A15"
    zh = "该年度发放计划未开放申领"


class NotEnterprise(Refusal):
    """Only enterprises on cloud apply. Source: A13, R59."""

    code = "voucher.not_enterprise"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A13"
    zh = "只有上云企业可以申领云使用券"


class NotAuthenticated(Refusal):
    """The enterprise has not passed real-name authentication. Source: A14, R66."""

    code = "voucher.not_authenticated"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A14"
    zh = "企业尚未通过实名认证"


class EnterpriseSuspended(Refusal):
    """The enterprise is suspended or closed. Source: Q25."""

    code = "voucher.enterprise_suspended"
    kind = RefusalKind.STATE
    momentary = True  # a copy may lag
    article = "A9"
    zh = "企业已被暂停或已退出，不能申领"


class NotLegalPerson(Refusal):
    """The applicant is no independent legal person. Source: A13(2), R61."""

    code = "voucher.not_legal_person"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A13(2)"
    zh = "申领企业须为独立法人"


class NotSmallFirm(Refusal):
    """The scheme's vouchers are for small, medium and micro enterprises alone. Source: R59, Q7."""

    code = "voucher.not_small_firm"
    kind = RefusalKind.RULE
    article = "A2"
    zh = "本办法的云使用券仅限中小微企业申领，该企业的规模不符或尚未登记"


class RegisteredTooShort(Refusal):
    """The enterprise is registered for less than the required time. Source: A13(1), R60, Q6."""

    code = "voucher.registered_too_short"
    kind = RefusalKind.RULE
    momentary = True  # the day comes by itself
    article = "A13(1)"
    zh = "企业注册须满{years}年"


class DeclarationOutdated(Refusal):
    """The truth declaration that was signed off is not the one in force. Source: R10."""

    code = "voucher.declaration_outdated"
    kind = RefusalKind.RULE
    article = "N五(四)"
    zh = "真实性承诺书版本不正确，当前版本为{version}"


class AboveCap(Refusal):
    """The request alone passes the yearly cap. Source: N四(二), A16, R29."""

    code = "voucher.above_cap"
    kind = RefusalKind.RULE
    article = "A16"
    zh = "申请额度{requested_yuan}元超过每年上限{cap_yuan}元"


class ApplicationOpen(Refusal):
    """The enterprise has an open application for this plan. Source: Q2."""

    code = "voucher.application_open"
    kind = RefusalKind.STATE
    article = "A16"
    zh = "贵单位在本年度已有办理中的申领"


class ApplicationStateWrong(Refusal):
    """The application is not in a state that the act fits."""

    code = "voucher.application_state"
    kind = RefusalKind.STATE
    article = "A16"
    zh = "该申领{state}，不能进行此操作"
    words: ClassVar = {"state": APPLICATION_STATE_NAMES}


class ResubmittedUnchanged(Refusal):
    """What was sent back is handed in again with another amount, or with what was corrected. Source: A16."""

    code = "voucher.resubmitted_unchanged"
    kind = RefusalKind.RULE
    article = "A16"
    zh = "该申领此前已被退回补正，请调整申请额度，或说明已补正的内容后重新提交"


class NothingEarmarked(Refusal):
    """No money is earmarked for the application, so there is nothing to grant. Source: R27."""

    code = "voucher.nothing_earmarked"
    kind = RefusalKind.STATE
    momentary = True  # the queue goes on by itself
    article = "A6"
    zh = "该申领没有已预留的额度可供核准"


class RevocationTooLarge(Refusal):
    """Only unused quota can be revoked. Source: R36."""

    code = "voucher.revocation_too_large"
    kind = RefusalKind.RULE
    article = "A9"
    zh = "可收回额度为{available_yuan}元，少于{amount_yuan}元"


class NotProposer(Refusal):
    """Whoever proposed something may withdraw it; others who do not want it refuse it. Source: R8."""

    code = "voucher.not_proposer"
    kind = RefusalKind.RULE
    article = "A15"
    zh = "只有提议人本人可以撤回提议，其他经办人可不予批准"


class ProposalDecided(Refusal):
    """The proposal was approved, refused or withdrawn before, or its year is over."""

    code = "voucher.proposal_decided"
    kind = RefusalKind.STATE
    article = "A9"
    zh = "该提议已办理"


class ProofNotYet(Refusal):
    """The service was begun a moment ago, and its first audit has not ended."""

    code = "voucher.proof_not_yet"
    kind = RefusalKind.UNAVAILABLE
    zh = "首次账目验证尚未完成，请稍后再试"


class ProofRunning(Refusal):
    """One whole proof at a time: the one that is under way is named."""

    code = "voucher.proof_running"
    kind = RefusalKind.STATE
    momentary = True
    article = "A9"
    zh = "已有全账验证正在进行"


class DifferenceStands(Refusal):
    """What is still found cannot be explained away: the books are mended first, and proved again."""

    code = "voucher.difference_stands"
    kind = RefusalKind.STATE
    momentary = True
    article = "A9"
    zh = "该差异仍然存在，须先更正账目并重新验证"


class DifferenceExplained(Refusal):
    """The difference was explained before."""

    code = "voucher.difference_explained"
    kind = RefusalKind.STATE
    article = "A9"
    zh = "该差异已作说明"


REPEATED_REFUSALS: dict[str, type[Refusal]] = {kind.code: kind for kind in (InsufficientQuota, YearClosed)}
"""Refusals of a hold that are kept, so that a repeated command gets the same answer."""
