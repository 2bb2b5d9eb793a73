"""Nothing any more: what it made is runtime_0003 now, and databases know it by its number."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
runtime_revision = "runtime_0003"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
