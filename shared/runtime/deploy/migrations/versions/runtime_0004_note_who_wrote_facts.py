"""Note which transaction wrote a fact, for whoever puts the facts of all transactions into one order."""

import sqlalchemy as sa
from alembic import op

revision = "runtime_0004"
down_revision = "runtime_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Facts from before read 0, which is before every transaction: nothing follows them. A constant rewrites no table.
    op.add_column("fact", sa.Column("noted_in", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.alter_column("fact", "noted_in", server_default=sa.text("(pg_current_xact_id()::text)::bigint"))
    op.create_index("fact_noted_in", "fact", ["noted_in"], unique=False)


def downgrade() -> None:
    op.drop_index("fact_noted_in", table_name="fact")
    op.drop_column("fact", "noted_in")
