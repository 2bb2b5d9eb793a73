"""Note which transaction wrote a key or an ending, for the other processes of the service."""

import sqlalchemy as sa
from alembic import op

revision = "runtime_0003"
down_revision = "runtime_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ended_session",
        sa.Column(
            "noted_in", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False
        ),
    )
    op.create_index("ended_session_noted_in", "ended_session", ["noted_in"], unique=False)
    op.add_column(
        "revocation",
        sa.Column(
            "noted_in", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False
        ),
    )
    op.create_index("revocation_noted_in", "revocation", ["noted_in"], unique=False)
    op.add_column(
        "signing_key",
        sa.Column(
            "noted_in", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False
        ),
    )
    op.create_index("signing_key_noted_in", "signing_key", ["noted_in"], unique=False)


def downgrade() -> None:
    op.drop_index("signing_key_noted_in", table_name="signing_key")
    op.drop_column("signing_key", "noted_in")
    op.drop_index("revocation_noted_in", table_name="revocation")
    op.drop_column("revocation", "noted_in")
    op.drop_index("ended_session_noted_in", table_name="ended_session")
    op.drop_column("ended_session", "noted_in")
