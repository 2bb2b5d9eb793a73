"""A plan, its intake counter and its applications, as the queue's rules see them. All amounts are fen."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.voucher.domain.allocation import Pool
from services.voucher.domain.states import CUT_SHOWN, ApplicationState, PlanState


class IntakeCounter(msgspec.Struct, kw_only=True):
    """The intake counter of a plan, locked, with what an application must know of the plan."""

    plan_id: UUID
    last_ticket_no: int
    closed: bool
    state: PlanState
    year: int
    opens_at: datetime
    closes_at: datetime
    cap_fen: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, locked."""

    id: UUID
    year: int
    state: PlanState
    total_fen: int
    left_fen: int
    earmarked_fen: int
    lane_left_fen: int
    lane_share_bp: int
    lane_until: datetime | None
    cap_fen: int
    closes_at: datetime
    pack_version: str
    decided_to: int
    last_decision_no: int
    allocator_epoch: int
    version: int

    def pool(self) -> Pool:
        """What the queue's rule needs of the plan."""
        return Pool(
            left_fen=self.left_fen,
            lane_left_fen=self.lane_left_fen,
            cap_fen=self.cap_fen,
            last_decision_no=self.last_decision_no,
            decided_to=self.decided_to,
        )

    def after(self, pool: Pool, **changes: Any) -> "Plan":  # noqa: ANN401 - other columns
        """The plan with what the rule left, and other changes."""
        changed: Plan = msgspec.structs.replace(
            self,
            left_fen=pool.left_fen,
            lane_left_fen=pool.lane_left_fen,
            last_decision_no=pool.last_decision_no,
            decided_to=pool.decided_to,
            **changes,
        )
        return changed


class Application(msgspec.Struct, frozen=True):
    """An application that has its ticket, in the order of the statements' columns."""

    id: UUID
    plan_id: UUID
    year: int
    ticket_no: int
    enterprise_id: UUID
    region: str
    listed: bool
    requested_fen: int
    state: ApplicationState
    earmarked_fen: int
    granted_fen: int
    waiting_fen: int
    code: str
    reason: str
    decided_at: datetime | None
    review_due_at: datetime | None
    version: int

    @property
    def cut_fen(self) -> int:
        """What was asked for beyond the yearly cap, of a ticket that was decided and is not ended. Source: Q1, R29."""
        if self.state not in CUT_SHOWN:
            return 0
        return self.requested_fen - self.earmarked_fen - self.granted_fen - self.waiting_fen


class QueuedTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket that was never decided, in the order of the statement's columns."""

    ticket_no: int
    enterprise_id: UUID
    asked_fen: int
    listed: bool
    id: UUID
    region: str
    quota_account_id: UUID | None
    """The enterprise's account of the plan's year, where there is one: only the allocator, under the plan's lock, opens
    accounts."""


class NewTicket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A ticket to be written, in the order of the statement's columns."""

    id: UUID
    plan_id: UUID
    year: int
    ticket_no: int
    enterprise_id: UUID
    region: str
    listed: bool
    requested_fen: int
    correction: str
    declaration_version: str
    account_id: UUID
    request_hash: bytes
    receipt_signature: bytes
