"""record who was shown a contact."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_read",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("read_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_read")),
        info={"append_only": True},
    )
    op.create_index(op.f("ix_contact_read_account_id_id"), "contact_read", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_contact_read_order_id_id"), "contact_read", ["order_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_contact_read_order_id_id"), table_name="contact_read")
    op.drop_index(op.f("ix_contact_read_account_id_id"), table_name="contact_read")
    op.drop_table("contact_read")
