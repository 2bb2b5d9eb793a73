"""Find whoever waits and stands on the list of the action, when only the lane has money."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WHERE = sa.text("waits AND listed")


def upgrade() -> None:
    op.create_index(
        "application_waiting_listed", "application", ["plan_id", "ticket_no"], unique=False, postgresql_where=_WHERE
    )


def downgrade() -> None:
    op.drop_index("application_waiting_listed", table_name="application", postgresql_where=_WHERE)
