"""Every business "no" of the order service."""

from typing import ClassVar

from services.order.domain.states import CANCEL_REASONS
from shared.kernel.refusals import Refusal, RefusalKind


class OrderNotFound(Refusal):
    """There is no such order, or it is somebody else's: the two look the same."""

    code = "order.not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到该订单"


class AgreementNotCurrent(Refusal):
    """The agreement accepted is not the one in force. Source: A18, R68."""

    code = "order.agreement_not_current"
    kind = RefusalKind.RULE
    article = "A18"
    zh = "请阅读并确认现行版本（{current}）的交易协议后再下单"


class EnterpriseNotAuthenticated(Refusal):
    """The buyer has not passed real-name authentication. Source: A14."""

    code = "order.enterprise_not_authenticated"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A14"
    zh = "上云企业尚未通过实名认证，不能交易"


class EnterpriseSuspended(Refusal):
    """The buyer may not act now. Source: A9, Q25."""

    code = "order.enterprise_suspended"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A9"
    zh = "上云企业已被暂停或退出，不能办理此项业务"


class ProviderNotAuthenticated(Refusal):
    """The provider has not passed real-name authentication. Source: A11(3)."""

    code = "order.provider_not_authenticated"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A11(3)"
    zh = "该云服务商尚未通过实名认证，不能交易"


class ProviderNotRecognised(Refusal):
    """A voucher may be spent with recognised providers only. Source: N三(二), Q9."""

    code = "order.provider_not_recognised"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "N三(二)"
    zh = "该云服务商未经省大数据局认定，不能使用云使用券"


class ProviderSuspended(Refusal):
    """The provider may not act now. Source: A12, Q18."""

    code = "order.provider_suspended"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A12"
    zh = "该云服务商已被暂停或退出，不能办理此项业务"


class EnterpriseNotSmall(Refusal):
    """The scheme's vouchers are for small, medium and micro enterprises alone. Source: R59, Q7."""

    code = "order.enterprise_not_small"
    kind = RefusalKind.RULE
    article = "A2"
    zh = "本办法的云使用券仅限中小微企业使用，该企业的规模不符或尚未登记，可选择自费购买"


class PartiesAffiliated(Refusal):
    """Buyer and provider are one, or tied by subordination, joint establishment or property. Source: A13(4), R63.

    `kind` is the kind of the tie, `tie` its name.
    """

    code = "order.parties_affiliated"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A13(4)"
    zh = "上云企业与该云服务商存在{tie}，不能通过本系统交易"


class ProductNotOnOffer(Refusal):
    """The product is not published, not yet effective, or delisted. Source: A11(5)."""

    code = "order.product_not_on_offer"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A11(5)"
    zh = "第 {line} 行的产品未上架或已下架"


class ProductDelistedSince(Refusal):
    """A product of the order left the directory after the order was placed. Source: A12."""

    code = "order.product_delisted"
    kind = RefusalKind.RULE
    article = "A12"
    zh = "订单中的产品已下架，不能再确认，订单将自动取消"


class OfferChanged(Refusal):
    """The edition in the basket is not the one now on offer; its price may differ. Source: Q10."""

    code = "order.offer_changed"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A11(4)"
    zh = "第 {line} 行的产品已更新为第 {current} 版，请核对价格后重新提交"


class ComponentUnknown(Refusal):
    """The edition has no such price component."""

    code = "order.component_unknown"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A11(4)"
    zh = "第 {line} 行的产品没有所选的计价项"


class SeveralProviders(Refusal):
    """One order is one transaction with one provider. Source: A19."""

    code = "order.several_providers"
    kind = RefusalKind.RULE
    article = "A19"
    zh = "一张订单只能包含同一家云服务商的产品，请分别下单"


class OrderTooLarge(Refusal):
    """The fee passes the largest amount of the platform."""

    code = "order.too_large"
    kind = RefusalKind.RULE
    zh = "订单金额超出系统允许的上限"


class VoucherOverMaximum(Refusal):
    """The voucher asked for is more than the ratios allow. Source: A18, R32, Q4."""

    code = "order.voucher_over_maximum"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A18"
    zh = "云使用券抵扣额超过支持比例：本订单最多可抵扣{maximum_yuan}元"


class VoucherNotTaken(Refusal):
    """Nothing in the order may be paid by voucher, whatever quota is left. Source: A17, R67."""

    code = "order.voucher_not_taken"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A17"
    zh = "所选产品不支持使用云使用券，请选择自费购买"


class NoQuotaLeft(Refusal):
    """Nothing is left to use as a voucher; the purchase goes on at own cost. Source: A21, R75."""

    code = "order.no_quota_left"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A21"
    zh = "本订单没有可用的云使用券额度，可选择自费购买"


class HoldPending(Refusal):
    """The voucher part is not held yet, so there is nothing to confirm."""

    code = "order.hold_pending"
    kind = RefusalKind.STATE
    momentary = True  # the purchase goes on by itself
    article = "A19"
    zh = "订单的云使用券尚在冻结中，请稍后再确认"


class NotConfirmed(Refusal):
    """The provider has not confirmed the order yet. Source: A19."""

    code = "order.not_confirmed"
    kind = RefusalKind.STATE
    article = "A19"
    zh = "订单尚未经云服务商确认"


