"""give what is said again a table of its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "runtime_0005"
down_revision = "runtime_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resend",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("cardinality(event_ids) > 0", name=op.f("ck_resend_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resend")),
    )


def downgrade() -> None:
    op.drop_table("resend")
