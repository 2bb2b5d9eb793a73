"""What the parties are told, in Chinese: each decision about them, with its reason and article."""

from collections.abc import Mapping
from uuid import UUID

from services.order.domain.order import Order
from services.order.domain.refusals import CANCEL_ZH
from services.order.domain.states import CancelReason
from shared.kernel.money import Fen, format_yuan
from shared.runtime.work import Notice, Work

CANCEL_REASONS: Mapping[CancelReason, str] = {reason: CANCEL_ZH[reason.value] for reason in CancelReason}
CANCEL_ARTICLES: Mapping[CancelReason, str] = {
    CancelReason.ENTERPRISE: "A20",
    CancelReason.PROVIDER: "A19",
    CancelReason.TIMEOUT: "A19",
    CancelReason.YEAR_END: "A9",
    CancelReason.DELISTED: "A12",
    CancelReason.SUSPENDED: "A12",
}


def tell(  # noqa: PLR0913 - the parts of a notice
    work: Work, organisation_id: UUID, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify one party of its order."""
    work.notify(
        Notice(
            recipient=f"org:{organisation_id}",
            subject_type="order",
            subject_id=order.id,
            event=event,
            text=text,
            reason=reason,
            article=article,
        )
    )


def tell_both(  # noqa: PLR0913 - the parts of a notice
    work: Work, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify enterprise and provider alike."""
    for party in (order.enterprise_id, order.provider_id):
        tell(work, party, order, event=event, text=text, reason=reason, article=article)


def tell_awaiting(work: Work, order: Order) -> None:
    """The provider is asked to confirm."""
    text = f"订单{order.number}等待贵单位确认。"
    tell(work, order.provider_id, order, event="order.awaiting_confirmation", text=text, article="A19")


def tell_refused(work: Work, order: Order) -> None:
    """The enterprise learns why its voucher could not be held."""
    text = f"订单{order.number}未成立：{order.refusal_detail}"
    tell(
        work,
        order.enterprise_id,
        order,
        event="order.refused",
        text=text,
        reason=order.refusal_detail,
        article=order.refusal_article,
    )


def tell_confirmed(work: Work, order: Order) -> None:
    """The enterprise learns of the confirmation."""
    text = f"订单{order.number}已由云服务商完成交易确认。"
    tell(work, order.enterprise_id, order, event="order.confirmed", text=text, article="A19")


def tell_cancelled(work: Work, order: Order, *, reason: CancelReason) -> None:
    """Both learn of the cancellation; the enterprise's notice is the pack's and names what returns."""
    words, article = CANCEL_REASONS[reason], CANCEL_ARTICLES[reason]
    if order.voucher_fen:
        body = work.pack.notice("order_cancelled").body
        text = body.format(order_number=order.number, amount_yuan=format_yuan(Fen(order.voucher_fen)), reason=words)
    else:
        text = f"订单{order.number}已取消。原因：{words}。"
    tell(work, order.enterprise_id, order, event="order.cancelled", text=text, reason=words, article=article)
    text = f"订单{order.number}已取消。原因：{words}。"
    tell(work, order.provider_id, order, event="order.cancelled", text=text, reason=words, article=article)


def tell_unclaimed(work: Work, order: Order) -> None:
    """The claim ended unpaid: refund is open again. Source: Q13."""
    text = f"订单{order.number}的兑现申请已撤回、退回或未受理，订单恢复为已确认状态。"
    tell_both(work, order, event="order.unclaimed", text=text, article="A22")


def tell_redeemed(work: Work, order: Order) -> None:
    """The voucher of the order is redeemed. Source: A24."""
    text = f"订单{order.number}的云使用券已完成兑现。"
    tell_both(work, order, event="order.redeemed", text=text, article="A24")


def tell_claimed(work: Work, order: Order) -> None:
    """A claim was filed: cancel and refund exist no more. Source: A20, R74."""
    text = f"订单{order.number}已由云服务商提交兑现，不再取消或退款。"
    tell(work, order.enterprise_id, order, event="order.claimed", text=text, article="A20")
