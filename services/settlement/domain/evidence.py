"""Evidence: which kinds a claim needs, and the keys by which one piece is used once. Source: A22, R76, R10."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.settlement.domain.references import fold_invoice, fold_reference, normalise_reference, old_number
from services.settlement.domain.refusals import (
    DuplicateEvidence,
    EvidenceDateInFuture,
    EvidenceIncomplete,
    EvidenceKindUnknown,
    EvidenceOfTwoKinds,
    EvidenceReferenceMissing,
)
from shared.contracts.policy.schema import EvidenceKind

NUMBERED_KINDS = frozenset({"invoice", "transfer"})
"""Kinds that carry a number which the whole country knows only once, an amount and a date."""
_KIND_ZH = {"invoice": "发票", "contract": "合同", "transfer": "转账信息", "usage": "使用情况"}
_STATED_ZH = {"reference": "号码", "amount_fen": "金额", "dated_on": "日期"}


_NUMBERED_SCHEMES = frozenset({"invoice", "transfer", "contract", "usage"})


class KeyScheme(StrEnum):
    """By what a piece of evidence is known again."""

    CONTENT = "content"
    INVOICE = "invoice"
    # The short number of an older invoice, whatever its code.
    INVOICE_NUMBER = "invoice_number"
    TRANSFER = "transfer"
    CONTRACT = "contract"
    USAGE = "usage"


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


def folded(evidence_kind: str, reference: str) -> str:
    """What identifies a piece of that kind, of what was written; empty when nothing does."""
    if evidence_kind not in _NUMBERED_SCHEMES:
        return normalise_reference(reference)
    return fold_invoice(reference) if evidence_kind == KeyScheme.INVOICE else fold_reference(reference)


def check_facts(evidence_kind: str, facts: EvidenceFacts, *, kinds: Sequence[EvidenceKind], today: date) -> None:
    """Whether a piece of that kind may be filed with these facts; `today` is a Beijing day.

    Raises: EvidenceKindUnknown, EvidenceReferenceMissing, EvidenceDateInFuture. Source: A22, R76.
    """
    if evidence_kind not in {kind.code for kind in kinds}:
        raise EvidenceKindUnknown(evidence_kind=evidence_kind, kinds_zh="、".join(kind.name for kind in kinds))
    if evidence_kind in NUMBERED_KINDS:
        stated = {
            "reference": folded(evidence_kind, facts.reference),
            "amount_fen": facts.amount_fen,
            "dated_on": facts.dated_on,
        }
        missing = [name for name, value in stated.items() if not value]
        if missing:
            raise EvidenceReferenceMissing(missing=missing, missing_zh="、".join(_STATED_ZH[name] for name in missing))
    if facts.dated_on is not None and facts.dated_on > today:
        raise EvidenceDateInFuture(pointer="/dated_on")


def keys_of(evidence_kind: str, *, sha256: bytes, reference: str, provider_id: UUID) -> tuple[EvidenceKey, ...]:
    """All keys by which a piece is its order's own: its content, and its number where it has one.

    Invoices and transfers have numbers that the country knows once; contracts and usage statements have their
    provider's. An older invoice written without its code is known by the short number alone.
    """
    content = EvidenceKey(KeyScheme.CONTENT, sha256.hex())
    number = folded(evidence_kind, reference)
    if not number or evidence_kind not in _NUMBERED_SCHEMES:
        return (content,)
    scheme = KeyScheme(evidence_kind)
    if scheme not in {KeyScheme.INVOICE, KeyScheme.TRANSFER}:
        number = f"{provider_id}:{number}"
    keys = (content, EvidenceKey(scheme, number))
    if scheme is KeyScheme.INVOICE and old_number(number) == number:
        return (*keys, EvidenceKey(KeyScheme.INVOICE_NUMBER, number))
    return keys


def noted_keys_of(evidence_kind: str, *, reference: str) -> tuple[EvidenceKey, ...]:
    """Keys that a piece leaves for others to meet and may share: the short number of an invoice with its code."""
    number = folded(evidence_kind, reference) if evidence_kind == KeyScheme.INVOICE else ""
    short = old_number(number)
    return (EvidenceKey(KeyScheme.INVOICE_NUMBER, short),) if short and short != number else ()


def barring_keys_of(evidence_kind: str, *, reference: str) -> tuple[EvidenceKey, ...]:
    """Keys that nobody else may have, though the piece does not take them: its invoice written without the code."""
    return tuple(EvidenceKey(KeyScheme.INVOICE, key.value) for key in noted_keys_of(evidence_kind, reference=reference))


def check_unused(use: EvidenceUse, keys: Iterable[EvidenceKey], *, used: Mapping[EvidenceKey, EvidenceUse]) -> None:
    """Refuse a key that stands for another order, or for another kind of the same order.

    What a withdrawn or rejected item was filed with may be filed again for its own order, never for another one.
    Raises: DuplicateEvidence, EvidenceOfTwoKinds. Source: A22, R10, Q13.
    """
    for key in keys:
        found = used.get(key, use)
        if found != use and found.order_id == use.order_id:
            raise EvidenceOfTwoKinds(
                evidence_kind=use.evidence_kind,
                kind_zh=_KIND_ZH.get(use.evidence_kind, "其他材料"),
                earlier_kind=found.evidence_kind,
                earlier_zh=_KIND_ZH.get(found.evidence_kind, "其他材料"),
            )
        if found != use:
            raise DuplicateEvidence(
                evidence_kind=use.evidence_kind,
                kind_zh=_KIND_ZH.get(use.evidence_kind, "材料"),
                known_by=key.scheme.value,
            )


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
