"""What stands against parties: the blacklist, ties between two of them, and likenesses."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.identity.tables.base import METADATA, TASK
from shared.runtime.tables import moment, own, party_rows

WAITING_TIES = "ended_at IS NULL AND standing IN ('declared', 'repeated')"
"""Ties that a party declared and nobody has judged yet."""

BLACKLIST_ENTRY = Table(
    "blacklist_entry",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("credit_code", Text, nullable=False),
    Column("organisation_name", Text, nullable=False),
    # The external decision without which nobody is listed (Q19).
    Column("organ", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed_by", Uuid, nullable=False),
    moment("proposed_at"),
    Column("approved_by", Uuid),
    moment("approved_at", nullable=True),
    Column("closed_reason", Text, nullable=False, server_default=text("''")),
    Column("closed_by", Uuid),
    moment("closed_at", nullable=True),
    # One body is proposed or listed once at a time.
    Index(
        "blacklist_entry_open",
        text('"left"(credit_code, 17)'),
        unique=True,
        postgresql_where=text("state IN ('proposed', 'approved')"),
    ),
    CheckConstraint("state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lifted', 'lapsed')", name="state"),
    CheckConstraint("(state IN ('approved', 'lifted')) = (approved_by IS NOT NULL)", name="approved"),
    CheckConstraint("(state IN ('withdrawn', 'refused', 'lifted')) = (closed_by IS NOT NULL)", name="closed"),
    CheckConstraint("approved_by <> proposed_by", name="four_eyes"),
    info=TASK,
)

BLACKLIST_LIFTING = Table(
    "blacklist_lifting",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("entry_id", Uuid, ForeignKey("blacklist_entry.id"), nullable=False),
    # The new external decision that ends the effect of the first (Q19).
    Column("organ", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed_by", Uuid, nullable=False),
    moment("proposed_at"),
    Column("closed_reason", Text, nullable=False, server_default=text("''")),
    Column("closed_by", Uuid),
    moment("closed_at", nullable=True),
    Index("blacklist_lifting_open", "entry_id", unique=True, postgresql_where=text("state = 'proposed'")),
    CheckConstraint("state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lapsed')", name="state"),
    CheckConstraint("(state IN ('proposed', 'lapsed')) = (closed_by IS NULL)", name="closed"),
    CheckConstraint("state <> 'approved' OR closed_by <> proposed_by", name="four_eyes"),
    info=TASK,
)

AFFILIATION = Table(
    "affiliation",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("enterprise_id", Uuid, ForeignKey("organisation.id"), nullable=False),
    Column("provider_id", Uuid, ForeignKey("organisation.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default=text("'recorded'")),
    # What became of a party's own word: what staff or the platform recorded is confirmed from the first.
    Column("standing", Text, nullable=False, server_default=text("'confirmed'")),
    Column("recorded_by", Uuid),
    moment("recorded_at"),
    Column("ended_reason", Text, nullable=False, server_default=text("''")),
    moment("ended_at", nullable=True),
    Column("version", Integer, nullable=False),
    Index(
        "affiliation_open",
        "enterprise_id",
        "provider_id",
        "kind",
        unique=True,
        postgresql_where=text("ended_at IS NULL AND standing <> 'repeated'"),
    ),
    # Declared once more after a dismissal: it waits for the operator beside whatever is in force.
    Index(
        "affiliation_repeated",
        "enterprise_id",
        "provider_id",
        "kind",
        unique=True,
        postgresql_where=text("ended_at IS NULL AND standing = 'repeated'"),
    ),
    Index("affiliation_waiting", "id", postgresql_where=text(WAITING_TIES)),
    Index("affiliation_provider_id", "provider_id"),
    CheckConstraint(
        "kind IN ('subordination', 'joint_establishment', 'property_tie', 'same_code', 'same_party')", name="kind"
    ),
    CheckConstraint("origin IN ('declared', 'recorded', 'automatic')", name="origin"),
    CheckConstraint("(origin = 'automatic') = (kind = 'same_code')", name="automatic"),
    CheckConstraint("origin = 'automatic' OR recorded_by IS NOT NULL", name="recorded"),
    CheckConstraint("kind <> 'same_code' OR ended_at IS NULL", name="one_body_for_ever"),
    CheckConstraint("standing IN ('declared', 'repeated', 'confirmed', 'dismissed')", name="standing"),
    CheckConstraint("standing = 'confirmed' OR origin = 'declared'", name="judged"),
    CheckConstraint("standing = 'confirmed' OR (standing = 'dismissed') = (ended_at IS NOT NULL)", name="dismissed"),
    # What was never in force has said no fact, so it has no version.
    CheckConstraint(
        "version = CASE WHEN ended_at IS NULL THEN 1 ELSE 2 END"
        " OR (version = 0 AND standing IN ('repeated', 'dismissed'))",
        name="version",
    ),
    CheckConstraint("standing <> 'repeated' OR version = 0", name="not_in_force"),
    info=party_rows(own("enterprise_id", "provider_id")),
)

RESEMBLANCE = Table(
    "resemblance",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("first_id", Uuid, ForeignKey("organisation.id"), nullable=False),
    Column("second_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    # In what the two agree: code, name, the contact's ID number or telephone.
    Column("grounds", ARRAY(Text), nullable=False),
    moment("noticed_at"),
    Column("outcome", Text, nullable=False, server_default=text("'open'")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("decided_by", Uuid),
    moment("decided_at", nullable=True),
    UniqueConstraint("first_id", "second_id"),
    Index("resemblance_open", "id", postgresql_where=text("outcome = 'open'")),
    CheckConstraint("first_id < second_id", name="in_order"),
    CheckConstraint("outcome IN ('open', 'different', 'same')", name="outcome"),
    CheckConstraint("(outcome = 'open') = (decided_by IS NULL)", name="decided"),
    CheckConstraint("cardinality(grounds) >= 1", name="grounds"),
    info=TASK,
)
