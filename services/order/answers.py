"""What the hot routes answer: msgspec, because they are many."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.order.domain.order import Order
from services.order.domain.saga import Saga


class OrderAnswer(msgspec.Struct, kw_only=True):
    """An order after a command; `saga` is where its voucher stands, empty without a voucher. Amounts in fen."""

    id: UUID
    number: str
    state: str
    version: int
    saga: str
    year: int
    fee_fen: int
    voucher_fen: int
    own_fen: int
    confirm_due_at: datetime | None = None
    confirmed_at: datetime | None = None
    reason: str = ""
    refusal_code: str = ""
    refusal_article: str = ""
    refusal_detail: str = ""


def changing(order: Order, saga: Saga | None) -> dict[str, object]:
    """The fields of an answer that change after the order was placed."""
    return {
        "state": order.state.value,
        "version": order.version,
        "saga": saga.state.value if saga is not None else "",
        "confirm_due_at": order.confirm_due_at,
        "confirmed_at": order.confirmed_at,
        "reason": order.reason,
        "refusal_code": order.refusal_code,
        "refusal_article": order.refusal_article,
        "refusal_detail": order.refusal_detail,
    }


def answer(order: Order, saga: Saga | None) -> OrderAnswer:
    """The answer to a command on an order."""
    return OrderAnswer(
        id=order.id,
        number=order.number,
        year=order.year,
        fee_fen=order.fee_fen,
        voucher_fen=order.voucher_fen,
        own_fen=order.fee_fen - order.voucher_fen,
        **changing(order, saga),  # type: ignore[arg-type] # the keys are fields of the answer
    )
