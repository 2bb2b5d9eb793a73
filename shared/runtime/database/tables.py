"""The tables that the runtime keeps in every service's database, attached to the service's own metadata."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from shared.contracts.permissions import Role
from shared.runtime.database.row_security import TENANT, RowCondition, Where, party_rows, staff_rows

MOMENT = TIMESTAMP(timezone=True)
_PARTIES = ", ".join(f"'role:{role.value}'" for role in (Role.ENTERPRISE, Role.PROVIDER))
APPEND_ONLY: dict[str, object] = {"append_only": True}
"""Table.info of a table whose rows are never changed or deleted; the service's role gets no right to do so."""


def new_metadata() -> MetaData:
    """Metadata whose constraints have predictable names, so that migrations can name them."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """A timestamptz column."""
    return Column(name, MOMENT, nullable=nullable)


def _noted_in() -> Column[int]:
    """The transaction that wrote the row last.

    Another process reads what came since it looked (`keys.Looking`); the order service gives its facts a sequence.
    """
    return Column("noted_in", BigInteger, nullable=False, server_default=text("(pg_current_xact_id()::text)::bigint"))


@dataclass(frozen=True, slots=True)
class RuntimeTables:
    """The runtime's tables of one service."""

    outbox: Table
    fact: Table
    relay_partition: Table
    resend: Table
    inbox: Table
    cursor: Table
    parked: Table
    retry: Table
    dead_letter: Table
    idempotency: Table
    timer: Table
    lease: Table
    clock: Table
    notice: Table
    decision: Table
    signing_key: Table
    revocation: Table
    ended_session: Table


def attach(
    metadata: MetaData, *, decisions: Sequence[RowCondition] = (), facts: Sequence[RowCondition] = ()
) -> RuntimeTables:
    """Add the runtime's tables to a service's metadata; once for each service.

    `decisions` and `facts` say which of them a party may read, where it reads the history of what is its own.
    """
    return RuntimeTables(
        **_sending(metadata, shown=facts),
        **_receiving(metadata),
        **_failing(metadata),
        **_serving(metadata),
        **_trusting(metadata),
        **_telling(metadata, shown=decisions),
    )


def _shown(conditions: Sequence[RowCondition]) -> dict[str, object]:
    return party_rows(*conditions) if conditions else staff_rows("parties read no history here")


