"""Filing evidence with a draft. Source: A22, R10, R76."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import Claim, waiting_item
from services.settlement.domain.evidence import (
    EvidenceFacts,
    EvidenceUse,
    barring_keys_of,
    check_facts,
    check_unused,
    folded,
    keys_of,
)
from services.settlement.domain.papers import PaperSet
from services.settlement.domain.refusals import ClaimNotDraft
from services.settlement.domain.states import ClaimState, ItemState
from services.settlement.handlers.claims import provider_of
from services.settlement.handlers.progress import lock_claim
from services.settlement.store.evidence import FiledEvidence, evidence_of, put_evidence, unfiled, uses_of
from shared.documents import loose_files
from shared.documents.inspection import InspectedDocument
from shared.documents.loose_files import FileRules
from shared.kernel.calendar import business_date
from shared.runtime.work import Actor, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvidence:
    """A judged file, sealed under `blob_key`, as one kind of evidence for one order of a draft."""

    claim_id: UUID
    order_id: UUID
    evidence_kind: str
    facts: EvidenceFacts
    document: InspectedDocument
    blob_key: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceResult:
    """One piece of evidence; the file itself has its own address."""

    order_id: UUID
    kind: str
    reference: str
    amount_fen: int | None
    dated_on: date | None
    sha256: str
    media_type: str
    size_bytes: int
    pages: int
    legible: bool
    filed_at: datetime


async def file_evidence(work: Work, command: FileEvidence) -> EvidenceResult:
    """Put a piece into a draft, in place of an earlier one of its kind.

    Raises: ClaimNotDraft, ItemUnknown, ItemNotWaiting, EvidenceKindUnknown, EvidenceReferenceMissing,
    DuplicateEvidence, FileQuotaExceeded, FileNoteGone. Source: A22, R76.
    """
    claim = await lock_claim(work, command.claim_id, provider_id=provider_of(command.by))
    if claim.state is not ClaimState.DRAFT:
        raise ClaimNotDraft(state=claim.state.value)
    waiting_item(claim, command.order_id, state=ItemState.DRAFT)
    check_facts(command.evidence_kind, command.facts, kinds=work.pack.evidence, today=business_date(work.now))
    await _check_unused(work, claim, command)
    await _check_quota(work, command, provider_id=claim.provider_id)
    filed = _filed(work, command)
    await loose_files.hold(work.connection, filed.blob_key)
    replaced = await put_evidence(work, filed)
    await loose_files.let_go(work.connection, replaced)
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act="evidence.replace" if replaced else "evidence.file",
            by=command.by,
            rule="A22",
            facts={"order_id": str(filed.order_id), "kind": filed.kind, "sha256": filed.sha256.hex()},
        )
    )
    return _result(filed)


async def _check_quota(work: Work, command: FileEvidence, *, provider_id: UUID) -> None:
    """Raises: FileQuotaExceeded."""
    files, held_bytes = await unfiled(work.connection, provider_id)
    rules = work.ports.get(FileRules)
    rules.check(files=files, held_bytes=held_bytes, size_bytes=command.document.size_bytes)


async def _check_unused(work: Work, claim: Claim, command: FileEvidence) -> None:
    """Say early what would be refused at filing: the piece is known, of another order or of this draft."""
    kind, reference = command.evidence_kind, command.facts.reference
    use = EvidenceUse(command.order_id, kind)
    own = keys_of(kind, sha256=command.document.sha256, reference=reference, provider_id=claim.provider_id)
    keys = (*own, *barring_keys_of(kind, reference=reference))
    used = await uses_of(work.connection, keys)
    rows = await evidence_of(work.connection, command.claim_id)
    others = PaperSet.of([row for row in rows if (row["order_id"], row["kind"]) != (use.order_id, kind)], claim=claim)
    check_unused(use, keys, used=used | others.own)


def _filed(work: Work, command: FileEvidence) -> FiledEvidence:
    document = command.document
    return FiledEvidence(
        id=work.new_id(),
        claim_id=command.claim_id,
        order_id=command.order_id,
        kind=command.evidence_kind,
        reference=command.facts.reference,
        reference_folded=folded(command.evidence_kind, command.facts.reference),
        amount_fen=command.facts.amount_fen,
        dated_on=command.facts.dated_on,
        sha256=document.sha256,
        media_type=document.media_type.value,
        size_bytes=document.size_bytes,
        pages=document.pages,
        legible=document.legibility.legible,
        blob_key=command.blob_key,
        filed_by=command.by.account_id,
        filed_at=work.now,
    )


def _result(filed: FiledEvidence) -> EvidenceResult:
    values = {field.name: getattr(filed, field.name) for field in fields(EvidenceResult) if field.name != "sha256"}
    return EvidenceResult(**values, sha256=filed.sha256.hex())
