"""What may go on record with an order, and when."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from services.order.domain.order import Order, winner
from services.order.domain.refusals import NotConfirmed, NotDelivered, RecordTwice, ScoresMissing
from services.order.domain.states import ENDED_UNCONFIRMED

SCORE_MAX = 5


class RecordKind(StrEnum):
    """The kinds of records. Source: A9, A19, Q16, R10, R21, R71."""

    CONTRACT = "contract"
    PAYMENT = "payment"
    DELIVERY = "delivery"
    ACCEPTANCE = "acceptance"
    COMPLAINT = "complaint"
    COMPLAINT_ANSWER = "complaint_answer"
    EVALUATION = "evaluation"


ONCE = frozenset({RecordKind.CONTRACT, RecordKind.ACCEPTANCE, RecordKind.EVALUATION})
# A contract and a payment may come before the confirmation, a complaint at any time.
_AFTER_CONFIRMATION = frozenset({RecordKind.DELIVERY, RecordKind.ACCEPTANCE, RecordKind.EVALUATION})


def check_recordable(order: Order, kind: RecordKind, *, present: Iterable[RecordKind]) -> None:
    """Raises: Refusal when the record is too early, too late, or there already."""
    found = frozenset(present)
    if kind not in {RecordKind.COMPLAINT, RecordKind.COMPLAINT_ANSWER} and order.state in ENDED_UNCONFIRMED:
        raise winner(order)
    if kind in _AFTER_CONFIRMATION and order.confirmed_at is None:
        raise NotConfirmed
    if kind is RecordKind.ACCEPTANCE and RecordKind.DELIVERY not in found:
        raise NotDelivered
    if kind in ONCE and kind in found:
        raise RecordTwice


def check_scores(scores: Mapping[str, int], *, axes: Iterable[str]) -> None:
    """Each axis of the pack has a score of 1 to 5 and nothing else has. Raises: ScoresMissing. Source: R21."""
    wanted = sorted(axes)
    if sorted(scores) != wanted or not all(1 <= score <= SCORE_MAX for score in scores.values()):
        raise ScoresMissing(axes="、".join(wanted))
