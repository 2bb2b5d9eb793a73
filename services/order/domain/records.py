"""What may go on record with an order, when, with which dates and sums, and how a record is corrected.

A record is never changed. A correction is a new record that voids the former one with a reason; both stay to be read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.order.domain.order import Order, winner
from services.order.domain.refusals import (
    AlreadyRedeemed,
    DateBeforeOrder,
    DateInFuture,
    NotConfirmed,
    NotDelivered,
    PaymentAboveOwnPart,
    RecordNotCorrectable,
    RecordNotFound,
    RecordTwice,
    ScoresMissing,
    TooManyRecords,
)
from services.order.domain.states import ENDED_UNCONFIRMED, OrderState
from shared.kernel.calendar import business_date
from shared.kernel.money import Fen, format_yuan

SCORE_MAX = 5
RECORDS_MAX = 200
"""Records of one order, voided ones included."""


class RecordKind(StrEnum):
    """The kinds of records. Source: A9, A19, Q16, R10, R21, R71."""

    CONTRACT = "contract"
    PAYMENT = "payment"
    DELIVERY = "delivery"
    ACCEPTANCE = "acceptance"
    COMPLAINT = "complaint"
    COMPLAINT_ANSWER = "complaint_answer"
    EVALUATION = "evaluation"
    WITHDRAWAL = "withdrawal"


ONCE = frozenset({RecordKind.CONTRACT, RecordKind.ACCEPTANCE, RecordKind.EVALUATION})
# A contract and a payment may come before the confirmation, a complaint at any time.
_AFTER_CONFIRMATION = frozenset({RecordKind.DELIVERY, RecordKind.ACCEPTANCE, RecordKind.EVALUATION})
_AT_ANY_TIME = frozenset({RecordKind.COMPLAINT, RecordKind.COMPLAINT_ANSWER, RecordKind.WITHDRAWAL})
_OPINIONS = frozenset({RecordKind.COMPLAINT, RecordKind.COMPLAINT_ANSWER, RecordKind.EVALUATION})
_NEVER_VOIDED = frozenset({RecordKind.WITHDRAWAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A record that an order has; `voided` when a later one has taken its place, or has taken it back."""

    id: UUID
    kind: RecordKind
    organisation_id: UUID | None
    dated_on: date | None
    amount_fen: int | None
    voided: bool
    answered: bool
    answers_id: UUID | None = None


def standing(records: Iterable[Known], *, but: Known | None = None) -> list[Known]:
    """The records that were not voided, without the one that is about to be."""
    return [one for one in records if not one.voided and one is not but]


def former_of(records: Iterable[Known], record_id: UUID, *, organisation_id: UUID | None) -> Known:
    """The record that a correction names. Raises: RecordNotFound when there is none, or it is another party's."""
    found = next((one for one in records if one.id == record_id), None)
    if found is None or found.organisation_id != organisation_id:
        raise RecordNotFound
    return found


def check_recordable(order: Order, kind: RecordKind, *, present: Sequence[Known], voids: Known | None = None) -> None:
    """Raises: Refusal when the record is too early, too late, one too many, or there already."""
    if len(present) >= RECORDS_MAX:
        raise TooManyRecords(maximum=RECORDS_MAX)
    if kind not in _AT_ANY_TIME and order.state in ENDED_UNCONFIRMED:
        raise winner(order)
    if kind in _AFTER_CONFIRMATION and order.confirmed_at is None:
        raise NotConfirmed
    if voids is not None:
        _check_correctable(order, kind, voids)
    left = {one.kind for one in standing(present, but=voids)}
    if kind is RecordKind.ACCEPTANCE and RecordKind.DELIVERY not in left:
        raise NotDelivered
    if kind in ONCE and kind in left:
        raise RecordTwice
    if kind is RecordKind.WITHDRAWAL and RecordKind.ACCEPTANCE in left and RecordKind.DELIVERY not in left:
        raise RecordNotCorrectable


def _check_correctable(order: Order, kind: RecordKind, voids: Known) -> None:
    """A record is corrected by one of its kind or withdrawn, once, and evidence not after it was paid upon."""
    answered_for_good = voids.kind is RecordKind.COMPLAINT and voids.answered
    if voids.voided or voids.kind in _NEVER_VOIDED or answered_for_good:
        raise RecordNotCorrectable
    if kind not in {voids.kind, RecordKind.WITHDRAWAL}:
        raise RecordNotCorrectable
    if voids.kind not in _OPINIONS and order.state is OrderState.REDEEMED:
        raise AlreadyRedeemed


def check_date(
    order: Order, kind: RecordKind, dated_on: date | None, *, present: Iterable[Known], now: datetime
) -> None:
    """The day lies between the order, an acceptance's between the first delivery, and today, all in Beijing days.

    `present` are the records that stand. Raises: DateInFuture, DateBeforeOrder. Source: A19, R10.
    """
    if dated_on is None:
        return
    if dated_on > business_date(now):
        raise DateInFuture(dated_on=dated_on.isoformat())
    days = [one.dated_on for one in present if one.kind is RecordKind.DELIVERY and one.dated_on is not None]
    earliest = business_date(order.placed_at)
    if kind is RecordKind.ACCEPTANCE and days:
        earliest = max(earliest, min(days))
    if dated_on < earliest:
        raise DateBeforeOrder(dated_on=dated_on.isoformat(), earliest=earliest.isoformat())


def paid_fen(present: Iterable[Known]) -> int:
    """The sum of own payments that stand, in fen."""
    return sum(one.amount_fen or 0 for one in present if one.kind is RecordKind.PAYMENT)


def check_payment(order: Order, amount_fen: int, *, present: Iterable[Known]) -> None:
    """Own payments sum to at most the own part; `present` are the records that stand. Raises: PaymentAboveOwnPart."""
    before_fen = paid_fen(present)
    if before_fen + amount_fen > order.own_fen:
        own_yuan, paid_yuan = format_yuan(Fen(order.own_fen)), format_yuan(Fen(before_fen))
        raise PaymentAboveOwnPart(own_fen=order.own_fen, paid_fen=before_fen, own_yuan=own_yuan, paid_yuan=paid_yuan)


def check_scores(scores: Mapping[str, int], *, axes: Mapping[str, str]) -> None:
    """Each axis of the pack has a score of 1 to 5 and nothing else has; `axes` are names by code.

    Raises: ScoresMissing. Source: R21.
    """
    if set(scores) != set(axes) or not all(1 <= score <= SCORE_MAX for score in scores.values()):
        raise ScoresMissing(axes="、".join(sorted(axes)), axes_zh="、".join(axes.values()))
