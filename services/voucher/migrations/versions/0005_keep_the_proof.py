"""Keep the proof: accounts as their postings came to, differences until they are explained, and whole proofs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proof",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("audited_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("whole_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("postings", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("plans", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("posted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_proof_one")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_proof")),
    )
    op.create_table(
        "proof_difference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("quota_account_id", sa.Uuid(), nullable=True),
        sa.Column("stored_fen", sa.BigInteger(), nullable=False),
        sa.Column("computed_fen", sa.BigInteger(), nullable=False),
        sa.Column("found_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_found_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("gone_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("explanation", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("explained_by", sa.Uuid(), nullable=True),
        sa.Column("explained_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof_difference")),
    )
    op.create_index(
        "proof_difference_account",
        "proof_difference",
        ["quota_account_id"],
        unique=False,
        postgresql_where=sa.text("explained_at IS NULL"),
    )
    op.create_index(
        "proof_difference_open",
        "proof_difference",
        ["check_name", "subject_id", "account"],
        unique=True,
        postgresql_where=sa.text("explained_at IS NULL"),
    )
    op.create_table(
        "proof_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=True),
        sa.Column("begun_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("accounts_done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("postings_done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'finished', 'failed')", name=op.f("ck_proof_run_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof_run")),
    )
    op.create_index(
        "proof_run_running", "proof_run", ["state"], unique=True, postgresql_where=sa.text("state = 'running'")
    )
    op.create_table(
        "proved_account",
        sa.Column("quota_account_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("granted_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("revoked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("left_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("earmarked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("available_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("redeemed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("taken_back_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("postings", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("sound", sa.Boolean(), nullable=False),
        sa.Column("proved_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("quota_account_id", name=op.f("pk_proved_account")),
        postgresql_with={"fillfactor": "50"},
    )


def downgrade() -> None:
    op.drop_table("proved_account")
    op.drop_index("proof_run_running", table_name="proof_run", postgresql_where=sa.text("state = 'running'"))
    op.drop_table("proof_run")
    op.drop_index(
        "proof_difference_open", table_name="proof_difference", postgresql_where=sa.text("explained_at IS NULL")
    )
    op.drop_index(
        "proof_difference_account", table_name="proof_difference", postgresql_where=sa.text("explained_at IS NULL")
    )
    op.drop_table("proof_difference")
    op.drop_table("proof")
