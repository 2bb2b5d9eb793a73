"""Ties and blacklistings, overrides, reads of evidence, and what identifies a paper.

Numbers that were filed or paid before are folded anew. Where two of them turn out to be one number, nothing is taken from
anybody: the first keeps it, and operator, bureau and auditors are told of the second.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.settlement.domain.evidence import folded, keys_of, noted_keys_of
from services.settlement.domain.references import fold_reference
from shared.kernel.ids import uuid7

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_READERS = ("role:operator_lead", "role:bureau_lead", "role:auditor")
_WITHIN = "ck_claim_item_approved_within_claimed"


def upgrade() -> None:
    op.create_table(
        "affiliation",
        sa.Column("affiliation_id", sa.Uuid(), nullable=False),
        sa.Column("enterprise_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("affiliation_id", name=op.f("pk_affiliation")),
    )
    op.create_index(
        "affiliation_pair",
        "affiliation",
        ["enterprise_id", "provider_id"],
        unique=False,
        postgresql_where=sa.text("NOT ended"),
    )
    op.create_table(
        "evidence_read",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("read_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("what IN ('claim', 'document', 'export')", name=op.f("ck_evidence_read_what")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_read")),
        info={"append_only": True},
    )
    op.create_index("evidence_read_account_id_id", "evidence_read", ["account_id", "id"], unique=False)
    op.create_index("evidence_read_claim_id_id", "evidence_read", ["claim_id", "id"], unique=False)
    op.create_table(
        "override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("marks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'approved') = (expires_at IS NOT NULL)", name=op.f("ck_override_expires")),
        sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name=op.f("ck_override_decided")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_override_explained")),
        sa.CheckConstraint(
            "state <> 'approved' OR (decided_by <> proposed_by AND decision_reason <> '')",
            name=op.f("ck_override_two_persons"),
        ),
        sa.CheckConstraint("state IN ('approved', 'proposed', 'refused', 'withdrawn')", name=op.f("ck_override_state")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_override_amount_positive")),
        sa.ForeignKeyConstraint(
            ["claim_id", "order_id"],
            ["claim_item.claim_id", "claim_item.order_id"],
            name=op.f("fk_override_claim_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_override")),
    )
    op.create_index("override_item", "override", ["claim_id", "order_id"], unique=False)
    op.create_index(
        "override_open",
        "override",
        ["claim_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.add_column("claim", sa.Column("submitted_by", sa.Uuid(), nullable=True))
    op.add_column("evidence", sa.Column("reference_folded", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("party", sa.Column("blacklisted", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_constraint(op.f(_WITHIN), "claim_item", type_="check")
    op.create_check_constraint(op.f(_WITHIN), "claim_item", "approved_fen >= 0 AND approved_fen <= voucher_fen")
    op.execute(
        "UPDATE claim SET submitted_by = d.account_id FROM decision d"
        " WHERE d.subject_id = claim.id AND d.act = 'claim.submit'"
    )
    _fold_evidence(op.get_bind())
    _fold_payments(op.get_bind())


def _fold_evidence(connection: sa.Connection) -> None:
    """Fold every reference, and bind the keys of what was filed, in the order in which it was filed."""
    found = connection.execute(
        sa.text(
            "SELECT e.id, e.claim_id, e.order_id, e.kind, e.reference, e.sha256, c.provider_id, c.filed_at"
            " FROM evidence e JOIN claim c ON c.id = e.claim_id ORDER BY c.filed_at NULLS LAST, c.serial, e.id"
        )
    )
    for row in found.all():
        connection.execute(
            sa.text("UPDATE evidence SET reference_folded = :folded WHERE id = :id"),
            {"id": row.id, "folded": folded(row.kind, row.reference)},
        )
        if row.filed_at is not None:
            _bind(connection, row)


def _bind(connection: sa.Connection, row: Any) -> None:  # noqa: ANN401 - a row of the query above
    own = keys_of(row.kind, sha256=row.sha256, reference=row.reference, provider_id=row.provider_id)
    for key in (*own, *noted_keys_of(row.kind, reference=row.reference)):
        values = {"scheme": key.scheme.value, "value": key.value, "order_id": row.order_id, "kind": row.kind}
        connection.execute(
            sa.text(
                "INSERT INTO evidence_key (scheme, value, order_id, kind)"
                " VALUES (:scheme, :value, :order_id, :kind) ON CONFLICT DO NOTHING"
            ),
            values,
        )
        holder = connection.execute(
            sa.text("SELECT order_id, kind FROM evidence_key WHERE scheme = :scheme AND value = :value"), values
        ).one()
        if key in own and (holder.order_id, holder.kind) != (row.order_id, row.kind):
            text = f"兑现材料号码“{row.reference}”与此前另一订单的材料为同一号码，请核查。"
            _report(connection, subject_type="claim", subject_id=row.claim_id, text=text)


def _fold_payments(connection: sa.Connection) -> None:
    """Fold the references of payments; of two that are one, the later keeps the key it had."""
    found: Sequence[Any] = connection.execute(
        sa.text("SELECT id, payment_reference, payment_key FROM appropriation WHERE state = 'paid' ORDER BY serial")
    ).all()
    taken = {row.payment_key for row in found}
    for row in found:
        key = fold_reference(row.payment_reference)
        if not key or key == row.payment_key:
            continue
        if key in taken:
            text = f"拨付凭证号“{row.payment_reference}”与另一笔拨付为同一号码，请核查。"
            _report(connection, subject_type="appropriation", subject_id=row.id, text=text)
            continue
        taken.add(key)
        connection.execute(
            sa.text("UPDATE appropriation SET payment_key = :key WHERE id = :id"), {"key": key, "id": row.id}
        )


def _report(connection: sa.Connection, *, subject_type: str, subject_id: object, text: str) -> None:
    for reader in _READERS:
        values = {
            "id": uuid7(int(time.time() * 1_000), secrets.randbits(74)),
            "recipient": reader,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "text": text,
        }
        connection.execute(
            sa.text(
                "INSERT INTO notice (id, recipient, subject_type, subject_id, event, text, article, at)"
                " VALUES (:id, :recipient, :subject_type, :subject_id, 'evidence.duplicate_found', :text, 'A22', now())"
            ),
            values,
        )


def downgrade() -> None:
    op.drop_constraint(op.f(_WITHIN), "claim_item", type_="check")
    op.create_check_constraint(op.f(_WITHIN), "claim_item", "approved_fen > 0 AND approved_fen <= voucher_fen")
    op.drop_column("party", "blacklisted")
    op.drop_column("evidence", "reference_folded")
    op.drop_column("claim", "submitted_by")
    op.drop_index("override_open", table_name="override", postgresql_where=sa.text("state = 'proposed'"))
    op.drop_index("override_item", table_name="override")
    op.drop_table("override")
    op.drop_index("evidence_read_claim_id_id", table_name="evidence_read")
    op.drop_index("evidence_read_account_id_id", table_name="evidence_read")
    op.drop_table("evidence_read")
    op.drop_index("affiliation_pair", table_name="affiliation", postgresql_where=sa.text("NOT ended"))
    op.drop_table("affiliation")