class AlreadyConfirmed(Refusal):
    """The provider's confirmation came first. Source: A20."""

    code = "order.already_confirmed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "云服务商已完成交易确认，不能再取消；如需退回请发起退款申请"


class ConfirmedBefore(AlreadyConfirmed):
    """The provider confirms once; a second time changes nothing. Source: A19."""

    article = "A19"
    zh = "该订单已完成交易确认，无需再次确认"


class AlreadyCancelled(Refusal):
    """The cancellation came first. Source: A20."""

    code = "order.already_cancelled"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "订单已取消（{reason}）"
    words: ClassVar = {"reason": CANCEL_REASONS}


class AlreadyRefused(Refusal):
    """The voucher could not be held, so the order never came to be."""

    code = "order.already_refused"
    kind = RefusalKind.STATE
    article = "A18"
    zh = "订单未成立：云使用券冻结未成功"


class AlreadyRefunded(Refusal):
    """All lines of the order are refunded. Source: A20."""

    code = "order.already_refunded"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "订单已全部退款"


class AlreadyClaimed(Refusal):
    """A claim was filed for the order; cancel and refund exist no more. Source: A20, R74."""

    code = "order.already_claimed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "该订单已提交兑现，不能再取消或退款"


class AlreadyRedeemed(Refusal):
    """The voucher of the order is redeemed. Source: A24."""

    code = "order.already_redeemed"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "该订单的云使用券已兑现"


class ConfirmTooLate(Refusal):
    """The time for the provider's confirmation is over. Source: Q11."""

    code = "order.confirm_too_late"
    kind = RefusalKind.STATE
    article = "A19"
    zh = "确认期限已过，订单将自动取消"


class YearClosed(Refusal):
    """Voucher orders of a closed year cannot be confirmed. Source: Q5, R72."""

    code = "order.year_closed"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "{year} 年度已结束，该年度未确认的用券订单不能再确认，将自动取消"


class RefundOpen(Refusal):
    """A refund of the order is open; it ends before anything else begins. Source: A20."""

    code = "order.refund_open"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "该订单有未办结的退款申请"


class NoRefundOpen(Refusal):
    """No refund of the order waits for this answer. Source: A20."""

    code = "order.no_refund_open"
    kind = RefusalKind.STATE
    article = "A20"
    zh = "该订单没有待答复的退款申请"


class LinesNotRefundable(Refusal):
    """Only whole lines that the order has, and that are not refunded yet, can be refunded. Source: Q12."""

    code = "order.lines_not_refundable"
    kind = RefusalKind.RULE
    article = "A20"
    zh = "所选行不存在、重复或已退款：第{lines_zh}行"


class NothingToClaim(Refusal):
    """No voucher money is committed in this order. Source: A22."""

    code = "order.nothing_to_claim"
    kind = RefusalKind.RULE
    article = "A22"
    zh = "该订单没有可兑现的云使用券"


class NotDelivered(Refusal):
    """No delivery is on record to accept. Source: A19."""

    code = "order.not_delivered"
    kind = RefusalKind.STATE
    article = "A19"
    zh = "云服务商尚未登记交付，不能验收"


class RecordTwice(Refusal):
    """There is such a record already; what was wrong in it is corrected, with a reason."""

    code = "order.record_twice"
    kind = RefusalKind.STATE
    article = "A19"
    zh = "该记录已存在，不能重复登记；如需更正，请注明所更正的记录和理由"


class DateInFuture(Refusal):
    """Nothing is recorded before it has happened; days are those of Beijing."""

    code = "order.date_in_future"
    kind = RefusalKind.RULE
    article = "A19"
    zh = "登记的日期{dated_on_zh}晚于今天，不能登记尚未发生的事项"


class DateBeforeOrder(Refusal):
    """Contract, payment, delivery and acceptance of an order come after it was placed; days are those of Beijing."""

    code = "order.date_before_order"
    kind = RefusalKind.RULE
    article = "A19"
    zh = "登记的日期{dated_on_zh}早于{earliest_zh}（下单日，验收则为首次交付日）"


class PaymentAboveOwnPart(Refusal):
    """The own payments of an order sum to at most its own part. Source: R69, Q16."""

    code = "order.payment_above_own_part"
    kind = RefusalKind.RULE
    article = "A19"
    zh = "自付款合计将超过本订单的自付部分{own_yuan}元（已登记{paid_yuan}元），请核对金额或更正原记录"


class RecordNotFound(Refusal):
    """There is no such record, or it is somebody else's: the two look the same."""

    code = "order.record_not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到该记录"


class RecordNotCorrectable(Refusal):
    """The record was corrected or withdrawn before, is of another kind, or others rest on it."""

    code = "order.record_not_correctable"
    kind = RefusalKind.STATE
    article = "A19"
    zh = "该记录已更正或撤回，或与本次登记的种类不同，或已有其他记录以其为依据，不能更正"


class TooManyRecords(Refusal):
    """An order holds a bounded number of records."""

    code = "order.too_many_records"
    kind = RefusalKind.RULE
    zh = "本订单的记录已达{maximum}条上限，不能再登记"


class ScoresMissing(Refusal):
    """An evaluation scores each axis of the scheme from 1 to 5. Source: R21."""

    code = "order.scores_missing"
    kind = RefusalKind.RULE
    zh = "请对以下每个方面评分（1 至 5 分）：{axes_zh}"
