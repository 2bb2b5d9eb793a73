"""Who acts for a party beside its first person: machine clients with their keys, and people who are invited."""

from sqlalchemy import (
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
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.identity.tables.base import METADATA, OF_PARTY
from shared.runtime.tables import Of, moment, party_rows, staff_rows

CLIENT = Table(
    "client",
    METADATA,
    Column("id", Uuid, ForeignKey("account.id"), primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # What the organisation itself decided; the operator stops an account, also a client's, by the account's own state.
    Column("state", Text, nullable=False),
    Column("opened_by", Uuid, nullable=False),
    moment("opened_at"),
    # Machine time, as everything about tokens.
    moment("last_used_at", nullable=True),
    Column("version", Integer, nullable=False),
    CheckConstraint("state IN ('active', 'suspended', 'deleted')", name="state"),
    CheckConstraint("cardinality(scopes) >= 1", name="scopes"),
    CheckConstraint("version >= 1", name="version"),
    info=OF_PARTY,
)

CLIENT_KEY = Table(
    "client_key",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Uuid, ForeignKey("client.id"), nullable=False, index=True),
    # The thumbprint of the key (RFC 7638): no key is two clients', and a retired one does not come back.
    Column("kid", Text, nullable=False, unique=True),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("added_by", Uuid, nullable=False),
    # Machine time, as everything about tokens.
    moment("added_at"),
    moment("expires_at"),
    moment("last_used_at", nullable=True),
    moment("retired_at", nullable=True),
    CheckConstraint("algorithm IN ('EdDSA', 'ES256')", name="algorithm"),
    CheckConstraint("expires_at > added_at", name="in_order"),
    info=party_rows(Of("client_id", "client")),
)

CLIENT_ASSERTION = Table(
    "client_assertion",
    METADATA,
    Column("client_id", Uuid, nullable=False),
    # A hash: what a client puts there has any form.
    Column("jti_hash", LargeBinary, nullable=False),
    moment("expires_at"),
    PrimaryKeyConstraint("client_id", "jti_hash"),
    Index("client_assertion_expires_at", "expires_at"),
    info=staff_rows("the token endpoint looks it up, and shows it to nobody"),
)

INVITATION = Table(
    "invitation",
    METADATA,
    # The code follows from the id and a secret: nothing here gives it away.
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("display_name", Text, nullable=False),
    Column("member_role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("invited_by", Uuid, nullable=False),
    # Machine time, as everything about passwords.
    moment("invited_at"),
    moment("expires_at"),
    Column("account_id", Uuid, ForeignKey("account.id")),
    CheckConstraint("member_role IN ('handler', 'reader')", name="member_role"),
    CheckConstraint("state IN ('open', 'accepted', 'withdrawn')", name="state"),
    CheckConstraint("(state = 'accepted') = (account_id IS NOT NULL)", name="accepted"),
    info=OF_PARTY,
)
