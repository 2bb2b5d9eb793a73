"""A product and its newest edition: frozen values and the tables of their moves."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from shared.contracts.messages.catalog import Component
from shared.kernel.ids import ProductId
from shared.kernel.states import Transitions

COMPONENTS_MAX = 50


class ProductState(StrEnum):
    """Whether a product may be bought."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DELISTED = "delisted"


class EditionState(StrEnum):
    """Where an edition is on its way. `ended`: replaced by a newer one, or its product was delisted."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    REVIEWED = "reviewed"
    SENT_BACK = "sent_back"
    PUBLISHED = "published"
    ENDED = "ended"


class Stage(StrEnum):
    """The two reviews, in this order. Source: A11(5), R48."""

    OPERATOR = "operator"
    BUREAU = "bureau"


class Verdict(StrEnum):
    """What a review said."""

    FAVOURABLE = "favourable"
    UNFAVOURABLE = "unfavourable"
    SENT_BACK = "sent_back"
    APPROVED = "approved"


PRODUCT_MOVES = Transitions(
    {
        (ProductState.DRAFT, ProductState.PUBLISHED),
        # A new edition takes the place of the published one (Q10).
        (ProductState.PUBLISHED, ProductState.PUBLISHED),
        (ProductState.DRAFT, ProductState.DELISTED),
        (ProductState.PUBLISHED, ProductState.DELISTED),
    }
)
EDITION_MOVES = Transitions(
    {
        (EditionState.DRAFT, EditionState.DRAFT),
        (EditionState.SENT_BACK, EditionState.DRAFT),
        (EditionState.DRAFT, EditionState.SUBMITTED),
        (EditionState.SENT_BACK, EditionState.SUBMITTED),
        (EditionState.SUBMITTED, EditionState.REVIEWED),
        (EditionState.SUBMITTED, EditionState.SENT_BACK),
        (EditionState.REVIEWED, EditionState.SENT_BACK),
        (EditionState.REVIEWED, EditionState.PUBLISHED),
        (EditionState.DRAFT, EditionState.ENDED),
        (EditionState.SUBMITTED, EditionState.ENDED),
        (EditionState.REVIEWED, EditionState.ENDED),
        (EditionState.SENT_BACK, EditionState.ENDED),
        (EditionState.PUBLISHED, EditionState.ENDED),
    }
)
EDITABLE = frozenset({EditionState.DRAFT, EditionState.SENT_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a provider says of a product: the part of an edition that both reviews are about.

    `market_reference` is the provider's evidence that the price is not above market; `service_standard` is what the
    provider must deliver (R71). Source: A11(4), R47.
    """

    name: str
    class_code: str
    description: str
    service_standard: str
    market_reference: str
    voucher: bool
    components: tuple[Component, ...]

    def digest(self) -> str:
        """SHA-256 of the content in hex: two contents that read alike have the same one."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Who handed an edition in, signing which truth declaration, with which items of the checklist ticked."""

    by: UUID
    declaration_version: str
    checklist: tuple[str, ...]
    correction: str = ""
    """What was corrected, in the provider's words, since the edition was sent back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One edition; `reviewers` are the accounts that reviewed it so far, by stage."""

    number: int
    state: EditionState
    content: Content
    submission: Submission | None = None
    returned_digest: str = ""
    """The digest of the content as it was last sent back, or empty."""
    reviewers: frozenset[tuple[Stage, UUID]] = frozenset()

    def reviewed_by(self, account_id: UUID, *, stages: Iterable[Stage]) -> bool:
        """Whether the account reviewed this edition at one of the stages."""
        return any((stage, account_id) in self.reviewers for stage in stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product with its newest edition; `published_edition` is the number of the one that may be bought."""

    id: ProductId
    provider_id: UUID
    version: int
    state: ProductState
    newest: Edition
    published_edition: int | None = None


def components_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Component, ...]:
    """The price components in a row's JSON."""
    return msgspec.convert(rows, tuple[Component, ...])
