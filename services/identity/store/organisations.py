"""Organisations and what belongs to them: contacts, submissions, recognitions, priority entries."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, insert, select, update

from services.identity.domain.organisations import AuthenticationState, Organisation, RecognitionState
from services.identity.domain.refusals import CreditCodeRegistered
from services.identity.tables import CONTACT, ORGANISATION, PRIORITY_ENTRY, RECOGNITION, SUBMISSION
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import body_of
from shared.kernel.names import fold_name
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one, fetch_value
from shared.runtime.work import NotFound, VersionMismatch, Work

_HELD = """
SELECT EXISTS (SELECT FROM organisation
               WHERE left(credit_code, 17) = $1 AND kind = $2 AND state = 'authenticated' AND NOT closed)
"""
_LOCK_APPLICANTS = """
SELECT other.id, other.state IN ('registered', 'submitted', 'sent_back') AND NOT other.closed AS waiting
FROM organisation other JOIN organisation one
    ON left(one.credit_code, 17) = left(other.credit_code, 17) AND one.kind = other.kind
WHERE one.id = $1 ORDER BY other.id FOR UPDATE OF other
"""
_FIELDS = tuple(field.name for field in fields(Organisation))
_COLUMNS = [ORGANISATION.c[name] for name in _FIELDS]


_LOCK_BODY = "SELECT pg_advisory_xact_lock(hashtextextended('identity.body:' || $1, 0))"
_BLACKLISTED = """
SELECT EXISTS (SELECT FROM blacklist_entry WHERE left(credit_code, 17) = $1 AND state = 'approved')
"""
_AUTHENTICATED_OF_BODY = """
SELECT id, kind FROM organisation
WHERE left(credit_code, 17) = $1 AND id <> $2 AND state = 'authenticated' ORDER BY id
"""

_UNTIED = """
SELECT e.id AS enterprise_id, p.id AS provider_id FROM organisation e
JOIN organisation p ON left(p.credit_code, 17) = left(e.credit_code, 17) AND p.kind = 'provider'
WHERE e.kind = 'enterprise' AND e.state = 'authenticated' AND p.state = 'authenticated' AND NOT EXISTS (
    SELECT FROM affiliation a WHERE a.enterprise_id = e.id AND a.provider_id = p.id AND a.kind = 'same_code'
) ORDER BY e.id LIMIT $1
"""
_UNFOLDED = """
SELECT o.id, o.name, o.submitted_at IS NOT NULL AS handed_in, c.phone_sealed
FROM contact c JOIN organisation o ON o.id = c.organisation_id WHERE c.phone_index IS NULL ORDER BY o.id LIMIT $1
"""
_ANSWER_REINSTATEMENT = """
UPDATE organisation o SET reinstatement_asked_by = NULL, reinstatement_asked_at = NULL
FROM (SELECT id, reinstatement_asked_by AS asked_by FROM organisation WHERE id = $1 FOR UPDATE) AS before
WHERE o.id = before.id AND before.asked_by IS NOT NULL RETURNING before.asked_by
"""


def organisation_of(row: Record) -> Organisation:
    """An organisation from its row."""
    values = dict(row)
    return Organisation(
        **{
            **values,
            "kind": PartyKind(values["kind"]),
            "state": AuthenticationState(values["state"]),
            "recognition": RecognitionState(values["recognition"]),
        }
    )


def _values(organisation: Organisation) -> dict[str, Any]:
    return {name: getattr(organisation, name) for name in _FIELDS} | {"name_folded": fold_name(organisation.name)}


async def add_organisation(work: Work, organisation: Organisation) -> None:
    """Insert an organisation at version 1."""
    await execute(work.connection, insert(ORGANISATION).values(**_values(organisation)))


async def load_organisation(
    connection: Connection, organisation_id: UUID, *, expected_version: int | None = None
) -> Organisation:
    """The organisation, locked until the commit. Raises: NotFound, VersionMismatch."""
    statement = select(*_COLUMNS).where(ORGANISATION.c.id == organisation_id).with_for_update()
    row = await fetch_one(connection, statement)
    if row is None:
        raise NotFound
    if expected_version is not None and row["version"] != expected_version:
        raise VersionMismatch(version=row["version"])
    return organisation_of(row)


async def names_of(connection: Connection, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of organisations."""
    statement = select(ORGANISATION.c.id, ORGANISATION.c.name).where(ORGANISATION.c.id.in_(ids))
    return {row["id"]: row["name"] for row in await fetch_all(connection, statement)}


