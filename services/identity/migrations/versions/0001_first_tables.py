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
        "blacklist_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("organisation_name", sa.Text(), nullable=False),
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'approved') = (approved_by IS NOT NULL)", name=op.f("ck_blacklist_entry_approved")
        ),
        sa.CheckConstraint("state IN ('proposed', 'approved')", name=op.f("ck_blacklist_entry_state")),
        sa.CheckConstraint("approved_by <> proposed_by", name=op.f("ck_blacklist_entry_four_eyes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blacklist_entry")),
        sa.UniqueConstraint("credit_code", name=op.f("uq_blacklist_entry_credit_code")),
    )
    op.create_table(
        "designation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name=op.f("ck_designation_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_designation")),
    )
    op.create_table(
        "failed_sign_in",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("scope IN ('account', 'network')", name=op.f("ck_failed_sign_in_scope")),
        sa.CheckConstraint("failures >= 1", name=op.f("ck_failed_sign_in_failures")),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_failed_sign_in")),
    )
    op.create_table(
        "issuing_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("private_key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("usable_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("retired_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "version = CASE WHEN retired_at IS NULL THEN 1 ELSE 2 END", name=op.f("ck_issuing_key_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issuing_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_issuing_key_kid")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recognition", sa.Text(), nullable=False),
        sa.Column("legal_person", sa.Boolean(), nullable=False),
        sa.Column("established_on", sa.Date(), nullable=True),
        sa.Column("size_class", sa.Text(), nullable=False),
        sa.Column("priority_listed", sa.Boolean(), nullable=False),
        sa.Column("suspended_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("check_flagged", sa.Boolean(), nullable=False),
        sa.Column("check_evidence", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("registered_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("recognised_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("NOT priority_listed OR kind = 'enterprise'", name=op.f("ck_organisation_priority")),
        sa.CheckConstraint(
            "kind = 'provider' OR legal_person OR state <> 'authenticated'", name=op.f("ck_organisation_legal_person")
        ),
        sa.CheckConstraint("kind IN ('enterprise', 'provider')", name=op.f("ck_organisation_kind")),
        sa.CheckConstraint(
            "recognition = 'none' OR (kind = 'provider' AND state = 'authenticated')",
            name=op.f("ck_organisation_recognised_after"),
        ),
        sa.CheckConstraint(
            "recognition IN ('none', 'requested', 'recognised', 'refused')", name=op.f("ck_organisation_recognition")
        ),
        sa.CheckConstraint(
            "state IN ('registered', 'submitted', 'sent_back', 'refused', 'authenticated')",
            name=op.f("ck_organisation_state"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_organisation_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("kind", "credit_code", name=op.f("uq_organisation_kind_credit_code")),
    )
    op.create_index("organisation_recognition_id", "organisation", ["recognition", "id"], unique=False)
    op.create_index("organisation_region_id", "organisation", ["region", "id"], unique=False)
    op.create_index("organisation_state_id", "organisation", ["state", "id"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sign_in_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("('region' = ANY(roles)) = (region IS NOT NULL)", name=op.f("ck_account_region")),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_account_state")),
        sa.CheckConstraint("cardinality(roles) >= 1", name=op.f("ck_account_roles")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_account_version")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_account_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("sign_in_name", name=op.f("uq_account_sign_in_name")),
    )
    op.create_index(op.f("ix_account_organisation_id"), "account", ["organisation_id"], unique=False)
    op.create_table(
        "affiliation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('subordination', 'joint_establishment', 'property_tie')", name=op.f("ck_affiliation_kind")
        ),
        sa.CheckConstraint(
            "version = CASE WHEN ended_at IS NULL THEN 1 ELSE 2 END", name=op.f("ck_affiliation_version")
        ),
        sa.ForeignKeyConstraint(["enterprise_id"], ["organisation.id"], name=op.f("fk_affiliation_enterprise_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["organisation.id"], name=op.f("fk_affiliation_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_affiliation")),
    )
    op.create_index(
        "affiliation_open",
        "affiliation",
        ["enterprise_id", "provider_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("affiliation_provider_id", "affiliation", ["provider_id"], unique=False)
    op.create_table(
        "contact",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_index", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(id_number_sealed IS NULL) = (id_number_index IS NULL)", name=op.f("ck_contact_id_number")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_contact_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_contact")),
    )
    op.create_index(op.f("ix_contact_id_number_index"), "contact", ["id_number_index"], unique=False)
    op.create_table(
        "document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("blob_key", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("legibility", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("uploaded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_document_version")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_document_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_document_blob_key")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "version", name=op.f("uq_document_organisation_id_kind_version")
        ),
    )
    op.create_table(
        "priority_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_priority_entry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_priority_entry")),
        info={"append_only": True},
    )
    op.create_index(op.f("ix_priority_entry_organisation_id"), "priority_entry", ["organisation_id"], unique=False)
    op.create_table(
        "recognition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("criteria", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("exception_reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('recognised', 'refused')", name=op.f("ck_recognition_outcome")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_recognition_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recognition")),
        info={"append_only": True},
    )
    op.create_index(op.f("ix_recognition_organisation_id"), "recognition", ["organisation_id"], unique=False)
    op.create_table(
        "submission",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("documents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("declaration_version", sa.Text(), nullable=False),
        sa.Column("declared_by", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "document_reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("checklist", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(outcome = 'open') = (decided_at IS NULL)", name=op.f("ck_submission_decided")),
        sa.CheckConstraint(
            "outcome IN ('open', 'sent_back', 'refused', 'authenticated')", name=op.f("ck_submission_outcome")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_submission_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
    )
    op.create_index(op.f("ix_submission_organisation_id"), "submission", ["organisation_id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'rotated', 'revoked')", name=op.f("ck_refresh_token_state")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_refresh_token_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_account_id"), "refresh_token", ["account_id"], unique=False)
    op.create_index(op.f("ix_refresh_token_family_id"), "refresh_token", ["family_id"], unique=False)
    op.create_index("refresh_token_expires_at", "refresh_token", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index("refresh_token_expires_at", table_name="refresh_token")
    op.drop_index(op.f("ix_refresh_token_family_id"), table_name="refresh_token")
    op.drop_index(op.f("ix_refresh_token_account_id"), table_name="refresh_token")
    op.drop_table("refresh_token")
    op.drop_index(op.f("ix_submission_organisation_id"), table_name="submission")
    op.drop_table("submission")
    op.drop_index(op.f("ix_recognition_organisation_id"), table_name="recognition")
    op.drop_table("recognition")
    op.drop_index(op.f("ix_priority_entry_organisation_id"), table_name="priority_entry")
    op.drop_table("priority_entry")
    op.drop_table("document")
    op.drop_index(op.f("ix_contact_id_number_index"), table_name="contact")
    op.drop_table("contact")
    op.drop_index("affiliation_provider_id", table_name="affiliation")
    op.drop_index("affiliation_open", table_name="affiliation", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("affiliation")
    op.drop_index(op.f("ix_account_organisation_id"), table_name="account")
    op.drop_table("account")
    op.drop_index("organisation_state_id", table_name="organisation")
    op.drop_index("organisation_region_id", table_name="organisation")
    op.drop_index("organisation_recognition_id", table_name="organisation")
    op.drop_table("organisation")
    op.drop_table("issuing_key")
    op.drop_table("failed_sign_in")
    op.drop_table("designation")
    op.drop_table("blacklist_entry")
