"""Orders, their sagas and records, and the copies of parties, offers and balances."""

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
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.order.domain.records import RecordKind
from services.order.domain.saga import SagaKind, SagaState
from services.order.domain.states import ENDED_UNCONFIRMED, OrderState, RefundState
from services.order.tables.base import METADATA, one_of
from shared.runtime.tables import APPEND_ONLY, Of, moment, own, party_rows, staff_rows

_OF_ORDER = party_rows(Of("order_id", "cloud_order"))

PARTY = Table(
    "party",
    METADATA,
    Column("organisation_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    # Empty in copies made before these were kept, until identity says its newest facts again (ADR 0021).
    Column("credit_code", Text, nullable=False, server_default=text("''")),
    Column("size_class", Text, nullable=False, server_default=text("''")),
    Column("region", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("recognised", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    moment("suspended_since", nullable=True),
    # The reader itself, and whom it has an order with: both stand by name in the order.
    info=party_rows(
        own("organisation_id"),
        Of("organisation_id", "cloud_order", "enterprise_id"),
        Of("organisation_id", "cloud_order", "provider_id"),
    ),
)
AFFILIATION = Table(
    "affiliation",
    METADATA,
    Column("affiliation_id", Uuid, primary_key=True),
    Column("enterprise_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("ended", Boolean, nullable=False, server_default=text("false")),
    Index(None, "enterprise_id"),
    info=staff_rows("ties are looked up while an order is placed, and shown by identity"),
)
OFFER = Table(
    "offer",
    METADATA,
    Column("product_id", Uuid, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("product_name", Text, nullable=False),
    Column("class_code", Text, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("voucher", Boolean, nullable=False),
    Column("service_standard", Text, nullable=False),
    moment("effective_at"),
    moment("delisted_at", nullable=True),
    PrimaryKeyConstraint("product_id", "edition"),
    info=staff_rows("the catalog shows what is on offer"),
)
BALANCE = Table(
    "balance",
    METADATA,
    Column("enterprise_id", Uuid, nullable=False),
    Column("year", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("available_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("enterprise_id", "year"),
    info=staff_rows("the voucher service shows balances"),
)
ORDER = Table(
    "cloud_order",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("enterprise_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("region", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("voucher_fen", BigInteger, nullable=False),
    Column("refunded_fee_fen", BigInteger, nullable=False, server_default=text("0")),
    Column("refunded_voucher_fen", BigInteger, nullable=False, server_default=text("0")),
    Column("refund_state", Text, nullable=False, server_default=text("'none'")),
    Column("agreement_version", Text, nullable=False),
    Column("pack_version", Text, nullable=False),
    Column("enterprise_version", Integer, nullable=False),
    Column("provider_version", Integer, nullable=False),
    Column("placed_by", Uuid, nullable=False),
    moment("placed_at"),
    moment("confirm_due_at", nullable=True),
    moment("confirmed_at", nullable=True),
    moment("ended_at", nullable=True),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("refusal_code", Text, nullable=False, server_default=text("''")),
    Column("refusal_article", Text, nullable=False, server_default=text("''")),
    Column("refusal_detail", Text, nullable=False, server_default=text("''")),
    Column("claim_id", Uuid),
    Column("paid_fen", BigInteger),
    CheckConstraint(one_of("state", OrderState), name="state"),
    CheckConstraint(one_of("refund_state", RefundState), name="refund_state"),
    CheckConstraint("fee_fen > 0 AND voucher_fen BETWEEN 0 AND fee_fen", name="voucher_within_fee"),
    CheckConstraint(
        "refunded_voucher_fen BETWEEN 0 AND voucher_fen AND refunded_fee_fen BETWEEN 0 AND fee_fen",
        name="refunded_within_order",
    ),
    CheckConstraint("(state IN ('claimed', 'redeemed')) = (claim_id IS NOT NULL)", name="claimed_by_a_claim"),
    CheckConstraint("refund_state = 'none' OR state IN ('confirmed', 'refunded')", name="refund_of_confirmed"),
    CheckConstraint(
        f"confirmed_at IS NOT NULL OR {one_of('state', ('placed', 'awaiting_confirmation', *ENDED_UNCONFIRMED))}",
        name="confirmed_at_known",
    ),
    CheckConstraint("paid_fen IS NULL OR paid_fen BETWEEN 0 AND voucher_fen", name="paid_within_voucher"),
    Index(None, "enterprise_id", "id"),
    Index(None, "provider_id", "id"),
    Index(None, "region", "id"),
    # An order is updated twice in its first seconds, beside the others of its batch: there is room for both.
    postgresql_with={"fillfactor": "45"},
    info=party_rows(own("enterprise_id", "provider_id"), judged=True),
)
LINE = Table(
    "order_line",
    METADATA,
    Column("order_id", Uuid, ForeignKey("cloud_order.id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("offer_version", Integer, nullable=False),
    Column("product_name", Text, nullable=False),
    Column("class_code", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("service_standard", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("rate_bp", Integer, nullable=False),
    Column("voucher_max_fen", BigInteger, nullable=False),
    Column("voucher_fen", BigInteger, nullable=False),
    Column("refund_id", Uuid),
    PrimaryKeyConstraint("order_id", "line"),
    Index(None, "product_id"),
    CheckConstraint("quantity > 0 AND price_fen > 0 AND fee_fen = price_fen * quantity", name="fee_is_price"),
    CheckConstraint("voucher_fen BETWEEN 0 AND voucher_max_fen", name="voucher_within_max"),
    # The CHECK says Q4 again: the ratio of the layer on the fee, floored to fen.
    CheckConstraint("voucher_max_fen = fee_fen * rate_bp / 10000 AND rate_bp BETWEEN 0 AND 10000", name="ratio"),
    info=_OF_ORDER,
)
SAGA = Table(
    "saga",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("pending_name", Text, nullable=False, server_default=text("''")),
    Column("pending", LargeBinary),
    Column("version", Integer, nullable=False),
    Column("late", Integer, nullable=False, server_default=text("0")),
    Column("resent", Integer, nullable=False, server_default=text("0")),
    Column("last_event", Text, nullable=False, server_default=text("''")),
    Column("claim_id", Uuid),
    Column("paid_fen", BigInteger),
    # Machine time: retries never follow the business clock.
    moment("started_at"),
    moment("moved_at"),
    moment("resend_at", nullable=True),
    CheckConstraint(one_of("kind", SagaKind), name="kind"),
    CheckConstraint(one_of("state", SagaState), name="state"),
    CheckConstraint("number >= 0 AND late >= 0", name="counts"),
    CheckConstraint("(pending IS NULL) = (pending_name = '')", name="pending_is_named"),
    CheckConstraint("(kind = 'claim') = (claim_id IS NOT NULL)", name="claim_named"),
    CheckConstraint("kind <> 'purchase' OR id = order_id", name="purchase_is_the_order"),
    # I11 in the database: the sweeper finds whatever is under way.
    CheckConstraint(
        "resend_at IS NOT NULL OR (pending IS NULL AND state <> 'waiting_for_commit')", name="under_way_is_looked_at"
    ),
    # Every other column that changes stays out of indexes, so that steps are HOT (store/sagas.py).
    Index("ix_saga_resend_at", "resend_at", postgresql_where=text("resend_at IS NOT NULL")),
    # A purchase's saga has its order's id: only the others are looked up by their order, and only claims are single.
    Index("saga_of_order", "order_id", postgresql_where=text("kind <> 'purchase'")),
    Index("one_claim_saga", "claim_id", "order_id", unique=True, postgresql_where=text("claim_id IS NOT NULL")),
    postgresql_with={"fillfactor": "60"},
    info=_OF_ORDER,
)
REFUND = Table(
    "refund",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("cloud_order.id"), nullable=False),
    Column("lines", ARRAY(Integer), nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("answer", Text, nullable=False, server_default=text("''")),
    moment("requested_at"),
    moment("due_at"),
    moment("answered_at", nullable=True),
    moment("returned_at", nullable=True),
    Index(None, "order_id", "id"),
    # At most one refund of an order is open.
    Index("one_open_refund", "order_id", unique=True, postgresql_where=text("state IN ('requested', 'escalated')")),
    CheckConstraint(one_of("state", ("requested", "escalated", "refused", "returning", "returned")), name="state"),
    info=_OF_ORDER,
)
RECORD = Table(
    "record",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("cloud_order.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("recorded_by", Uuid),
    Column("organisation_id", Uuid),
    moment("recorded_at"),
    Column("dated_on", Date),
    Column("amount_fen", BigInteger),
    Column("text", Text, nullable=False, server_default=text("''")),
    Column("scores", JSONB, nullable=False, server_default=text("'{}'")),
    Column("document_sha256", Text, nullable=False, server_default=text("''")),
    Column("answers_id", Uuid),
    moment("due_at", nullable=True),
    moment("answered_at", nullable=True),
    # A record that corrects a former one names it and says why; the former one says since when it does not count.
    Column("voids_id", Uuid),
    Column("correction_reason", Text, nullable=False, server_default=text("''")),
    moment("voided_at", nullable=True),
    Index(None, "order_id", "id"),
    # A contract, an acceptance and an evaluation are recorded once; deliveries, payments and complaints may repeat.
    Index(
        "record_once",
        "order_id",
        "kind",
        unique=True,
        postgresql_where=text("kind IN ('contract', 'acceptance', 'evaluation') AND voided_at IS NULL"),
    ),
    Index(
        "one_answer",
        "answers_id",
        unique=True,
        postgresql_where=text("answers_id IS NOT NULL AND voided_at IS NULL"),
    ),
    Index("one_correction", "voids_id", unique=True, postgresql_where=text("voids_id IS NOT NULL")),
    Index(
        "open_complaints",
        "due_at",
        postgresql_where=text("kind = 'complaint' AND answered_at IS NULL AND voided_at IS NULL"),
    ),
    CheckConstraint(one_of("kind", RecordKind), name="kind"),
    CheckConstraint("amount_fen IS NULL OR amount_fen > 0", name="amount"),
    CheckConstraint("(voids_id IS NULL) = (correction_reason = '')", name="correction_says_why"),
    CheckConstraint("kind <> 'withdrawal' OR voids_id IS NOT NULL", name="withdrawal_names_what"),
    info=_OF_ORDER,
)
# Whose contact person was shown to whom and when; written before it leaves.
CONTACT_READ = Table(
    "contact_read",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, nullable=False),
    Column("enterprise_id", Uuid, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("organisation_id", Uuid),
    Column("role", Text, nullable=False),
    moment("read_at"),
    Index(None, "order_id", "id"),
    Index(None, "account_id", "id"),
    info=APPEND_ONLY | staff_rows("who was shown whose contact person is for auditors and the bureau"),
)
CONTACT = Table(
    "contact",
    METADATA,
    # An order's own contact person, or with an enterprise's id whom it names for all its orders; sealed, bound to it.
    Column("subject_id", Uuid, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("given_by", Uuid),
    moment("given_at"),
    # The provider of an order sees the buyer's contact for all orders, too.
    info=party_rows(
        own("subject_id"), Of("subject_id", "cloud_order"), Of("subject_id", "cloud_order", "enterprise_id")
    ),
)