async def is_code_registered(connection: Connection, credit_code: str) -> bool:
    """Whether a party is registered with exactly this code, its last place included."""
    statement = select(ORGANISATION.c.id).where(ORGANISATION.c.credit_code == credit_code).limit(1)
    return await fetch_value(connection, statement) is not None


async def find_by_code(connection: Connection, credit_code: str, *, kind: PartyKind) -> UUID | None:
    """The party of that kind and body: the one whose evidence was approved, else who registered first.

    The last place is not compared: one that fails its check is registered with evidence, and whoever names the party
    may write it right.
    """
    authenticated = ORGANISATION.c.state == AuthenticationState.AUTHENTICATED.value
    statement = (
        select(ORGANISATION.c.id)
        .where(
            func.left(ORGANISATION.c.credit_code, 17) == body_of(credit_code),
            ORGANISATION.c.kind == kind.value,
            ORGANISATION.c.closed.is_(False),
        )
        .order_by(authenticated.desc(), ORGANISATION.c.id)
        .limit(1)
    )
    found: UUID | None = await fetch_value(connection, statement)
    return found


async def is_body_held(connection: Connection, credit_code: str, *, kind: PartyKind) -> bool:
    """Whether a party of that kind has shown, with approved evidence, that the body of the code is its own.

    The first 17 places of a code name the body; they leave one valid last place.
    """
    held: bool = await connection.fetchval(_HELD, body_of(credit_code), kind.value)
    return held


async def lock_applicants(connection: Connection, organisation_id: UUID) -> list[UUID]:
    """Who else registered the same body as the same kind of party; all are locked until the commit, in one order."""
    rows = await connection.fetch(_LOCK_APPLICANTS, organisation_id)
    return [row["id"] for row in rows if row["id"] != organisation_id and row["waiting"]]