def _sending(metadata: MetaData, *, shown: Sequence[RowCondition]) -> dict[str, Table]:
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("partition", SmallInteger, nullable=False),
        Column("routing_key", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Index("outbox_partition_id", "partition", "id"),
        # Rows live for milliseconds: vacuum by a constant count, not by a share of a table that is always empty.
        # A row holds several events: up to a page it is neither compressed nor moved out, which would cost more.
        postgresql_with={
            "autovacuum_vacuum_scale_factor": "0",
            "autovacuum_vacuum_threshold": "2000",
            "toast_tuple_target": "8000",
        },
    )
    fact = Table(
        "fact",
        metadata,
        Column("event_id", Uuid, nullable=False),
        Column("aggregate_type", Text, nullable=False),
        Column("aggregate_id", Uuid, nullable=False),
        Column("version", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("recorded_at", MOMENT, nullable=False, server_default=text("clock_timestamp()")),
        _noted_in(),
        # A unique key of a partitioned table must hold the partition key; the state row's own version is what
        # guards (aggregate, version), and this index finds an aggregate's history.
        PrimaryKeyConstraint("event_id", "recorded_at"),
        Index("fact_aggregate", "aggregate_id", "version"),
        Index("fact_noted_in", "noted_in"),
        info=APPEND_ONLY | _shown(shown),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    event.listen(fact, "after_create", DDL("CREATE TABLE IF NOT EXISTS fact_default PARTITION OF fact DEFAULT"))
    relay_partition = Table(
        "relay_partition",
        metadata,
        Column("partition", SmallInteger, primary_key=True),
        Column("owner", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        moment("until"),
    )
    # Facts that an operator has said again: their ids, some hundreds in a row. They have a table of their own so that
    # what is said now neither waits behind them nor is read past their dead rows.
    resend = Table(
        "resend",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_ids", ARRAY(Uuid), nullable=False),
        # The first and the last of their moments: facts lie in partitions of time.
        moment("recorded_from"),
        moment("recorded_to"),
        CheckConstraint("cardinality(event_ids) > 0", name="not_empty"),
    )
    return {"outbox": outbox, "fact": fact, "relay_partition": relay_partition, "resend": resend}


def _receiving(metadata: MetaData) -> dict[str, Table]:
    inbox = Table(
        "inbox",
        metadata,
        Column("event_id", Uuid, primary_key=True),
        Column("received_at", MOMENT, nullable=False, server_default=text("now()")),
        Index("inbox_received_at", "received_at", postgresql_using="brin"),
    )
    cursor = Table(
        "cursor",
        metadata,
        Column("stream", Text, nullable=False),
        Column("aggregate_id", Uuid, nullable=False),
        Column("version", Integer, nullable=False),
        PrimaryKeyConstraint("stream", "aggregate_id"),
        CheckConstraint("version >= 0", name="cursor_version"),
        postgresql_with={"fillfactor": "50"},
    )
    parked = Table(
        "parked",
        metadata,
        Column("stream", Text, nullable=False),
        Column("aggregate_id", Uuid, nullable=False),
        Column("version", Integer, nullable=False),
        Column("event", LargeBinary, nullable=False),
        Column("parked_at", MOMENT, nullable=False, server_default=text("now()")),
        PrimaryKeyConstraint("stream", "aggregate_id", "version"),
    )
    return {"inbox": inbox, "cursor": cursor, "parked": parked}


def _failing(metadata: MetaData) -> dict[str, Table]:
    retry = Table(
        "retry",
        metadata,
        Column("event_id", Uuid, primary_key=True),
        Column("event", LargeBinary, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("reason", Text, nullable=False),
        moment("due_at"),
    )
    dead_letter = Table(
        "dead_letter",
        metadata,
        Column("event_id", Uuid, primary_key=True),
        Column("type", Text, nullable=False),
        Column("event", LargeBinary, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("reason", Text, nullable=False),
        Column("dead_at", MOMENT, nullable=False, server_default=text("now()")),
        Column("proposed_by", Uuid),
        moment("replayed_at", nullable=True),
    )
    return {"retry": retry, "dead_letter": dead_letter}


def _serving(metadata: MetaData) -> dict[str, Table]:
    idempotency = Table(
        "idempotency",
        metadata,
        Column("scope", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("request_hash", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("body", LargeBinary),
        Column("resource", Text, nullable=False, server_default=text("''")),
        Column("stored_at", MOMENT, nullable=False, server_default=text("now()")),
        PrimaryKeyConstraint("scope", "key"),
    )
    timer = Table(
        "timer",
        metadata,
        Column("kind", Text, nullable=False),
        Column("key", Uuid, nullable=False),
        moment("due_at"),
        PrimaryKeyConstraint("kind", "key"),
        Index("timer_due_at", "due_at"),
    )
    lease = Table(
        "lease",
        metadata,
        Column("name", Text, primary_key=True),
        Column("owner", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        moment("until"),
    )
    clock = Table(
        "clock",
        metadata,
        Column("one", Boolean, primary_key=True, server_default=text("true")),
        Column("offset_us", BigInteger, nullable=False, server_default=text("0")),
        CheckConstraint("one", name="clock_one_row"),
    )
    return {"idempotency": idempotency, "timer": timer, "lease": lease, "clock": clock}


def _trusting(metadata: MetaData) -> dict[str, Table]:
    signing_key = Table(
        "signing_key",
        metadata,
        Column("kid", Text, primary_key=True),
        Column("public_key", LargeBinary, nullable=False),
        moment("retired_at", nullable=True),
        _noted_in(),
        Index("signing_key_noted_in", "noted_in"),
    )
    revocation = Table(
        "revocation",
        metadata,
        Column("account_id", Uuid, primary_key=True),
        moment("tokens_before"),
        _noted_in(),
        Index("revocation_noted_in", "noted_in"),
    )
    ended_session = Table(
        "ended_session",
        metadata,
        Column("session_id", Uuid, primary_key=True),
        moment("ended_at"),
        _noted_in(),
        Index("ended_session_ended_at", "ended_at"),
        Index("ended_session_noted_in", "noted_in"),
    )
    return {"signing_key": signing_key, "revocation": revocation, "ended_session": ended_session}


def _telling(metadata: MetaData, *, shown: Sequence[RowCondition]) -> dict[str, Table]:
    notice = Table(
        "notice",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("recipient", Text, nullable=False),
        Column("subject_type", Text, nullable=False),
        Column("subject_id", Uuid, nullable=False),
        Column("event", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("reason", Text, nullable=False, server_default=text("''")),
        Column("article", Text, nullable=False, server_default=text("''")),
        moment("at"),
        Index("notice_recipient_id", "recipient", "id"),
        # Single accounts are told of what they proposed: they are of staff.
        info=party_rows(Where(f"recipient = 'org:' || {TENANT}"), Where(f"recipient IN ({_PARTIES})"), judged=True),
    )
    decision = Table(
        "decision",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("subject_type", Text, nullable=False),
        Column("subject_id", Uuid, nullable=False),
        Column("act", Text, nullable=False),
        Column("account_id", Uuid),
        Column("role", Text, nullable=False),
        Column("ground", Text, nullable=False),
        Column("rule", Text, nullable=False),
        Column("pack_version", Text, nullable=False),
        Column("before", Text, nullable=False, server_default=text("''")),
        Column("after", Text, nullable=False, server_default=text("''")),
        Column("facts", JSONB, nullable=False),
        moment("at"),
        Index("decision_subject", "subject_id", "id"),
        info=APPEND_ONLY | _shown(shown),
    )
    return {"notice": notice, "decision": decision}
