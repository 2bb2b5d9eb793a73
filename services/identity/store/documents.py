"""Uploaded documents: one row an upload, never changed."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from services.identity.domain.reviewing import FiledDocument, is_legible
from services.identity.tables import DOCUMENT
from shared.runtime.sql import Connection, execute, fetch_all, fetch_one, fetch_value
from shared.runtime.work import Work

# A submission names the documents that it hands in by their ids.
_UNFILED = """
SELECT count(*) AS files, COALESCE(sum(d.size_bytes), 0)::bigint AS held_bytes FROM document d
WHERE d.organisation_id = $1 AND NOT EXISTS (
    SELECT FROM submission s WHERE s.organisation_id = d.organisation_id AND s.documents::text LIKE '%' || d.id || '%'
)
"""
# Whoever submits holds the organisation's row, so nothing is removed under a submission.
_REMOVE_UNFILED = """
DELETE FROM document WHERE id IN (
    SELECT d.id FROM document d JOIN organisation o ON o.id = d.organisation_id
    WHERE d.uploaded_at < $1 AND NOT EXISTS (
        SELECT FROM submission s
        WHERE s.organisation_id = d.organisation_id AND s.documents::text LIKE '%' || d.id || '%'
    )
    ORDER BY d.uploaded_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED
) RETURNING blob_key
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """What an upload is, whose it is, and where it lies."""

    id: UUID
    organisation_id: UUID
    kind: str
    version: int
    media_type: str
    blob_key: str


async def unfiled(connection: Connection, organisation_id: UUID) -> tuple[int, int]:
    """How many files, and bytes, an organisation has uploaded and never submitted."""
    row = await connection.fetchrow(_UNFILED, organisation_id)
    return row["files"], row["held_bytes"]


async def remove_unfiled(work: Work, *, before: datetime, limit: int) -> list[str]:
    """Delete the oldest uploads that were never submitted; returns where their files lie."""
    return [row["blob_key"] for row in await work.connection.fetch(_REMOVE_UNFILED, before, limit)]


async def newest_version(connection: Connection, organisation_id: UUID, *, kind: str) -> int:
    """How often a kind was uploaded."""
    statement = select(func.coalesce(func.max(DOCUMENT.c.version), 0)).where(
        DOCUMENT.c.organisation_id == organisation_id, DOCUMENT.c.kind == kind
    )
    count: int = await fetch_value(connection, statement)
    return count


async def add_document(work: Work, values: dict[str, Any]) -> None:
    """Insert an upload."""
    await execute(work.connection, insert(DOCUMENT).values(**values))


async def find_document(connection: Connection, document_id: UUID) -> StoredUpload | None:
    """An upload."""
    columns = [DOCUMENT.c[field.name] for field in fields(StoredUpload)]
    row = await fetch_one(connection, select(*columns).where(DOCUMENT.c.id == document_id))
    return None if row is None else StoredUpload(**dict(row))


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
