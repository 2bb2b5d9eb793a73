"""Every business "no" to answering what waits for an answer: a refund, a complaint."""

from shared.kernel.refusals import Refusal, RefusalKind


class RefundNotOverdue(Refusal):
    """A refund is the provider's to answer until its time is over; then it is the operator's. Source: Q11."""

    code = "order.refund_not_overdue"
    kind = RefusalKind.STATE
    momentary = True  # the time ends by itself
    article = "A20"
    zh = "该退款申请由云服务商答复，{due_at_zh}前未答复的，逾期后由系统运营方裁决"


class ComplaintNotOpen(Refusal):
    """The complaint was answered already. Source: A9, Q24."""

    code = "order.complaint_not_open"
    kind = RefusalKind.STATE
    article = "A9"
    zh = "该投诉已答复"
