"""What happened to a subject of a service: decisions with their grounds, and the facts that came of them.

Every reader sees in which role somebody acted. Who it was, as the id of an account, is shown to those who supervise.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, true

from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.contracts.messages.base import Event
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.paging import Place
from shared.runtime.database.sql import Connection, fetch_all
from shared.runtime.database.tables import RuntimeTables

_EVENT = msgspec.json.Decoder(Event)
_OF_DECISION = (
    "id", "at", "subject_type", "subject_id", "role", "rule", "ground", "before", "after", "pack_version", "account_id",
)  # fmt: skip


class HistoryItem(Resource):
    """One decision or fact in a subject's life; facts carry the version they made.

    `account_id` is who decided, for auditors and supervisors; for everybody else it is empty. Source: R7, R8, R9.
    """

    id: UUID
    at: datetime
    source: str
    name: str
    subject_type: str
    subject_id: UUID
    role: str = ""
    rule: str = ""
    ground: str = ""
    before: str = ""
    after: str = ""
    pack_version: str = ""
    version: int | None = None
    account_id: UUID | None = None


async def history_of(  # noqa: PLR0913 - the parts of one page
    connection: Connection,
    tables: RuntimeTables,
    subjects: Collection[UUID],
    *,
    reader: Principal,
    place: Place,
    only: ColumnElement[bool] | None = None,
    facts: bool = True,
    beside: Sequence[HistoryItem] = (),
) -> Page[HistoryItem]:
    """A page of decisions on these subjects and of facts about them, newest first.

    `only` narrows the decisions, without `facts` there are no others; `beside` is what stands in the rows themselves.
    Whether the reader may read the subjects at all is for the caller to find out before. Ids follow business time, so
    an item's id is its place. Source: R7, R8, R9.
    """
    items = [item for item in beside if place.after is None or item.id < place.after]
    items += await _decided(connection, tables, subjects, only=only, place=place)
    if facts:
        items += await _said(connection, tables, subjects, place=place)
    items = sorted(items, key=lambda item: item.id, reverse=True)[: place.limit + 1]
    if Permission.PLATFORM_PERSON_READ not in reader.permissions:
        items = [item.model_copy(update={"account_id": None}) for item in items]
    return page_of(items, limit=place.limit, ids=[item.id for item in items])


async def _decided(
    connection: Connection,
    tables: RuntimeTables,
    subjects: Collection[UUID],
    *,
    only: ColumnElement[bool] | None,
    place: Place,
) -> list[HistoryItem]:
    table = tables.decision
    statement = select(*(table.c[name] for name in _OF_DECISION), table.c.act).where(
        table.c.subject_id.in_(sorted(subjects)),
        true() if only is None else only,
        true() if place.after is None else table.c.id < place.after,
    )
    rows = await fetch_all(connection, statement.order_by(table.c.id.desc()).limit(place.limit + 1))
    return [
        HistoryItem(source="decision", name=row["act"], **{name: row[name] for name in _OF_DECISION}) for row in rows
    ]


async def _said(
    connection: Connection, tables: RuntimeTables, subjects: Collection[UUID], *, place: Place
) -> list[HistoryItem]:
    table = tables.fact
    statement = select(table.c.event_id, table.c.aggregate_type, table.c.aggregate_id, table.c.body).where(
        table.c.aggregate_id.in_(sorted(subjects)),
        true() if place.after is None else table.c.event_id < place.after,
    )
    found = []
    for row in await fetch_all(connection, statement.order_by(table.c.event_id.desc()).limit(place.limit + 1)):
        event = _EVENT.decode(row["body"])
        found.append(
            HistoryItem(
                id=row["event_id"],
                at=datetime.fromisoformat(event.time),
                source="fact",
                name=event.type,
                subject_type=row["aggregate_type"],
                subject_id=row["aggregate_id"],
                version=event.sequence,
            )
        )
    return found
