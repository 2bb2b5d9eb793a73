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
        "affiliation",
        sa.Column("affiliation_id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("affiliation_id", name=op.f("pk_affiliation")),
    )
    op.create_index(op.f("ix_affiliation_enterprise_id"), "affiliation", ["enterprise_id"], unique=False)
    op.create_table(
        "balance",
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("available_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise_id", "year", name=op.f("pk_balance")),
    )
    op.create_table(
        "cloud_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("voucher_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_fee_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded_voucher_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refund_state", sa.Text(), server_default=sa.text("'none'"), nullable=False),
        sa.Column("agreement_version", sa.Text(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("enterprise_version", sa.Integer(), nullable=False),
        sa.Column("provider_version", sa.Integer(), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=False),
        sa.Column("placed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("confirm_due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("refusal_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("refusal_article", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("refusal_detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('claimed', 'redeemed')) = (claim_id IS NOT NULL)",
            name=op.f("ck_cloud_order_claimed_by_a_claim"),
        ),
        sa.CheckConstraint(
            "confirmed_at IS NOT NULL OR state IN ('placed', 'awaiting_confirmation', 'refused', 'cancelled')",
            name=op.f("ck_cloud_order_confirmed_at_known"),
        ),
        sa.CheckConstraint(
            "refund_state = 'none' OR state IN ('confirmed', 'refunded')",
            name=op.f("ck_cloud_order_refund_of_confirmed"),
        ),
        sa.CheckConstraint(
            "refund_state IN ('none', 'requested', 'escalated', 'returning')", name=op.f("ck_cloud_order_refund_state")
        ),
        sa.CheckConstraint(
            "state IN ('placed', 'awaiting_confirmation', 'refused', 'confirmed', 'cancelled', 'refunded', 'claimed', 'redeemed')",
            name=op.f("ck_cloud_order_state"),
        ),
        sa.CheckConstraint(
            "fee_fen > 0 AND voucher_fen BETWEEN 0 AND fee_fen", name=op.f("ck_cloud_order_voucher_within_fee")
        ),
        sa.CheckConstraint(
            "paid_fen IS NULL OR paid_fen BETWEEN 0 AND voucher_fen", name=op.f("ck_cloud_order_paid_within_voucher")
        ),
        sa.CheckConstraint(
            "refunded_voucher_fen BETWEEN 0 AND voucher_fen AND refunded_fee_fen BETWEEN 0 AND fee_fen",
            name=op.f("ck_cloud_order_refunded_within_order"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cloud_order")),
        sa.UniqueConstraint("number", name=op.f("uq_cloud_order_number")),
        postgresql_with={"fillfactor": "45"},
    )
    op.create_index(op.f("ix_cloud_order_enterprise_id_id"), "cloud_order", ["enterprise_id", "id"], unique=False)
    op.create_index(op.f("ix_cloud_order_provider_id_id"), "cloud_order", ["provider_id", "id"], unique=False)
    op.create_index(op.f("ix_cloud_order_region_id"), "cloud_order", ["region", "id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("components", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("voucher", sa.Boolean(), nullable=False),
        sa.Column("service_standard", sa.Text(), nullable=False),
        sa.Column("effective_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("delisted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("product_id", "edition", name=op.f("pk_offer")),
    )
    op.create_table(
        "party",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("recognised", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("suspended_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_party")),
    )
    op.create_table(
        "saga",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pending_name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("pending", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("resent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_event", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("moved_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("resend_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'claim') = (claim_id IS NOT NULL)", name=op.f("ck_saga_claim_named")),
        sa.CheckConstraint("(pending IS NULL) = (pending_name = '')", name=op.f("ck_saga_pending_is_named")),
        sa.CheckConstraint("kind <> 'purchase' OR id = order_id", name=op.f("ck_saga_purchase_is_the_order")),
        sa.CheckConstraint("kind IN ('purchase', 'refund', 'claim')", name=op.f("ck_saga_kind")),
        sa.CheckConstraint(
            "resend_at IS NOT NULL OR (pending IS NULL AND state <> 'waiting_for_commit')",
            name=op.f("ck_saga_under_way_is_looked_at"),
        ),
        sa.CheckConstraint(
            "state IN ('holding', 'held', 'refused', 'committing', 'committed', 'releasing', 'released', 'returning', 'returned', 'waiting_for_commit', 'claiming', 'claiming_ended', 'opening', 'open', 'refusing', 'unclaiming', 'undoing', 'ended', 'redeeming', 'redeemed')",
            name=op.f("ck_saga_state"),
        ),
        sa.CheckConstraint("number >= 0 AND late >= 0", name=op.f("ck_saga_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saga")),
        postgresql_with={"fillfactor": "60"},
    )
    op.create_index(
        "ix_saga_resend_at", "saga", ["resend_at"], unique=False, postgresql_where=sa.text("resend_at IS NOT NULL")
    )
    op.create_index(
        "one_claim_saga",
        "saga",
        ["claim_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("claim_id IS NOT NULL"),
    )
    op.create_index("saga_of_order", "saga", ["order_id"], unique=False, postgresql_where=sa.text("kind <> 'purchase'"))
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("offer_version", sa.Integer(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("service_standard", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("voucher_max_fen", sa.BigInteger(), nullable=False),
        sa.Column("voucher_fen", sa.BigInteger(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "quantity > 0 AND price_fen > 0 AND fee_fen = price_fen * quantity", name=op.f("ck_order_line_fee_is_price")
        ),
        sa.CheckConstraint("voucher_fen BETWEEN 0 AND voucher_max_fen", name=op.f("ck_order_line_voucher_within_max")),
        sa.CheckConstraint(
            "voucher_max_fen = fee_fen * rate_bp / 10000 AND rate_bp BETWEEN 0 AND 10000",
            name=op.f("ck_order_line_ratio"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["cloud_order.id"], name=op.f("fk_order_line_order_id")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_order_line")),
    )
    op.create_index(op.f("ix_order_line_product_id"), "order_line", ["product_id"], unique=False)
    op.create_table(
        "record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("scores", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("document_sha256", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("answers_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('contract', 'payment', 'delivery', 'acceptance', 'complaint', 'complaint_answer', 'evaluation')",
            name=op.f("ck_record_kind"),
        ),
        sa.CheckConstraint("amount_fen IS NULL OR amount_fen > 0", name=op.f("ck_record_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["cloud_order.id"], name=op.f("fk_record_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
    )
    op.create_index(op.f("ix_record_order_id_id"), "record", ["order_id", "id"], unique=False)
    op.create_index(
        "one_answer", "record", ["answers_id"], unique=True, postgresql_where=sa.text("answers_id IS NOT NULL")
    )
    op.create_index(
        "open_complaints",
        "record",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("kind = 'complaint' AND answered_at IS NULL"),
    )
    op.create_index(
        "record_once",
        "record",
        ["order_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('contract', 'acceptance', 'evaluation')"),
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("lines", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("requested_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("returned_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'escalated', 'refused', 'returning', 'returned')", name=op.f("ck_refund_state")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["cloud_order.id"], name=op.f("fk_refund_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
    )
    op.create_index(op.f("ix_refund_order_id_id"), "refund", ["order_id", "id"], unique=False)
    op.create_index(
        "one_open_refund",
        "refund",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('requested', 'escalated')"),
    )


def downgrade() -> None:
    op.drop_index(
        "one_open_refund", table_name="refund", postgresql_where=sa.text("state IN ('requested', 'escalated')")
    )
    op.drop_index(op.f("ix_refund_order_id_id"), table_name="refund")
    op.drop_table("refund")
    op.drop_index(
        "record_once", table_name="record", postgresql_where=sa.text("kind IN ('contract', 'acceptance', 'evaluation')")
    )
    op.drop_index(
        "open_complaints", table_name="record", postgresql_where=sa.text("kind = 'complaint' AND answered_at IS NULL")
    )
    op.drop_index("one_answer", table_name="record", postgresql_where=sa.text("answers_id IS NOT NULL"))
    op.drop_index(op.f("ix_record_order_id_id"), table_name="record")
    op.drop_table("record")
    op.drop_index(op.f("ix_order_line_product_id"), table_name="order_line")
    op.drop_table("order_line")
    op.drop_index("saga_of_order", table_name="saga", postgresql_where=sa.text("kind <> 'purchase'"))
    op.drop_index("one_claim_saga", table_name="saga", postgresql_where=sa.text("claim_id IS NOT NULL"))
    op.drop_index("ix_saga_resend_at", table_name="saga", postgresql_where=sa.text("resend_at IS NOT NULL"))
    op.drop_table("saga")
    op.drop_table("party")
    op.drop_table("offer")
    op.drop_index(op.f("ix_cloud_order_region_id"), table_name="cloud_order")
    op.drop_index(op.f("ix_cloud_order_provider_id_id"), table_name="cloud_order")
    op.drop_index(op.f("ix_cloud_order_enterprise_id_id"), table_name="cloud_order")
    op.drop_table("cloud_order")
    op.drop_table("balance")
    op.drop_index(op.f("ix_affiliation_enterprise_id"), table_name="affiliation")
    op.drop_table("affiliation")
