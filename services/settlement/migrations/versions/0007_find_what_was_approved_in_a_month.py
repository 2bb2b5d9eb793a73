"""find what was approved in a month."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "appropriation_decided_at",
        "appropriation",
        ["decided_at"],
        unique=False,
        postgresql_where=sa.text("decided_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "appropriation_decided_at", table_name="appropriation", postgresql_where=sa.text("decided_at IS NOT NULL")
    )
