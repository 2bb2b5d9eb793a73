"""Accounts and what they sign in with, the operator's designation, staff proposals and the keys of tokens."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.identity.tables.base import METADATA, OF_PARTY, TASK
from shared.runtime.tables import moment, staff_rows

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
    # A client is a machine's: it has no password and signs in with a key (tables/clients.py).
    Column("kind", Text, nullable=False, server_default=text("'person'")),
    # What a person is within an organisation; NULL is its administrator, as every account of before.
    Column("member_role", Text),
    moment("opened_at"),
    Column("version", Integer, nullable=False),
    CheckConstraint("state IN ('active', 'disabled')", name="state"),
    CheckConstraint(
        "member_role IS NULL OR (member_role IN ('handler', 'reader') AND organisation_id IS NOT NULL)",
        name="member_role",
    ),
    CheckConstraint("kind = 'person' OR (kind = 'client' AND organisation_id IS NOT NULL)", name="kind"),
    CheckConstraint("kind = 'person' OR password_hash = ''", name="password"),
    CheckConstraint("('region' = ANY(roles)) = (region IS NOT NULL)", name="region"),
    CheckConstraint("cardinality(roles) >= 1", name="roles"),
    CheckConstraint("designation_id IS NULL OR organisation_id IS NULL", name="designation"),
    CheckConstraint("version >= 1", name="version"),
    info=OF_PARTY,
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
    CheckConstraint(
        "act IN ('open', 'change_roles', 'move', 'enable', 'reset_password', 'reset_second_factor')", name="act"
    ),
    CheckConstraint("state IN ('proposed', 'approved', 'refused', 'withdrawn')", name="state"),
    CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_at"),
    CheckConstraint("state = 'withdrawn' OR decided_by <> proposed_by", name="four_eyes"),
    CheckConstraint("act = 'open' OR account_id IS NOT NULL", name="account"),
    CheckConstraint("act <> 'move' OR designation_id IS NOT NULL", name="designation"),
    CheckConstraint("version >= 1", name="version"),
    info=TASK,
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
