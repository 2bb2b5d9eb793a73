"""Lists beside the organisations: public ones, ties, priority entries, recognitions, staff, designations."""

import base64
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select

from services.identity.domain.reviewing import conditions_to_tick
from services.identity.tables import (
    ACCOUNT,
    AFFILIATION,
    BLACKLIST_ENTRY,
    BLACKLIST_LIFTING,
    DESIGNATION,
    ISSUING_KEY,
    ORGANISATION,
    PRIORITY_ENTRY,
    RECOGNITION,
    SECOND_FACTOR,
    STAFF_PROPOSAL,
)
from services.identity.views.models.parties import (
    AffiliationItem,
    BlacklistItem,
    ConditionItem,
    Form,
    FormDocument,
    FormRegion,
    LiftingItem,
    PriorityItem,
    ProviderDirectoryItem,
    RecognitionItem,
)
from services.identity.views.models.people import (
    DesignationItem,
    JsonWebKey,
    JsonWebKeys,
    Me,
    PartyAccountItem,
    ProposalItem,
    StaffItem,
)
from services.identity.views.organisations import scope_of
from shared.contracts.http.lists import Page
from shared.contracts.permissions import Permission
from shared.contracts.policy import PartyKind, PolicyPack
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, fetch_all, fetch_one, read_page
from shared.runtime.work import BusinessClock


async def list_directory(
    connection: Connection, clock: BusinessClock, *, limit: int, cursor: str | None
) -> Page[ProviderDirectoryItem]:
    """The recognised providers that may act now. Source: N三(二), R15."""
    suspended = ORGANISATION.c.suspended_since
    statement = select(ORGANISATION).where(
        ORGANISATION.c.recognition == "recognised",
        ORGANISATION.c.closed.is_(False),
        ORGANISATION.c.blacklisted_since.is_(None),
        (suspended.is_(None)) | (suspended > clock.now()),
    )
    return await read_page(
        connection, statement, key=ORGANISATION.c.id, item=ProviderDirectoryItem, limit=limit, cursor=cursor
    )


async def list_blacklist(
    connection: Connection, *, states: tuple[str, ...], limit: int, cursor: str | None
) -> Page[BlacklistItem]:
    """Blacklist entries in the given states. Source: A12, R16."""
    statement = select(BLACKLIST_ENTRY).where(BLACKLIST_ENTRY.c.state.in_(states))
    return await read_page(
        connection, statement, key=BLACKLIST_ENTRY.c.id, item=BlacklistItem, limit=limit, cursor=cursor
    )


