"""Voucher's facts, the commands it accepts from sagas, and its replies. All amounts are fen."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Command, Fact, Reply


class LineAmount(msgspec.Struct, frozen=True, kw_only=True):
    """The voucher share of one order line."""

    line: int
    amount_fen: int


class PlanFact(Fact, frozen=True, kw_only=True):
    """A fact of one year's issue plan. Source: A15."""

    stream: ClassVar[str] = "voucher.plan"
    key: ClassVar[str] = "plan_id"

    plan_id: UUID
    year: int
    total_fen: int


class PlanDrafted(PlanFact, frozen=True, kw_only=True):
    """The bureau drafted a plan."""

    name: ClassVar[str] = "voucher.plan_drafted"


class PlanApproved(PlanFact, frozen=True, kw_only=True):
    """A second person of the bureau approved the plan."""

    name: ClassVar[str] = "voucher.plan_approved"


class PlanRefused(PlanFact, frozen=True, kw_only=True):
    """A second person of the bureau did not approve the draft; the year may be given another plan."""

    name: ClassVar[str] = "voucher.plan_refused"


class PlanWithdrawn(PlanFact, frozen=True, kw_only=True):
    """Whoever drafted the plan took it back before it was published."""

    name: ClassVar[str] = "voucher.plan_withdrawn"


class PlanPublished(PlanFact, frozen=True, kw_only=True):
    """The operator configured and published the plan; applications are open from `opens_at`."""

    name: ClassVar[str] = "voucher.plan_published"

    opens_at: datetime
    closes_at: datetime


class PlanIncreased(PlanFact, frozen=True, kw_only=True):
    """The plan's total was raised; the waiting list is served first."""

    name: ClassVar[str] = "voucher.plan_increased"


class PlanClosed(PlanFact, frozen=True, kw_only=True):
    """The year is over and its unused quota was taken back. Source: Q5."""

    name: ClassVar[str] = "voucher.plan_closed"


class ApplicationFact(Fact, frozen=True, kw_only=True):
    """A fact of one application (ticket) in a plan's queue."""

    stream: ClassVar[str] = "voucher.application"
    key: ClassVar[str] = "application_id"

    application_id: UUID
    enterprise_id: UUID
    plan_id: UUID
    year: int
    ticket_no: int


class ApplicationDecided(ApplicationFact, frozen=True, kw_only=True):
    """The allocator decided a place: `earmarked`, `waiting` (some or all of it), or `refused`."""

    name: ClassVar[str] = "voucher.application_decided"

    outcome: str
    earmarked_fen: int
    waiting_fen: int
    code: str = ""


class ApplicationReviewed(ApplicationFact, frozen=True, kw_only=True):
    """The operator decided: `granted`, `refused` or `sent_back`. Source: A16."""

    name: ClassVar[str] = "voucher.application_reviewed"

    outcome: str
    granted_fen: int


class ApplicationClosed(ApplicationFact, frozen=True, kw_only=True):
    """The ticket left the queue: withdrawn, year end, or nothing can come of it."""

    name: ClassVar[str] = "voucher.application_closed"

    reason: str


class QuotaMoved(Fact, frozen=True, kw_only=True):
    """One movement of an enterprise's quota account, with the balances after it. Source: R24-R36.

    `movement` is grant, hold, release, commit, refund, claim, unclaim, redeem, short, recover or revoke.
    """

    stream: ClassVar[str] = "voucher.account"
    key: ClassVar[str] = "quota_account_id"
    name: ClassVar[str] = "voucher.quota_moved"

    quota_account_id: UUID
    enterprise_id: UUID
    year: int
    movement: str
    amount_fen: int
    available_fen: int
    held_fen: int
    committed_fen: int
    claimed_fen: int
    redeemed_fen: int
    taken_back_fen: int
    order_id: UUID | None = None
    reason: str = ""


class HoldVoucher(Command, frozen=True, kw_only=True):
    """Hold the voucher part of an order: available to held."""

    name: ClassVar[str] = "voucher.hold"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    enterprise_id: UUID
    year: int
    lines: tuple[LineAmount, ...]


class ReleaseVoucher(Command, frozen=True, kw_only=True):
    """Give a hold back: held to available. One that overtakes its hold closes the order, so the hold is refused."""

    name: ClassVar[str] = "voucher.release"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    reason: str


class CommitVoucher(Command, frozen=True, kw_only=True):
    """Make a hold firm after the provider's confirmation: held to committed."""

    name: ClassVar[str] = "voucher.commit"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID


class RefundVoucher(Command, frozen=True, kw_only=True):
    """Return committed lines: committed to available, in a closed year to taken back. Source: A20, Q5."""

    name: ClassVar[str] = "voucher.refund"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    lines: tuple[int, ...]


class ClaimVoucher(Command, frozen=True, kw_only=True):
    """Lock what is committed for a claim: committed to claimed."""

    name: ClassVar[str] = "voucher.claim"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    claim_id: UUID


class UnclaimVoucher(Command, frozen=True, kw_only=True):
    """A claim was withdrawn or rejected: claimed to committed. Source: Q13."""

    name: ClassVar[str] = "voucher.unclaim"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    claim_id: UUID


class RedeemVoucher(Command, frozen=True, kw_only=True):
    """A claim was paid: claimed to redeemed, and the unpaid part to taken back. Source: Q17."""

    name: ClassVar[str] = "voucher.redeem"
    orchestrator: ClassVar[str] = "order"

    order_id: UUID
    claim_id: UUID
    paid_fen: int


VOUCHER_COMMANDS: tuple[type[Command], ...] = (
    HoldVoucher,
    ReleaseVoucher,
    CommitVoucher,
    RefundVoucher,
    ClaimVoucher,
    UnclaimVoucher,
    RedeemVoucher,
)


class VoucherReply(Reply, frozen=True, kw_only=True):
    """Voucher's answer about one order; `amount_fen` is what moved in all."""

    order_id: UUID
    amount_fen: int


class VoucherHeld(VoucherReply, frozen=True, kw_only=True):
    """The hold stands."""

    name: ClassVar[str] = "voucher.held"


class VoucherReleased(VoucherReply, frozen=True, kw_only=True):
    """The hold is gone; 0 when there never was one."""

    name: ClassVar[str] = "voucher.released"


class VoucherCommitted(VoucherReply, frozen=True, kw_only=True):
    """The hold is firm."""

    name: ClassVar[str] = "voucher.committed"


class VoucherRefunded(VoucherReply, frozen=True, kw_only=True):
    """The lines are back on the account, or taken back in a closed year."""

    name: ClassVar[str] = "voucher.refunded"


class VoucherClaimed(VoucherReply, frozen=True, kw_only=True):
    """What was committed is locked for the claim."""

    name: ClassVar[str] = "voucher.claimed"


class VoucherUnclaimed(VoucherReply, frozen=True, kw_only=True):
    """The lock is gone; the money is committed again."""

    name: ClassVar[str] = "voucher.unclaimed"


class VoucherRedeemed(VoucherReply, frozen=True, kw_only=True):
    """The claim's money is redeemed."""

    name: ClassVar[str] = "voucher.redeemed"


VOUCHER_REPLIES: tuple[type[VoucherReply], ...] = (
    VoucherHeld,
    VoucherReleased,
    VoucherCommitted,
    VoucherRefunded,
    VoucherClaimed,
    VoucherUnclaimed,
    VoucherRedeemed,
)
