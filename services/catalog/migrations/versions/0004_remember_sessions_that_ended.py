"""Nothing any more: what it made is runtime_0002 now, and databases know it by its number."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
runtime_revision = "runtime_0002"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
