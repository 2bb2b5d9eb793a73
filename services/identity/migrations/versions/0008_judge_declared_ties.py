"""Let the operator confirm or dismiss the ties that parties declare."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = ["enterprise_id", "provider_id", "kind"]
_CHECKS = {
    "standing": "standing IN ('declared', 'repeated', 'confirmed', 'dismissed')",
    "judged": "standing = 'confirmed' OR origin = 'declared'",
    "dismissed": "standing = 'confirmed' OR (standing = 'dismissed') = (ended_at IS NOT NULL)",
    "version": "version = CASE WHEN ended_at IS NULL THEN 1 ELSE 2 END"
    " OR (version = 0 AND standing IN ('repeated', 'dismissed'))",
    "not_in_force": "standing <> 'repeated' OR version = 0",
}
# What the operator ended after an objection does not come back by the party's word alone.
_STANDING = """
UPDATE affiliation SET standing = CASE WHEN ended_at IS NULL THEN 'declared' ELSE 'dismissed' END
WHERE origin = 'declared'
"""


def upgrade() -> None:
    op.add_column(
        "affiliation", sa.Column("standing", sa.Text(), server_default=sa.text("'confirmed'"), nullable=False)
    )
    op.execute(_STANDING)
    op.drop_constraint(op.f("ck_affiliation_version"), "affiliation", type_="check")
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_affiliation_{name}"), "affiliation", condition)
    op.drop_index("affiliation_open", table_name="affiliation")
    for name, condition in (
        ("affiliation_open", "ended_at IS NULL AND standing <> 'repeated'"),
        ("affiliation_repeated", "ended_at IS NULL AND standing = 'repeated'"),
    ):
        op.create_index(name, "affiliation", _COLUMNS, unique=True, postgresql_where=sa.text(condition))
    waiting = "ended_at IS NULL AND standing IN ('declared', 'repeated')"
    op.create_index("affiliation_waiting", "affiliation", ["id"], unique=False, postgresql_where=sa.text(waiting))


def downgrade() -> None:
    # An earlier release holds every open tie to be in force; these never were.
    op.execute("DELETE FROM affiliation WHERE version = 0")
    for name in ("affiliation_waiting", "affiliation_repeated", "affiliation_open"):
        op.drop_index(name, table_name="affiliation")
    op.create_index(
        "affiliation_open", "affiliation", _COLUMNS, unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    for name in _CHECKS:
        op.drop_constraint(op.f(f"ck_affiliation_{name}"), "affiliation", type_="check")
    op.create_check_constraint(
        op.f("ck_affiliation_version"), "affiliation", "version = CASE WHEN ended_at IS NULL THEN 1 ELSE 2 END"
    )
    op.drop_column("affiliation", "standing")
