"""Keep what the bureau suspended, who holds a body, and moves of staff to another designation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ACTS = "act IN ('open', 'change_roles', {}'enable', 'reset_password', 'reset_second_factor')"
_ORGANISATION_CHECKS = {
    "reinstatement_asked": "reinstatement_asked_at IS NULL OR suspended_by_bureau",
    "asked_by": "(reinstatement_asked_at IS NULL) = (reinstatement_asked_by IS NULL)",
    "body_held": "body_held IS NULL OR (state = 'authenticated' AND NOT closed)",
}
# Who decided a suspension is in the record; one that the operator brought forward is the bureau's all the same.
_SUSPENDED_BY_BUREAU = """
UPDATE organisation o SET suspended_by_bureau = true WHERE o.suspended_since IS NOT NULL AND EXISTS (
    SELECT FROM decision d WHERE d.subject_id = o.id AND d.act = 'organisation.suspend' AND d.role = 'bureau_lead'
        AND NOT EXISTS (SELECT FROM decision r
                        WHERE r.subject_id = o.id AND r.act = 'organisation.reinstate' AND r.id > d.id))
"""
# Where an earlier release authenticated two for one body, neither holds it.
_HELD = """
UPDATE organisation o SET body_held = left(o.credit_code, 17)
WHERE o.state = 'authenticated' AND NOT o.closed AND NOT EXISTS (
    SELECT FROM organisation other
    WHERE other.id <> o.id AND other.kind = o.kind AND left(other.credit_code, 17) = left(o.credit_code, 17)
        AND other.state = 'authenticated' AND NOT other.closed)
"""


def upgrade() -> None:
    op.add_column(
        "organisation", sa.Column("suspended_by_bureau", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("organisation", sa.Column("reinstatement_asked_by", sa.Uuid(), nullable=True))
    op.add_column(
        "organisation", sa.Column("reinstatement_asked_at", postgresql.TIMESTAMP(timezone=True), nullable=True)
    )
    op.add_column("organisation", sa.Column("body_held", sa.Text(), nullable=True))
    op.drop_index(
        op.f("organisation_code_held"),
        table_name="organisation",
        postgresql_where="((state = 'authenticated'::text) AND (NOT closed))",
    )
    op.execute(_SUSPENDED_BY_BUREAU)
    op.execute(_HELD)
    op.create_index("organisation_body_held", "organisation", ["kind", "body_held"], unique=True)
    for name, condition in _ORGANISATION_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_organisation_{name}"), "organisation", condition)
    op.drop_constraint(op.f("ck_staff_proposal_act"), "staff_proposal", type_="check")
    op.create_check_constraint(op.f("ck_staff_proposal_act"), "staff_proposal", _ACTS.format("'move', "))
    op.create_check_constraint(
        op.f("ck_staff_proposal_designation"), "staff_proposal", "act <> 'move' OR designation_id IS NOT NULL"
    )


def downgrade() -> None:
    # What an older release cannot express goes; the decisions stay.
    op.execute("DELETE FROM staff_proposal WHERE act = 'move'")
    op.drop_constraint(op.f("ck_staff_proposal_designation"), "staff_proposal", type_="check")
    op.drop_constraint(op.f("ck_staff_proposal_act"), "staff_proposal", type_="check")
    op.create_check_constraint(op.f("ck_staff_proposal_act"), "staff_proposal", _ACTS.format(""))
    for name in _ORGANISATION_CHECKS:
        op.drop_constraint(op.f(f"ck_organisation_{name}"), "organisation", type_="check")
    op.drop_index("organisation_body_held", table_name="organisation")
    op.create_index(
        op.f("organisation_code_held"),
        "organisation",
        ["kind", "credit_code"],
        unique=True,
        postgresql_where="((state = 'authenticated'::text) AND (NOT closed))",
    )
    op.drop_column("organisation", "body_held")
    op.drop_column("organisation", "reinstatement_asked_at")
    op.drop_column("organisation", "reinstatement_asked_by")
    op.drop_column("organisation", "suspended_by_bureau")
