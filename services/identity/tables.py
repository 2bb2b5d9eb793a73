"""The tables of identity. Personal values are sealed envelopes; the CHECKs repeat what the rules hold."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.runtime.loose_files import loose_files
from shared.runtime.row_security import Of, hidden_rows, own, party_rows, staff_rows
from shared.runtime.tables import APPEND_ONLY, attach, moment, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[own("subject_id"), Of("subject_id", "affiliation")])

_OF_PARTY = party_rows(own("organisation_id"))
_TASK = hidden_rows("the list of tasks is one statement for everybody; only staff have any of these")

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
    # Apart from a suspension, so that the end of one never ends the other.
    moment("blacklisted_since", nullable=True),
    Column("closed", Boolean, nullable=False),
    # The check place fails and the registrant gave evidence: the reviewer must look at the licence twice.
    Column("check_flagged", Boolean, nullable=False),
    Column("check_evidence", Text, nullable=False),
    Column("reviewed_by", Uuid),
    moment("registered_at"),
    moment("submitted_at", nullable=True),
    moment("recognised_at", nullable=True),
    Column("version", Integer, nullable=False),
    # A code is claimed by evidence: many may register with it, and one of each kind is authenticated.
    Index(
        "organisation_code_held",
        "kind",
        "credit_code",
        unique=True,
        postgresql_where=text("state = 'authenticated' AND NOT closed"),
    ),
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
    info=_OF_PARTY,
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
    info=_OF_PARTY,
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
    info=_OF_PARTY,
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
    info=APPEND_ONLY | _OF_PARTY,
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
    info=APPEND_ONLY | _OF_PARTY,
)

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
    CheckConstraint("state IN ('proposed', 'approved', 'withdrawn', 'refused', 'lifted')", name="state"),
    CheckConstraint("(state IN ('approved', 'lifted')) = (approved_by IS NOT NULL)", name="approved"),
    CheckConstraint("(state IN ('withdrawn', 'refused', 'lifted')) = (closed_by IS NOT NULL)", name="closed"),
    CheckConstraint("approved_by <> proposed_by", name="four_eyes"),
    info=_TASK,
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
    CheckConstraint("state IN ('proposed', 'approved', 'withdrawn', 'refused')", name="state"),
    CheckConstraint("(state = 'proposed') = (closed_by IS NULL)", name="closed"),
    CheckConstraint("state <> 'approved' OR closed_by <> proposed_by", name="four_eyes"),
    info=_TASK,
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
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("affiliation_provider_id", "provider_id"),
    CheckConstraint(
        "kind IN ('subordination', 'joint_establishment', 'property_tie', 'same_code', 'same_party')", name="kind"
    ),
    CheckConstraint("origin IN ('declared', 'recorded', 'automatic')", name="origin"),
    CheckConstraint("(origin = 'automatic') = (kind = 'same_code')", name="automatic"),
    CheckConstraint("origin = 'automatic' OR recorded_by IS NOT NULL", name="recorded"),
    CheckConstraint("kind <> 'same_code' OR ended_at IS NULL", name="one_body_for_ever"),
    CheckConstraint("version = CASE WHEN ended_at IS NULL THEN 1 ELSE 2 END", name="version"),
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
    info=_TASK,
)

DESIGNATION = Table(
    "designation",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("operator_name", Text, nullable=False),
    Column("act", Text, nullable=False),
    moment("starts_at"),
    moment("ends_at", nullable=True),
    Column("recorded_by", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="in_order"),
    info=staff_rows("the operator's, shown to staff"),
)

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("sign_in_name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), index=True),
    # The operator's people belong to the designation they work under, and lose their rights with it.
    Column("designation_id", Uuid, ForeignKey("designation.id"), index=True),
    Column("roles", ARRAY(Text), nullable=False),
    Column("region", Text),
    Column("display_name", Text, nullable=False),
    Column("state", Text, nullable=False),
    moment("opened_at"),
    Column("version", Integer, nullable=False),
    CheckConstraint("state IN ('active', 'disabled')", name="state"),
    CheckConstraint("('region' = ANY(roles)) = (region IS NOT NULL)", name="region"),
    CheckConstraint("cardinality(roles) >= 1", name="roles"),
    CheckConstraint("designation_id IS NULL OR organisation_id IS NULL", name="designation"),
    CheckConstraint("version >= 1", name="version"),
    info=_OF_PARTY,
)

REFRESH_TOKEN = Table(
    "refresh_token",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("family_id", Uuid, nullable=False, index=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    # Machine time, as everything about tokens.
    moment("expires_at"),
    # For a second tab that refreshes at once: what came of the exchange, when, and for which client.
    moment("rotated_at", nullable=True),
    Column("client", LargeBinary, nullable=False, server_default=text("''")),
    Column("successor", LargeBinary),
    Column("successor_sealed", LargeBinary),
    CheckConstraint("state IN ('active', 'rotated', 'revoked')", name="state"),
    Index("refresh_token_expires_at", "expires_at"),
    Index("refresh_token_sealed", "rotated_at", postgresql_where=text("successor_sealed IS NOT NULL")),
    info=staff_rows("sessions look it up, and show it to nobody"),
)

FAILED_SIGN_IN = Table(
    "failed_sign_in",
    METADATA,
    Column("scope", Text, nullable=False),
    # A keyed hash: what people type into the name field is sometimes their password.
    Column("key", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False),
    moment("last_failed_at"),
    PrimaryKeyConstraint("scope", "key"),
    CheckConstraint("scope IN ('account', 'network', 'lane', 'device', 'second_factor', 'registration')", name="scope"),
    CheckConstraint("failures >= 1", name="failures"),
)

PASSWORD_RESET = Table(
    "password_reset",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False, index=True),
    # The code, or its two parts, follow from the id and a secret: nothing here gives them away.
    Column("parts", Integer, nullable=False),
    Column("issued_by", Uuid, nullable=False),
    Column("ground", Text, nullable=False),
    # Machine time, as everything about passwords.
    moment("issued_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    Index("password_reset_open", "account_id", unique=True, postgresql_where=text("used_at IS NULL")),
    CheckConstraint("parts IN (1, 2)", name="parts"),
    CheckConstraint("expires_at > issued_at", name="in_order"),
    info=staff_rows("a code is given out by staff"),
)

STAFF_PROPOSAL = Table(
    "staff_proposal",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("act", Text, nullable=False),
    # None until an account is opened.
    Column("account_id", Uuid, ForeignKey("account.id"), index=True),
    Column("sign_in_name", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("region", Text),
    # The designation that was named, for one of the operator's people.
    Column("designation_id", Uuid, ForeignKey("designation.id")),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed_by", Uuid, nullable=False),
    moment("proposed_at"),
    moment("expires_at"),
    Column("decided_by", Uuid),
    Column("decision_reason", Text, nullable=False, server_default=text("''")),
    moment("decided_at", nullable=True),
    Column("version", Integer, nullable=False),
    Index("staff_proposal_state_id", "state", "id"),
    CheckConstraint("act IN ('open', 'change_roles', 'enable', 'reset_password', 'reset_second_factor')", name="act"),
    CheckConstraint("state IN ('proposed', 'approved', 'refused', 'withdrawn')", name="state"),
    CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_at"),
    CheckConstraint("state = 'withdrawn' OR decided_by <> proposed_by", name="four_eyes"),
    CheckConstraint("act = 'open' OR account_id IS NOT NULL", name="account"),
    CheckConstraint("version >= 1", name="version"),
    info=_TASK,
)

SECOND_FACTOR = Table(
    "second_factor",
    METADATA,
    Column("account_id", Uuid, ForeignKey("account.id"), primary_key=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    moment("made_at"),
    moment("confirmed_at", nullable=True),
    # The newest time step whose code was taken; no step is taken twice.
    Column("last_step", BigInteger, nullable=False),
    info=staff_rows("sign-in looks it up, and shows it to nobody"),
)

RECOVERY_CODE = Table(
    "recovery_code",
    METADATA,
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    # A keyed hash: fifty random bits need no slow one.
    Column("code_index", LargeBinary, nullable=False),
    moment("used_at", nullable=True),
    PrimaryKeyConstraint("account_id", "code_index"),
    info=staff_rows("sign-in looks it up, and shows it to nobody"),
)

ISSUING_KEY = Table(
    "issuing_key",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("kid", Text, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("private_key_sealed", LargeBinary, nullable=False),
    moment("usable_from"),
    moment("retired_at", nullable=True),
    Column("version", Integer, nullable=False),
    CheckConstraint("version = CASE WHEN retired_at IS NULL THEN 1 ELSE 2 END", name="version"),
)
