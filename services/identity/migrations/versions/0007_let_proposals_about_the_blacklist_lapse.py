"""Let proposals to list or to lift lapse that nobody approved in time."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CHECKS = (
    (
        "blacklist_entry",
        "state",
        "state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lifted')",
        "state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lifted', 'lapsed')",
    ),
    (
        "blacklist_lifting",
        "state",
        "state IN ('proposed', 'approved', 'withdrawn', 'refused')",
        "state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lapsed')",
    ),
    (
        "blacklist_lifting",
        "closed",
        "(state = 'proposed') = (closed_by IS NULL)",
        "(state IN ('proposed', 'lapsed')) = (closed_by IS NULL)",
    ),
)
# An earlier release knows no other way to end by itself.
_AS_WITHDRAWN = "UPDATE {} SET state = 'withdrawn', closed_by = proposed_by WHERE state = 'lapsed'"


def upgrade() -> None:
    for table, name, _, condition in _CHECKS:
        _replace(table, name, condition)


def downgrade() -> None:
    for table in ("blacklist_entry", "blacklist_lifting"):
        op.execute(_AS_WITHDRAWN.format(table))
    for table, name, condition, _ in _CHECKS:
        _replace(table, name, condition)


def _replace(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
