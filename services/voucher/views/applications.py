"""Reads applications and the public queue."""

import base64
from uuid import UUID

from sqlalchemy import Select, and_, select

from services.voucher.domain.states import CUT_SHOWN
from services.voucher.tables import APPLICATION, PARTY, PLAN, RUNTIME
from services.voucher.views.models import ApplicationView, QueueItem, QueuePage
from services.voucher.views.scope import Scope
from shared.contracts.http.lists import Page, page_of
from shared.contracts.permissions import Role
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Place, Record, fetch_all, fetch_one
from shared.runtime.work import HistoryItem, NotFound, history_of

_QUEUE = """
SELECT ticket_no, encode(request_hash, 'hex') AS request_sha256, received_at, state, requested_fen, earmarked_fen,
       granted_fen, waiting_fen
FROM application WHERE plan_id = $1 AND ticket_no > $2 ORDER BY ticket_no LIMIT $3
"""


def _base() -> Select[tuple[object, ...]]:
    return select(APPLICATION, PARTY.c.name.label("enterprise_name")).outerjoin(
        PARTY, PARTY.c.organisation_id == APPLICATION.c.enterprise_id
    )


def _view(row: Record) -> ApplicationView:
    values = dict(row)
    values["request_sha256"] = values["request_hash"].hex()
    got_fen = values["earmarked_fen"] + values["granted_fen"] + values["waiting_fen"]
    values["cut_fen"] = values["requested_fen"] - got_fen if values["state"] in CUT_SHOWN else 0
    values["receipt_signature"] = base64.urlsafe_b64encode(values["receipt_signature"]).rstrip(b"=").decode()
    return ApplicationView(**{name: values[name] for name in ApplicationView.model_fields})


async def read_application(
    connection: Connection, application_id: UUID, *, scope: Scope | None = None
) -> ApplicationView:
    """One application within the scope. Raises: NotFound."""
    clause = and_(APPLICATION.c.id == application_id, (scope or Scope()).clause(APPLICATION))
    row = await fetch_one(connection, _base().where(clause))
    if row is None:
        raise NotFound
    return _view(row)


async def read_history(
    connection: Connection, application_id: UUID, *, scope: Scope, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Decisions and facts of an application, newest first, its arrival included. Raises: NotFound. Source: R7.

    Who applied stands in the row: an opening writes thousands of them, and nothing beside.
    """
    columns = (APPLICATION.c.received_at, APPLICATION.c.account_id, APPLICATION.c.pack_version)
    clause = and_(APPLICATION.c.id == application_id, scope.clause(APPLICATION))
    row = await fetch_one(connection, select(*columns, APPLICATION.c.correction).where(clause))
    if row is None:
        raise NotFound
    applied = HistoryItem(
        id=application_id,
        subject_type="application",
        subject_id=application_id,
        at=row["received_at"],
        source="decision",
        name="submit",
        role=Role.ENTERPRISE.value,
        rule="A16",
        ground=row["correction"],
        after="queued",
        pack_version=row["pack_version"],
        account_id=row["account_id"],
    )
    return await history_of(connection, RUNTIME, [application_id], reader=reader, place=place, beside=[applied])


async def list_applications(  # noqa: PLR0913 - one filter each
    connection: Connection,
    *,
    scope: Scope,
    limit: int,
    after: UUID | None,
    plan_id: UUID | None,
    state: str | None,
    enterprise_id: UUID | None,
) -> Page[ApplicationView]:
    """Applications within the scope, newest first."""
    statement = _base().where(scope.clause(APPLICATION))
    for column, wanted in (
        (APPLICATION.c.plan_id, plan_id),
        (APPLICATION.c.state, state),
        (APPLICATION.c.enterprise_id, enterprise_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(APPLICATION.c.id < after)
    rows = await fetch_all(connection, statement.order_by(APPLICATION.c.id.desc()).limit(limit + 1))
    items = [_view(row) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])


async def read_queue(connection: Connection, plan_id: UUID, *, after: int, limit: int) -> QueuePage:
    """The public queue of a plan in ticket order, without names. Source: Q2, Q3. Raises: NotFound."""
    if await fetch_one(connection, select(PLAN.c.id).where(PLAN.c.id == plan_id)) is None:
        raise NotFound
    rows = await connection.fetch(_QUEUE, plan_id, after, limit + 1)
    items = [QueueItem(**dict(row)) for row in rows[:limit]]
    return QueuePage(plan_id=plan_id, data=items, next_after=items[-1].ticket_no if len(rows) > limit else None)


async def ticket_stands(connection: Connection, *, plan_id: UUID, ticket_no: int, digest: bytes) -> bool:
    """Whether the queue holds this ticket with this request."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM application WHERE plan_id = $1 AND ticket_no = $2 AND request_hash = $3",
            plan_id,
            ticket_no,
            digest,
        )
    )
