"""Plans, the queue of applications and what the allocator decided. Every CHECK repeats an invariant of the rules."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
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

from services.voucher.domain.states import (
    OPEN_APPLICATION_STATES,
    PLAN_GIVEN_UP,
    PLAN_PUBLIC,
    ApplicationState,
    IncreaseState,
    PlanState,
)
from services.voucher.tables.base import METADATA, ending, fen, one_of, quoted
from shared.runtime.tables import APPEND_ONLY, Where, moment, own, party_rows, staff_rows

PARTY = Table(
    "party",
    METADATA,
    Column("organisation_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("legal_person", Boolean, nullable=False),
    Column("established_on", Date),
    # Empty in copies made before it was kept, until identity says its newest facts again (ADR 0021).
    Column("size_class", Text, nullable=False, server_default=text("''")),
    Column("priority_listed", Boolean, nullable=False),
    moment("suspended_since", nullable=True),
    Column("closed", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    info=party_rows(own("organisation_id")),
)

PLAN = Table(
    "plan",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    fen("left_fen"),
    fen("earmarked_fen"),
    fen("lane_left_fen"),
    Column("lane_share_bp", Integer, nullable=False),
    moment("lane_until", nullable=True),
    Column("cap_fen", BigInteger, nullable=False),
    moment("opens_at"),
    moment("closes_at"),
    Column("drafted_by", Uuid),
    Column("approved_by", Uuid),
    *ending(),
    Column("pack_version", Text, nullable=False),
    Column("decided_to", BigInteger, nullable=False, server_default=text("0")),
    Column("last_decision_no", BigInteger, nullable=False, server_default=text("0")),
    Column("allocator_epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("version", Integer, nullable=False),
    # One plan a year, but for drafts that were refused or withdrawn.
    Index("plan_of_year", "year", unique=True, postgresql_where=text(f"state NOT IN ({quoted(PLAN_GIVEN_UP)})")),
    one_of("state", PlanState),
    CheckConstraint("left_fen >= 0 AND earmarked_fen >= 0", name="balances"),
    CheckConstraint("left_fen + earmarked_fen <= total_fen", name="within_total"),
    CheckConstraint("lane_left_fen >= 0 AND lane_left_fen <= left_fen", name="lane_within_left"),
    CheckConstraint("lane_share_bp BETWEEN 0 AND 10000", name="lane_share"),
    CheckConstraint("total_fen > 0 AND cap_fen > 0", name="amounts"),
    postgresql_with={"fillfactor": "50"},
    # Published by law; drafts are the bureau's own matter.
    info=party_rows(Where(f"state IN ({quoted(PLAN_PUBLIC)})")),
)

INTAKE_COUNTER = Table(
    "intake_counter",
    METADATA,
    Column("plan_id", Uuid, ForeignKey("plan.id"), primary_key=True),
    Column("last_ticket_no", BigInteger, nullable=False, server_default=text("0")),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    postgresql_with={"fillfactor": "50"},
    info=staff_rows("intake counts with it"),
)

ALLOCATOR_LEASE = Table(
    "allocator_lease",
    METADATA,
    Column("plan_id", Uuid, ForeignKey("plan.id"), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    moment("until"),
    info=staff_rows("the allocator's own"),
)

PLAN_INCREASE = Table(
    "plan_increase",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("plan_id", Uuid, ForeignKey("plan.id"), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("drafted_by", Uuid),
    Column("approved_by", Uuid),
    *ending(),
    moment("drafted_at"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    CheckConstraint("amount_fen > 0", name="amount"),
    one_of("state", IncreaseState),
    info=staff_rows("increases are shown to staff"),
)

# Applications, the sequence, accounts and postings name their plan without a foreign key: plans are never deleted, and
# whoever writes here has read the plan or the account; the key would be looked up once more for every single row.
APPLICATION = Table(
    "application",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("plan_id", Uuid, nullable=False),
    Column("year", Integer, nullable=False),
    Column("ticket_no", BigInteger, nullable=False),
    Column("enterprise_id", Uuid, nullable=False),
    Column("region", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("requested_fen", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    fen("earmarked_fen"),
    fen("granted_fen"),
    fen("waiting_fen"),
    Column("code", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    # What the applicant says it has corrected, when it hands in again what was sent back.
    Column("correction", Text, nullable=False, server_default=text("''")),
    Column("declaration_version", Text, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("receipt_kid", Text, nullable=False),
    Column("receipt_signature", LargeBinary, nullable=False),
    moment("received_at"),
    moment("decided_at", nullable=True),
    moment("review_due_at", nullable=True),
    Column("version", Integer, nullable=False, server_default=text("0")),
    # What an index asks for changes seldom: a decision that earmarks touches no index at all.
    Column("is_open", Boolean, Computed(f"state IN ({quoted(sorted(OPEN_APPLICATION_STATES))})", persisted=True)),
    Column("waits", Boolean, Computed("waiting_fen > 0", persisted=True)),
    UniqueConstraint("plan_id", "ticket_no"),
    one_of("state", ApplicationState),
    CheckConstraint("requested_fen > 0", name="requested"),
    CheckConstraint("earmarked_fen >= 0 AND granted_fen >= 0 AND waiting_fen >= 0", name="balances"),
    CheckConstraint("earmarked_fen + granted_fen + waiting_fen <= requested_fen", name="within_request"),
    Index(
        "application_one_open",
        "plan_id",
        "enterprise_id",
        unique=True,
        postgresql_where=text("is_open"),
    ),
    Index("application_waiting", "plan_id", "ticket_no", postgresql_where=text("waits")),
    # While only the lane has money, the allocator looks five times a second for the listed among all who wait.
    Index("application_waiting_listed", "plan_id", "ticket_no", postgresql_where=text("waits AND listed")),
    Index("application_enterprise", "enterprise_id", "id"),
    # Every ticket is decided once: its new version finds room on the same page, and no index is written.
    postgresql_with={"fillfactor": "45"},
    info=party_rows(own("enterprise_id")),
)

# The newest application that was sent back, of each plan and enterprise: few, so that intake finds them at no cost.
RETURNED = Table(
    "returned",
    METADATA,
    Column("plan_id", Uuid, nullable=False),
    Column("enterprise_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    moment("returned_at"),
    PrimaryKeyConstraint("plan_id", "enterprise_id"),
    info=party_rows(own("enterprise_id")),
)

ALLOCATION = Table(
    "allocation",
    METADATA,
    Column("plan_id", Uuid, nullable=False),
    Column("decision_no", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ticket_no", BigInteger, nullable=False, server_default=text("0")),
    Column("enterprise_id", Uuid),
    Column("outcome", Text, nullable=False, server_default=text("''")),
    fen("amount_fen"),
    fen("waiting_fen"),
    fen("cap_left_fen"),
    fen("left_after_fen"),
    fen("lane_left_after_fen"),
    Column("pack_version", Text, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("plan_id", "decision_no"),
    CheckConstraint("amount_fen >= 0 AND left_after_fen >= 0", name="amounts"),
    info=APPEND_ONLY | staff_rows("the sequence is proved, and shown to nobody"),
)

RECEIPT_KEY = Table(
    "receipt_key",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    moment("made_at"),
)
