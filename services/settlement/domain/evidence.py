"""Evidence: which kinds a claim needs, and the keys by which one piece is used once. Source: A22, R76, R10."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.settlement.domain.refusals import (
    DuplicateEvidence,
    EvidenceDateInFuture,
    EvidenceIncomplete,
    EvidenceKindUnknown,
    EvidenceReferenceMissing,
)
from shared.contracts.policy.schema import EvidenceKind

NUMBERED_KINDS = frozenset({"invoice", "transfer"})
"""Kinds that carry a number which the whole country knows only once, an amount and a date."""
_STATED_ZH = {"reference": "号码", "amount_fen": "金额", "dated_on": "日期"}


class KeyScheme(StrEnum):
    """By what a piece of evidence is known again."""

    CONTENT = "content"
    INVOICE = "invoice"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """One mark of a piece: its content's sha256 hex, or its normalised number."""

    scheme: KeyScheme
    value: str


@dataclass(frozen=True, slots=True)
class EvidenceUse:
    """What a key stands for: one kind of evidence of one order, in every claim that order is ever in."""

    order_id: UUID
    evidence_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFacts:
    """What the provider states of a piece: its number, amount in fen and date, where it has them."""

    reference: str = ""
    amount_fen: int | None = None
    dated_on: date | None = None


def normalise_reference(text: str) -> str:
    """The number as one would compare it: half width, upper case, letters and digits only.

    Input methods, printed spacing and hyphens make different texts of one number.
    """
    return "".join(symbol for symbol in unicodedata.normalize("NFKC", text).upper() if symbol.isalnum())


def check_facts(evidence_kind: str, facts: EvidenceFacts, *, kinds: Sequence[EvidenceKind], today: date) -> None:
    """Whether a piece of that kind may be filed with these facts; `today` is a Beijing day.

    Raises: EvidenceKindUnknown, EvidenceReferenceMissing, EvidenceDateInFuture. Source: A22, R76.
    """
    if evidence_kind not in {kind.code for kind in kinds}:
        raise EvidenceKindUnknown(evidence_kind=evidence_kind)
    if evidence_kind in NUMBERED_KINDS:
        stated = {
            "reference": normalise_reference(facts.reference),
            "amount_fen": facts.amount_fen,
            "dated_on": facts.dated_on,
        }
        missing = [name for name, value in stated.items() if not value]
        if missing:
            raise EvidenceReferenceMissing(missing=missing, missing_zh="、".join(_STATED_ZH[name] for name in missing))
    if facts.dated_on is not None and facts.dated_on > today:
        raise EvidenceDateInFuture(pointer="/dated_on")


def keys_of(evidence_kind: str, *, sha256: bytes, reference: str) -> tuple[EvidenceKey, ...]:
    """All keys of a piece: its content, and its number when it is of a numbered kind."""
    content = EvidenceKey(KeyScheme.CONTENT, sha256.hex())
    if evidence_kind not in NUMBERED_KINDS:
        return (content,)
    return (content, EvidenceKey(KeyScheme(evidence_kind), normalise_reference(reference)))


def check_unused(use: EvidenceUse, keys: Iterable[EvidenceKey], *, used: Mapping[EvidenceKey, EvidenceUse]) -> None:
    """Refuse a key that stands for another order, or for another kind of the same order.

    What a withdrawn or rejected item was filed with may be filed again for its own order, never for another one.
    Raises: DuplicateEvidence. Source: A22, R10, Q13.
    """
    for key in keys:
        if used.get(key, use) != use:
            raise DuplicateEvidence(evidence_kind=use.evidence_kind, known_by=key.scheme.value)


def check_complete(filed: Mapping[UUID, Collection[str]], *, kinds: Sequence[EvidenceKind]) -> None:
    """Refuse a claim in which an order lacks a required kind. Raises: EvidenceIncomplete. Source: A22, R76."""
    required = {kind.code: kind.name for kind in kinds if kind.required}
    missing = [
        {"order_id": str(order_id), "kind": code}
        for order_id, present in filed.items()
        for code in required
        if code not in present
    ]
    if missing:
        names = dict.fromkeys(required[piece["kind"]] for piece in missing)
        raise EvidenceIncomplete(count=len(missing), missing=missing, missing_zh="、".join(names))
