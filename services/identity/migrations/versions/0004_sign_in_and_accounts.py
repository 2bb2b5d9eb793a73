"""Codes, second factors, proposals and ended sessions; a code is held by evidence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
runtime_revision = "runtime_0002"


def upgrade() -> None:
    op.create_table(
        "password_reset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("issued_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("expires_at > issued_at", name=op.f("ck_password_reset_in_order")),
        sa.CheckConstraint("parts IN (1, 2)", name=op.f("ck_password_reset_parts")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_password_reset_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
    )
    op.create_index(op.f("ix_password_reset_account_id"), "password_reset", ["account_id"], unique=False)
    op.create_index(
        "password_reset_open",
        "password_reset",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")),
        sa.PrimaryKeyConstraint("account_id", "code_index", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "second_factor",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_second_factor_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "staff_proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("sign_in_name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("designation_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name=op.f("ck_staff_proposal_decided")),
        sa.CheckConstraint("act = 'open' OR account_id IS NOT NULL", name=op.f("ck_staff_proposal_account")),
        sa.CheckConstraint(
            "act IN ('open', 'change_roles', 'enable', 'reset_password', 'reset_second_factor')",
            name=op.f("ck_staff_proposal_act"),
        ),
        sa.CheckConstraint(
            "state = 'withdrawn' OR decided_by <> proposed_by", name=op.f("ck_staff_proposal_four_eyes")
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'refused', 'withdrawn')", name=op.f("ck_staff_proposal_state")
        ),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("ck_staff_proposal_decided_at")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_staff_proposal_version")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_proposal_account_id")),
        sa.ForeignKeyConstraint(["designation_id"], ["designation.id"], name=op.f("fk_staff_proposal_designation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_proposal")),
    )
    op.create_index(op.f("ix_staff_proposal_account_id"), "staff_proposal", ["account_id"], unique=False)
    op.create_index("staff_proposal_state_id", "staff_proposal", ["state", "id"], unique=False)
    op.drop_constraint(op.f("uq_organisation_kind_credit_code"), "organisation", type_="unique")
    op.create_index(
        "organisation_code_held",
        "organisation",
        ["kind", "credit_code"],
        unique=True,
        postgresql_where=sa.text("state = 'authenticated' AND NOT closed"),
    )
    op.create_index("organisation_credit_code", "organisation", ["credit_code"], unique=False)
    op.add_column("refresh_token", sa.Column("rotated_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("refresh_token", sa.Column("client", sa.LargeBinary(), server_default=sa.text("''"), nullable=False))
    op.add_column("refresh_token", sa.Column("successor", sa.LargeBinary(), nullable=True))
    op.add_column("refresh_token", sa.Column("successor_sealed", sa.LargeBinary(), nullable=True))
    op.create_index(
        "refresh_token_sealed",
        "refresh_token",
        ["rotated_at"],
        unique=False,
        postgresql_where=sa.text("successor_sealed IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_failed_sign_in_scope"), "failed_sign_in", type_="check")
    op.create_check_constraint(
        op.f("ck_failed_sign_in_scope"),
        "failed_sign_in",
        "scope IN ('account', 'network', 'lane', 'device', 'second_factor', 'registration')",
    )


def downgrade() -> None:
    op.execute("DELETE FROM failed_sign_in WHERE scope NOT IN ('account', 'network')")
    op.drop_constraint(op.f("ck_failed_sign_in_scope"), "failed_sign_in", type_="check")
    op.create_check_constraint(op.f("ck_failed_sign_in_scope"), "failed_sign_in", "scope IN ('account', 'network')")
    op.drop_index(
        "refresh_token_sealed", table_name="refresh_token", postgresql_where=sa.text("successor_sealed IS NOT NULL")
    )
    op.drop_column("refresh_token", "successor_sealed")
    op.drop_column("refresh_token", "successor")
    op.drop_column("refresh_token", "client")
    op.drop_column("refresh_token", "rotated_at")
    op.drop_index("organisation_credit_code", table_name="organisation")
    op.drop_index(
        "organisation_code_held",
        table_name="organisation",
        postgresql_where=sa.text("state = 'authenticated' AND NOT closed"),
    )
    op.create_unique_constraint(
        op.f("uq_organisation_kind_credit_code"),
        "organisation",
        ["kind", "credit_code"],
        postgresql_nulls_not_distinct=False,
    )
    op.drop_index("staff_proposal_state_id", table_name="staff_proposal")
    op.drop_index(op.f("ix_staff_proposal_account_id"), table_name="staff_proposal")
    op.drop_table("staff_proposal")
    op.drop_table("second_factor")
    op.drop_table("recovery_code")
    op.drop_index("password_reset_open", table_name="password_reset", postgresql_where=sa.text("used_at IS NULL"))
    op.drop_index(op.f("ix_password_reset_account_id"), table_name="password_reset")
    op.drop_table("password_reset")
