"""What happened to one subject of a service: decisions with their grounds, and the facts that came of them.

Every reader sees in which role somebody acted. Who it was, as the id of an account, is shown to those who supervise.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select

from shared.contracts.messages.base import Event
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.db import Connection, fetch_all
from shared.runtime.http import Resource
from shared.runtime.tables import RuntimeTables

HISTORY_MAX = 500
"""Decisions and facts of one subject that are shown, each; the oldest come first."""
_EVENT = msgspec.json.Decoder(Event)
_OF_DECISION = ("at", "role", "rule", "ground", "before", "after", "pack_version", "account_id")


class HistoryItem(Resource):
    """One decision or fact in a subject's life; facts carry the version they made.

    `account_id` is who decided, for auditors and supervisors; for everybody else it is empty. Source: R7, R8, R9.
    """

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
    account_id: UUID | None = None


async def history_of(
    connection: Connection,
    tables: RuntimeTables,
    subject_id: UUID,
    *,
    reader: Principal,
    beside: Sequence[HistoryItem] = (),
) -> list[HistoryItem]:
    """Decisions and facts of a subject that the reader may read, oldest first; `beside` stands in the rows themselves.

    Whether the reader may read the subject at all is for the caller to find out before. Source: R7.
    """
    decision, fact = tables.decision, tables.fact
    decided = await fetch_all(
        connection,
        select(decision).where(decision.c.subject_id == subject_id).order_by(decision.c.id).limit(HISTORY_MAX),
    )
    said = await fetch_all(
        connection,
        select(fact.c.body).where(fact.c.aggregate_id == subject_id).order_by(fact.c.version).limit(HISTORY_MAX),
    )
    items = [*beside]
    items += [
        HistoryItem(source="decision", name=row["act"], **{name: row[name] for name in _OF_DECISION}) for row in decided
    ]
    for row in said:
        event = _EVENT.decode(row["body"])
        at = datetime.fromisoformat(event.time)
        items.append(HistoryItem(at=at, source="fact", name=event.type, version=event.sequence))
    if Permission.PLATFORM_PERSON_READ not in reader.permissions:
        items = [item.model_copy(update={"account_id": None}) for item in items]
    return sorted(items, key=lambda item: (item.at, item.version or 0))
