"""What may be approved and paid. Amounts are fen. Source: A24, R79, R80, Q17."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.settlement.domain.refusals import (
    ApprovedAboveClaimed,
    ApprovedItemsDiffer,
    NothingApproved,
    PaymentAmountDiffers,
    PaymentDateWrong,
    ReductionUnexplained,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedItem:
    """What the bureau approves for one order, and why less than claimed."""

    order_id: UUID
    approved_fen: int
    reason: str = ""


def check_approval(claimed_fen: Mapping[UUID, int], *, approved: Sequence[ApprovedItem]) -> int:
    """The approved sum in fen of a request whose orders claim `claimed_fen`; an order may get 0, not all of them.

    Raises: ApprovedItemsDiffer, ApprovedAboveClaimed, ReductionUnexplained, NothingApproved. Source: A24, R80, Q17.
    """
    if sorted(item.order_id for item in approved) != sorted(claimed_fen):
        raise ApprovedItemsDiffer(requested=len(claimed_fen), given=len(approved))
    for position, item in enumerate(approved):
        limit_fen = claimed_fen[item.order_id]
        if item.approved_fen > limit_fen:
            raise ApprovedAboveClaimed(
                approved_fen=item.approved_fen, claimed_fen=limit_fen, pointer=f"/items/{position}/approved_fen"
            )
        if item.approved_fen < limit_fen and not item.reason:
            raise ReductionUnexplained(pointer=f"/items/{position}/reason")
    total_fen = sum(item.approved_fen for item in approved)
    if not total_fen:
        raise NothingApproved
    return total_fen


def check_payment(paid_fen: int, *, approved_fen: int, paid_on: date, approved_on: date, today: date) -> None:
    """Whether a payment settles an approved request; days are Beijing days.

    Raises: PaymentAmountDiffers, PaymentDateWrong. Source: A24, R80.
    """
    if paid_fen != approved_fen:
        raise PaymentAmountDiffers(paid_fen=paid_fen, approved_fen=approved_fen, pointer="/amount_fen")
    if not approved_on <= paid_on <= today:
        raise PaymentDateWrong(approved_on=approved_on.isoformat(), pointer="/paid_on")