async def list_liftings(connection: Connection, *, limit: int, cursor: str | None) -> Page[LiftingItem]:
    """Proposals to take codes off the blacklist, and what became of them. Source: A12, Q19."""
    statement = select(BLACKLIST_LIFTING, BLACKLIST_ENTRY.c.credit_code, BLACKLIST_ENTRY.c.organisation_name).join(
        BLACKLIST_ENTRY, BLACKLIST_ENTRY.c.id == BLACKLIST_LIFTING.c.entry_id
    )
    return await read_page(
        connection, statement, key=BLACKLIST_LIFTING.c.id, item=LiftingItem, limit=limit, cursor=cursor
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliationFilter:
    """What the list of ties is narrowed to; None narrows nothing."""

    enterprise_id: UUID | None = None
    provider_id: UUID | None = None


async def list_affiliations(
    connection: Connection, principal: Principal, *, chosen: AffiliationFilter, limit: int, cursor: str | None
) -> Page[AffiliationItem]:
    """The ties of the organisations the caller may see, with their sources. Source: A13(4), R63."""
    enterprise, provider = ORGANISATION.alias("enterprise"), ORGANISATION.alias("provider")
    visible = select(ORGANISATION.c.id).where(scope_of(principal))
    statement = (
        select(AFFILIATION, enterprise.c.name.label("enterprise_name"), provider.c.name.label("provider_name"))
        .join(enterprise, enterprise.c.id == AFFILIATION.c.enterprise_id)
        .join(provider, provider.c.id == AFFILIATION.c.provider_id)
        .where(AFFILIATION.c.enterprise_id.in_(visible) | AFFILIATION.c.provider_id.in_(visible))
    )
    if chosen.enterprise_id is not None:
        statement = statement.where(AFFILIATION.c.enterprise_id == chosen.enterprise_id)
    if chosen.provider_id is not None:
        statement = statement.where(AFFILIATION.c.provider_id == chosen.provider_id)
    return await read_page(
        connection, statement, key=AFFILIATION.c.id, item=AffiliationItem, limit=limit, cursor=cursor
    )


async def list_priority_entries(
    connection: Connection, principal: Principal, *, limit: int, cursor: str | None
) -> Page[PriorityItem]:
    """Changes of the priority list with their sources. Source: A18, R31."""
    statement = (
        select(PRIORITY_ENTRY, ORGANISATION.c.name.label("organisation_name"))
        .join(ORGANISATION, ORGANISATION.c.id == PRIORITY_ENTRY.c.organisation_id)
        .where(scope_of(principal))
    )
    return await read_page(
        connection, statement, key=PRIORITY_ENTRY.c.id, item=PriorityItem, limit=limit, cursor=cursor
    )


async def list_recognitions(
    connection: Connection, principal: Principal, *, limit: int, cursor: str | None
) -> Page[RecognitionItem]:
    """The bureau's decisions on providers, with criteria and reasons. Source: N三(二), R43."""
    statement = (
        select(RECOGNITION)
        .join(ORGANISATION, ORGANISATION.c.id == RECOGNITION.c.organisation_id)
        .where(scope_of(principal))
    )
    return await read_page(
        connection, statement, key=RECOGNITION.c.id, item=RecognitionItem, limit=limit, cursor=cursor
    )


async def list_staff(connection: Connection, *, limit: int, cursor: str | None) -> Page[StaffItem]:
    """Staff accounts."""
    confirmed = exists().where(SECOND_FACTOR.c.account_id == ACCOUNT.c.id, SECOND_FACTOR.c.confirmed_at.is_not(None))
    statement = select(ACCOUNT, confirmed.label("second_factor")).where(ACCOUNT.c.organisation_id.is_(None))
    return await read_page(connection, statement, key=ACCOUNT.c.id, item=StaffItem, limit=limit, cursor=cursor)


async def list_accounts(
    connection: Connection, organisation_id: UUID, *, limit: int, cursor: str | None
) -> Page[PartyAccountItem]:
    """The accounts of a party."""
    statement = select(ACCOUNT).where(ACCOUNT.c.organisation_id == organisation_id)
    return await read_page(connection, statement, key=ACCOUNT.c.id, item=PartyAccountItem, limit=limit, cursor=cursor)


async def list_proposals(
    connection: Connection, *, now: datetime, decided: bool, limit: int, cursor: str | None
) -> Page[ProposalItem]:
    """Proposals about staff accounts that are open at `now`, or all of them."""
    statement = select(STAFF_PROPOSAL)
    if not decided:
        statement = statement.where(STAFF_PROPOSAL.c.state == "proposed", STAFF_PROPOSAL.c.expires_at > now)
    return await read_page(
        connection, statement, key=STAFF_PROPOSAL.c.id, item=ProposalItem, limit=limit, cursor=cursor
    )


async def list_designations(connection: Connection, *, limit: int, cursor: str | None) -> Page[DesignationItem]:
    """Designations of the operator. Source: N三(三), A4, R2."""
    return await read_page(
        connection,
        select(DESIGNATION),
        key=DESIGNATION.c.id,
        item=DesignationItem,
        limit=limit,
        cursor=cursor,
    )


async def read_keys(connection: Connection) -> JsonWebKeys:
    """The public signing keys, those included that are published and not yet used. Source: RFC 7517, RFC 8037."""
    statement = select(ISSUING_KEY.c.kid, ISSUING_KEY.c.public_key).where(ISSUING_KEY.c.retired_at.is_(None))
    rows = await fetch_all(connection, statement.order_by(ISSUING_KEY.c.usable_from))
    return JsonWebKeys(
        keys=[
            JsonWebKey(kid=row["kid"], x=base64.urlsafe_b64encode(row["public_key"]).rstrip(b"=").decode())
            for row in rows
        ]
    )


async def read_me(connection: Connection, principal: Principal) -> Me:
    """The caller's account, organisation and rights."""
    statement = (
        select(
            ACCOUNT.c.sign_in_name,
            ACCOUNT.c.display_name,
            ACCOUNT.c.member_role,
            ORGANISATION.c.name.label("organisation_name"),
            ORGANISATION.c.state.label("organisation_state"),
        )
        .outerjoin(ORGANISATION, ORGANISATION.c.id == ACCOUNT.c.organisation_id)
        .where(ACCOUNT.c.id == principal.account_id)
    )
    row = await fetch_one(connection, statement)
    names = ("sign_in_name", "display_name", "member_role", "organisation_name", "organisation_state")
    known = dict.fromkeys(names) if row is None else dict(row)
    return Me(
        **known,
        account_id=principal.account_id,
        organisation_id=principal.organisation_id,
        roles=sorted(role.value for role in principal.roles),
        permissions=sorted(permission.value for permission in principal.permissions),
        region=principal.region,
    )


def form_of(pack: PolicyPack, party: PartyKind) -> Form:
    """What a party files and signs off. Source: A11(2), A14(2), R10, R45, R65."""
    return Form(
        party=party.value,
        documents=[FormDocument.model_validate(kind) for kind in pack.documents_of(party)],
        regions=[FormRegion.model_validate(region) for region in pack.regions],
        conditions=[
            ConditionItem.model_validate(condition) for condition in conditions_to_tick(pack.conditions_of(party))
        ],
        declaration_version=pack.truth_declaration.version,
        declaration_text=pack.truth_declaration.text,
    )


BLACKLIST_WATCHERS = (
    Permission.IDENTITY_BLACKLIST_PROPOSE,
    Permission.IDENTITY_BLACKLIST_APPROVE,
    Permission.IDENTITY_ACCOUNT_READ,
)
"""Who proposes, approves or audits sees proposals to list and to lift, and what became of them."""


def blacklist_states(*, proposals: bool) -> tuple[str, ...]:
    """The public sees what is listed, whoever watches sees proposals too, and what became of them."""
    return ("proposed", "approved", "withdrawn", "refused", "lifted") if proposals else ("approved",)
