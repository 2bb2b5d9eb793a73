"""Fold the names of organisations, and note files that no record holds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loose_file",
        sa.Column("blob_key", sa.Text(), nullable=False),
        sa.Column("remove_after", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("blob_key", name=op.f("pk_loose_file")),
    )
    op.create_index("loose_file_remove_after", "loose_file", ["remove_after"], unique=False)
    # The default lets processes of the version before go on while this one is rolled out.
    op.add_column("organisation", sa.Column("name_folded", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute(
        """
        UPDATE organisation SET name_folded =
            regexp_replace(translate(lower(normalize(name, NFKC)), '〔〕【】〖〗[]{}', '()()()()()'), '\\s+', '', 'g')
        """
    )


def downgrade() -> None:
    op.drop_column("organisation", "name_folded")
    op.drop_index("loose_file_remove_after", table_name="loose_file")
    op.drop_table("loose_file")
