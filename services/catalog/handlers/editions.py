"""What a provider does with its products: draft, rewrite, submit."""

from dataclasses import dataclass
from uuid import UUID

from services.catalog.domain import rules
from services.catalog.domain.product import Content, Product, Submission
from services.catalog.handlers.loading import ProductResult, load_own_product, person_of, result_of
from services.catalog.store.parties import find_provider
from services.catalog.store.products import add_product, save_product
from services.catalog.views.prices import price_outliers
from shared.kernel.ids import ProductId
from shared.runtime.work import Actor, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftProduct:
    """A provider begins a product."""

    content: Content
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviseProduct:
    """A provider rewrites the open edition, or begins a new one of a published product."""

    product_id: UUID
    expected_version: int
    content: Content
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitProduct:
    """A provider hands the open edition in, signing the truth declaration and ticking the service rules."""

    product_id: UUID
    expected_version: int | None
    declaration_version: str
    checklist: tuple[str, ...]
    by: Actor
    correction: str = ""


async def draft_product(work: Work, command: DraftProduct) -> ProductResult:
    """Keep a first draft; emits ProductDrafted. Raises: ProviderNotAuthenticated, ClassUnknown. Source: R47."""
    provider = rules.check_standing(await find_provider(work.connection, command.by.organisation_id), now=work.now)
    rules.check_content(command.content, pack=work.pack)
    product, drafted = rules.draft(ProductId(work.new_id()), provider_id=provider.id, content=command.content)
    await add_product(work, product)
    work.emit(drafted)
    _drafted(work, product, act="draft", by=command.by)
    return result_of(product)


async def revise_product(work: Work, command: ReviseProduct) -> ProductResult:
    """Keep the new content; emits ProductDrafted each time. Raises: EditionUnderReview. Source: R47, Q10."""
    before = await load_own_product(work, command.product_id, by=command.by, expected_version=command.expected_version)
    rules.check_standing(await find_provider(work.connection, command.by.organisation_id), now=work.now)
    rules.check_content(command.content, pack=work.pack)
    after, drafted = rules.revise(before, content=command.content)
    await save_product(work, after)
    work.emit(drafted)
    _drafted(work, after, act="revise", by=command.by)
    return result_of(after)


def _drafted(work: Work, product: Product, *, act: str, by: Actor) -> None:
    """Who wrote an edition, for the product's history. Source: R7."""
    work.decide(
        Decision(
            subject_type="product",
            subject_id=product.id,
            act=act,
            by=by,
            rule="A11(4)",
            after=product.newest.state,
            facts={"edition": product.newest.number},
        )
    )


async def submit_product(work: Work, command: SubmitProduct) -> ProductResult:
    """Hand the edition in; emits ProductSubmitted. Price outliers are recorded for the reviewers, never refused.

    Raises: EditionNotDraft, EditionUnchanged, DeclarationOutdated, ChecklistIncomplete.
    Source: A11(4), R10, R41, Q10.
    """
    before = await load_own_product(work, command.product_id, by=command.by, expected_version=command.expected_version)
    rules.check_standing(await find_provider(work.connection, command.by.organisation_id), now=work.now)
    submission = Submission(
        by=person_of(command.by),
        declaration_version=command.declaration_version,
        checklist=command.checklist,
        correction=command.correction,
    )
    after, submitted = rules.submit(before, submission=submission)
    content = after.newest.content
    rules.check_submission(
        content, declaration_version=command.declaration_version, checklist=command.checklist, pack=work.pack
    )
    await save_product(work, after)
    work.emit(submitted)
    flagged = await price_outliers(work.connection, content, but=after.id, pack=work.pack)
    work.decide(
        Decision(
            subject_type="product",
            subject_id=after.id,
            act="submit",
            by=command.by,
            rule="A11(4)",
            ground=command.correction,
            before=before.newest.state,
            after=after.newest.state,
            facts={
                "edition": after.newest.number,
                "declaration_version": command.declaration_version,
                "price_outliers": [found.component for found in flagged],
            },
        )
    )
    return result_of(after)
