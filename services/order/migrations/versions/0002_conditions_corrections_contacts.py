"""conditions corrections contacts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = "'contract', 'payment', 'delivery', 'acceptance', 'complaint', 'complaint_answer', 'evaluation'"
# What was voided counts no more, so it does not stand in the way of what takes its place.
INDEXES = (
    ("record_once", ["order_id", "kind"], True, "kind IN ('contract', 'acceptance', 'evaluation')"),
    ("one_answer", ["answers_id"], True, "answers_id IS NOT NULL"),
    ("open_complaints", ["due_at"], False, "kind = 'complaint' AND answered_at IS NULL"),
)


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("given_by", sa.Uuid(), nullable=True),
        sa.Column("given_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_contact")),
    )
    op.add_column("party", sa.Column("credit_code", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("party", sa.Column("size_class", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("record", sa.Column("voids_id", sa.Uuid(), nullable=True))
    op.add_column("record", sa.Column("correction_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("record", sa.Column("voided_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_index(
        "one_correction", "record", ["voids_id"], unique=True, postgresql_where=sa.text("voids_id IS NOT NULL")
    )
    for name, columns, unique, where in INDEXES:
        op.drop_index(name, table_name="record")
        op.create_index(
            name, "record", columns, unique=unique, postgresql_where=sa.text(f"{where} AND voided_at IS NULL")
        )
    op.drop_constraint(op.f("ck_record_kind"), "record", type_="check")
    op.create_check_constraint(op.f("ck_record_kind"), "record", f"kind IN ({KINDS}, 'withdrawal')")
    op.create_check_constraint(
        op.f("ck_record_correction_says_why"), "record", "(voids_id IS NULL) = (correction_reason = '')"
    )
    op.create_check_constraint(
        op.f("ck_record_withdrawal_names_what"), "record", "kind <> 'withdrawal' OR voids_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_record_withdrawal_names_what"), "record", type_="check")
    op.drop_constraint(op.f("ck_record_correction_says_why"), "record", type_="check")
    op.drop_constraint(op.f("ck_record_kind"), "record", type_="check")
    op.create_check_constraint(op.f("ck_record_kind"), "record", f"kind IN ({KINDS})")
    for name, columns, unique, where in INDEXES:
        op.drop_index(name, table_name="record")
        op.create_index(name, "record", columns, unique=unique, postgresql_where=sa.text(where))
    op.drop_index("one_correction", table_name="record", postgresql_where=sa.text("voids_id IS NOT NULL"))
    op.drop_column("record", "voided_at")
    op.drop_column("record", "correction_reason")
    op.drop_column("record", "voids_id")
    op.drop_column("party", "size_class")
    op.drop_column("party", "credit_code")
    op.drop_table("contact")
