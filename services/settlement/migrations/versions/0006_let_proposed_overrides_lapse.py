"""Let proposed overrides lapse that nobody approved in time."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAME = "ck_override_state"


def upgrade() -> None:
    op.drop_constraint(op.f(_NAME), "override", type_="check")
    op.create_check_constraint(
        op.f(_NAME), "override", "state IN ('approved', 'lapsed', 'proposed', 'refused', 'withdrawn')"
    )


def downgrade() -> None:
    op.execute("UPDATE override SET state = 'withdrawn' WHERE state = 'lapsed'")
    op.drop_constraint(op.f(_NAME), "override", type_="check")
    op.create_check_constraint(op.f(_NAME), "override", "state IN ('approved', 'proposed', 'refused', 'withdrawn')")
