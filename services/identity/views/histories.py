"""What was decided, when, on what ground and by whom; and who read which document."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, or_, select, union_all
from sqlalchemy.sql.functions import func

from services.identity.tables import (
    ACCOUNT,
    AFFILIATION,
    BLACKLIST_ENTRY,
    BLACKLIST_LIFTING,
    DESIGNATION,
    DOCUMENT,
    ORGANISATION,
    RESEMBLANCE,
    RUNTIME,
    STAFF_PROPOSAL,
)
from services.identity.views.models.people import (
    AccountAct,
    AccountDetail,
    AccountItem,
    DocumentReadItem,
    NamedHistoryItem,
)
from services.identity.views.organisations import scope_of
from shared.contracts.http.lists import Page
from shared.contracts.permissions import Permission
from shared.kernel.credit_code import body_of
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, fetch_all, fetch_one, read_page
from shared.runtime.work import NotFound

_ACTS_MAX: Final = 100
_DECISION = RUNTIME.decision
_PERSON = ("sign_in_name", "display_name")


def sees_persons(principal: Principal) -> bool:
    """Whether a reader learns which person acted: who supervises or audits. Source: R7, R8, R9."""
    return Permission.IDENTITY_ACCOUNT_READ in principal.permissions


def _decisions(*, with_person: bool) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [
        _DECISION.c[name]
        for name in ("id", "at", "act", "subject_type", "subject_id", "role", "rule", "ground", "before", "after")
    ]
    columns += [_DECISION.c.pack_version, literal("decision").label("source"), _DECISION.c.act.label("name")]
    if not with_person:
        return select(*columns, *(literal(None).label(name) for name in ("account_id", *_PERSON)))
    persons = [ACCOUNT.c[name] for name in _PERSON]
    return select(*columns, _DECISION.c.account_id, *persons).outerjoin(ACCOUNT, ACCOUNT.c.id == _DECISION.c.account_id)


async def read_organisation_history(
    connection: Connection, principal: Principal, organisation_id: UUID, *, limit: int, cursor: str | None
) -> Page[NamedHistoryItem]:
    """Every act on an organisation, its ties and, for staff, likenesses and listings; newest first.

    Raises: NotFound. Source: R7, R8, R9.
    """
    visible = select(ORGANISATION.c.credit_code).where(ORGANISATION.c.id == organisation_id, scope_of(principal))
    row = await fetch_one(connection, visible)
    if row is None:
        raise NotFound
    subjects = [
        select(literal(organisation_id).label("id")),
        select(AFFILIATION.c.id).where(
            or_(AFFILIATION.c.enterprise_id == organisation_id, AFFILIATION.c.provider_id == organisation_id)
        ),
        # Its people and its machine clients: who may act for it is its own history.
        select(ACCOUNT.c.id).where(ACCOUNT.c.organisation_id == organisation_id),
    ]
    if principal.organisation_id is None:
        subjects += _subjects_for_staff(organisation_id, body_of(row["credit_code"]))
    statement = _decisions(with_person=sees_persons(principal)).where(
        _DECISION.c.subject_id.in_(union_all(*subjects).scalar_subquery())
    )
    return await read_page(connection, statement, key=_DECISION.c.id, item=NamedHistoryItem, limit=limit, cursor=cursor)


def _subjects_for_staff(organisation_id: UUID, body: str) -> list[Select[Any]]:
    of_body = func.left(BLACKLIST_ENTRY.c.credit_code, 17) == body
    return [
        select(RESEMBLANCE.c.id).where(
            or_(RESEMBLANCE.c.first_id == organisation_id, RESEMBLANCE.c.second_id == organisation_id)
        ),
        select(BLACKLIST_ENTRY.c.id).where(of_body),
        select(BLACKLIST_LIFTING.c.id)
        .join(BLACKLIST_ENTRY, BLACKLIST_ENTRY.c.id == BLACKLIST_LIFTING.c.entry_id)
        .where(of_body),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    """What the list of decisions is narrowed to; None narrows nothing."""

    subject_id: UUID | None = None
    account_id: UUID | None = None
    act: str | None = None


async def list_decisions(
    connection: Connection, *, chosen: DecisionFilter, limit: int, cursor: str | None
) -> Page[NamedHistoryItem]:
    """Decisions on anything in identity, with the person who took them. Source: R9."""
    statement = _decisions(with_person=True)
    if chosen.subject_id is not None:
        statement = statement.where(_DECISION.c.subject_id == chosen.subject_id)
    if chosen.account_id is not None:
        statement = statement.where(_DECISION.c.account_id == chosen.account_id)
    if chosen.act is not None:
        statement = statement.where(_DECISION.c.act == chosen.act)
    return await read_page(connection, statement, key=_DECISION.c.id, item=NamedHistoryItem, limit=limit, cursor=cursor)


def _accounts() -> Select[Any]:
    columns = (
        "id",
        "kind",
        "sign_in_name",
        "display_name",
        "organisation_id",
        "designation_id",
        "roles",
        "region",
        "state",
    )
    return (
        select(
            *(ACCOUNT.c[name] for name in columns),
            ACCOUNT.c.opened_at,
            ORGANISATION.c.name.label("organisation_name"),
            DESIGNATION.c.operator_name,
        )
        .outerjoin(ORGANISATION, ORGANISATION.c.id == ACCOUNT.c.organisation_id)
        .outerjoin(DESIGNATION, DESIGNATION.c.id == ACCOUNT.c.designation_id)
    )


async def find_accounts(connection: Connection, account_ids: list[UUID]) -> list[AccountItem]:
    """Who is behind account ids; an unknown id is left out. Source: R7, R8, R9."""
    statement = _accounts().where(ACCOUNT.c.id.in_(account_ids)).order_by(ACCOUNT.c.id)
    return [AccountItem(**dict(row)) for row in await fetch_all(connection, statement)]


async def read_account(connection: Connection, account_id: UUID) -> AccountDetail:
    """Who is behind an account id, and what roles it held when. Raises: NotFound. Source: R7, R8, R9."""
    row = await fetch_one(connection, _accounts().where(ACCOUNT.c.id == account_id))
    if row is None:
        raise NotFound
    proposals = select(STAFF_PROPOSAL.c.id).where(STAFF_PROPOSAL.c.account_id == account_id)
    # Accounts are opened, and roles changed, by proposals, of which what is decided is recorded.
    subjects = union_all(select(literal(account_id).label("id")), proposals).scalar_subquery()
    columns = [_DECISION.c[name] for name in ("at", "act", "account_id", "ground", "before", "after")]
    acts = select(*columns).where(_DECISION.c.subject_id.in_(subjects))
    rows = await fetch_all(connection, acts.order_by(_DECISION.c.id.desc()).limit(_ACTS_MAX))
    return AccountDetail(**dict(row), acts=[AccountAct(**dict(act)) for act in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFilter:
    """What the list of reads is narrowed to; None narrows nothing."""

    organisation_id: UUID | None = None
    document_id: UUID | None = None
    account_id: UUID | None = None
    denied: bool | None = None


async def list_document_reads(
    connection: Connection, *, chosen: ReadFilter, limit: int, cursor: str | None
) -> Page[DocumentReadItem]:
    """Who read which document when, and who was denied one. Source: R7, R8, R9."""
    acts = {True: ("document.denied",), False: ("document.read",), None: ("document.read", "document.denied")}
    statement = (
        select(
            *(_DECISION.c[name] for name in ("id", "at", "account_id", "role")),
            (_DECISION.c.act == "document.denied").label("denied"),
            DOCUMENT.c.id.label("document_id"),
            DOCUMENT.c.kind.label("document_kind"),
            DOCUMENT.c.version.label("document_version"),
            ORGANISATION.c.id.label("organisation_id"),
            ORGANISATION.c.name.label("organisation_name"),
            *(ACCOUNT.c[name] for name in _PERSON),
        )
        .join(DOCUMENT, DOCUMENT.c.id == _DECISION.c.subject_id)
        .join(ORGANISATION, ORGANISATION.c.id == DOCUMENT.c.organisation_id)
        .outerjoin(ACCOUNT, ACCOUNT.c.id == _DECISION.c.account_id)
        .where(_DECISION.c.act.in_(acts[chosen.denied]))
    )
    wanted = (
        (DOCUMENT.c.organisation_id, chosen.organisation_id),
        (DOCUMENT.c.id, chosen.document_id),
        (_DECISION.c.account_id, chosen.account_id),
    )
    for column, value in wanted:
        if value is not None:
            statement = statement.where(column == value)
    return await read_page(connection, statement, key=_DECISION.c.id, item=DocumentReadItem, limit=limit, cursor=cursor)
