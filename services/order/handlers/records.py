"""Evidence and voices put on record with an order: each emits OrderRecorded with the order's next version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.order.domain import order as rules
from services.order.domain.answer_refusals import ComplaintNotOpen
from services.order.domain.order import Order
from services.order.domain.records import (
    Known,
    RecordKind,
    check_date,
    check_payment,
    check_recordable,
    check_scores,
    former_of,
    standing,
)
from services.order.domain.refusals import OrderNotFound, RecordNotFound
from services.order.handlers.orders import OrderBatch, decide, tell
from services.order.store import records as store
from services.order.store.records import Recorded
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A former record that a new one takes the place of, and why."""

    record_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOnRecord:
    """One party of the order records something; `scores` are those of an evaluation."""

    order_id: UUID
    kind: RecordKind
    by: Actor
    expected_version: int | None = None
    dated_on: date | None = None
    amount_fen: int | None = None
    text: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    document_sha256: str = ""
    corrects: Correction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRecord:
    """Who recorded something by mistake takes it back; nothing takes its place."""

    corrects: Correction
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerComplaint:
    """The operator answers a complaint, or corrects its answer."""

    complaint_id: UUID
    text: str
    by: Actor
    corrects: Correction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """What was recorded; `version` is the order's."""

    id: UUID
    order_id: UUID
    kind: str
    recorded_at: datetime
    due_at: datetime | None
    version: int


_BY_PROVIDER = frozenset({RecordKind.CONTRACT, RecordKind.DELIVERY})
_RULES: Mapping[RecordKind, str] = {
    RecordKind.CONTRACT: "A19",
    RecordKind.PAYMENT: "A19",
    RecordKind.DELIVERY: "A19",
    RecordKind.ACCEPTANCE: "A19",
    RecordKind.COMPLAINT: "A9",
    RecordKind.COMPLAINT_ANSWER: "A9",
    RecordKind.EVALUATION: "N五(五)",
}


async def put_on_record(work: Work, command: PutOnRecord) -> RecordResult:
    """Record something by the party whose act it is. Raises: Refusal. Source: A19, Q16, R10, R21, R69, R71."""
    batch = await OrderBatch.open(work, [command.order_id])
    side = "provider_id" if command.kind in _BY_PROVIDER else "enterprise_id"
    order = batch.of(command.order_id, expected_version=command.expected_version, **{side: command.by.organisation_id})
    present = await store.find_known(work.connection, order.id)
    former = _former(present, command.corrects, organisation_id=command.by.organisation_id)
    check_recordable(order, command.kind, present=present, voids=former)
    left = standing(present, but=former)
    check_date(order, command.kind, command.dated_on, present=left, now=work.now)
    if command.kind is RecordKind.PAYMENT:
        check_payment(order, command.amount_fen or 0, present=left)
    if command.kind is RecordKind.EVALUATION:
        check_scores(command.scores, axes={axis.code: axis.text for axis in work.pack.evaluation_axes})
    record = Recorded(
        id=work.new_id(),
        order_id=order.id,
        kind=command.kind,
        recorded_by=command.by.account_id,
        organisation_id=command.by.organisation_id,
        recorded_at=work.now,
        dated_on=command.dated_on,
        amount_fen=command.amount_fen,
        text=command.text,
        scores=command.scores,
        document_sha256=command.document_sha256,
        due_at=_due_at(work, command.kind),
        **_voiding(former, command.corrects),
    )
    _decide(batch, order, record, by=command.by, rule=_RULES[command.kind])
    return await _keep(batch, order, record)


async def withdraw_record(work: Work, command: WithdrawRecord) -> RecordResult:
    """Take back what was recorded by mistake; it stays to be read, with the reason. Source: A19. Raises: Refusal."""
    order_id = await store.find_order_of(work.connection, command.corrects.record_id)
    if order_id is None or command.by.organisation_id is None:
        raise RecordNotFound
    batch = await OrderBatch.open(work, [order_id])
    order = batch.of(order_id, expected_version=None)
    present = await store.find_known(work.connection, order.id)
    former = former_of(present, command.corrects.record_id, organisation_id=command.by.organisation_id)
    check_recordable(order, RecordKind.WITHDRAWAL, present=present, voids=former)
    record = Recorded(
        id=work.new_id(),
        order_id=order.id,
        kind=RecordKind.WITHDRAWAL,
        recorded_by=command.by.account_id,
        organisation_id=command.by.organisation_id,
        recorded_at=work.now,
        **_voiding(former, command.corrects),
    )
    _decide(batch, order, record, by=command.by, rule=_RULES[former.kind])
    return await _keep(batch, order, record)


