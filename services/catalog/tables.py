"""The tables of the catalog service; the CHECKs repeat the invariants of the domain."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.catalog.domain.delisting import DelistingState
from services.catalog.domain.product import EditionState, ProductState, Stage, Verdict
from shared.kernel.money import MAX_FEN
from shared.runtime.tables import APPEND_ONLY, Of, attach, moment, new_metadata, own, party_rows, public_rows

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[Of("subject_id", "product")], facts=[Of("aggregate_id", "product")])

_OF_PRODUCT = party_rows(Of("product_id", "product"))


def _one_of(column: str, states: type[ProductState | EditionState | Stage | Verdict | DelistingState]) -> str:
    return f"{column} IN ({', '.join(repr(state.value) for state in states)})"


PARTY = Table(
    "party",
    METADATA,
    Column("organisation_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    # The name as the search sees it: full-width and case folded.
    Column("search_text", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("recognised", Boolean, nullable=False),
    moment("suspended_since", nullable=True),
    Column("closed", Boolean, nullable=False),
    CheckConstraint("version >= 1", name="version"),
    info=party_rows(own("organisation_id")),
)
PRODUCT = Table(
    "product",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("published_edition", Integer),
    Column("delisting_ground", Text),
    moment("created_at"),
    moment("changed_at"),
    moment("delisted_at", nullable=True),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(_one_of("state", ProductState), name="state"),
    CheckConstraint("edition >= 1 AND published_edition BETWEEN 1 AND edition", name="edition"),
    CheckConstraint("(state = 'published') = (published_edition IS NOT NULL)", name="published"),
    CheckConstraint(
        "(state = 'delisted') = (delisted_at IS NOT NULL AND delisting_ground IS NOT NULL)", name="delisted"
    ),
    Index("ix_product_provider_id_id", "provider_id", "id"),
    info=party_rows(own("provider_id")),
)
EDITION = Table(
    "edition",
    METADATA,
    Column("product_id", Uuid, ForeignKey("product.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("class_code", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("service_standard", Text, nullable=False),
    Column("market_reference", Text, nullable=False),
    Column("voucher", Boolean, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("checklist", JSONB, nullable=False),
    Column("declaration_version", Text),
    Column("submitted_by", Uuid),
    moment("submitted_at", nullable=True),
    # What the provider says it has corrected, and the digest of the content as it was sent back.
    Column("correction", Text, nullable=False, server_default=text("''")),
    Column("returned_digest", Text, nullable=False, server_default=text("''")),
    moment("drafted_at"),
    moment("state_since"),
    PrimaryKeyConstraint("product_id", "number"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint(_one_of("state", EditionState), name="state"),
    CheckConstraint("jsonb_array_length(components) BETWEEN 1 AND 50", name="components"),
    CheckConstraint(
        "state NOT IN ('submitted', 'reviewed', 'published')"
        " OR (submitted_by IS NOT NULL AND submitted_at IS NOT NULL AND declaration_version IS NOT NULL)",
        name="submitted",
    ),
    # At most one edition of a product is what may be bought, and at most one is on its way to be that.
    Index("uq_edition_published", "product_id", unique=True, postgresql_where=text("state = 'published'")),
    Index(
        "uq_edition_open",
        "product_id",
        unique=True,
        postgresql_where=text("state IN ('draft', 'submitted', 'reviewed', 'sent_back')"),
    ),
    Index("ix_edition_waiting", "state", postgresql_where=text("state IN ('submitted', 'reviewed', 'sent_back')")),
    info=_OF_PRODUCT,
)
REVIEW = Table(
    "review",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("product_id", Uuid, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("account_id", Uuid, nullable=False),
    moment("at"),
    ForeignKeyConstraint(["product_id", "edition"], ["edition.product_id", "edition.number"]),
    CheckConstraint(_one_of("stage", Stage), name="stage"),
    CheckConstraint(_one_of("verdict", Verdict), name="verdict"),
    Index("ix_review_product_id_edition", "product_id", "edition"),
    info=APPEND_ONLY | _OF_PRODUCT,
)
CORRECTION = Table(
    "correction",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("product_id", Uuid, ForeignKey("product.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("ordered_by", Uuid, nullable=False),
    moment("ordered_at"),
    moment("due_at"),
    CheckConstraint("due_at > ordered_at", name="due_at"),
    Index("ix_correction_product_id", "product_id"),
    info=APPEND_ONLY | _OF_PRODUCT,
)
DELISTING = Table(
    "delisting",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("product_id", Uuid, ForeignKey("product.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("ground", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("statement", Text, nullable=False, server_default=text("''")),
    Column("proposed_by", Uuid, nullable=False),
    moment("proposed_at"),
    Column("decided_by", Uuid),
    Column("reason", Text, nullable=False, server_default=text("''")),
    moment("decided_at", nullable=True),
    CheckConstraint(_one_of("state", DelistingState), name="state"),
    CheckConstraint("evidence <> ''", name="evidence"),
    CheckConstraint("decided_by <> proposed_by", name="second_person"),
    CheckConstraint("state NOT IN ('approved', 'refused') OR decided_by IS NOT NULL", name="decided"),
    Index("ix_delisting_product_id", "product_id"),
    Index("uq_delisting_proposed", "product_id", unique=True, postgresql_where=text("state = 'proposed'")),
    info=_OF_PRODUCT,
)
LISTING = Table(
    "listing",
    METADATA,
    Column("product_id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("class_code", Text, nullable=False),
    Column("voucher", Boolean, nullable=False),
    Column("lowest_price_fen", BigInteger, nullable=False),
    Column("search_text", Text, nullable=False),
    moment("published_at"),
    ForeignKeyConstraint(["product_id", "edition"], ["edition.product_id", "edition.number"]),
    CheckConstraint(f"lowest_price_fen BETWEEN 1 AND {MAX_FEN}", name="lowest_price_fen"),
    Index("ix_listing_price", "lowest_price_fen", "product_id"),
    Index("ix_listing_provider_id", "provider_id"),
    Index("ix_listing_class_code", "class_code", "product_id"),
    info=public_rows("the directory is open to everybody"),
)
LISTED_PRICE = Table(
    "listed_price",
    METADATA,
    Column("product_id", Uuid, ForeignKey("listing.product_id", ondelete="CASCADE"), nullable=False),
    Column("code", Text, nullable=False),
    Column("class_code", Text, nullable=False),
    Column("unit_folded", Text, nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("product_id", "code"),
    CheckConstraint(f"price_fen BETWEEN 1 AND {MAX_FEN}", name="price_fen"),
    Index("ix_listed_price_class_code", "class_code", "unit_folded", "price_fen"),
    info=public_rows("the directory is open to everybody"),
)
