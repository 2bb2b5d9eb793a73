"""Reads quota accounts and their movements."""

from uuid import UUID

from sqlalchemy import Select, select

from services.voucher.tables import PARTY, POSTING, QUOTA_ACCOUNT
from services.voucher.views.models import MovementView, QuotaAccountView
from services.voucher.views.scope import Scope
from shared.contracts.http.lists import Page, page_of
from shared.runtime.sql import Connection, Record, fetch_all, fetch_one
from shared.runtime.work import NotFound


def _base() -> Select[tuple[object, ...]]:
    return select(QUOTA_ACCOUNT, PARTY.c.name.label("enterprise_name")).outerjoin(
        PARTY, PARTY.c.organisation_id == QUOTA_ACCOUNT.c.enterprise_id
    )


def _view(row: Record) -> QuotaAccountView:
    return QuotaAccountView(**{name: row[name] for name in QuotaAccountView.model_fields})


async def read_account_of_year(connection: Connection, *, enterprise_id: UUID, year: int) -> QuotaAccountView:
    """An enterprise's account of a year. Raises: NotFound when it never had an earmark of that year."""
    row = await fetch_one(
        connection,
        _base().where(QUOTA_ACCOUNT.c.enterprise_id == enterprise_id, QUOTA_ACCOUNT.c.year == year),
    )
    if row is None:
        raise NotFound
    return _view(row)


async def list_accounts(
    connection: Connection, *, scope: Scope, limit: int, after: UUID | None, year: int | None
) -> Page[QuotaAccountView]:
    """Quota accounts within the scope, newest first."""
    statement = _base().where(scope.clause(QUOTA_ACCOUNT))
    if year is not None:
        statement = statement.where(QUOTA_ACCOUNT.c.year == year)
    if after is not None:
        statement = statement.where(QUOTA_ACCOUNT.c.id < after)
    rows = await fetch_all(connection, statement.order_by(QUOTA_ACCOUNT.c.id.desc()).limit(limit + 1))
    items = [_view(row) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])


async def list_movements(
    connection: Connection, account_id: UUID, *, scope: Scope, limit: int, after: UUID | None
) -> Page[MovementView]:
    """The postings of an account within the scope, newest first. Raises: NotFound."""
    owned = select(QUOTA_ACCOUNT.c.id).where(QUOTA_ACCOUNT.c.id == account_id, scope.clause(QUOTA_ACCOUNT))
    if await fetch_one(connection, owned) is None:
        raise NotFound
    statement = select(POSTING).where(POSTING.c.quota_account_id == account_id)
    if after is not None:
        statement = statement.where(POSTING.c.id < after)
    rows = await fetch_all(connection, statement.order_by(POSTING.c.id.desc()).limit(limit + 1))
    items = [MovementView(**{name: row[name] for name in MovementView.model_fields}) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])
