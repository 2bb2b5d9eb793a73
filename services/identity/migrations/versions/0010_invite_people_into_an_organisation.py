"""Let an administrator invite people into an organisation, as handlers or readers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MEMBER = "member_role IS NULL OR (member_role IN ('handler', 'reader') AND organisation_id IS NOT NULL)"


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("member_role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("invited_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(state = 'accepted') = (account_id IS NOT NULL)", name=op.f("ck_invitation_accepted")),
        sa.CheckConstraint("member_role IN ('handler', 'reader')", name=op.f("ck_invitation_member_role")),
        sa.CheckConstraint("state IN ('open', 'accepted', 'withdrawn')", name=op.f("ck_invitation_state")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_invitation_account_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_invitation_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_organisation_id"), "invitation", ["organisation_id"], unique=False)
    op.add_column("account", sa.Column("member_role", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_account_member_role"), "account", _MEMBER)


def downgrade() -> None:
    # An earlier release would let them do all that their organisation may.
    op.execute("UPDATE account SET state = 'disabled' WHERE member_role IS NOT NULL")
    op.drop_constraint(op.f("ck_account_member_role"), "account", type_="check")
    op.drop_column("account", "member_role")
    op.drop_index(op.f("ix_invitation_organisation_id"), table_name="invitation")
    op.drop_table("invitation")
