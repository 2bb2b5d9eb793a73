"""Parties: what is kept of an organisation, what it handed in, and what was decided on it."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.identity.tables.base import METADATA, OF_PARTY
from shared.documents.loose_files import loose_files
from shared.runtime.tables import APPEND_ONLY, Of, moment, own, party_rows

ORGANISATION = Table(
    "organisation",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    # The name as it is compared with others': one spelling for what people read as one. A job fills in what is empty.
    Column("name_folded", Text, nullable=False, index=True, server_default=text("''")),
    Column("credit_code", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("recognition", Text, nullable=False),
    Column("legal_person", Boolean, nullable=False),
    Column("established_on", Date),
    Column("size_class", Text, nullable=False),
    Column("priority_listed", Boolean, nullable=False),
    moment("suspended_since", nullable=True),
    # Whether the bureau had a part in the suspension: then the bureau alone ends it.
    Column("suspended_by_bureau", Boolean, nullable=False, server_default=text("false")),
    # The operator asks the bureau to end what it decided; empty again once the bureau has answered.
    Column("reinstatement_asked_by", Uuid),
    moment("reinstatement_asked_at", nullable=True),
    # Apart from a suspension, so that the end of one never ends the other.
    moment("blacklisted_since", nullable=True),
    Column("closed", Boolean, nullable=False),
    # The body that it alone of its kind is; set when its evidence is approved. Empty for two that an earlier release
    # authenticated for one body: neither holds it, and nobody else gets it.
    Column("body_held", Text),
    # The check place fails and the registrant gave evidence: the reviewer must look at the licence twice.
    Column("check_flagged", Boolean, nullable=False),
    Column("check_evidence", Text, nullable=False),
    Column("reviewed_by", Uuid),
    moment("registered_at"),
    moment("submitted_at", nullable=True),
    moment("recognised_at", nullable=True),
    Column("version", Integer, nullable=False),
    # A body is claimed by evidence: many may register with its code, and one of each kind is authenticated.
    Index("organisation_body_held", "kind", "body_held", unique=True),
    Index("organisation_credit_code", "credit_code"),
    Index("organisation_state_id", "state", "id"),
    Index("organisation_region_id", "region", "id"),
    # The public directory reads the few recognised providers among all organisations.
    Index("organisation_recognition_id", "recognition", "id"),
    # The first 17 places name the body; the last only checks them.
    Index("organisation_body", text('"left"(credit_code, 17)')),
    CheckConstraint("kind IN ('enterprise', 'provider')", name="kind"),
    CheckConstraint("state IN ('registered', 'submitted', 'sent_back', 'refused', 'authenticated')", name="state"),
    CheckConstraint("recognition IN ('none', 'requested', 'recognised', 'refused')", name="recognition"),
    CheckConstraint("recognition = 'none' OR (kind = 'provider' AND state = 'authenticated')", name="recognised_after"),
    CheckConstraint("kind = 'provider' OR legal_person OR state <> 'authenticated'", name="legal_person"),
    CheckConstraint("NOT priority_listed OR kind = 'enterprise'", name="priority"),
    CheckConstraint("reinstatement_asked_at IS NULL OR suspended_by_bureau", name="reinstatement_asked"),
    CheckConstraint("(reinstatement_asked_at IS NULL) = (reinstatement_asked_by IS NULL)", name="asked_by"),
    CheckConstraint("body_held IS NULL OR (state = 'authenticated' AND NOT closed)", name="body_held"),
    CheckConstraint("version >= 1", name="version"),
    # The reader itself, and whom it is tied to: a tie names both.
    info=party_rows(own("id"), Of("id", "affiliation", "enterprise_id"), Of("id", "affiliation", "provider_id")),
)

CONTACT = Table(
    "contact",
    METADATA,
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), primary_key=True),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("phone_sealed", LargeBinary, nullable=False),
    Column("id_number_sealed", LargeBinary),
    Column("id_number_index", LargeBinary, index=True),
    # Empty for contacts from before it was kept; a job fills it in.
    Column("phone_index", LargeBinary, index=True),
    CheckConstraint("(id_number_sealed IS NULL) = (id_number_index IS NULL)", name="id_number"),
    info=OF_PARTY,
)

DOCUMENT = Table(
    "document",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("blob_key", Text, nullable=False, unique=True),
    Column("media_type", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("pages", Integer, nullable=False),
    Column("legibility", Text, nullable=False),
    Column("uploaded_by", Uuid, nullable=False),
    moment("uploaded_at"),
    UniqueConstraint("organisation_id", "kind", "version"),
    CheckConstraint("version >= 1", name="version"),
    info=OF_PARTY,
)

LOOSE_FILE = loose_files(METADATA)

SUBMISSION = Table(
    "submission",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    # What was handed in, by kind: the document's id and, for a hard to read one, why it is handed in all the same.
    Column("documents", JSONB, nullable=False),
    Column("declaration_version", Text, nullable=False),
    Column("declared_by", Uuid, nullable=False),
    moment("submitted_at"),
    # What the party says it put right since the last one went back.
    Column("correction", Text, nullable=False, server_default=text("''")),
    Column("outcome", Text, nullable=False, server_default=text("'open'")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("document_reasons", JSONB, nullable=False, server_default=text("'{}'")),
    Column("checklist", JSONB, nullable=False, server_default=text("'[]'")),
    Column("decided_by", Uuid),
    moment("decided_at", nullable=True),
    CheckConstraint("outcome IN ('open', 'sent_back', 'refused', 'authenticated')", name="outcome"),
    CheckConstraint("(outcome = 'open') = (decided_at IS NULL)", name="decided"),
    info=OF_PARTY,
)

RECOGNITION = Table(
    "recognition",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("outcome", Text, nullable=False),
    Column("criteria", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("exception_reason", Text, nullable=False),
    Column("decided_by", Uuid, nullable=False),
    moment("decided_at"),
    CheckConstraint("outcome IN ('recognised', 'refused')", name="outcome"),
    info=APPEND_ONLY | OF_PARTY,
)

PRIORITY_ENTRY = Table(
    "priority_entry",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("listed", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("recorded_by", Uuid, nullable=False),
    moment("recorded_at"),
    info=APPEND_ONLY | OF_PARTY,
)
