"""find the items of an order."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("claim_item_order_id", "claim_item", ["order_id"], unique=False)


def downgrade() -> None:
    op.drop_index("claim_item_order_id", table_name="claim_item")
