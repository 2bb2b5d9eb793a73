"""Uploaded documents: one row an upload, never changed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from services.identity.domain.reviewing import FiledDocument, is_legible
from services.identity.tables import DOCUMENT
from shared.runtime.db import Connection, execute, fetch_all, fetch_value


async def newest_version(connection: Connection, organisation_id: UUID, *, kind: str) -> int:
    """How often a kind was uploaded."""
    statement = select(func.coalesce(func.max(DOCUMENT.c.version), 0)).where(
        DOCUMENT.c.organisation_id == organisation_id, DOCUMENT.c.kind == kind
    )
    count: int = await fetch_value(connection, statement)
    return count


async def add_document(connection: Connection, values: dict[str, Any]) -> None:
    """Insert an upload."""
    await execute(connection, insert(DOCUMENT).values(**values))


async def digests_of(connection: Connection, document_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """The SHA-256 of each upload."""
    statement = select(DOCUMENT.c.id, DOCUMENT.c.sha256).where(DOCUMENT.c.id.in_(document_ids))
    return {row["id"]: row["sha256"] for row in await fetch_all(connection, statement)}


async def filed_documents(connection: Connection, organisation_id: UUID) -> dict[str, FiledDocument]:
    """The newest upload of each kind."""
    statement = (
        select(DOCUMENT.c.id, DOCUMENT.c.kind, DOCUMENT.c.legibility)
        .where(DOCUMENT.c.organisation_id == organisation_id)
        .ext(distinct_on(DOCUMENT.c.kind))
        .order_by(DOCUMENT.c.kind, DOCUMENT.c.version.desc())
    )
    rows = await fetch_all(connection, statement)
    return {
        row["kind"]: FiledDocument(id=row["id"], kind=row["kind"], legible=is_legible(row["legibility"]))
        for row in rows
    }
