"""endings sizes corrections."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES = {
    "plan": ("'draft', 'approved', 'published', 'closing', 'closed'", "'refused', 'withdrawn'"),
    "plan_increase": ("'proposed', 'approved'", "'refused', 'withdrawn', 'lapsed'"),
    "revocation_case": ("'proposed', 'approved'", "'refused', 'withdrawn', 'lapsed'"),
}


def upgrade() -> None:
    op.create_table(
        "returned",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("returned_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "enterprise_id", name=op.f("pk_returned")),
    )
    op.add_column("application", sa.Column("correction", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("party", sa.Column("size_class", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("plan", sa.Column("ended_by", sa.Uuid(), nullable=True))
    op.add_column("plan", sa.Column("ended_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("plan", sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.drop_constraint(op.f("uq_plan_year"), "plan", type_="unique")
    op.create_index(
        "plan_of_year", "plan", ["year"], unique=True, postgresql_where=sa.text("state NOT IN ('refused', 'withdrawn')")
    )
    op.add_column("plan_increase", sa.Column("ended_by", sa.Uuid(), nullable=True))
    op.add_column("plan_increase", sa.Column("ended_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("plan_increase", sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("revocation_case", sa.Column("ended_by", sa.Uuid(), nullable=True))
    op.add_column("revocation_case", sa.Column("ended_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("revocation_case", sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True))

    for table, (before, more) in STATES.items():
        op.drop_constraint(op.f(f"ck_{table}_state_known"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_state_known"), table, f"state IN ({before}, {more})")
    # What was sent back before this is not handed in again unchanged either.
    op.execute(
        """
        INSERT INTO returned (plan_id, enterprise_id, application_id, amount_fen, returned_at)
        SELECT DISTINCT ON (plan_id, enterprise_id) plan_id, enterprise_id, id, requested_fen,
               COALESCE(decided_at, received_at)
        FROM application WHERE state = 'sent_back' ORDER BY plan_id, enterprise_id, id DESC
        """
    )


def downgrade() -> None:
    for table, (before, _) in STATES.items():
        op.drop_constraint(op.f(f"ck_{table}_state_known"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_state_known"), table, f"state IN ({before})")
    op.drop_column("revocation_case", "ended_at")
    op.drop_column("revocation_case", "ended_reason")
    op.drop_column("revocation_case", "ended_by")
    op.drop_column("plan_increase", "ended_at")
    op.drop_column("plan_increase", "ended_reason")
    op.drop_column("plan_increase", "ended_by")
    op.drop_index("plan_of_year", table_name="plan", postgresql_where=sa.text("state NOT IN ('refused', 'withdrawn')"))
    op.create_unique_constraint(op.f("uq_plan_year"), "plan", ["year"], postgresql_nulls_not_distinct=False)
    op.drop_column("plan", "ended_at")
    op.drop_column("plan", "ended_reason")
    op.drop_column("plan", "ended_by")
    op.drop_column("party", "size_class")
    op.drop_column("application", "correction")
    op.drop_table("returned")
