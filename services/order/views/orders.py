"""Orders as their readers see them: own organisation, own region, or all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, Table, false, select, true

from services.order.contacts import ContactSeal
from services.order.domain.refusals import OrderNotFound
from services.order.domain.states import ENDED_UNCONFIRMED, OrderState
from services.order.tables import CONTACT, LINE, ORDER, PARTY, RECORD, REFUND, RUNTIME, SAGA
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission, Role
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Place, Record, fetch_all, fetch_one
from shared.runtime.work import HistoryItem, history_of

PARTS_MAX = 500
"""Lines, refunds and records of one order that are shown, each; the oldest come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose orders a reader may see: everybody's, one region's, or those of one organisation, on its side of them.

    An organisation is an enterprise or a provider and never both, so its orders are found in one index, newest first.
    """

    everything: bool = False
    region: str | None = None
    organisation_id: UUID | None = None
    sells: bool = False

    def condition(self) -> ColumnElement[bool]:
        """The scope as SQL; a scope that names nothing sees nothing."""
        if self.everything:
            return true()
        if self.region is not None:
            return ORDER.c.region == self.region
        if self.organisation_id is not None:
            side = ORDER.c.provider_id if self.sells else ORDER.c.enterprise_id
            return side == self.organisation_id
        return false()


def scope_of(principal: Principal) -> Scope:
    """The widest scope that the principal's permissions give."""
    if Permission.ORDER_ORDER_READ_ALL in principal.permissions:
        return Scope(everything=True)
    if Permission.ORDER_ORDER_READ_REGION in principal.permissions:
        return Scope(region=principal.region)
    return Scope(organisation_id=principal.organisation_id, sells=Role.PROVIDER in principal.roles)


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
    """An order in a list; amounts in fen. Whoever may read an order reads its parties' names. Source: A19, R70."""

    id: UUID
    number: str
    enterprise_id: UUID
    enterprise_name: str
    provider_id: UUID
    provider_name: str
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


class ContactView(Resource):
    """Whom the provider may ring."""

    name: str
    phone: str
    email: str


class RecordItem(Resource):
    """Something on record with the order.

    Once `voided_at` is set it counts no more, and the record that names it in `voids_id` says why.
    """

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
    voids_id: UUID | None
    correction_reason: str
    voided_at: datetime | None


class OrderDetail(OrderItem):
    """An order with everything that belongs to it; `saga` is where its voucher stands.

    `own_paid_fen` sums the own payments on record that stand, `own_left_fen` is what is left of the own part (R69).
    `contact` is the buyer's contact person, shown to the two parties, and to the provider not once the order has ended
    unconfirmed. Codes are those of the parties, for contract and invoice.
    """

    enterprise_code: str
    provider_code: str
    contact: ContactView | None
    own_fen: int
    own_paid_fen: int
    own_left_fen: int
    agreement_version: str
    pack_version: str
    saga: str
    lines: Sequence[LineItem]
    refunds: Sequence[RefundItem]
    records: Sequence[RecordItem]


_ENTERPRISE, _PROVIDER = PARTY.alias("e"), PARTY.alias("p")
_NAMES = {"enterprise_name": _ENTERPRISE.c.name, "provider_name": _PROVIDER.c.name}
_ITEM = [_NAMES[name].label(name) if name in _NAMES else ORDER.c[name] for name in OrderItem.model_fields]


def _of_parties(*columns: ColumnElement[Any]) -> Select[Any]:
    """Orders with their parties, whose copies were there when the order was placed."""
    return (
        select(*columns)
        .select_from(ORDER)
        .join(_ENTERPRISE, _ENTERPRISE.c.organisation_id == ORDER.c.enterprise_id)
        .join(_PROVIDER, _PROVIDER.c.organisation_id == ORDER.c.provider_id)
    )


async def list_orders(
    connection: Connection, *, scope: Scope, wanted: OrderFilter, limit: int, after: UUID | None
) -> Page[OrderItem]:
    """A page of orders, newest first."""
    chosen = select(ORDER).where(scope.condition(), *wanted.conditions())
    if after is not None:
        chosen = chosen.where(ORDER.c.id < after)
    # The page is cut before the names are looked up: else the planner may look up those of all orders, and sort them.
    page = chosen.order_by(ORDER.c.id.desc()).limit(limit + 1).subquery("o")
    statement = (
        select(*(_NAMES[name].label(name) if name in _NAMES else page.c[name] for name in OrderItem.model_fields))
        .join(_ENTERPRISE, _ENTERPRISE.c.organisation_id == page.c.enterprise_id)
        .join(_PROVIDER, _PROVIDER.c.organisation_id == page.c.provider_id)
        .order_by(page.c.id.desc())
    )
    rows = await fetch_all(connection, statement)
    items = [OrderItem(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])


