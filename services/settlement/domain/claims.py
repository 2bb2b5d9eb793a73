"""The claim and its items as values. Amounts are fen, moments aware UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from services.settlement.domain.refusals import ItemNotWaiting, ItemPastWithdrawal, ItemUnknown
from services.settlement.domain.states import ENDED_ITEMS, ITEM_MOVES, ClaimState, ItemState

WITHDRAWABLE = frozenset({ItemState.OPEN, ItemState.PASSED, ItemState.ENDORSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimItem:
    """One order in a claim. `voucher_fen` is what is claimed, known once the order service has locked it."""

    claim_id: UUID
    order_id: UUID
    state: ItemState
    voucher_fen: int | None = None
    refusal_code: str = ""
    refusal_article: str = ""
    refusal_detail: str = ""
    truth_opinion: str = ""
    validity_opinion: str = ""
    first_reviewed_by: UUID | None = None
    first_reviewed_at: datetime | None = None
    bureau_reason: str = ""
    bureau_reviewed_by: UUID | None = None
    bureau_reviewed_at: datetime | None = None
    ended_reason: str = ""
    appropriation_id: UUID | None = None
    approved_fen: int | None = None
    approved_reason: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The item that its stored values make."""
        return cls(**{**dict(values), "state": ItemState(values["state"])})

    def moved(self, state: ItemState, **changes: object) -> "ClaimItem":
        """The item in its next state. Raises: Bug when rules did not rule that out."""
        ITEM_MOVES.check(self.state, state)
        return replace(self, state=state, **changes)  # type: ignore[arg-type] # field names are checked by replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A provider's claim for some of its orders; `version` counts the facts said about it, 0 for a draft."""

    id: UUID
    serial: int
    provider_id: UUID
    state: ClaimState
    version: int
    window_closes_at: datetime | None
    created_at: datetime
    items: Mapping[UUID, ClaimItem]

    def item(self, order_id: UUID) -> ClaimItem:
        """The item of an order. Raises: ItemUnknown."""
        found = self.items.get(order_id)
        if found is None:
            raise ItemUnknown
        return found

    def with_items(self, *changed: ClaimItem) -> "Claim":
        """The claim with some items replaced."""
        return replace(self, items={**self.items, **{item.order_id: item for item in changed}})

    def live_items(self) -> list[ClaimItem]:
        """The items that have not ended."""
        return [item for item in self.items.values() if item.state not in ENDED_ITEMS]


def waiting_item(claim: Claim, order_id: UUID, *, state: ItemState) -> ClaimItem:
    """The item, which must wait in `state`. Raises: ItemUnknown, ItemNotWaiting. Source: A23."""
    item = claim.item(order_id)
    if item.state is not state:
        raise ItemNotWaiting(state=item.state.value)
    return item


def withdrawn_item(item: ClaimItem, *, reason: str) -> ClaimItem:
    """The item withdrawn by its provider. Raises: ItemPastWithdrawal. Source: A24, Q13."""
    if item.state not in WITHDRAWABLE:
        raise ItemPastWithdrawal(state=item.state.value)
    return item.moved(ItemState.WITHDRAWN, ended_reason=reason, appropriation_id=None)


def claim_number(serial: int, *, year: int) -> str:
    """The number people call a claim by."""
    return f"DX{year}-{serial:06d}"


def appropriation_number(serial: int, *, year: int) -> str:
    """The number people call an appropriation by."""
    return f"BF{year}-{serial:06d}"
