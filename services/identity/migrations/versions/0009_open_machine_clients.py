"""Let organisations open machine clients, which sign in with keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_CHECKS = {
    "kind": "kind = 'person' OR (kind = 'client' AND organisation_id IS NOT NULL)",
    "password": "kind = 'person' OR password_hash = ''",
}


def upgrade() -> None:
    op.create_table(
        "client_assertion",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("jti_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti_hash", name=op.f("pk_client_assertion")),
    )
    op.create_index("client_assertion_expires_at", "client_assertion", ["expires_at"], unique=False)
    op.create_table(
        "client",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended', 'deleted')", name=op.f("ck_client_state")),
        sa.CheckConstraint("cardinality(scopes) >= 1", name=op.f("ck_client_scopes")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_client_version")),
        sa.ForeignKeyConstraint(["id"], ["account.id"], name=op.f("fk_client_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_client_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
    )
    op.create_index(op.f("ix_client_organisation_id"), "client", ["organisation_id"], unique=False)
    op.create_table(
        "client_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("retired_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("algorithm IN ('EdDSA', 'ES256')", name=op.f("ck_client_key_algorithm")),
        sa.CheckConstraint("expires_at > added_at", name=op.f("ck_client_key_in_order")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_client_key_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_client_key_kid")),
    )
    op.create_index(op.f("ix_client_key_client_id"), "client_key", ["client_id"], unique=False)
    op.add_column("account", sa.Column("kind", sa.Text(), server_default=sa.text("'person'"), nullable=False))
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_account_{name}"), "account", condition)


def downgrade() -> None:
    # What clients did names their accounts, so these stay; an earlier release lets nobody in by them.
    op.execute("UPDATE account SET state = 'disabled' WHERE kind = 'client'")
    for name in _CHECKS:
        op.drop_constraint(op.f(f"ck_account_{name}"), "account", type_="check")
    op.drop_column("account", "kind")
    op.drop_index(op.f("ix_client_key_client_id"), table_name="client_key")
    op.drop_table("client_key")
    op.drop_index(op.f("ix_client_organisation_id"), table_name="client")
    op.drop_table("client")
    op.drop_index("client_assertion_expires_at", table_name="client_assertion")
    op.drop_table("client_assertion")