async def read_order(connection: Connection, order_id: UUID, *, scope: Scope, seal: ContactSeal) -> OrderDetail:
    """One order with lines, refunds and records. Raises: OrderNotFound."""
    codes = (_ENTERPRISE.c.credit_code.label("enterprise_code"), _PROVIDER.c.credit_code.label("provider_code"))
    statement = (
        _of_parties(*_ITEM, *codes, ORDER.c.agreement_version, ORDER.c.pack_version, SAGA.c.state.label("saga"))
        .join(SAGA, SAGA.c.id == ORDER.c.id, isouter=True)
        .where(ORDER.c.id == order_id, scope.condition())
    )
    row = await fetch_one(connection, statement)
    if row is None:
        raise OrderNotFound
    values = dict(row)
    values["saga"] = values["saga"] or ""
    records = [RecordItem(**dict(record)) for record in await _of_order(connection, order_id, RecordItem)]
    own_fen = values["fee_fen"] - values["voucher_fen"]
    paid_fen = sum(one.amount_fen or 0 for one in records if one.kind == "payment" and one.voided_at is None)
    contact = None
    if shows_contact(scope, enterprise_id=row["enterprise_id"], provider_id=row["provider_id"], state=row["state"]):
        contact = await find_contact(connection, (order_id, row["enterprise_id"]), seal=seal)
    return OrderDetail(
        **values,
        contact=contact,
        own_fen=own_fen,
        own_paid_fen=paid_fen,
        own_left_fen=own_fen - paid_fen,
        lines=[LineItem(**dict(line)) for line in await _of_order(connection, order_id, LineItem)],
        refunds=[RefundItem(**dict(refund)) for refund in await _of_order(connection, order_id, RefundItem)],
        records=records,
    )


def shows_contact(scope: Scope, *, enterprise_id: UUID, provider_id: UUID, state: str) -> bool:
    """Whether the reader is the buyer, or the provider of an order that did not end before it was confirmed."""
    reader = scope.organisation_id
    return reader is not None and (
        reader == enterprise_id or (reader == provider_id and state not in ENDED_UNCONFIRMED)
    )


async def find_contact(connection: Connection, subjects: Sequence[UUID], *, seal: ContactSeal) -> ContactView | None:
    """The contact of the first of these subjects that has one."""
    rows = await fetch_all(connection, select(CONTACT).where(CONTACT.c.subject_id.in_(subjects)))
    envelopes = {row["subject_id"]: row["sealed"] for row in rows}
    for subject_id in subjects:
        if subject_id in envelopes:
            contact = seal.open(envelopes[subject_id], subject_id=subject_id)
            return None if contact is None else ContactView(**msgspec.structs.asdict(contact))
    return None


async def read_contact(
    connection: Connection, organisation_id: UUID | None, *, seal: ContactSeal
) -> ContactView | None:
    """The contact person that an enterprise has named for its orders."""
    return None if organisation_id is None else await find_contact(connection, (organisation_id,), seal=seal)


_PARTS: Mapping[type[Resource], tuple[Table, str]] = {
    LineItem: (LINE, "line"),
    RefundItem: (REFUND, "id"),
    RecordItem: (RECORD, "id"),
}


async def _of_order(connection: Connection, order_id: UUID, kind: type[Resource]) -> Sequence[Record]:
    table, key = _PARTS[kind]
    columns = [table.c[name] for name in kind.model_fields]
    return await fetch_all(
        connection, select(*columns).where(table.c.order_id == order_id).order_by(table.c[key]).limit(PARTS_MAX)
    )


async def read_history(
    connection: Connection, order_id: UUID, *, scope: Scope, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Decisions and facts of an order, newest first, its placing included. Raises: OrderNotFound. Source: R7.

    Who placed an order stands in its row: to write it a second time as a decision would cost every purchase a row.
    """
    columns = (ORDER.c.placed_at, ORDER.c.placed_by, ORDER.c.pack_version, ORDER.c.agreement_version)
    row = await fetch_one(connection, select(*columns).where(ORDER.c.id == order_id, scope.condition()))
    if row is None:
        raise OrderNotFound
    placed = HistoryItem(
        id=order_id,
        subject_type="order",
        subject_id=order_id,
        at=row["placed_at"],
        source="decision",
        name="order.place",
        role=Role.ENTERPRISE.value,
        rule="A18",
        ground=f"agreement {row['agreement_version']}",
        after=OrderState.PLACED.value,
        pack_version=row["pack_version"],
        account_id=row["placed_by"],
    )
    return await history_of(connection, RUNTIME, [order_id], reader=reader, place=place, beside=[placed])
