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
        "party",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("recognised", sa.Boolean(), nullable=False),
        sa.Column("suspended_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_party_version")),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_party")),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("published_edition", sa.Integer(), nullable=True),
        sa.Column("delisting_ground", sa.Text(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("delisted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'delisted') = (delisted_at IS NOT NULL AND delisting_ground IS NOT NULL)",
            name=op.f("ck_product_delisted"),
        ),
        sa.CheckConstraint(
            "(state = 'published') = (published_edition IS NOT NULL)", name=op.f("ck_product_published")
        ),
        sa.CheckConstraint("state IN ('draft', 'published', 'delisted')", name=op.f("ck_product_state")),
        sa.CheckConstraint("edition >= 1 AND published_edition BETWEEN 1 AND edition", name=op.f("ck_product_edition")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_product_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
    )
    op.create_index("ix_product_provider_id_id", "product", ["provider_id", "id"], unique=False)
    op.create_table(
        "correction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.Uuid(), nullable=False),
        sa.Column("ordered_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("due_at > ordered_at", name=op.f("ck_correction_due_at")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_correction_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        info={"append_only": True},
    )
    op.create_index("ix_correction_product_id", "correction", ["product_id"], unique=False)
    op.create_table(
        "delisting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("evidence <> ''", name=op.f("ck_delisting_evidence")),
        sa.CheckConstraint("state IN ('proposed', 'approved', 'refused', 'lapsed')", name=op.f("ck_delisting_state")),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'refused') OR decided_by IS NOT NULL", name=op.f("ck_delisting_decided")
        ),
        sa.CheckConstraint("decided_by <> proposed_by", name=op.f("ck_delisting_second_person")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_delisting_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delisting")),
    )
    op.create_index("ix_delisting_product_id", "delisting", ["product_id"], unique=False)
    op.create_index(
        "uq_delisting_proposed",
        "delisting",
        ["product_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "edition",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("service_standard", sa.Text(), nullable=False),
        sa.Column("market_reference", sa.Text(), nullable=False),
        sa.Column("voucher", sa.Boolean(), nullable=False),
        sa.Column("components", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checklist", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("declaration_version", sa.Text(), nullable=True),
        sa.Column("submitted_by", sa.Uuid(), nullable=True),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("drafted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("state_since", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'reviewed', 'sent_back', 'published', 'ended')",
            name=op.f("ck_edition_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('submitted', 'reviewed', 'published') OR (submitted_by IS NOT NULL AND submitted_at IS NOT NULL AND declaration_version IS NOT NULL)",
            name=op.f("ck_edition_submitted"),
        ),
        sa.CheckConstraint("jsonb_array_length(components) BETWEEN 1 AND 50", name=op.f("ck_edition_components")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_edition_number")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_edition_product_id")),
        sa.PrimaryKeyConstraint("product_id", "number", name=op.f("pk_edition")),
    )
    op.create_index(
        "ix_edition_waiting",
        "edition",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitted', 'reviewed', 'sent_back')"),
    )
    op.create_index(
        "uq_edition_open",
        "edition",
        ["product_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'submitted', 'reviewed', 'sent_back')"),
    )
    op.create_index(
        "uq_edition_published", "edition", ["product_id"], unique=True, postgresql_where=sa.text("state = 'published'")
    )
    op.create_table(
        "listing",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("voucher", sa.Boolean(), nullable=False),
        sa.Column("lowest_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("lowest_price_fen BETWEEN 1 AND 1000000000000000", name=op.f("ck_listing_lowest_price_fen")),
        sa.ForeignKeyConstraint(
            ["product_id", "edition"],
            ["edition.product_id", "edition.number"],
            name=op.f("fk_listing_product_id_edition"),
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_listing")),
    )
    op.create_index("ix_listing_class_code", "listing", ["class_code", "product_id"], unique=False)
    op.create_index("ix_listing_price", "listing", ["lowest_price_fen", "product_id"], unique=False)
    op.create_index("ix_listing_provider_id", "listing", ["provider_id"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("stage IN ('operator', 'bureau')", name=op.f("ck_review_stage")),
        sa.CheckConstraint(
            "verdict IN ('favourable', 'unfavourable', 'sent_back', 'approved')", name=op.f("ck_review_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["product_id", "edition"],
            ["edition.product_id", "edition.number"],
            name=op.f("fk_review_product_id_edition"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        info={"append_only": True},
    )
    op.create_index("ix_review_product_id_edition", "review", ["product_id", "edition"], unique=False)
    op.create_table(
        "listed_price",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("unit_folded", sa.Text(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price_fen BETWEEN 1 AND 1000000000000000", name=op.f("ck_listed_price_price_fen")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["listing.product_id"], name=op.f("fk_listed_price_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "code", name=op.f("pk_listed_price")),
    )
    op.create_index(
        "ix_listed_price_class_code", "listed_price", ["class_code", "unit_folded", "price_fen"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_listed_price_class_code", table_name="listed_price")
    op.drop_table("listed_price")
    op.drop_index("ix_review_product_id_edition", table_name="review")
    op.drop_table("review")
    op.drop_index("ix_listing_provider_id", table_name="listing")
    op.drop_index("ix_listing_price", table_name="listing")
    op.drop_index("ix_listing_class_code", table_name="listing")
    op.drop_table("listing")
    op.drop_index("uq_edition_published", table_name="edition", postgresql_where=sa.text("state = 'published'"))
    op.drop_index(
        "uq_edition_open",
        table_name="edition",
        postgresql_where=sa.text("state IN ('draft', 'submitted', 'reviewed', 'sent_back')"),
    )
    op.drop_index(
        "ix_edition_waiting",
        table_name="edition",
        postgresql_where=sa.text("state IN ('submitted', 'reviewed', 'sent_back')"),
    )
    op.drop_table("edition")
    op.drop_index("uq_delisting_proposed", table_name="delisting", postgresql_where=sa.text("state = 'proposed'"))
    op.drop_index("ix_delisting_product_id", table_name="delisting")
    op.drop_table("delisting")
    op.drop_index("ix_correction_product_id", table_name="correction")
    op.drop_table("correction")
    op.drop_index("ix_product_provider_id_id", table_name="product")
    op.drop_table("product")
    op.drop_table("party")
