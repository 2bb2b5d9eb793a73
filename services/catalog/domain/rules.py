"""The moves of a product: pure decisions, each giving the product after it and the one fact that says so."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.catalog.domain.product import (
    COMPONENTS_MAX,
    EDITABLE,
    EDITION_MOVES,
    PRODUCT_MOVES,
    Content,
    Edition,
    EditionState,
    Product,
    ProductState,
    Stage,
    Submission,
)
from services.catalog.domain.refusals import (
    ChecklistIncomplete,
    ClassUnknown,
    ComponentRepeated,
    DeclarationOutdated,
    EditionNotDraft,
    EditionNotSubmitted,
    EditionUnchanged,
    EditionUnderReview,
    OpinionMissing,
    ProductNameMalformed,
    ProductOffDirectory,
    ProviderNotAuthenticated,
    ProviderNotRecognised,
    ProviderSuspended,
    SamePerson,
)
from shared.contracts.messages.catalog import (
    ProductDelisted,
    ProductDrafted,
    ProductOpinionGiven,
    ProductPublished,
    ProductSentBack,
    ProductSubmitted,
)
from shared.contracts.policy import PolicyPack
from shared.kernel.ids import ProductId
from shared.kernel.money import MAX_FEN
from shared.kernel.names import is_seen
from shared.kernel.refusals import invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What catalog knows of a provider. `suspended_since` is the moment from which a suspension is effective."""

    id: UUID
    authenticated: bool
    recognised: bool
    suspended_since: datetime | None
    closed: bool


def check_standing(provider: Provider | None, *, now: datetime) -> Provider:
    """The provider when it may act now. Raises: ProviderNotAuthenticated, ProviderSuspended. Source: R47, Q18."""
    if provider is None or not provider.authenticated:
        raise ProviderNotAuthenticated
    if provider.closed or (provider.suspended_since is not None and provider.suspended_since <= now):
        raise ProviderSuspended
    return provider


def check_content(content: Content, *, pack: PolicyPack) -> None:
    """Refuse what no edition may hold.

    Raises: ProductNameMalformed, ClassUnknown, ComponentRepeated, Bug. Source: A17, R33.
    """
    invariant(1 <= len(content.components) <= COMPONENTS_MAX, "an edition has 1 to 50 price components")
    if not is_seen(content.name):
        raise ProductNameMalformed(pointer="/name")
    if pack.class_of(content.class_code) is None:
        raise ClassUnknown(class_code=content.class_code)
    seen: set[str] = set()
    for component in content.components:
        invariant(1 <= component.price_fen <= MAX_FEN, "a price lies between 1 fen and MAX_FEN")
        if component.code in seen:
            raise ComponentRepeated(component=component.code)
        seen.add(component.code)


def draft(product_id: ProductId, *, provider_id: UUID, content: Content) -> tuple[Product, ProductDrafted]:
    """A new product with its first edition. Source: A11(4), R47."""
    first = Edition(number=1, state=EditionState.DRAFT, content=content)
    product = Product(id=product_id, provider_id=provider_id, version=1, state=ProductState.DRAFT, newest=first)
    return product, ProductDrafted(version=1, product_id=product_id, provider_id=provider_id)


def revise(product: Product, *, content: Content) -> tuple[Product, ProductDrafted]:
    """The product with its open edition rewritten, or with a new edition when none is open.

    The published edition stays what may be bought until the new one is approved (Q10).
    Raises: ProductOffDirectory, EditionUnderReview.
    """
    _check_on_directory(product)
    newest = product.newest
    if newest.state is EditionState.PUBLISHED:
        edition = Edition(number=newest.number + 1, state=EditionState.DRAFT, content=content)
    elif newest.state in EDITABLE:
        # What was signed and ticked was so for the old content.
        edition = replace(_moved(newest, EditionState.DRAFT), content=content, submission=None)
    else:
        raise EditionUnderReview
    after = _next(product, newest=edition)
    return after, ProductDrafted(version=after.version, product_id=product.id, provider_id=product.provider_id)


def check_submission(content: Content, *, declaration_version: str, checklist: Iterable[str], pack: PolicyPack) -> None:
    """Refuse a submission without the declaration in force or with items of the service rules left out.

    Raises: ClassUnknown, DeclarationOutdated, ChecklistIncomplete. Source: R10, R41.
    """
    service_class = pack.class_of(content.class_code)
    if service_class is None:
        raise ClassUnknown(class_code=content.class_code)
    if declaration_version != pack.truth_declaration.version:
        raise DeclarationOutdated(version=pack.truth_declaration.version)
    wanted, ticked = {item.code for item in service_class.checklist}, set(checklist)
    if wanted != ticked:
        raise ChecklistIncomplete(missing=sorted(wanted - ticked), unknown=sorted(ticked - wanted))


def submit(product: Product, *, submission: Submission) -> tuple[Product, ProductSubmitted]:
    """The open edition handed in for review; one that was sent back has changed, or says what was corrected.

    Raises: ProductOffDirectory, EditionNotDraft, EditionUnchanged. Source: A11(4).
    """
    _check_on_directory(product)
    newest = product.newest
    if newest.state not in EDITABLE:
        raise EditionNotDraft(state=newest.state.value)
    if newest.returned_digest and not submission.correction and newest.content.digest() == newest.returned_digest:
        raise EditionUnchanged
    edition = replace(_moved(product.newest, EditionState.SUBMITTED), submission=submission)
    after = _next(product, newest=edition)
    return after, ProductSubmitted(
        version=after.version, product_id=product.id, provider_id=product.provider_id, edition=edition.number
    )


