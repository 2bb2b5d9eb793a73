"""The response bodies of the catalog. Money is fen, rates are basis points, moments carry an offset."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.catalog.domain.delisting import DelistingState
from services.catalog.domain.product import EditionState, ProductState, Stage, Verdict
from shared.contracts.http.resources import Resource


class PriceComponent(Resource):
    """One price component: a unit and its price in fen, tax included."""

    code: str
    name: str
    unit: str
    price_fen: int


class PriceFlag(Resource):
    """A component far above the median of its class and unit; a hint for reviewers, no refusal. Source: Q10."""

    component: str
    unit: str
    price_fen: int
    median_fen: int
    prices: int


class ReviewItem(Resource):
    """What a reviewer said; `account_id` is shown to supervisors and auditors only."""

    edition: int
    stage: Stage
    verdict: Verdict
    text: str
    account_id: UUID | None
    at: datetime


class EditionItem(Resource):
    """One edition with everything the reviewers judge."""

    number: int
    state: EditionState
    name: str
    class_code: str
    description: str
    service_standard: str
    market_reference: str
    voucher: bool
    components: Sequence[PriceComponent]
    checklist: Sequence[str]
    declaration_version: str | None
    correction: str
    drafted_at: datetime
    submitted_at: datetime | None
    state_since: datetime


class CorrectionItem(Resource):
    """A correction order. Source: R54."""

    id: UUID
    text: str
    ordered_at: datetime
    due_at: datetime


class DelistingItem(Resource):
    """A proposal to delist; `proposed_by` and `decided_by` are shown to supervisors and auditors only."""

    id: UUID
    version: int
    state: DelistingState
    ground: str
    ground_text: str
    evidence: str
    statement: str
    proposed_by: UUID | None
    proposed_at: datetime
    decided_by: UUID | None
    reason: str
    decided_at: datetime | None


class ProductSummary(Resource):
    """A product in its provider's or a reviewer's list; name and class are those of the newest edition."""

    id: UUID
    version: int
    provider_id: UUID
    provider_name: str
    state: ProductState
    edition: int
    edition_state: EditionState
    published_edition: int | None
    name: str
    class_code: str
    voucher: bool
    changed_at: datetime


class ProductDetail(ProductSummary):
    """A product with all editions and reviews. `price_flags` judge the newest edition against today's medians."""

    delisted_at: datetime | None
    delisting_ground: str | None
    editions: Sequence[EditionItem]
    reviews: Sequence[ReviewItem]
    corrections: Sequence[CorrectionItem]
    delistings: Sequence[DelistingItem]
    price_flags: Sequence[PriceFlag]


class DirectoryItem(Resource):
    """A product that may be bought. `rate_bp` is the class's highest support ratio; `voucher` says whether it holds."""

    product_id: UUID
    edition: int
    name: str
    description: str
    provider_id: UUID
    provider_name: str
    class_code: str
    class_name: str
    layer: str
    layer_name: str
    voucher: bool
    rate_bp: int
    lowest_price_fen: int
    components: Sequence[PriceComponent]
    published_at: datetime


class DirectoryDetail(DirectoryItem):
    """A product of the directory with the standard it is delivered to."""

    service_standard: str


class ProviderItem(Resource):
    """A provider of the directory and how many products it offers now."""

    provider_id: UUID
    name: str
    region: str
    recognised: bool
    products: int


class ChecklistItem(Resource):
    """One item of a class's service rules."""

    code: str
    text: str


class ClassItem(Resource):
    """A class of services a voucher may buy. Source: A17, R33-R35."""

    code: str
    name: str
    layer: str
    layer_name: str
    guidance: str
    rate_bp: int
    checklist: Sequence[ChecklistItem]


class AgreementText(Resource):
    """The transaction agreement to be read and confirmed at purchase. Source: R68."""

    name: str
    version: str
    text: str


class DeclarationText(Resource):
    """The truth declaration signed with every submission. Source: R10."""

    version: str
    text: str


class GroundItem(Resource):
    """A ground of forced delisting. Source: A12(2)."""

    code: str
    text: str
    correction_order_first: bool


class LegalReferenceItem(Resource):
    """A text the scheme rests on and the days it holds. Source: R83, Q23."""

    number: str
    title: str
    effective_from: date
    effective_to: date | None
    replaced_by: str | None
    in_force: bool
