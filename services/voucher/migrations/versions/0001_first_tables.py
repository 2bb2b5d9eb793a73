"""first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
runtime_revision = "runtime_0001"


def upgrade() -> None:
    op.create_table(
        "allocation",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("decision_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticket_no", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cap_left_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("left_after_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lane_left_after_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen >= 0 AND left_after_fen >= 0", name=op.f("ck_allocation_amounts")),
        sa.PrimaryKeyConstraint("plan_id", "decision_no", name=op.f("pk_allocation")),
        info={"append_only": True},
    )
    op.create_table(
        "application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("ticket_no", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("requested_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("earmarked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("granted_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("declaration_version", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_kid", sa.Text(), nullable=False),
        sa.Column("receipt_signature", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("review_due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "is_open",
            sa.Boolean(),
            sa.Computed("state IN ('earmarked', 'queued', 'waiting')", persisted=True),
            nullable=True,
        ),
        sa.Column("waits", sa.Boolean(), sa.Computed("waiting_fen > 0", persisted=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'earmarked', 'waiting', 'granted', 'refused', 'sent_back', 'withdrawn', 'closed')",
            name=op.f("ck_application_state_known"),
        ),
        sa.CheckConstraint(
            "earmarked_fen + granted_fen + waiting_fen <= requested_fen", name=op.f("ck_application_within_request")
        ),
        sa.CheckConstraint(
            "earmarked_fen >= 0 AND granted_fen >= 0 AND waiting_fen >= 0", name=op.f("ck_application_balances")
        ),
        sa.CheckConstraint("requested_fen > 0", name=op.f("ck_application_requested")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("plan_id", "ticket_no", name=op.f("uq_application_plan_id_ticket_no")),
        postgresql_with={"fillfactor": "45"},
    )
    op.create_index("application_enterprise", "application", ["enterprise_id", "id"], unique=False)
    op.create_index(
        "application_one_open",
        "application",
        ["plan_id", "enterprise_id"],
        unique=True,
        postgresql_where=sa.text("is_open"),
    )
    op.create_index(
        "application_waiting", "application", ["plan_id", "ticket_no"], unique=False, postgresql_where=sa.text("waits")
    )
    op.create_table(
        "party",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("legal_person", sa.Boolean(), nullable=False),
        sa.Column("established_on", sa.Date(), nullable=True),
        sa.Column("priority_listed", sa.Boolean(), nullable=False),
        sa.Column("suspended_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_party")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("left_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("earmarked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lane_left_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lane_share_bp", sa.Integer(), nullable=False),
        sa.Column("lane_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("cap_fen", sa.BigInteger(), nullable=False),
        sa.Column("opens_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closes_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("drafted_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("decided_to", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_decision_no", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("allocator_epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'approved', 'published', 'closing', 'closed')", name=op.f("ck_plan_state_known")
        ),
        sa.CheckConstraint("lane_left_fen >= 0 AND lane_left_fen <= left_fen", name=op.f("ck_plan_lane_within_left")),
        sa.CheckConstraint("lane_share_bp BETWEEN 0 AND 10000", name=op.f("ck_plan_lane_share")),
        sa.CheckConstraint("left_fen + earmarked_fen <= total_fen", name=op.f("ck_plan_within_total")),
        sa.CheckConstraint("left_fen >= 0 AND earmarked_fen >= 0", name=op.f("ck_plan_balances")),
        sa.CheckConstraint("total_fen > 0 AND cap_fen > 0", name=op.f("ck_plan_amounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("year", name=op.f("uq_plan_year")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "posting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("quota_account_id", sa.Uuid(), nullable=True),
        sa.Column("movement", sa.Text(), nullable=False),
        sa.Column("debit_account", sa.Text(), nullable=False),
        sa.Column("credit_account", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("application_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "credit_account IN ('total', 'left', 'earmarked', 'available', 'held', 'committed', 'claimed', 'redeemed', 'taken_back')",
            name=op.f("ck_posting_credit_account_known"),
        ),
        sa.CheckConstraint(
            "debit_account IN ('total', 'left', 'earmarked', 'available', 'held', 'committed', 'claimed', 'redeemed', 'taken_back')",
            name=op.f("ck_posting_debit_account_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_posting_amount")),
        sa.CheckConstraint("debit_account <> credit_account", name=op.f("ck_posting_two_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
        sa.UniqueConstraint("business_key", name=op.f("uq_posting_business_key")),
        info={"append_only": True},
    )
    op.create_index("posting_account", "posting", ["quota_account_id", "id"], unique=False)
    op.create_table(
        "quota_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("cap_fen", sa.BigInteger(), nullable=False),
        sa.Column("granted_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("revoked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("earmarked_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("available_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("redeemed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("taken_back_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "earmarked_fen + granted_fen - revoked_fen <= cap_fen", name=op.f("ck_quota_account_within_cap")
        ),
        sa.CheckConstraint(
            "earmarked_fen >= 0 AND available_fen >= 0 AND held_fen >= 0 AND committed_fen >= 0 AND claimed_fen >= 0 AND redeemed_fen >= 0 AND taken_back_fen >= 0 AND granted_fen >= 0 AND revoked_fen >= 0",
            name=op.f("ck_quota_account_balances"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_account")),
        sa.UniqueConstraint("enterprise_id", "year", name=op.f("uq_quota_account_enterprise_id_year")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("quota_account_plan", "quota_account", ["plan_id", "id"], unique=False)
    op.create_table(
        "receipt_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_receipt_key")),
    )
    op.create_table(
        "allocator_lease",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_allocator_lease_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_allocator_lease")),
    )
    op.create_table(
        "hold",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("quota_account_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column(
            "ended_claims", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("refusal", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "state IN ('refused', 'closed', 'held', 'released', 'committed', 'claimed', 'redeemed')",
            name=op.f("ck_hold_state_known"),
        ),
        sa.ForeignKeyConstraint(["quota_account_id"], ["quota_account.id"], name=op.f("fk_hold_quota_account_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_hold")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("hold_account", "hold", ["quota_account_id"], unique=False)
    op.create_table(
        "intake_counter",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("last_ticket_no", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_intake_counter_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_intake_counter")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "plan_increase",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("drafted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("state IN ('proposed', 'approved')", name=op.f("ck_plan_increase_state_known")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_plan_increase_amount")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_increase_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_increase")),
    )
    op.create_table(
        "revocation_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("quota_account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("state IN ('proposed', 'approved')", name=op.f("ck_revocation_case_state_known")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_revocation_case_amount")),
        sa.ForeignKeyConstraint(
            ["quota_account_id"], ["quota_account.id"], name=op.f("fk_revocation_case_quota_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation_case")),
    )
    op.create_table(
        "hold_line",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("short_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "paid_fen + short_fen = CASE WHEN state = 'redeemed' THEN amount_fen ELSE 0 END",
            name=op.f("ck_hold_line_paid"),
        ),
        sa.CheckConstraint(
            "state IN ('held', 'released', 'committed', 'refunded', 'claimed', 'redeemed')",
            name=op.f("ck_hold_line_state_known"),
        ),
        sa.CheckConstraint("amount_fen >= 0 AND paid_fen >= 0 AND short_fen >= 0", name=op.f("ck_hold_line_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["hold.order_id"], name=op.f("fk_hold_line_order_id")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_hold_line")),
        postgresql_with={"fillfactor": "50"},
    )


def downgrade() -> None:
    op.drop_table("hold_line")
    op.drop_table("revocation_case")
    op.drop_table("plan_increase")
    op.drop_table("intake_counter")
    op.drop_index("hold_account", table_name="hold")
    op.drop_table("hold")
    op.drop_table("allocator_lease")
    op.drop_table("receipt_key")
    op.drop_index("quota_account_plan", table_name="quota_account")
    op.drop_table("quota_account")
    op.drop_index("posting_account", table_name="posting")
    op.drop_table("posting")
    op.drop_table("plan")
    op.drop_table("party")
    op.drop_index("application_waiting", table_name="application", postgresql_where=sa.text("waits"))
    op.drop_index("application_one_open", table_name="application", postgresql_where=sa.text("is_open"))
    op.drop_index("application_enterprise", table_name="application")
    op.drop_table("application")
    op.drop_table("allocation")
