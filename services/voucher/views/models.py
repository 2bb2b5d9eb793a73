"""What the voucher service answers with. All amounts are fen."""

from datetime import datetime
from uuid import UUID

from shared.contracts.http.resources import Resource


class PlanView(Resource):
    """A year's issue plan; `ended_reason` is why a draft was refused or withdrawn. Source: A15, R14."""

    id: UUID
    year: int
    state: str
    total_fen: int
    left_fen: int
    earmarked_fen: int
    lane_share_bp: int
    lane_left_fen: int
    lane_until: datetime | None
    cap_fen: int
    opens_at: datetime
    closes_at: datetime
    ended_reason: str
    pack_version: str
    version: int


class IncreaseView(Resource):
    """A proposed increase of a plan and what became of it; `ended_reason` is why it was refused or withdrawn."""

    id: UUID
    plan_id: UUID
    amount_fen: int
    reason: str
    state: str
    drafted_at: datetime
    ended_reason: str = ""
    ended_at: datetime | None = None
    version: int


class RevocationView(Resource):
    """A proposed revocation of unused quota and what became of it."""

    id: UUID
    quota_account_id: UUID
    amount_fen: int
    reason: str
    state: str
    proposed_at: datetime
    ended_reason: str = ""
    ended_at: datetime | None = None
    version: int


class ApplicationView(Resource):
    """One application. `code` and `reason` say why when it came to nothing.

    `cut_fen` is what was asked for beyond the yearly cap and is not given (A16, Q1); `correction` is what the applicant
    says it has corrected since it was sent back.
    """

    id: UUID
    plan_id: UUID
    year: int
    ticket_no: int
    enterprise_id: UUID
    enterprise_name: str | None = None
    region: str
    listed: bool
    requested_fen: int
    state: str
    earmarked_fen: int
    granted_fen: int
    waiting_fen: int
    cut_fen: int
    code: str
    reason: str
    correction: str
    received_at: datetime
    decided_at: datetime | None
    review_due_at: datetime | None
    request_sha256: str
    receipt_kid: str
    receipt_signature: str
    version: int


class QuotaAccountView(Resource):
    """A quota account with its balances."""

    id: UUID
    plan_id: UUID
    enterprise_id: UUID
    enterprise_name: str | None = None
    year: int
    region: str
    cap_fen: int
    granted_fen: int
    revoked_fen: int
    earmarked_fen: int
    available_fen: int
    held_fen: int
    committed_fen: int
    claimed_fen: int
    redeemed_fen: int
    taken_back_fen: int
    closed: bool
    version: int


class MovementView(Resource):
    """One posting of an account: what moved from where to where, and why."""

    id: UUID
    movement: str
    debit_account: str
    credit_account: str
    amount_fen: int
    order_id: UUID | None
    line: int | None
    application_id: UUID | None
    reason: str
    rule: str
    pack_version: str
    at: datetime


class QueueItem(Resource):
    """A place in the public queue: no names, only what proves the order. Source: Q2."""

    ticket_no: int
    request_sha256: str
    received_at: datetime
    state: str
    requested_fen: int
    earmarked_fen: int
    granted_fen: int
    waiting_fen: int


class QueuePage(Resource):
    """A page of the public queue, in ticket order; `next_after` continues after it."""

    plan_id: UUID
    data: list[QueueItem]
    next_after: int | None


class ReceiptKeyView(Resource):
    """A public Ed25519 key by which receipts are checked (base64, 32 bytes)."""

    kid: str
    algorithm: str
    public_key: str


class ReceiptCheck(Resource):
    """Whether a receipt was signed by this service, and whether its ticket is in the queue as it says."""

    valid: bool
    in_queue: bool
