"""corrections withdrawals."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _allow_states(states: str) -> None:
    op.drop_constraint(op.f("ck_delisting_state"), "delisting", type_="check")
    op.create_check_constraint(op.f("ck_delisting_state"), "delisting", f"state IN ({states})")


def upgrade() -> None:
    op.add_column("edition", sa.Column("correction", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("edition", sa.Column("returned_digest", sa.Text(), server_default=sa.text("''"), nullable=False))
    _allow_states("'proposed', 'approved', 'refused', 'withdrawn', 'lapsed'")


def downgrade() -> None:
    _allow_states("'proposed', 'approved', 'refused', 'lapsed'")
    op.drop_column("edition", "returned_digest")
    op.drop_column("edition", "correction")
