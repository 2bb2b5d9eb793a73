"""What every handler of a product does first and last: find, check the version, prove the person, tell the provider."""

from dataclasses import dataclass
from uuid import UUID

from services.catalog.domain.product import EditionState, Product, ProductState
from services.catalog.store.products import find_product
from shared.kernel.refusals import bug
from shared.runtime.work import Actor, NotFound, Notice, VersionMismatch, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductResult:
    """A product after a command; `version` is its ETag."""

    id: UUID
    version: int
    state: ProductState
    edition: int
    edition_state: EditionState
    published_edition: int | None


def result_of(product: Product) -> ProductResult:
    """What a command answers about a product."""
    return ProductResult(
        id=product.id,
        version=product.version,
        state=product.state,
        edition=product.newest.number,
        edition_state=product.newest.state,
        published_edition=product.published_edition,
    )


async def load_product(work: Work, product_id: UUID, *, expected_version: int | None = None) -> Product:
    """The locked product. Raises: NotFound, VersionMismatch."""
    product = await find_product(work.connection, product_id)
    if product is None:
        raise NotFound
    if expected_version is not None and expected_version != product.version:
        raise VersionMismatch(version=product.version)
    return product


async def load_own_product(work: Work, product_id: UUID, *, by: Actor, expected_version: int | None) -> Product:
    """The locked product of the caller's own organisation; another's looks like none. Raises: NotFound."""
    product = await find_product(work.connection, product_id)
    if product is None or product.provider_id != by.organisation_id:
        raise NotFound
    if expected_version is not None and expected_version != product.version:
        raise VersionMismatch(version=product.version)
    return product


def person_of(actor: Actor) -> UUID:
    """The account that acts; every act of the catalog is a person's. Raises: Bug."""
    return actor.account_id or bug("catalog's acts are signed by an account")


def tell_provider(work: Work, product: Product, *, event: str, text: str, reason: str = "", article: str) -> None:  # noqa: PLR0913 - the parts of a notice
    """A notice to the product's provider."""
    work.notify(
        Notice(
            recipient=f"org:{product.provider_id}",
            subject_type="product",
            subject_id=product.id,
            event=event,
            text=text,
            reason=reason,
            article=article,
        )
    )
