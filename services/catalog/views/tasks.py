"""What waits for the caller: editions sent back, to review, to decide; delistings to answer or approve."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, union_all

from services.catalog.domain.delisting import DelistingState
from services.catalog.domain.product import EditionState, ProductState, Stage
from services.catalog.tables import DELISTING, EDITION, PRODUCT, REVIEW
from shared.contracts.http.lists import Page, Task, decode_cursor, page_of
from shared.contracts.permissions import Permission
from shared.contracts.policy import PolicyPack
from shared.kernel.proposals import lapsed_before
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, fetch_all

_TITLES = {
    "revise": "产品“{name}”被退回，请修改后重新提交",
    "resubmit": "产品“{name}”退回后已修改，尚未重新提交",
    "review": "产品“{name}”待系统运营方审核",
    "decide": "产品“{name}”待省大数据局审批",
    "approve_delisting": "产品“{name}”的下架提议待审批",
    "answer_delisting": "产品“{name}”被提议下架，可提交陈述意见",
}
_TIMED = frozenset({"review", "decide", "approve_delisting"})


async def list_tasks(  # noqa: PLR0913 - a list has a reader, a place and a time
    connection: Connection, *, principal: Principal, limit: int, cursor: str | None, pack: PolicyPack, now: datetime
) -> Page[Task]:
    """What waits for the caller, newest first. Raises: CursorInvalid.

    Reviews are due like those of applications: the scheme sets no other time for the operator's and bureau's desks.
    """
    queries = _queries(principal, now=now)
    if not queries:
        return page_of([], limit=limit, ids=[])
    waiting = union_all(*queries).subquery()
    statement = select(waiting)
    after = decode_cursor(cursor)
    if after is not None:
        statement = statement.where(waiting.c.subject_id < after)
    rows = await fetch_all(connection, statement.order_by(waiting.c.subject_id.desc()).limit(limit + 1))
    tasks = [_task(row, pack=pack, now=now) for row in rows]
    return page_of(tasks, limit=limit, ids=[task.subject_id for task in tasks])


def _queries(principal: Principal, *, now: datetime) -> list[Select[Any]]:
    may, account_id = principal.permissions, principal.account_id
    found: list[Select[Any]] = []
    if Permission.CATALOG_PRODUCT_DRAFT in may and principal.organisation_id is not None:
        own = PRODUCT.c.provider_id == principal.organisation_id
        found.append(_editions("revise", EditionState.SENT_BACK).where(own))
        # Rewritten is not handed in again: somebody still has to.
        rewritten = _editions("resubmit", EditionState.DRAFT)
        found.append(rewritten.where(own, EDITION.c.returned_digest != "", PRODUCT.c.state != ProductState.DELISTED))
        found.append(_delistings("answer_delisting", now=now).where(own, DELISTING.c.statement == ""))
    if Permission.CATALOG_PRODUCT_OPERATOR_REVIEW in may:
        found.append(_others("review", EditionState.SUBMITTED, account_id, other=Stage.BUREAU))
    if Permission.CATALOG_PRODUCT_BUREAU_REVIEW in may:
        found.append(_others("decide", EditionState.REVIEWED, account_id, other=Stage.OPERATOR))
    if Permission.CATALOG_PRODUCT_DELIST in may:
        found.append(_delistings("approve_delisting", now=now).where(DELISTING.c.proposed_by != account_id))
    return found


def _editions(kind: str, state: EditionState) -> Select[Any]:
    newest = (EDITION.c.product_id == PRODUCT.c.id) & (EDITION.c.number == PRODUCT.c.edition)
    return (
        select(
            literal(kind).label("kind"),
            literal("product").label("subject_type"),
            PRODUCT.c.id.label("subject_id"),
            EDITION.c.name,
            EDITION.c.state_since.label("since"),
        )
        .join_from(PRODUCT, EDITION, newest)
        .where(EDITION.c.state == state)
    )


def _others(kind: str, state: EditionState, account_id: UUID, *, other: Stage) -> Select[Any]:
    """Editions in a state that the caller may review: those it did not submit or review at the other stage."""
    mine = (
        select(REVIEW.c.id)
        .where(
            REVIEW.c.product_id == EDITION.c.product_id,
            REVIEW.c.edition == EDITION.c.number,
            REVIEW.c.stage == other,
            REVIEW.c.account_id == account_id,
        )
        .exists()
    )
    return _editions(kind, state).where(~mine, func.coalesce(EDITION.c.submitted_by != account_id, True))


def _delistings(kind: str, *, now: datetime) -> Select[Any]:
    newest = (EDITION.c.product_id == PRODUCT.c.id) & (EDITION.c.number == PRODUCT.c.edition)
    return (
        select(
            literal(kind).label("kind"),
            literal("delisting").label("subject_type"),
            DELISTING.c.id.label("subject_id"),
            EDITION.c.name,
            DELISTING.c.proposed_at.label("since"),
        )
        .join_from(DELISTING, PRODUCT, PRODUCT.c.id == DELISTING.c.product_id)
        .join(EDITION, newest)
        .where(DELISTING.c.state == DelistingState.PROPOSED, DELISTING.c.proposed_at > lapsed_before(now))
    )


def _task(row: Any, *, pack: PolicyPack, now: datetime) -> Task:  # noqa: ANN401 - a Record
    due_at = None
    if row["kind"] in _TIMED:
        days = pack.deadlines.application_review_working_days
        due_at = pack.working_calendar.working_deadline(row["since"], days=days)
    return Task(
        kind=row["kind"],
        title=_TITLES[row["kind"]].format(name=row["name"]),
        subject_type=row["subject_type"],
        subject_id=row["subject_id"],
        since=row["since"],
        due_at=due_at,
        overdue=due_at is not None and due_at <= now,
    )
