"""The papers of one draft: by what each is known, and whether two of them are one. Source: A22, R10, R76."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from services.settlement.domain.claims import Claim
from services.settlement.domain.evidence import (
    EvidenceKey,
    EvidenceUse,
    barring_keys_of,
    check_unused,
    keys_of,
    noted_keys_of,
)

Stated = frozenset[tuple[object, ...]]
"""Everything an order is filed with: kind, content, number, amount and date of each piece."""


@dataclass(slots=True)
class PaperSet:
    """`own` keys become the draft's alone, `noted` are left for others to meet, `barring` may be nobody else's."""

    kinds: dict[UUID, set[str]]
    stated: dict[UUID, Stated] = field(default_factory=dict)
    own: dict[EvidenceKey, EvidenceUse] = field(default_factory=dict)
    noted: dict[EvidenceKey, EvidenceUse] = field(default_factory=dict)
    barring: dict[EvidenceKey, EvidenceUse] = field(default_factory=dict)
    _pieces: list[tuple[EvidenceUse, tuple[EvidenceKey, ...]]] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], *, claim: Claim) -> Self:
        """The papers of the orders that are still in a draft."""
        papers = cls({item.order_id: set() for item in claim.live_items()})
        stated: dict[UUID, set[tuple[object, ...]]] = {order_id: set() for order_id in papers.kinds}
        for row in rows:
            if row["order_id"] in papers.kinds:
                papers._add(row, provider_id=claim.provider_id)
                stated[row["order_id"]].add(stated_of(row))
        papers.stated = {order_id: frozenset(found) for order_id, found in stated.items()}
        return papers

    def _add(self, row: Mapping[str, Any], *, provider_id: UUID) -> None:
        kind, reference = row["kind"], row["reference"]
        use = EvidenceUse(row["order_id"], kind)
        keys = keys_of(kind, sha256=row["sha256"], reference=reference, provider_id=provider_id)
        self.kinds[row["order_id"]].add(kind)
        self._pieces.append((use, keys))
        for key in keys:
            self.own.setdefault(key, use)
        self.barring |= dict.fromkeys(barring_keys_of(kind, reference=reference), use)
        self.noted |= dict.fromkeys(noted_keys_of(kind, reference=reference), use)

    def check_within(self) -> None:
        """Whether no piece serves two orders or two kinds of this draft. Raises: DuplicateEvidence."""
        for use, keys in self._pieces:
            check_unused(use, keys, used=self.own)
        for key, use in self.barring.items():
            check_unused(use, [key], used=self.own)


def stated_of(row: Mapping[str, Any]) -> tuple[object, ...]:
    """What a piece is, to see whether two filings of an order are the same."""
    return (row["kind"], row["sha256"], row["reference_folded"], row["amount_fen"], row["dated_on"])