async def lock_unused(connection: Connection, *, before: datetime, limit: int) -> list[Organisation]:
    """Registrations from before a business time that never handed anything in, locked until the commit."""
    statement = (
        select(*_COLUMNS)
        .where(
            ORGANISATION.c.state == AuthenticationState.REGISTERED.value,
            ORGANISATION.c.submitted_at.is_(None),
            ORGANISATION.c.closed.is_(False),
            ORGANISATION.c.registered_at < before,
        )
        .order_by(ORGANISATION.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [organisation_of(row) for row in await fetch_all(connection, statement)]


async def lock_body(connection: Connection, credit_code: str) -> None:
    """Let acts on one body come one after the other until the commit; taken before any row of it is locked."""
    await connection.execute(_LOCK_BODY, body_of(credit_code))


async def lock_body_of(connection: Connection, organisation_id: UUID) -> None:
    """As `lock_body`, for whoever knows the organisation only."""
    code = await connection.fetchval("SELECT credit_code FROM organisation WHERE id = $1", organisation_id)
    if code is not None:
        await lock_body(connection, code)


async def untied_of_one_body(connection: Connection, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Enterprises and providers of one body, both authenticated, that no tie of that kind joins yet."""
    return [(row["enterprise_id"], row["provider_id"]) for row in await connection.fetch(_UNTIED, limit)]


async def is_blacklisted(connection: Connection, credit_code: str) -> bool:
    """Whether the body of a code is listed. Source: A12, R58."""
    found: bool = await connection.fetchval(_BLACKLISTED, body_of(credit_code))
    return found


async def ids_of_body(connection: Connection, credit_code: str) -> list[UUID]:
    """Every party registered with a code of one body, in lock order."""
    rows = await connection.fetch(
        "SELECT id FROM organisation WHERE left(credit_code, 17) = $1 ORDER BY id", body_of(credit_code)
    )
    return [row["id"] for row in rows]


async def authenticated_of_body(connection: Connection, organisation: Organisation) -> list[tuple[UUID, str]]:
    """Id and kind of the other authenticated parties of an organisation's body."""
    rows = await connection.fetch(_AUTHENTICATED_OF_BODY, body_of(organisation.credit_code), organisation.id)
    return [(row["id"], row["kind"]) for row in rows]


async def ask_reinstatement(work: Work, organisation_id: UUID, *, by: UUID | None, now: datetime) -> bool:
    """Keep that the bureau is asked to end its suspension; False where it is asked already."""
    statement = update(ORGANISATION).where(
        ORGANISATION.c.id == organisation_id, ORGANISATION.c.reinstatement_asked_at.is_(None)
    )
    asked = statement.values(reinstatement_asked_by=by, reinstatement_asked_at=now)
    return await execute(work.connection, asked) == 1


async def answer_reinstatement(work: Work, organisation_id: UUID) -> UUID | None:
    """Who had asked for the end of a suspension, which is answered now; None where nobody had."""
    row = await work.connection.fetchrow(_ANSWER_REINSTATEMENT, organisation_id)
    return None if row is None else row["asked_by"]


async def hold_body(work: Work, organisation: Organisation) -> None:
    """Let an organisation hold its body. Raises: CreditCodeRegistered where another of its kind does."""
    statement = update(ORGANISATION).where(ORGANISATION.c.id == organisation.id)
    try:
        await execute(work.connection, statement.values(body_held=body_of(organisation.credit_code)))
    except asyncpg.UniqueViolationError as error:
        raise CreditCodeRegistered from error


async def save_organisation(work: Work, after: Organisation) -> None:
    """Store the next version of a loaded organisation. Raises: Bug."""
    statement = (
        update(ORGANISATION)
        .where(ORGANISATION.c.id == after.id, ORGANISATION.c.version == after.version - 1)
        .values(**_values(after))
    )
    invariant(await execute(work.connection, statement) == 1, "an organisation moves by one version at a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPartyContact:
    """A contact as it is stored."""

    name_sealed: bytes
    phone_sealed: bytes
    phone_index: bytes


async def add_contact(work: Work, organisation_id: UUID, *, contact: SealedPartyContact) -> None:
    """Insert an organisation's contact."""
    await execute(work.connection, insert(CONTACT).values(organisation_id=organisation_id, **asdict(contact)))


async def set_id_number(work: Work, organisation_id: UUID, *, sealed: bytes, index: bytes) -> None:
    """Store the contact's ID number, sealed and indexed."""
    statement = (
        update(CONTACT)
        .where(CONTACT.c.organisation_id == organisation_id)
        .values(id_number_sealed=sealed, id_number_index=index)
    )
    await execute(work.connection, statement)


async def id_number_index(connection: Connection, organisation_id: UUID) -> bytes | None:
    """The keyed hash of the contact's ID number, where one is stored."""
    statement = select(CONTACT.c.id_number_index).where(CONTACT.c.organisation_id == organisation_id)
    found: bytes | None = await fetch_value(connection, statement)
    return found


async def last_submission(connection: Connection, organisation_id: UUID) -> Record | None:
    """What was handed in last and why it came back: documents and document_reasons."""
    columns = [SUBMISSION.c[name] for name in ("documents", "document_reasons")]
    statement = select(*columns).where(SUBMISSION.c.organisation_id == organisation_id)
    return await fetch_one(connection, statement.order_by(SUBMISSION.c.id.desc()).limit(1))


async def add_submission(work: Work, values: dict[str, Any]) -> None:
    """Insert a submission for authentication."""
    await execute(work.connection, insert(SUBMISSION).values(**values))


async def close_submission(work: Work, organisation_id: UUID, values: dict[str, Any]) -> None:
    """Store the reviewer's decision on the open submission. Raises: Bug."""
    statement = (
        update(SUBMISSION)
        .where(SUBMISSION.c.organisation_id == organisation_id, SUBMISSION.c.outcome == "open")
        .values(**values)
    )
    invariant(await execute(work.connection, statement) == 1, "a submitted organisation has one open submission")


async def add_recognition(work: Work, values: dict[str, Any]) -> None:
    """Insert a decision on recognition."""
    await execute(work.connection, insert(RECOGNITION).values(**values))


async def add_priority_entry(work: Work, values: dict[str, Any]) -> None:
    """Insert a change of the priority list."""
    await execute(work.connection, insert(PRIORITY_ENTRY).values(**values))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfoldedParty:
    """A party from before folded names and indexes of telephones were kept; `handed_in` once it was submitted."""

    id: UUID
    name: str
    handed_in: bool
    phone_sealed: bytes


async def unfolded_parties(connection: Connection, *, limit: int) -> list[UnfoldedParty]:
    """Parties whose telephone has no index yet."""
    return [UnfoldedParty(**dict(row)) for row in await connection.fetch(_UNFOLDED, limit)]


async def fold_party(work: Work, party: UnfoldedParty, *, phone_index: bytes) -> None:
    """Store the folded name and the index of the telephone."""
    name_folded = fold_name(party.name)
    await work.connection.execute("UPDATE organisation SET name_folded = $2 WHERE id = $1", party.id, name_folded)
    await work.connection.execute(
        "UPDATE contact SET phone_index = $2 WHERE organisation_id = $1", party.id, phone_index
    )
