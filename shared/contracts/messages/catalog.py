"""Catalog's facts: products through two-stage review to the public directory."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Fact


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One price component of a product: a unit and its price in fen, tax included."""

    code: str
    name: str
    unit: str
    price_fen: int


class ProductFact(Fact, frozen=True, kw_only=True):
    """A fact of one product."""

    stream: ClassVar[str] = "catalog.product"
    key: ClassVar[str] = "product_id"

    product_id: UUID
    provider_id: UUID


class ProductDrafted(ProductFact, frozen=True, kw_only=True):
    """A provider began a product, or a new edition of it."""

    name: ClassVar[str] = "catalog.product_drafted"


class ProductSubmitted(ProductFact, frozen=True, kw_only=True):
    """A provider handed an edition in for review. Source: A11(4)."""

    name: ClassVar[str] = "catalog.product_submitted"

    edition: int


class ProductOpinionGiven(ProductFact, frozen=True, kw_only=True):
    """The operator gave its opinion. Source: A11(5)."""

    name: ClassVar[str] = "catalog.product_opinion_given"

    edition: int
    favourable: bool


class ProductSentBack(ProductFact, frozen=True, kw_only=True):
    """A reviewer returned an edition to the provider."""

    name: ClassVar[str] = "catalog.product_sent_back"

    edition: int


class ProductPublished(ProductFact, frozen=True, kw_only=True):
    """The bureau approved an edition; from `effective_at` it is what may be bought. Source: A11(5)."""

    name: ClassVar[str] = "catalog.product_published"

    edition: int
    product_name: str
    class_code: str
    components: tuple[Component, ...]
    voucher: bool
    service_standard: str
    effective_at: datetime


class ProductDelisted(ProductFact, frozen=True, kw_only=True):
    """The product may not be bought from `effective_at`; `ground` is a code of A12."""

    name: ClassVar[str] = "catalog.product_delisted"

    effective_at: datetime
    ground: str
