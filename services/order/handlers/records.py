"""Evidence and voices put on record with an order: each emits OrderRecorded with the order's next version."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.order.domain import order as rules
from services.order.domain.order import Order
from services.order.domain.records import RecordKind, check_recordable, check_scores
from services.order.domain.refusals import ComplaintNotOpen, OrderNotFound
from services.order.handlers import telling
from services.order.handlers.docket import Docket
from services.order.store import records as store
from services.order.store.records import Recorded
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOnRecord:
    """One party of the order records something; `scores` are those of an evaluation."""

    order_id: UUID
    kind: RecordKind
    by: Actor
    version: int | None = None
    dated_on: date | None = None
    amount_fen: int | None = None
    text: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    document_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerComplaint:
    """The operator answers a complaint."""

    complaint_id: UUID
    text: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """What was recorded; `version` is the order's."""

    id: UUID
    order_id: UUID
    kind: str
    recorded_at: datetime
    due_at: datetime | None
    version: int


_BY_PROVIDER = frozenset({RecordKind.CONTRACT, RecordKind.DELIVERY})


async def put_on_record(work: Work, command: PutOnRecord) -> RecordAnswer:
    """Record something by the party whose act it is. Raises: Refusal. Source: A19, Q16, R10, R21, R71."""
    docket = await Docket.open(work, [command.order_id])
    side = "provider_id" if command.kind in _BY_PROVIDER else "enterprise_id"
    order = docket.of(command.order_id, version=command.version, **{side: command.by.organisation_id})
    check_recordable(order, command.kind, present=await store.find_kinds(work.connection, order.id))
    if command.kind is RecordKind.EVALUATION:
        check_scores(command.scores, axes=[axis.code for axis in work.pack.evaluation_axes])
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
    )
    return await _keep(docket, order, record)


def _due_at(work: Work, kind: RecordKind) -> datetime | None:
    """A complaint has a first answer within the pack's working days. Source: A9, Q24."""
    if kind is not RecordKind.COMPLAINT:
        return None
    days = work.pack.deadlines.complaint_answer_working_days
    return work.pack.working_calendar.working_deadline(work.now, days=days)


async def answer_complaint(work: Work, command: AnswerComplaint) -> RecordAnswer:
    """The operator's first answer to a complaint. Raises: OrderNotFound, ComplaintNotOpen. Source: A9, R4."""
    found = await store.find_complaint(work.connection, command.complaint_id)
    if found is None:
        raise OrderNotFound
    docket = await Docket.open(work, [found.order_id])
    order = docket.of(found.order_id, version=None)
    complaint = await store.find_complaint(work.connection, command.complaint_id)
    if complaint is None or complaint.answered_at is not None:
        raise ComplaintNotOpen
    await store.mark_answered(work.connection, complaint.id, now=work.now)
    record = Recorded(
        id=work.new_id(),
        order_id=order.id,
        kind=RecordKind.COMPLAINT_ANSWER,
        recorded_by=command.by.account_id,
        organisation_id=command.by.organisation_id,
        recorded_at=work.now,
        text=command.text,
        answers_id=complaint.id,
    )
    docket.decide(order, order, act="complaint.answer", by=command.by, rule="A9", ground=command.text)
    text = f"关于订单{order.number}的投诉已答复：{command.text}"
    telling.tell(work, order.enterprise_id, order, event="complaint.answered", text=text, article="A9")
    return await _keep(docket, order, record)


async def _keep(docket: Docket, order: Order, record: Recorded) -> RecordAnswer:
    work = docket.work
    await store.add(work.connection, record)
    after = docket.put(*rules.record(order, kind=record.kind.value, document_sha256=record.document_sha256))
    _tell(work, after, record)
    await docket.save()
    return RecordAnswer(
        id=record.id,
        order_id=order.id,
        kind=record.kind.value,
        recorded_at=record.recorded_at,
        due_at=record.due_at,
        version=after.version,
    )


def _tell(work: Work, order: Order, record: Recorded) -> None:
    """The other side learns of a delivery, and of a complaint."""
    if record.kind is RecordKind.DELIVERY:
        text = f"订单{order.number}已登记交付，请按约定标准验收。"
        telling.tell(work, order.enterprise_id, order, event="order.delivered", text=text, article="A19")
    if record.kind is RecordKind.COMPLAINT:
        text = f"订单{order.number}收到上云企业投诉，系统运营方将跟进处理。"
        telling.tell(work, order.provider_id, order, event="complaint.filed", text=text, article="A9")
