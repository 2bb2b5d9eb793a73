"""What the parties are told, in Chinese: each decision about them, with its reason and article."""

from collections.abc import Mapping
from uuid import UUID

from services.order.domain.order import Order
from services.order.domain.states import CANCEL_REASONS, CancelReason
from shared.kernel.money import Fen, format_yuan
from shared.runtime.work import Notice, Work

CANCEL_ARTICLES: Mapping[CancelReason, str] = {
    CancelReason.ENTERPRISE: "A20",
    CancelReason.PROVIDER: "A19",
    CancelReason.TIMEOUT: "A19",
    CancelReason.YEAR_END: "A9",
    CancelReason.DELISTED: "A12",
    CancelReason.SUSPENDED: "A12",
    CancelReason.AFFILIATED: "A13(4)",
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
    if order.refusal_detail:
        words = f"{words}：{order.refusal_detail}"
    plain = f"订单{order.number}已取消。原因：{words}。"
    text = plain
    if order.taken_back(work.now):
        text = f"{plain}{taken_back(order, order.voucher_fen)}"
    elif order.voucher_fen:
        body = work.pack.notice("order_cancelled").body
        text = body.format(order_number=order.number, amount_yuan=format_yuan(Fen(order.voucher_fen)), reason=words)
    tell(work, order.enterprise_id, order, event="order.cancelled", text=text, reason=words, article=article)
    tell(work, order.provider_id, order, event="order.cancelled", text=plain, reason=words, article=article)


def taken_back(order: Order, amount_fen: int) -> str:
    """What becomes of voucher money that returns after its year is over. Source: Q5, R36."""
    amount_yuan = format_yuan(Fen(amount_fen))
    return f"云使用券{amount_yuan}元属{order.year}年度，该年度已结束，按规定收回，不再退回上云企业账户。"


def tell_refunded(work: Work, order: Order, *, voucher_fen: int, reason: str) -> None:
    """Both learn of the consent; what returns goes to the enterprise, or is taken back in a closed year."""
    text = f"订单{order.number}的退款已获同意。"
    if voucher_fen and order.taken_back(work.now):
        text += taken_back(order, voucher_fen)
    elif voucher_fen:
        text += f"云使用券{format_yuan(Fen(voucher_fen))}元自动退回上云企业账户。"
    tell_both(work, order, event="order.refunded", text=text, reason=reason, article="A20")


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