def give_opinion(product: Product, *, by: UUID, favourable: bool) -> tuple[Product, ProductOpinionGiven]:
    """The operator's opinion goes to the bureau, favourable or not.

    Raises: EditionNotSubmitted, SamePerson. Source: A11(5), R48.
    """
    edition = _for_operator(product, by=by)
    after = _next(product, newest=_reviewed(edition, EditionState.REVIEWED, stage=Stage.OPERATOR, by=by))
    return after, ProductOpinionGiven(
        version=after.version,
        product_id=product.id,
        provider_id=product.provider_id,
        edition=edition.number,
        favourable=favourable,
    )


def send_back(product: Product, *, by: UUID) -> tuple[Product, ProductSentBack]:
    """The operator returns the edition to the provider. Raises: EditionNotSubmitted, SamePerson."""
    return _sent_back(product, _for_operator(product, by=by), stage=Stage.OPERATOR, by=by)


def reject(product: Product, *, by: UUID) -> tuple[Product, ProductSentBack]:
    """The bureau does not approve; the provider may better the edition. Raises: OpinionMissing, SamePerson."""
    return _sent_back(product, _for_bureau(product, by=by), stage=Stage.BUREAU, by=by)


def approve(
    product: Product, *, by: UUID, provider: Provider | None, now: datetime
) -> tuple[Product, ProductPublished]:
    """The bureau puts the edition online from `now`, in place of the one before.

    Raises: OpinionMissing, SamePerson, ProviderNotAuthenticated, ProviderSuspended, ProviderNotRecognised.
    Source: A11(5), R48, Q9, Q10.
    """
    edition = _for_bureau(product, by=by)
    standing = check_standing(provider, now=now)
    if edition.content.voucher and not standing.recognised:
        raise ProviderNotRecognised
    PRODUCT_MOVES.check(product.state, ProductState.PUBLISHED)
    after = replace(
        _next(product, newest=_reviewed(edition, EditionState.PUBLISHED, stage=Stage.BUREAU, by=by)),
        state=ProductState.PUBLISHED,
        published_edition=edition.number,
    )
    content = edition.content
    return after, ProductPublished(
        version=after.version,
        product_id=product.id,
        provider_id=product.provider_id,
        edition=edition.number,
        product_name=content.name,
        class_code=content.class_code,
        components=content.components,
        voucher=content.voucher,
        service_standard=content.service_standard,
        effective_at=now,
    )


def delist(product: Product, *, ground: str, now: datetime) -> tuple[Product, ProductDelisted]:
    """The product may not be bought from `now`; what was open ends. Raises: ProductOffDirectory. Source: A12."""
    _check_on_directory(product)
    PRODUCT_MOVES.check(product.state, ProductState.DELISTED)
    ended = _moved(product.newest, EditionState.ENDED)
    after = replace(_next(product, newest=ended), state=ProductState.DELISTED, published_edition=None)
    return after, ProductDelisted(
        version=after.version, product_id=product.id, provider_id=product.provider_id, effective_at=now, ground=ground
    )


def _check_on_directory(product: Product) -> None:
    if product.state is ProductState.DELISTED:
        raise ProductOffDirectory


def _for_operator(product: Product, *, by: UUID) -> Edition:
    edition = product.newest
    if edition.state is not EditionState.SUBMITTED:
        raise EditionNotSubmitted(state=edition.state.value)
    _check_other_person(edition, by=by, other=Stage.BUREAU)
    return edition


def _for_bureau(product: Product, *, by: UUID) -> Edition:
    edition = product.newest
    if edition.state is not EditionState.REVIEWED:
        raise OpinionMissing(state=edition.state.value)
    _check_other_person(edition, by=by, other=Stage.OPERATOR)
    return edition


def _check_other_person(edition: Edition, *, by: UUID, other: Stage) -> None:
    """One person may have two roles, so accounts are compared, over all rounds of the edition."""
    submitted_by = None if edition.submission is None else edition.submission.by
    if by == submitted_by or edition.reviewed_by(by, stages=(other,)):
        raise SamePerson


def _sent_back(product: Product, edition: Edition, *, stage: Stage, by: UUID) -> tuple[Product, ProductSentBack]:
    returned = replace(edition, returned_digest=edition.content.digest())
    after = _next(product, newest=_reviewed(returned, EditionState.SENT_BACK, stage=stage, by=by))
    return after, ProductSentBack(
        version=after.version, product_id=product.id, provider_id=product.provider_id, edition=edition.number
    )


def _reviewed(edition: Edition, state: EditionState, *, stage: Stage, by: UUID) -> Edition:
    return replace(_moved(edition, state), reviewers=edition.reviewers | {(stage, by)})


def _moved(edition: Edition, state: EditionState) -> Edition:
    EDITION_MOVES.check(edition.state, state)
    return replace(edition, state=state)


def _next(product: Product, *, newest: Edition) -> Product:
    return replace(product, version=product.version + 1, newest=newest)
