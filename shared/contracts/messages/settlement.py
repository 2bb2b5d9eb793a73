"""Settlement's facts, the commands it accepts from the claim saga, and its replies. All amounts are fen."""

from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Command, Fact, Reply


class ClaimFact(Fact, frozen=True, kw_only=True):
    """A fact of one claim."""

    stream: ClassVar[str] = "settlement.claim"
    key: ClassVar[str] = "claim_id"

    claim_id: UUID
    provider_id: UUID


class ClaimSubmitted(ClaimFact, frozen=True, kw_only=True):
    """A provider filed a claim for confirmed orders, with evidence. Source: A22."""

    name: ClassVar[str] = "settlement.claim_submitted"

    order_ids: tuple[UUID, ...]
    window_closes_on: date


class ClaimItemEnded(ClaimFact, frozen=True, kw_only=True):
    """An item left the claim unpaid: withdrawn by the provider or rejected by a reviewer. Source: Q13."""

    name: ClassVar[str] = "settlement.claim_item_ended"

    order_id: UUID
    reason: str


class ClaimAdvanced(ClaimFact, frozen=True, kw_only=True):
    """The claim reached another state of its review."""

    name: ClassVar[str] = "settlement.claim_advanced"

    state: str


class ItemPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid for one order."""

    order_id: UUID
    paid_fen: int


class ClaimPaid(ClaimFact, frozen=True, kw_only=True):
    """The appropriation was paid; approved is at most claimed. Source: A24, Q17."""

    name: ClassVar[str] = "settlement.claim_paid"

    items: tuple[ItemPayment, ...]
    payment_reference: str


class OpenItem(Command, frozen=True, kw_only=True):
    """The order is claimed and its voucher money locked: the item may be reviewed."""

    name: ClassVar[str] = "settlement.open_item"
    orchestrator: ClassVar[str] = "order"

    claim_id: UUID
    order_id: UUID
    voucher_fen: int


class RefuseItem(Command, frozen=True, kw_only=True):
    """The order could not be claimed; the other items of the claim go on."""

    name: ClassVar[str] = "settlement.refuse_item"
    orchestrator: ClassVar[str] = "order"

    claim_id: UUID
    order_id: UUID
    code: str
    article: str
    detail: str


class ItemReply(Reply, frozen=True, kw_only=True):
    """Settlement's answer about one item."""

    claim_id: UUID
    order_id: UUID


class ItemOpened(ItemReply, frozen=True, kw_only=True):
    """The item is open for review."""

    name: ClassVar[str] = "settlement.item_opened"


class ItemRefused(ItemReply, frozen=True, kw_only=True):
    """The item is closed as refused."""

    name: ClassVar[str] = "settlement.item_refused"
