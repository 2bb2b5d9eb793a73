"""The event feed of providers, their webhook endpoints, and what was delivered to these."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.order.domain.webhooks import Cause, DeliveryState, EndpointState, HostState, Ordering
from services.order.tables.base import METADATA, one_of
from shared.runtime.tables import APPEND_ONLY, Of, moment, own, party_rows, staff_rows

_OF_PROVIDER = party_rows(own("provider_id"))

# What a provider's systems are told of, in one order of all events. One job writes it from the facts (ADR 0035).
ORDER_EVENT = Table(
    "order_event",
    METADATA,
    Column("provider_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("claim_id", Uuid),
    moment("occurred_at"),
    PrimaryKeyConstraint("provider_id", "seq"),
    # No event stands there twice, whatever the job remembers of what it has seen.
    UniqueConstraint("order_id", "sequence"),
    info=APPEND_ONLY | _OF_PROVIDER,
)
# How far the facts have been read, as a snapshot: the transactions from `seen_below` on and those of `open` were not
# seen. One row.
EVENT_FEED = Table(
    "event_feed",
    METADATA,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("seen_below", BigInteger, nullable=False),
    Column("open", ARRAY(BigInteger), nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    CheckConstraint("one", name="one_row"),
    info=staff_rows("it says only how far the feed is"),
)
# Whether the operator lets us call a host for a provider.
WEBHOOK_HOST = Table(
    "webhook_host",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("host", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    moment("requested_at"),
    moment("decided_at", nullable=True),
    Column("decided_by", Uuid),
    Column("version", Integer, nullable=False),
    UniqueConstraint("provider_id", "host"),
    CheckConstraint(one_of("state", HostState), name="state"),
    info=_OF_PROVIDER,
)
WEBHOOK_ENDPOINT = Table(
    "webhook_endpoint",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    # Empty for every type.
    Column("types", ARRAY(Text), nullable=False),
    Column("ordering", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("disabled_reason", Text, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False),
    moment("made_at"),
    # The number of the last event of the feed for which a delivery was made, or which it does not want.
    Column("position", BigInteger, nullable=False),
    # Machine time: retries never follow the business clock.
    moment("failing_since", nullable=True),
    moment("flagged_at", nullable=True),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    moment("paused_until", nullable=True),
    # The process that delivers to this endpoint now; `lane_epoch` fences one that lost it.
    Column("lane_owner", Text, nullable=False, server_default=text("''")),
    Column("lane_epoch", BigInteger, nullable=False, server_default=text("0")),
    moment("lane_until", nullable=True),
    CheckConstraint(one_of("state", EndpointState), name="state"),
    CheckConstraint(one_of("ordering", Ordering), name="ordering"),
    CheckConstraint("(state = 'active') = (disabled_reason = '')", name="disabled_says_why"),
    Index(None, "provider_id", "id"),
    # A lane is taken and given back with each batch; none of these columns is in an index, so that it is HOT.
    postgresql_with={"fillfactor": "50"},
    info=_OF_PROVIDER,
)
WEBHOOK_SECRET = Table(
    "webhook_secret",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    moment("made_at"),
    # The newest has no end; the one before it signs, too, until here.
    moment("expires_at", nullable=True),
    Index(None, "endpoint_id"),
    info=staff_rows("a secret is shown once, when it is made"),
)
WEBHOOK_KEY = Table(
    "webhook_key",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    moment("made_at"),
    moment("retired_at", nullable=True),
    info=staff_rows("the public halves are read without a tenant"),
)
WEBHOOK_DELIVERY = Table(
    "webhook_delivery",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    # Without one it is a test that the owner asked for.
    Column("seq", BigInteger),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("order_id", Uuid),
    Column("cause", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("made_at"),
    moment("due_at", nullable=True),
    moment("ended_at", nullable=True),
    CheckConstraint(one_of("cause", Cause), name="cause"),
    CheckConstraint(one_of("state", DeliveryState), name="state"),
    CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="pending_is_due"),
    CheckConstraint("(cause = 'test') = (seq IS NULL)", name="test_has_no_event"),
    Index("webhook_delivery_due", "endpoint_id", "due_at", postgresql_where=text("state = 'pending'")),
    Index("webhook_delivery_once", "endpoint_id", "seq", unique=True, postgresql_where=text("cause = 'event'")),
    Index(None, "provider_id", "id"),
    Index(None, "endpoint_id", "id"),
    Index("webhook_delivery_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    info=_OF_PROVIDER,
)
WEBHOOK_ATTEMPT = Table(
    "webhook_attempt",
    METADATA,
    Column("delivery_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    moment("at"),
    Column("duration_ms", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("status", SmallInteger),
    Column("error", Text, nullable=False, server_default=text("''")),
    Column("answer", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("delivery_id", "number"),
    info=party_rows(Of("delivery_id", "webhook_delivery")),
)
