"""Organisations as their readers may see them: the own one, those of the own region, or all."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, or_, select, true

from services.identity.domain.organisations import registered_long_enough
from services.identity.domain.reviewing import conditions_to_tick, is_legible
from services.identity.sealing import Vault
from services.identity.tables import CONTACT, DOCUMENT, ORGANISATION, SUBMISSION
from services.identity.views.models.parties import (
    ConditionItem,
    ContactItem,
    DocumentItem,
    OrganisationItem,
    OrganisationView,
    SubmissionItem,
)
from services.identity.views.resemblances import same_as
from shared.contracts.http.lists import Page
from shared.contracts.permissions import Permission
from shared.contracts.policy import PartyKind, PolicyPack
from shared.kernel.credit_code import examine, normalise
from shared.kernel.names import fold_name
from shared.kernel.resident_id import mask
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Record, fetch_all, fetch_one, fetch_value, read_page
from shared.runtime.work import BusinessClock, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFilter:
    """What a list is narrowed to; None narrows nothing."""

    kind: str | None = None
    state: str | None = None
    recognition: str | None = None
    region: str | None = None
    text: str | None = None


def scope_of(principal: Principal) -> ColumnElement[bool]:
    """The rows a caller may see: all, those of the own region, the own one, or none."""
    if Permission.IDENTITY_ORGANISATION_READ_ALL in principal.permissions:
        return true()
    if Permission.IDENTITY_ORGANISATION_READ_REGION in principal.permissions and principal.region:
        return ORGANISATION.c.region == principal.region
    if Permission.IDENTITY_ORGANISATION_READ_OWN in principal.permissions and principal.organisation_id:
        return ORGANISATION.c.id == principal.organisation_id
    return false()


async def list_organisations(
    connection: Connection, principal: Principal, *, chosen: OrganisationFilter, limit: int, cursor: str | None
) -> Page[OrganisationItem]:
    """One page of organisations, newest first. Raises: CursorInvalid."""
    statement = select(ORGANISATION).where(scope_of(principal), *_narrowed(chosen))
    return await read_page(
        connection, statement, key=ORGANISATION.c.id, item=OrganisationItem, limit=limit, cursor=cursor
    )


def _narrowed(chosen: OrganisationFilter) -> list[ColumnElement[bool]]:
    columns = {"kind": chosen.kind, "state": chosen.state, "recognition": chosen.recognition, "region": chosen.region}
    found: list[ColumnElement[bool]] = [
        ORGANISATION.c[name] == value for name, value in columns.items() if value is not None
    ]
    if chosen.text:
        folded = fold_name(chosen.text)
        # Of marks alone nothing is left, and nothing is part of every name.
        by_name = (
            ORGANISATION.c.name_folded.contains(folded, autoescape=True)
            if folded
            else ORGANISATION.c.name.contains(chosen.text, autoescape=True)
        )
        found.append(or_(by_name, ORGANISATION.c.credit_code == normalise(chosen.text)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """What a view of one organisation needs beside the rows."""

    principal: Principal
    pack: PolicyPack
    clock: BusinessClock
    vault: Vault

    def shows_contact_of(self, organisation_id: UUID) -> bool:
        """Whether the reader may see the contact: the organisation itself, or who reviews it."""
        own = self.principal.organisation_id == organisation_id
        return own or Permission.IDENTITY_AUTHENTICATION_REVIEW in self.principal.permissions


async def read_organisation(connection: Connection, organisation_id: UUID, *, viewing: Viewing) -> OrganisationView:
    """One organisation with documents, submissions and, where allowed, its contact. Raises: NotFound."""
    statement = select(ORGANISATION).where(ORGANISATION.c.id == organisation_id, scope_of(viewing.principal))
    row = await fetch_one(connection, statement)
    if row is None:
        raise NotFound
    check = examine(row["credit_code"])
    conditions = conditions_to_tick(viewing.pack.conditions_of(PartyKind(row["kind"])))
    return OrganisationView(
        **dict(row),
        registered_long_enough=registered_long_enough(
            row["established_on"], years=viewing.pack.deadlines.registration_years, now=viewing.clock.now()
        ),
        province_hint=check.province_hint,
        organisation_check_warns=check.organisation_check_warns,
        contact=await _contact(connection, organisation_id, viewing),
        same_as=await same_as(connection, viewing.principal, organisation_id),
        documents=await _documents(connection, organisation_id),
        submissions=await _submissions(connection, organisation_id),
        conditions=[ConditionItem.model_validate(condition) for condition in conditions],
    )


async def _contact(connection: Connection, organisation_id: UUID, viewing: Viewing) -> ContactItem | None:
    if not viewing.shows_contact_of(organisation_id):
        return None
    row = await fetch_one(connection, select(CONTACT).where(CONTACT.c.organisation_id == organisation_id))
    if row is None:
        return None

    def opened(field: str) -> str:
        sealed = row[f"{field}_sealed"]
        return viewing.vault.open(sealed, record_id=organisation_id, field=field).decode() if sealed else ""

    return ContactItem(
        name=opened("name"),
        phone=opened("phone"),
        id_number_masked=mask(opened("id_number")),
        same_id_number_elsewhere=await _same_elsewhere(connection, row, viewing),
    )


async def _same_elsewhere(connection: Connection, contact: Record, viewing: Viewing) -> int | None:
    """How many other organisations have a contact with the same ID number; a hint for reviewers only."""
    if Permission.IDENTITY_AUTHENTICATION_REVIEW not in viewing.principal.permissions:
        return None
    if contact["id_number_index"] is None:
        # Two contacts of whom no number is known are not one person.
        return 0
    statement = select(func.count()).where(
        CONTACT.c.id_number_index == contact["id_number_index"],
        CONTACT.c.organisation_id != contact["organisation_id"],
    )
    count: int = await fetch_value(connection, statement)
    return count


async def _documents(connection: Connection, organisation_id: UUID) -> list[DocumentItem]:
    statement = select(DOCUMENT).where(DOCUMENT.c.organisation_id == organisation_id).order_by(DOCUMENT.c.id.desc())
    return [
        DocumentItem(**{**dict(row), "sha256": row["sha256"].hex(), "legible": is_legible(row["legibility"])})
        for row in await fetch_all(connection, statement)
    ]


async def _submissions(connection: Connection, organisation_id: UUID) -> list[SubmissionItem]:
    statement = (
        select(SUBMISSION)
        .where(SUBMISSION.c.organisation_id == organisation_id)
        .order_by(SUBMISSION.c.id.desc())
        .limit(20)
    )
    return [_submission(row) for row in await fetch_all(connection, statement)]


def _submission(row: Record) -> SubmissionItem:
    illegible = {kind: filed["illegible_reason"] for kind, filed in row["documents"].items()}
    return SubmissionItem(**dict(row), illegible_reasons={kind: reason for kind, reason in illegible.items() if reason})
