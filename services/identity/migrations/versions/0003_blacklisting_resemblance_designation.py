"""Keep who is blacklisted, who resembles whom, and under which designation people work."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AFFILIATION_CHECKS = {
    "kind": "kind IN ('subordination', 'joint_establishment', 'property_tie', 'same_code', 'same_party')",
    "origin": "origin IN ('declared', 'recorded', 'automatic')",
    "automatic": "(origin = 'automatic') = (kind = 'same_code')",
    "recorded": "origin = 'automatic' OR recorded_by IS NOT NULL",
    "one_body_for_ever": "kind <> 'same_code' OR ended_at IS NULL",
}
_BLACKLIST_CHECKS = {
    "state": "state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lifted')",
    "approved": "(state IN ('approved', 'lifted')) = (approved_by IS NOT NULL)",
    "closed": "(state IN ('withdrawn', 'refused', 'lifted')) = (closed_by IS NOT NULL)",
}


def upgrade() -> None:
    op.create_table(
        "blacklist_lifting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'proposed') = (closed_by IS NULL)", name=op.f("ck_blacklist_lifting_closed")),
        sa.CheckConstraint(
            "state <> 'approved' OR closed_by <> proposed_by", name=op.f("ck_blacklist_lifting_four_eyes")
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'withdrawn', 'refused')", name=op.f("ck_blacklist_lifting_state")
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["blacklist_entry.id"], name=op.f("fk_blacklist_lifting_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blacklist_lifting")),
    )
    op.create_index(
        "blacklist_lifting_open",
        "blacklist_lifting",
        ["entry_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "resemblance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("grounds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("noticed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(outcome = 'open') = (decided_by IS NULL)", name=op.f("ck_resemblance_decided")),
        sa.CheckConstraint("outcome IN ('open', 'different', 'same')", name=op.f("ck_resemblance_outcome")),
        sa.CheckConstraint("cardinality(grounds) >= 1", name=op.f("ck_resemblance_grounds")),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_resemblance_in_order")),
        sa.ForeignKeyConstraint(["first_id"], ["organisation.id"], name=op.f("fk_resemblance_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["organisation.id"], name=op.f("fk_resemblance_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resemblance")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_resemblance_first_id_second_id")),
    )
    op.create_index(op.f("ix_resemblance_second_id"), "resemblance", ["second_id"], unique=False)
    op.create_index(
        "resemblance_open", "resemblance", ["id"], unique=False, postgresql_where=sa.text("outcome = 'open'")
    )
    op.add_column("account", sa.Column("designation_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_account_designation_id"), "account", ["designation_id"], unique=False)
    op.create_foreign_key(op.f("fk_account_designation_id"), "account", "designation", ["designation_id"], ["id"])
    # The people of the operator belong to the designation that is in force at the migration, by business time; where
    # none is, they have no rights until somebody moves them.
    op.execute(
        "UPDATE account SET designation_id = (SELECT d.id FROM designation d,"
        " LATERAL (SELECT now() + COALESCE((SELECT offset_us FROM clock), 0) * interval '1 microsecond' AS at) AS b"
        " WHERE d.starts_at <= b.at AND (d.ends_at IS NULL OR d.ends_at > b.at) LIMIT 1)"
        " WHERE organisation_id IS NULL AND roles && ARRAY['operator_clerk', 'operator_lead']"
    )
    op.create_check_constraint(
        op.f("ck_account_designation"), "account", "designation_id IS NULL OR organisation_id IS NULL"
    )
    op.add_column("affiliation", sa.Column("origin", sa.Text(), server_default=sa.text("'recorded'"), nullable=False))
    op.alter_column("affiliation", "recorded_by", existing_type=sa.UUID(), nullable=True)
    op.execute(
        "UPDATE affiliation SET origin = 'declared' FROM account"
        " WHERE account.id = affiliation.recorded_by AND account.organisation_id IS NOT NULL"
    )
    op.drop_constraint(op.f("ck_affiliation_kind"), "affiliation", type_="check")
    for name, condition in _AFFILIATION_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_affiliation_{name}"), "affiliation", condition)
    op.add_column(
        "blacklist_entry", sa.Column("closed_reason", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("blacklist_entry", sa.Column("closed_by", sa.Uuid(), nullable=True))
    op.add_column("blacklist_entry", sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.drop_constraint(op.f("uq_blacklist_entry_credit_code"), "blacklist_entry", type_="unique")
    op.drop_constraint(op.f("ck_blacklist_entry_state"), "blacklist_entry", type_="check")
    op.drop_constraint(op.f("ck_blacklist_entry_approved"), "blacklist_entry", type_="check")
    for name, condition in _BLACKLIST_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_blacklist_entry_{name}"), "blacklist_entry", condition)
    op.create_index(
        "blacklist_entry_open",
        "blacklist_entry",
        [sa.literal_column('"left"(credit_code, 17)')],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'approved')"),
    )
    op.add_column("contact", sa.Column("phone_index", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_contact_phone_index"), "contact", ["phone_index"], unique=False)
    op.add_column("organisation", sa.Column("blacklisted_since", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_index(op.f("ix_organisation_name_folded"), "organisation", ["name_folded"], unique=False)
    op.create_index("organisation_body", "organisation", [sa.literal_column('"left"(credit_code, 17)')], unique=False)
    op.add_column("submission", sa.Column("correction", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column("submission", "correction")
    op.drop_index("organisation_body", table_name="organisation")
    op.drop_index(op.f("ix_organisation_name_folded"), table_name="organisation")
    op.drop_column("organisation", "blacklisted_since")
    op.drop_index(op.f("ix_contact_phone_index"), table_name="contact")
    op.drop_column("contact", "phone_index")
    op.drop_index(
        "blacklist_entry_open",
        table_name="blacklist_entry",
        postgresql_where=sa.text("state IN ('proposed', 'approved')"),
    )
    # What an older release cannot express goes: it knows neither closed entries nor ties by itself.
    op.execute("DELETE FROM blacklist_lifting")
    op.execute("DELETE FROM blacklist_entry WHERE state NOT IN ('proposed', 'approved')")
    for name in _BLACKLIST_CHECKS:
        op.drop_constraint(op.f(f"ck_blacklist_entry_{name}"), "blacklist_entry", type_="check")
    op.create_check_constraint(op.f("ck_blacklist_entry_state"), "blacklist_entry", "state IN ('proposed', 'approved')")
    op.create_check_constraint(
        op.f("ck_blacklist_entry_approved"), "blacklist_entry", "(state = 'approved') = (approved_by IS NOT NULL)"
    )
    op.create_unique_constraint(op.f("uq_blacklist_entry_credit_code"), "blacklist_entry", ["credit_code"])
    op.drop_column("blacklist_entry", "closed_at")
    op.drop_column("blacklist_entry", "closed_by")
    op.drop_column("blacklist_entry", "closed_reason")
    op.execute("DELETE FROM affiliation WHERE kind IN ('same_code', 'same_party')")
    for name in _AFFILIATION_CHECKS:
        op.drop_constraint(op.f(f"ck_affiliation_{name}"), "affiliation", type_="check")
    op.create_check_constraint(
        op.f("ck_affiliation_kind"),
        "affiliation",
        "kind IN ('subordination', 'joint_establishment', 'property_tie')",
    )
    op.alter_column("affiliation", "recorded_by", existing_type=sa.UUID(), nullable=False)
    op.drop_column("affiliation", "origin")
    op.drop_constraint(op.f("ck_account_designation"), "account", type_="check")
    op.drop_constraint(op.f("fk_account_designation_id"), "account", type_="foreignkey")
    op.drop_index(op.f("ix_account_designation_id"), table_name="account")
    op.drop_column("account", "designation_id")
    op.drop_index("resemblance_open", table_name="resemblance", postgresql_where=sa.text("outcome = 'open'"))
    op.drop_index(op.f("ix_resemblance_second_id"), table_name="resemblance")
    op.drop_table("resemblance")
    op.drop_index(
        "blacklist_lifting_open", table_name="blacklist_lifting", postgresql_where=sa.text("state = 'proposed'")
    )
    op.drop_table("blacklist_lifting")
