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
        "appropriation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("declaration_version", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("approved_fen", sa.BigInteger(), nullable=True),
        sa.Column("payment_reference", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=True),
        sa.Column("paid_by", sa.Uuid(), nullable=True),
        sa.Column("paid_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("state_since", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'paid') = (payment_key IS NOT NULL)", name=op.f("ck_appropriation_paid_once")),
        sa.CheckConstraint(
            "state <> 'paid' OR (paid_fen IS NOT NULL AND paid_fen = approved_fen)",
            name=op.f("ck_appropriation_paid_as_approved"),
        ),
        sa.CheckConstraint(
            "state IN ('approved', 'paid', 'refused', 'requested', 'withdrawn')", name=op.f("ck_appropriation_state")
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'paid') OR approved_fen > 0", name=op.f("ck_appropriation_approved")
        ),
        sa.CheckConstraint("paid_by <> decided_by", name=op.f("ck_appropriation_two_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appropriation")),
        sa.UniqueConstraint("payment_key", name=op.f("uq_appropriation_payment_key")),
        sa.UniqueConstraint("serial", name=op.f("uq_appropriation_serial")),
    )
    op.create_index("appropriation_provider_id_id", "appropriation", ["provider_id", "id"], unique=False)
    op.create_index("appropriation_state_id", "appropriation", ["state", "id"], unique=False)
    op.create_table(
        "claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("declaration_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("pack_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("filed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("window_closes_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("state_since", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('accepted', 'approved', 'bureau_review', 'draft', 'in_review', 'paid', 'passed', 'refused', 'rejected', 'requested', 'submitted', 'withdrawn')",
            name=op.f("ck_claim_state"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'withdrawn') OR (version > 0 AND filed_at IS NOT NULL AND window_closes_at IS NOT NULL)",
            name=op.f("ck_claim_filed"),
        ),
        sa.CheckConstraint("version >= 0", name=op.f("ck_claim_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("serial", name=op.f("uq_claim_serial")),
    )
    op.create_index("claim_provider_id_id", "claim", ["provider_id", "id"], unique=False)
    op.create_index("claim_state_id", "claim", ["state", "id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("dated_on", sa.Date(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("legible", sa.Boolean(), nullable=False),
        sa.Column("blob_key", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.Uuid(), nullable=True),
        sa.Column("filed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_evidence_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_evidence_blob_key")),
        sa.UniqueConstraint("claim_id", "order_id", "kind", name=op.f("uq_evidence_claim_id_order_id_kind")),
    )
    op.create_table(
        "evidence_key",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_evidence_key")),
        info={"append_only": True},
    )
    op.create_table(
        "order_copy",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refund_open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("voucher_fen", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "voucher_fen >= 0 AND voucher_fen <= fee_fen", name=op.f("ck_order_copy_voucher_within_fee")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_copy")),
    )
    op.create_index("order_copy_provider_id_order_id", "order_copy", ["provider_id", "order_id"], unique=False)
    op.create_table(
        "party",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("recognised", sa.Boolean(), nullable=False),
        sa.Column("suspended_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_party")),
    )
    op.create_table(
        "claim_item",
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("voucher_fen", sa.BigInteger(), nullable=True),
        sa.Column("refusal_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("refusal_article", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("refusal_detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("truth_opinion", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("validity_opinion", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("first_reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("first_reviewed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("bureau_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("bureau_reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("bureau_reviewed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("appropriation_id", sa.Uuid(), nullable=True),
        sa.Column("approved_fen", sa.BigInteger(), nullable=True),
        sa.Column("approved_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "approved_fen = voucher_fen OR approved_reason <> ''", name=op.f("ck_claim_item_reduction_explained")
        ),
        sa.CheckConstraint(
            "state IN ('approved', 'draft', 'endorsed', 'open', 'paid', 'passed', 'refused', 'rejected', 'submitted', 'withdrawn')",
            name=op.f("ck_claim_item_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'paid') OR approved_fen IS NOT NULL", name=op.f("ck_claim_item_approved")
        ),
        sa.CheckConstraint(
            "approved_fen > 0 AND approved_fen <= voucher_fen", name=op.f("ck_claim_item_approved_within_claimed")
        ),
        sa.CheckConstraint("bureau_reviewed_by <> first_reviewed_by", name=op.f("ck_claim_item_two_persons")),
        sa.CheckConstraint("voucher_fen > 0", name=op.f("ck_claim_item_voucher_positive")),
        sa.ForeignKeyConstraint(
            ["appropriation_id"], ["appropriation.id"], name=op.f("fk_claim_item_appropriation_id")
        ),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_claim_item_claim_id")),
        sa.ForeignKeyConstraint(["order_id"], ["order_copy.order_id"], name=op.f("fk_claim_item_order_id")),
        sa.PrimaryKeyConstraint("claim_id", "order_id", name=op.f("pk_claim_item")),
    )
    op.create_index("claim_item_appropriation_id", "claim_item", ["appropriation_id"], unique=False)
    op.create_index(
        "claim_item_live_order",
        "claim_item",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('approved', 'endorsed', 'open', 'paid', 'passed', 'submitted')"),
    )
    op.create_table(
        "question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("escalated_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(answered_at IS NULL) = (answer = '')", name=op.f("ck_question_answered")),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_question_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
    )
    op.create_index("question_claim_id", "question", ["claim_id"], unique=False)
    op.create_index("question_open", "question", ["id"], unique=False, postgresql_where=sa.text("answered_at IS NULL"))


def downgrade() -> None:
    op.drop_index("question_open", table_name="question", postgresql_where=sa.text("answered_at IS NULL"))
    op.drop_index("question_claim_id", table_name="question")
    op.drop_table("question")
    op.drop_index(
        "claim_item_live_order",
        table_name="claim_item",
        postgresql_where=sa.text("state IN ('approved', 'endorsed', 'open', 'paid', 'passed', 'submitted')"),
    )
    op.drop_index("claim_item_appropriation_id", table_name="claim_item")
    op.drop_table("claim_item")
    op.drop_table("party")
    op.drop_index("order_copy_provider_id_order_id", table_name="order_copy")
    op.drop_table("order_copy")
    op.drop_table("evidence_key")
    op.drop_table("evidence")
    op.drop_index("claim_state_id", table_name="claim")
    op.drop_index("claim_provider_id_id", table_name="claim")
    op.drop_table("claim")
    op.drop_index("appropriation_state_id", table_name="appropriation")
    op.drop_index("appropriation_provider_id_id", table_name="appropriation")
    op.drop_table("appropriation")
