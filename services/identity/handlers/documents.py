"""Uploaded documents: recorded after they were judged and sealed, and read under a record of who read them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from services.identity.domain.organisations import STATE_ZH, check_standing, may_change_documents
from services.identity.domain.refusals import (
    AuthenticationNotOpen,
    DocumentKindUnknown,
    DocumentUploadsExhausted,
)
from services.identity.store import documents as store
from services.identity.store.organisations import load_organisation
from shared.documents import loose_files
from shared.documents.inspection import InspectedDocument
from shared.documents.loose_files import FileRules
from shared.runtime.work import Actor, Decision, Work

UPLOADS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDocument:
    """An upload that was judged and lies sealed under `blob_key`."""

    document_id: UUID
    organisation_id: UUID
    kind: str
    blob_key: str
    inspected: InspectedDocument
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult:
    """The new upload; `version` counts uploads of this kind."""

    id: UUID
    kind: str
    version: int
    media_type: str
    sha256: str
    size_bytes: int
    legible: bool
    legibility: str


async def record_document(work: Work, command: RecordDocument) -> DocumentResult:
    """Record an upload as the newest of its kind.

    Raises: NotFound, AuthenticationNotOpen, DocumentKindUnknown, DocumentUploadsExhausted, FileQuotaExceeded,
    FileNoteGone, and the refusals of standing. Source: R45, R65.
    """
    organisation = await load_organisation(work.connection, command.organisation_id)
    if not may_change_documents(organisation):
        raise AuthenticationNotOpen(state=STATE_ZH[organisation.state])
    check_standing(organisation, now=work.now)
    if command.kind not in {kind.code for kind in work.pack.documents_of(organisation.kind)}:
        raise DocumentKindUnknown(kind=command.kind)
    uploads = await store.newest_version(work.connection, organisation.id, kind=command.kind)
    if uploads >= UPLOADS_MAX:
        raise DocumentUploadsExhausted(uploads_max=UPLOADS_MAX)
    await _check_quota(work, command)
    await loose_files.hold(work.connection, command.blob_key)
    await store.add_document(work, _row(work, command, version=uploads + 1))
    _record(work, command.document_id, act="document.upload", by=command.by, ground=command.kind)
    inspected, legibility = command.inspected, command.inspected.legibility
    return DocumentResult(
        id=command.document_id,
        kind=command.kind,
        version=uploads + 1,
        media_type=inspected.media_type.value,
        size_bytes=inspected.size_bytes,
        legibility=legibility.reason.value,
        sha256=inspected.sha256.hex(),
        legible=legibility.legible,
    )


async def _check_quota(work: Work, command: RecordDocument) -> None:
    """Raises: FileQuotaExceeded."""
    files, held_bytes = await store.unfiled(work.connection, command.organisation_id)
    rules = work.ports.get(FileRules)
    rules.check(files=files, held_bytes=held_bytes, size_bytes=command.inspected.size_bytes)


def _row(work: Work, command: RecordDocument, *, version: int) -> dict[str, Any]:
    inspected = command.inspected
    return {
        "id": command.document_id,
        "organisation_id": command.organisation_id,
        "kind": command.kind,
        "version": version,
        "blob_key": command.blob_key,
        "media_type": inspected.media_type.value,
        "sha256": inspected.sha256,
        "size_bytes": inspected.size_bytes,
        "width_px": inspected.width_px,
        "height_px": inspected.height_px,
        "pages": inspected.pages,
        "legibility": inspected.legibility.reason.value,
        "uploaded_by": command.by.account_id,
        "uploaded_at": work.now,
    }


class DocumentRight(StrEnum):
    """Which documents somebody may read."""

    NONE = "none"
    OWN = "own"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFileResult:
    """Where a document lies and what it is."""

    id: UUID
    kind: str
    version: int
    media_type: str
    blob_key: str


async def open_document(work: Work, document_id: UUID, *, by: Actor, right: DocumentRight) -> DocumentFileResult | None:
    """Find a document and record that it was read, or that it was denied: then there is none.

    A document that does not exist leaves no record. Source: R7, R8.
    """
    found = await store.find_document(work.connection, document_id)
    if found is None:
        return None
    own = by.organisation_id is not None and found.organisation_id == by.organisation_id
    if right is DocumentRight.NONE or (right is DocumentRight.OWN and not own):
        _record(work, document_id, act="document.denied", by=by, ground=found.kind)
        return None
    _record(work, document_id, act="document.read", by=by, ground=found.kind)
    return DocumentFileResult(
        id=found.id, kind=found.kind, version=found.version, media_type=found.media_type, blob_key=found.blob_key
    )


def _record(work: Work, document_id: UUID, *, act: str, by: Actor, ground: str) -> None:
    work.decide(
        Decision(subject_type="document", subject_id=document_id, act=act, by=by, rule="N五(二)", ground=ground)
    )
