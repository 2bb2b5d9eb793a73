"""What the proof of the ledger has found so far; none of it is money (ADR 0032)."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.voucher.domain.states import ProofState
from services.voucher.tables.base import METADATA, fen, one_of
from shared.runtime.tables import moment, staff_rows

PROVED_ACCOUNT = Table(
    "proved_account",
    METADATA,
    Column("quota_account_id", Uuid, primary_key=True),
    Column("plan_id", Uuid, nullable=False),
    # The version and the balances that the account's postings made when they were last added up.
    Column("version", Integer, nullable=False),
    fen("granted_fen"),
    fen("revoked_fen"),
    fen("total_fen"),
    fen("left_fen"),
    fen("earmarked_fen"),
    fen("available_fen"),
    fen("held_fen"),
    fen("committed_fen"),
    fen("claimed_fen"),
    fen("redeemed_fen"),
    fen("taken_back_fen"),
    Column("postings", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("sound", Boolean, nullable=False),
    moment("proved_at"),
    postgresql_with={"fillfactor": "50"},
    info=staff_rows("the proof reads the whole ledger"),
)

PROOF = Table(
    "proof",
    METADATA,
    Column("number", Integer, primary_key=True),
    moment("audited_at"),
    # When a proof that read every posting began, and whether there was one.
    moment("whole_at", nullable=True),
    Column("accounts", BigInteger, nullable=False),
    Column("postings", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("plans", JSONB, nullable=False),
    Column("posted", JSONB, nullable=False),
    CheckConstraint("number = 1", name="one"),
    info=staff_rows("the proof reads the whole ledger"),
)

PROOF_DIFFERENCE = Table(
    "proof_difference",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("check_name", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("account", Text, nullable=False),
    # The quota account whose proof found it, or nobody's where a plan differs.
    Column("quota_account_id", Uuid),
    Column("stored_fen", BigInteger, nullable=False),
    Column("computed_fen", BigInteger, nullable=False),
    moment("found_at"),
    moment("last_found_at"),
    moment("gone_at", nullable=True),
    Column("explanation", Text, nullable=False, server_default=text("''")),
    Column("explained_by", Uuid),
    moment("explained_at", nullable=True),
    Index(
        "proof_difference_open",
        *("check_name", "subject_id", "account"),
        unique=True,
        postgresql_where=text("explained_at IS NULL"),
    ),
    Index("proof_difference_account", "quota_account_id", postgresql_where=text("explained_at IS NULL")),
    info=staff_rows("the proof reads the whole ledger"),
)

PROOF_RUN = Table(
    "proof_run",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("begun_by", Uuid),
    moment("begun_at"),
    # Every account up to this one has been proved.
    Column("after_id", Uuid, nullable=False),
    Column("accounts", BigInteger, nullable=False),
    Column("accounts_done", BigInteger, nullable=False, server_default=text("0")),
    Column("postings_done", BigInteger, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("differences", Integer),
    moment("ended_at", nullable=True),
    one_of("state", ProofState),
    Index("proof_run_running", "state", unique=True, postgresql_where=text("state = 'running'")),
    info=staff_rows("the proof reads the whole ledger"),
)
