"""Fold the kinds of brackets in what the search sees, as new rows have them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE party SET search_text = translate(search_text, '〔〕【】〖〗[]{}', '()()()()()')")
    op.execute("UPDATE listing SET search_text = translate(search_text, '〔〕【】〖〗[]{}', '()()()()()')")
    op.execute("UPDATE listed_price SET unit_folded = translate(unit_folded, '〔〕【】〖〗[]{}', '()()()()()')")


def downgrade() -> None:
    """Nothing to undo: the version before reads what this one folds."""