def _former(present: Sequence[Known], corrects: Correction | None, *, organisation_id: UUID | None) -> Known | None:
    return None if corrects is None else former_of(present, corrects.record_id, organisation_id=organisation_id)


def _voiding(former: Known | None, corrects: Correction | None) -> dict[str, Any]:
    """The columns of a record that voids a former one."""
    if former is None or corrects is None:
        return {}
    return {"voids_id": former.id, "correction_reason": corrects.reason}


def _decide(batch: OrderBatch, order: Order, record: Recorded, *, by: Actor, rule: str) -> None:
    """Who recorded what, for the order's history; the words of the record stay with the record."""
    act, ground = f"record.{record.kind}", record.correction_reason
    decide(batch.work, order, order, act=act, by=by, rule=rule, ground=ground)


def _due_at(work: Work, kind: RecordKind) -> datetime | None:
    """A complaint has a first answer within the pack's working days. Source: A9, Q24."""
    if kind is not RecordKind.COMPLAINT:
        return None
    days = work.pack.deadlines.complaint_answer_working_days
    return work.pack.working_calendar.working_deadline(work.now, days=days)


async def answer_complaint(work: Work, command: AnswerComplaint) -> RecordResult:
    """The operator's first answer to a complaint, or a correction of it.

    Raises: OrderNotFound, ComplaintNotOpen, RecordNotFound, RecordNotCorrectable. Source: A9, R4.
    """
    found = await store.find_complaint(work.connection, command.complaint_id)
    if found is None:
        raise OrderNotFound
    batch = await OrderBatch.open(work, [found.order_id])
    order = batch.of(found.order_id, expected_version=None)
    complaint = await store.find_complaint(work.connection, command.complaint_id)
    former = None
    if command.corrects is not None:
        present = await store.find_known(work.connection, order.id)
        answers = [one for one in present if one.answers_id == command.complaint_id]
        former = former_of(answers, command.corrects.record_id, organisation_id=command.by.organisation_id)
        check_recordable(order, RecordKind.COMPLAINT_ANSWER, present=present, voids=former)
    elif complaint is None or complaint.answered_at is not None or complaint.voided_at is not None:
        raise ComplaintNotOpen
    else:
        await store.mark_answered(work, complaint.id, now=work.now)
    record = Recorded(
        id=work.new_id(),
        order_id=order.id,
        kind=RecordKind.COMPLAINT_ANSWER,
        recorded_by=command.by.account_id,
        organisation_id=command.by.organisation_id,
        recorded_at=work.now,
        text=command.text,
        answers_id=command.complaint_id,
        **_voiding(former, command.corrects),
    )
    decide(batch.work, order, order, act="complaint.answer", by=command.by, rule="A9", ground=command.text)
    text = f"关于订单{order.number}的投诉已答复：{command.text}"
    tell(work, order.enterprise_id, order, event="complaint.answered", text=text, article="A9")
    return await _keep(batch, order, record)


async def _keep(batch: OrderBatch, order: Order, record: Recorded) -> RecordResult:
    work = batch.work
    if record.voids_id is not None:
        await store.void(work, record.voids_id, now=work.now)
    await store.add(work, record)
    after = batch.put(
        *rules.record(
            order,
            kind=record.kind.value,
            document_sha256=record.document_sha256,
            record_id=record.id,
            voids=record.voids_id,
        )
    )
    _tell(work, after, record)
    batch.write()
    return RecordResult(
        id=record.id,
        order_id=order.id,
        kind=record.kind.value,
        recorded_at=record.recorded_at,
        due_at=record.due_at,
        version=after.version,
    )


def _tell(work: Work, order: Order, record: Recorded) -> None:
    """The other side learns of a delivery, of a complaint, and of what was corrected."""
    if record.voids_id is not None:
        text = f"订单{order.number}的一项记录已更正或撤回。"
        own = record.organisation_id
        for party in {order.enterprise_id, order.provider_id} - ({own} if own is not None else set()):
            tell(
                work, party, order, event="record.corrected", text=text, reason=record.correction_reason, article="A19"
            )
        return
    if record.kind is RecordKind.DELIVERY:
        text = f"订单{order.number}已登记交付，请按约定标准验收。"
        tell(work, order.enterprise_id, order, event="order.delivered", text=text, article="A19")
    if record.kind is RecordKind.COMPLAINT:
        text = f"订单{order.number}收到上云企业投诉，系统运营方将跟进处理。"
        tell(work, order.provider_id, order, event="complaint.filed", text=text, article="A9")
