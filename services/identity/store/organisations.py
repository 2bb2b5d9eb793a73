"""Organisations and what belongs to them: contacts, submissions, recognitions, priority entries."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update

from services.identity.domain.organisations import AuthenticationState, Organisation, RecognitionState
from services.identity.tables import CONTACT, ORGANISATION, PRIORITY_ENTRY, RECOGNITION, SUBMISSION
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import body_of
from shared.kernel.names import fold_name
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one, fetch_value
from shared.runtime.work import NotFound, VersionMismatch

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


async def add_organisation(connection: Connection, organisation: Organisation) -> None:
    """Insert an organisation at version 1. Raises: asyncpg.UniqueViolationError."""
    await execute(connection, insert(ORGANISATION).values(**_values(organisation)))


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


async def ask_reinstatement(connection: Connection, organisation_id: UUID, *, by: UUID | None, now: datetime) -> bool:
    """Keep that the bureau is asked to end its suspension; False where it is asked already."""
    statement = update(ORGANISATION).where(
        ORGANISATION.c.id == organisation_id, ORGANISATION.c.reinstatement_asked_at.is_(None)
    )
    asked = statement.values(reinstatement_asked_by=by, reinstatement_asked_at=now)
    return await execute(connection, asked) == 1


async def answer_reinstatement(connection: Connection, organisation_id: UUID) -> UUID | None:
    """Who had asked for the end of a suspension, which is answered now; None where nobody had."""
    row = await connection.fetchrow(_ANSWER_REINSTATEMENT, organisation_id)
    return None if row is None else row["asked_by"]


async def hold_body(connection: Connection, organisation: Organisation) -> None:
    """Let an organisation hold its body, alone of its kind. Raises: asyncpg.UniqueViolationError."""
    statement = update(ORGANISATION).where(ORGANISATION.c.id == organisation.id)
    await execute(connection, statement.values(body_held=body_of(organisation.credit_code)))


async def save_organisation(connection: Connection, after: Organisation) -> None:
    """Store the next version of a loaded organisation. Raises: Bug."""
    statement = (
        update(ORGANISATION)
        .where(ORGANISATION.c.id == after.id, ORGANISATION.c.version == after.version - 1)
        .values(**_values(after))
    )
    invariant(await execute(connection, statement) == 1, "an organisation moves by one version at a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContact:
    """A contact as it is stored."""

    name_sealed: bytes
    phone_sealed: bytes
    phone_index: bytes


async def add_contact(connection: Connection, organisation_id: UUID, *, contact: SealedContact) -> None:
    """Insert an organisation's contact."""
    await execute(connection, insert(CONTACT).values(organisation_id=organisation_id, **asdict(contact)))


async def set_id_number(connection: Connection, organisation_id: UUID, *, sealed: bytes, index: bytes) -> None:
    """Store the contact's ID number, sealed and indexed."""
    statement = (
        update(CONTACT)
        .where(CONTACT.c.organisation_id == organisation_id)
        .values(id_number_sealed=sealed, id_number_index=index)
    )
    await execute(connection, statement)


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


async def add_submission(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a submission for authentication."""
    await execute(connection, insert(SUBMISSION).values(**values))


async def close_submission(connection: Connection, organisation_id: UUID, values: dict[str, Any]) -> None:
    """Store the reviewer's decision on the open submission. Raises: Bug."""
    statement = (
        update(SUBMISSION)
        .where(SUBMISSION.c.organisation_id == organisation_id, SUBMISSION.c.outcome == "open")
        .values(**values)
    )
    invariant(await execute(connection, statement) == 1, "a submitted organisation has one open submission")


async def add_recognition(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a decision on recognition."""
    await execute(connection, insert(RECOGNITION).values(**values))


async def add_priority_entry(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a change of the priority list."""
    await execute(connection, insert(PRIORITY_ENTRY).values(**values))
