"""Orders as their readers see them: own organisation, own region, or all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Table, false, or_, select, true

from services.order.domain.refusals import OrderNotFound
from services.order.domain.states import OrderState
from services.order.tables import LINE, ORDER, RECORD, REFUND, RUNTIME, SAGA
from shared.contracts.http.lists import Page, page_of
from shared.contracts.messages.base import Event
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.db import Connection, Record, fetch_all, fetch_one
from shared.runtime.http import Resource

_EVENT = msgspec.json.Decoder(Event)
HISTORY_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose orders a reader may see: everybody's, one region's, or those of one organisation."""

    everything: bool = False
    region: str | None = None
    organisation_id: UUID | None = None

    def condition(self) -> ColumnElement[bool]:
        """The scope as SQL; a scope that names nothing sees nothing."""
        if self.everything:
            return true()
        if self.region is not None:
            return ORDER.c.region == self.region
        if self.organisation_id is not None:
            own = self.organisation_id
            return or_(ORDER.c.enterprise_id == own, ORDER.c.provider_id == own)
        return false()


def scope_of(principal: Principal) -> Scope:
    """The widest scope that the principal's permissions give."""
    if Permission.ORDER_ORDER_READ_ALL in principal.permissions:
        return Scope(everything=True)
    if Permission.ORDER_ORDER_READ_REGION in principal.permissions:
        return Scope(region=principal.region)
    return Scope(organisation_id=principal.organisation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """What a list is narrowed to; `placed_from` is included, `placed_to` is not."""

    state: OrderState | None = None
    year: int | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    number: str | None = None
    enterprise_id: UUID | None = None
    provider_id: UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as SQL."""
        equal = {name: getattr(self, name) for name in ("state", "year", "number", "enterprise_id", "provider_id")}
        found = [ORDER.c[name] == value for name, value in equal.items() if value is not None]
        if self.placed_from is not None:
            found.append(ORDER.c.placed_at >= self.placed_from)
        if self.placed_to is not None:
            found.append(ORDER.c.placed_at < self.placed_to)
        return found


class OrderItem(Resource):
    """An order in a list; amounts in fen."""

    id: UUID
    number: str
    enterprise_id: UUID
    provider_id: UUID
    region: str
    year: int
    state: str
    version: int
    fee_fen: int
    voucher_fen: int
    refunded_fee_fen: int
    refunded_voucher_fen: int
    refund_state: str
    placed_at: datetime
    confirm_due_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    reason: str
    refusal_code: str
    refusal_article: str
    refusal_detail: str
    claim_id: UUID | None
    paid_fen: int | None


class LineItem(Resource):
    """A line as it was fixed at placing, with the standard the provider owes. Source: A19, R71."""

    line: int
    product_id: UUID
    edition: int
    product_name: str
    class_code: str
    component: str
    unit: str
    service_standard: str
    quantity: int
    price_fen: int
    fee_fen: int
    rate_bp: int
    voucher_max_fen: int
    voucher_fen: int
    refund_id: UUID | None


class RefundItem(Resource):
    """A refund request."""

    id: UUID
    lines: Sequence[int]
    reason: str
    state: str
    answer: str
    requested_at: datetime
    due_at: datetime
    answered_at: datetime | None
    returned_at: datetime | None


class RecordItem(Resource):
    """Something on record with the order."""

    id: UUID
    kind: str
    recorded_at: datetime
    dated_on: date | None
    amount_fen: int | None
    text: str
    scores: dict[str, int]
    document_sha256: str
    answers_id: UUID | None
    due_at: datetime | None
    answered_at: datetime | None


class OrderDetail(OrderItem):
    """An order with everything that belongs to it; `saga` is where its voucher stands."""

    own_fen: int
    agreement_version: str
    pack_version: str
    saga: str
    lines: Sequence[LineItem]
    refunds: Sequence[RefundItem]
    records: Sequence[RecordItem]


class HistoryItem(Resource):
    """One decision or fact in an order's life; facts carry the version they made."""

    at: datetime
    source: str
    name: str
    role: str = ""
    rule: str = ""
    ground: str = ""
    before: str = ""
    after: str = ""
    pack_version: str = ""
    version: int | None = None


_ITEM = [ORDER.c[name] for name in OrderItem.model_fields]


async def list_orders(
    connection: Connection, *, scope: Scope, wanted: OrderFilter, limit: int, after: UUID | None
) -> Page[OrderItem]:
    """A page of orders, newest first."""
    statement = select(*_ITEM).where(scope.condition(), *wanted.conditions())
    if after is not None:
        statement = statement.where(ORDER.c.id < after)
    rows = await fetch_all(connection, statement.order_by(ORDER.c.id.desc()).limit(limit + 1))
    items = [OrderItem(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])


async def read_order(connection: Connection, order_id: UUID, *, scope: Scope) -> OrderDetail:
    """One order with lines, refunds and records. Raises: OrderNotFound."""
    statement = (
        select(*_ITEM, ORDER.c.agreement_version, ORDER.c.pack_version, SAGA.c.state.label("saga"))
        .join(SAGA, SAGA.c.id == ORDER.c.id, isouter=True)
        .where(ORDER.c.id == order_id, scope.condition())
    )
    row = await fetch_one(connection, statement)
    if row is None:
        raise OrderNotFound
    values = dict(row)
    values["saga"] = values["saga"] or ""
    return OrderDetail(
        **values,
        own_fen=values["fee_fen"] - values["voucher_fen"],
        lines=[LineItem(**dict(line)) for line in await _of_order(connection, order_id, LineItem)],
        refunds=[RefundItem(**dict(refund)) for refund in await _of_order(connection, order_id, RefundItem)],
        records=[RecordItem(**dict(record)) for record in await _of_order(connection, order_id, RecordItem)],
    )


_PARTS: Mapping[type[Resource], tuple[Table, str]] = {
    LineItem: (LINE, "line"),
    RefundItem: (REFUND, "id"),
    RecordItem: (RECORD, "id"),
}


async def _of_order(connection: Connection, order_id: UUID, kind: type[Resource]) -> Sequence[Record]:
    table, key = _PARTS[kind]
    columns = [table.c[name] for name in kind.model_fields]
    return await fetch_all(
        connection, select(*columns).where(table.c.order_id == order_id).order_by(table.c[key]).limit(HISTORY_MAX)
    )


async def read_history(connection: Connection, order_id: UUID, *, scope: Scope) -> list[HistoryItem]:
    """Decisions and facts of an order, oldest first. Raises: OrderNotFound. Source: R7."""
    if await fetch_one(connection, select(ORDER.c.id).where(ORDER.c.id == order_id, scope.condition())) is None:
        raise OrderNotFound
    decision, fact = RUNTIME.decision, RUNTIME.fact
    decided = await fetch_all(
        connection,
        select(decision).where(decision.c.subject_id == order_id).order_by(decision.c.id).limit(HISTORY_MAX),
    )
    said = await fetch_all(
        connection,
        select(fact.c.body).where(fact.c.aggregate_id == order_id).order_by(fact.c.version).limit(HISTORY_MAX),
    )
    names = ("at", "role", "rule", "ground", "before", "after", "pack_version")
    items = [HistoryItem(source="decision", name=row["act"], **{name: row[name] for name in names}) for row in decided]
    for row in said:
        event = _EVENT.decode(row["body"])
        at = datetime.fromisoformat(event.time)
        items.append(HistoryItem(at=at, source="fact", name=event.type, version=event.sequence))
    return sorted(items, key=lambda item: (item.at, item.version or 0))
