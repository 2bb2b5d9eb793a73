"""The tables of settlement. The CHECKs repeat what the rules hold; amounts are fen."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.settlement.domain.states import LIVE_ITEMS, AppropriationState, ClaimState, ItemState, OverrideState
from shared.documents.loose_files import loose_files
from shared.runtime.tables import APPEND_ONLY, Of, attach, moment, new_metadata, own, party_rows, staff_rows

METADATA = new_metadata()
RUNTIME = attach(
    METADATA,
    decisions=[Of("subject_id", "claim"), Of("subject_id", "appropriation")],
    facts=[Of("aggregate_id", "claim"), Of("aggregate_id", "appropriation")],
)

_OF_CLAIM = party_rows(Of("claim_id", "claim"))


def listed(values: Iterable[str]) -> str:
    """Values of our own as SQL lists them."""
    return ", ".join(f"'{value}'" for value in sorted(values))


def _states(states: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"state IN ({listed(states)})", name="state")


PARTY = Table(
    "party",
    METADATA,
    Column("organisation_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("credit_code", Text, nullable=False),
    Column("recognised", Boolean, nullable=False),
    moment("suspended_since", nullable=True),
    Column("blacklisted", Boolean, nullable=False, server_default=text("false")),
    Column("closed", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    # The reader itself, and whom it has an order with: both stand by name in claims.
    info=party_rows(
        own("organisation_id"),
        Of("organisation_id", "order_copy", "enterprise_id"),
        Of("organisation_id", "order_copy", "provider_id"),
    ),
)

AFFILIATION = Table(
    "affiliation",
    METADATA,
    Column("affiliation_id", Uuid, primary_key=True),
    Column("enterprise_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    # Declared by a party, recorded by the operator, or automatic; the source in words stays with identity.
    Column("origin", Text, nullable=False, server_default=text("''")),
    moment("recorded_at", nullable=True),
    Column("ended", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False),
    Index("affiliation_pair", "enterprise_id", "provider_id", postgresql_where=text("NOT ended")),
    info=party_rows(own("enterprise_id", "provider_id")),
)

ORDER = Table(
    "order_copy",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False),
    Column("enterprise_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("year", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("refund_open", Boolean, nullable=False, server_default=text("false")),
    Column("claim_id", Uuid),
    # The lines that are not refunded, as the order's fact has them.
    Column("lines", JSONB, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("voucher_fen", BigInteger, nullable=False),
    moment("placed_at"),
    moment("confirmed_at", nullable=True),
    Column("version", Integer, nullable=False),
    CheckConstraint("voucher_fen >= 0 AND voucher_fen <= fee_fen", name="voucher_within_fee"),
    Index("order_copy_provider_id_order_id", "provider_id", "order_id"),
    info=party_rows(own("enterprise_id", "provider_id")),
)

CLAIM = Table(
    "claim",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("serial", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("provider_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("declaration_version", Text, nullable=False, server_default=text("''")),
    Column("pack_version", Text, nullable=False, server_default=text("''")),
    moment("created_at"),
    Column("submitted_by", Uuid),
    moment("filed_at", nullable=True),
    moment("window_closes_at", nullable=True),
    moment("state_since"),
    _states(ClaimState),
    CheckConstraint("version >= 0", name="version"),
    CheckConstraint(
        "state IN ('draft', 'withdrawn') OR (version > 0 AND filed_at IS NOT NULL AND window_closes_at IS NOT NULL)",
        name="filed",
    ),
    Index("claim_provider_id_id", "provider_id", "id"),
    Index("claim_state_id", "state", "id"),
    info=party_rows(own("provider_id")),
)

ITEM = Table(
    "claim_item",
    METADATA,
    Column("claim_id", Uuid, ForeignKey("claim.id"), nullable=False),
    Column("order_id", Uuid, ForeignKey("order_copy.order_id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("voucher_fen", BigInteger),
    Column("refusal_code", Text, nullable=False, server_default=text("''")),
    Column("refusal_article", Text, nullable=False, server_default=text("''")),
    Column("refusal_detail", Text, nullable=False, server_default=text("''")),
    Column("truth_opinion", Text, nullable=False, server_default=text("''")),
    Column("validity_opinion", Text, nullable=False, server_default=text("''")),
    Column("first_reviewed_by", Uuid),
    moment("first_reviewed_at", nullable=True),
    Column("bureau_reason", Text, nullable=False, server_default=text("''")),
    Column("bureau_reviewed_by", Uuid),
    moment("bureau_reviewed_at", nullable=True),
    Column("ended_reason", Text, nullable=False, server_default=text("''")),
    Column("appropriation_id", Uuid, ForeignKey("appropriation.id")),
    Column("approved_fen", BigInteger),
    Column("approved_reason", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("claim_id", "order_id"),
    _states(ItemState),
    CheckConstraint("voucher_fen > 0", name="voucher_positive"),
    CheckConstraint("approved_fen >= 0 AND approved_fen <= voucher_fen", name="approved_within_claimed"),
    CheckConstraint("approved_fen = voucher_fen OR approved_reason <> ''", name="reduction_explained"),
    CheckConstraint("bureau_reviewed_by <> first_reviewed_by", name="two_persons"),
    CheckConstraint("state NOT IN ('approved', 'paid') OR approved_fen IS NOT NULL", name="approved"),
    Index(
        "claim_item_live_order",
        "order_id",
        unique=True,
        postgresql_where=text(f"state IN ({listed(LIVE_ITEMS)})"),
    ),
    Index("claim_item_appropriation_id", "appropriation_id"),
    # Orders are compared with all items of theirs, ended ones too.
    Index("claim_item_order_id", "order_id"),
    info=_OF_CLAIM,
)

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("claim_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    # As it was written, and what identifies it: two texts of one number have one folded form.
    Column("reference", Text, nullable=False),
    Column("reference_folded", Text, nullable=False, server_default=text("''")),
    Column("amount_fen", BigInteger),
    Column("dated_on", Date),
    Column("sha256", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("legible", Boolean, nullable=False),
    Column("blob_key", Text, nullable=False, unique=True),
    Column("filed_by", Uuid),
    moment("filed_at"),
    UniqueConstraint("claim_id", "order_id", "kind"),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    info=_OF_CLAIM,
)

LOOSE_FILE = loose_files(METADATA)

# A key is bound when its claim is submitted and is never freed: what was filed for one order cannot serve another.
EVIDENCE_KEY = Table(
    "evidence_key",
    METADATA,
    Column("scheme", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    PrimaryKeyConstraint("scheme", "value"),
    info=APPEND_ONLY | staff_rows("keys are compared when a claim is filed, and shown to nobody"),
)

# Who opened which evidence when; written before the file leaves.
EVIDENCE_READ = Table(
    "evidence_read",
    METADATA,
    Column("id", Uuid, primary_key=True),
    # A claim's view, one piece of its evidence, or an export of a year.
    Column("what", Text, nullable=False),
    Column("claim_id", Uuid),
    Column("order_id", Uuid),
    Column("kind", Text, nullable=False, server_default=text("''")),
    Column("account_id", Uuid, nullable=False),
    Column("organisation_id", Uuid),
    Column("role", Text, nullable=False),
    moment("read_at"),
    CheckConstraint("what IN ('claim', 'document', 'export')", name="what"),
    Index("evidence_read_claim_id_id", "claim_id", "id"),
    Index("evidence_read_account_id_id", "account_id", "id"),
    info=APPEND_ONLY | staff_rows("who read what is for auditors"),
)

# What two people lift for one item: for its amount, for the conditions they saw, until it expires.
OVERRIDE = Table(
    "override",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("claim_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("marks", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_by", Uuid, nullable=False),
    moment("proposed_at"),
    Column("decided_by", Uuid),
    Column("decision_reason", Text, nullable=False, server_default=text("''")),
    moment("decided_at", nullable=True),
    moment("expires_at", nullable=True),
    ForeignKeyConstraint(["claim_id", "order_id"], ["claim_item.claim_id", "claim_item.order_id"]),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("reason <> ''", name="explained"),
    CheckConstraint(f"state IN ({listed(OverrideState)})", name="state"),
    CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
    CheckConstraint("state <> 'approved' OR (decided_by <> proposed_by AND decision_reason <> '')", name="two_persons"),
    CheckConstraint("(state = 'approved') = (expires_at IS NOT NULL)", name="expires"),
    Index("override_item", "claim_id", "order_id"),
    Index("override_open", "claim_id", "order_id", unique=True, postgresql_where=text("state = 'proposed'")),
    info=_OF_CLAIM,
)

QUESTION = Table(
    "question",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("claim_id", Uuid, ForeignKey("claim.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("asked_by", Uuid, nullable=False),
    moment("asked_at"),
    moment("due_at"),
    Column("answer", Text, nullable=False, server_default=text("''")),
    Column("answered_by", Uuid),
    moment("answered_at", nullable=True),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    moment("escalated_at", nullable=True),
    CheckConstraint("(answered_at IS NULL) = (answer = '')", name="answered"),
    Index("question_claim_id", "claim_id"),
    Index("question_open", "id", postgresql_where=text("answered_at IS NULL")),
    info=_OF_CLAIM,
)

APPROPRIATION = Table(
    "appropriation",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("serial", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("provider_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("declaration_version", Text, nullable=False),
    Column("requested_by", Uuid),
    moment("requested_at"),
    Column("decided_by", Uuid),
    moment("decided_at", nullable=True),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("approved_fen", BigInteger),
    Column("payment_reference", Text, nullable=False, server_default=text("''")),
    Column("payment_key", Text, unique=True),
    Column("paid_on", Date),
    Column("paid_fen", BigInteger),
    Column("paid_by", Uuid),
    moment("paid_at", nullable=True),
    moment("state_since"),
    _states(AppropriationState),
    CheckConstraint("(state = 'paid') = (payment_key IS NOT NULL)", name="paid_once"),
    CheckConstraint("state <> 'paid' OR (paid_fen IS NOT NULL AND paid_fen = approved_fen)", name="paid_as_approved"),
    CheckConstraint("state NOT IN ('approved', 'paid') OR approved_fen > 0", name="approved"),
    CheckConstraint("paid_by <> decided_by", name="two_persons"),
    Index("appropriation_provider_id_id", "provider_id", "id"),
    Index("appropriation_state_id", "state", "id"),
    # For the export of a month or year of approval.
    Index("appropriation_decided_at", "decided_at", postgresql_where=text("decided_at IS NOT NULL")),
    info=party_rows(own("provider_id")),
)
