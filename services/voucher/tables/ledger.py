"""The books: quota accounts, holds and postings. Every CHECK repeats an invariant of the rules."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.voucher.domain.states import HoldState, IncreaseState, LedgerAccount, LineState
from services.voucher.tables.base import METADATA, ending, fen, one_of
from shared.runtime.tables import APPEND_ONLY, Of, moment, own, party_rows, staff_rows

QUOTA_ACCOUNT = Table(
    "quota_account",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("plan_id", Uuid, nullable=False),
    Column("enterprise_id", Uuid, nullable=False),
    Column("year", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("cap_fen", BigInteger, nullable=False),
    fen("granted_fen"),
    fen("revoked_fen"),
    fen("earmarked_fen"),
    fen("available_fen"),
    fen("held_fen"),
    fen("committed_fen"),
    fen("claimed_fen"),
    fen("redeemed_fen"),
    fen("taken_back_fen"),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("enterprise_id", "year"),
    CheckConstraint(
        "earmarked_fen >= 0 AND available_fen >= 0 AND held_fen >= 0 AND committed_fen >= 0 AND claimed_fen >= 0"
        " AND redeemed_fen >= 0 AND taken_back_fen >= 0 AND granted_fen >= 0 AND revoked_fen >= 0",
        name="balances",
    ),
    CheckConstraint("earmarked_fen + granted_fen - revoked_fen <= cap_fen", name="within_cap"),
    Index("quota_account_plan", "plan_id", "id"),
    postgresql_with={"fillfactor": "50"},
    info=party_rows(own("enterprise_id")),
)

HOLD = Table(
    "hold",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("quota_account_id", Uuid, ForeignKey("quota_account.id")),
    Column("state", Text, nullable=False),
    Column("claim_id", Uuid),
    Column("ended_claims", JSONB, nullable=False, server_default=text("'{}'")),
    Column("refusal", JSONB, nullable=False, server_default=text("'{}'")),
    Index("hold_account", "quota_account_id"),
    one_of("state", HoldState),
    postgresql_with={"fillfactor": "50"},
    info=staff_rows("holds are shown as movements"),
)

HOLD_LINE = Table(
    "hold_line",
    METADATA,
    Column("order_id", Uuid, ForeignKey("hold.order_id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    fen("paid_fen"),
    fen("short_fen"),
    PrimaryKeyConstraint("order_id", "line"),
    one_of("state", LineState),
    CheckConstraint("amount_fen >= 0 AND paid_fen >= 0 AND short_fen >= 0", name="amounts"),
    CheckConstraint(
        f"paid_fen + short_fen = CASE WHEN state = '{LineState.REDEEMED}' THEN amount_fen ELSE 0 END", name="paid"
    ),
    postgresql_with={"fillfactor": "50"},
    info=staff_rows("holds are shown as movements"),
)

POSTING = Table(
    "posting",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("business_key", Text, nullable=False),
    Column("plan_id", Uuid, nullable=False),
    Column("quota_account_id", Uuid),
    Column("movement", Text, nullable=False),
    Column("debit_account", Text, nullable=False),
    Column("credit_account", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("order_id", Uuid),
    Column("line", Integer),
    Column("application_id", Uuid),
    Column("reason", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("pack_version", Text, nullable=False),
    moment("at"),
    UniqueConstraint("business_key"),
    one_of("debit_account", LedgerAccount),
    one_of("credit_account", LedgerAccount),
    CheckConstraint("debit_account <> credit_account", name="two_accounts"),
    CheckConstraint("amount_fen > 0", name="amount"),
    Index("posting_account", "quota_account_id", "id"),
    info=APPEND_ONLY | party_rows(Of("quota_account_id", "quota_account")),
)

REVOCATION_CASE = Table(
    "revocation_case",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("quota_account_id", Uuid, ForeignKey("quota_account.id"), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed_by", Uuid),
    Column("approved_by", Uuid),
    *ending(),
    moment("proposed_at"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    CheckConstraint("amount_fen > 0", name="amount"),
    one_of("state", IncreaseState),
    info=staff_rows("revocations are shown to staff, and told by notice"),
)
