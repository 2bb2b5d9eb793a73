"""The two reviews: the operator's opinion, then the bureau's decision, never by one person. Source: A11(5), R48."""

from dataclasses import dataclass
from uuid import UUID

from services.catalog.domain import rules
from services.catalog.domain.product import Product, Stage, Verdict
from services.catalog.handlers.loading import ProductResult, load_product, person_of, result_of, tell_provider
from services.catalog.store.directory import list_in_directory
from services.catalog.store.parties import find_provider
from services.catalog.store.products import add_review, save_product
from services.catalog.views.prices import price_outliers
from shared.runtime.work import Actor, Decision, Work

_RULE = "A11(5)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveOpinion:
    """The operator passes its opinion to the bureau."""

    product_id: UUID
    expected_version: int | None
    favourable: bool
    text: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBack:
    """The operator returns the edition to the provider."""

    product_id: UUID
    expected_version: int | None
    text: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideProduct:
    """The bureau approves the edition or returns it."""

    product_id: UUID
    expected_version: int | None
    approve: bool
    reason: str
    by: Actor


async def give_opinion(work: Work, command: GiveOpinion) -> ProductResult:
    """Record the opinion; emits ProductOpinionGiven. Raises: EditionNotSubmitted, SamePerson."""
    before = await load_product(work, command.product_id, expected_version=command.expected_version)
    by = person_of(command.by)
    after, given = rules.give_opinion(before, by=by, favourable=command.favourable)
    verdict = Verdict.FAVOURABLE if command.favourable else Verdict.UNFAVOURABLE
    await save_product(work, after)
    await add_review(work, after, stage=Stage.OPERATOR, verdict=verdict, by=by, text=command.text)
    work.emit(given)
    await _decided(work, before, after, act=f"opinion_{verdict}", by=command.by, ground=command.text)
    word = "同意上架" if command.favourable else "不建议上架"
    text = f"产品“{after.newest.content.name}”第{after.newest.number}版已由系统运营方审核（{word}），转省大数据局审批。"
    tell_provider(work, after, event="opinion_given", text=text, reason=command.text, article=_RULE)
    return result_of(after)


async def send_back(work: Work, command: SendBack) -> ProductResult:
    """Return the edition with a reason; emits ProductSentBack. Raises: EditionNotSubmitted, SamePerson."""
    before = await load_product(work, command.product_id, expected_version=command.expected_version)
    by = person_of(command.by)
    after, sent_back = rules.send_back(before, by=by)
    await save_product(work, after)
    await add_review(work, after, stage=Stage.OPERATOR, verdict=Verdict.SENT_BACK, by=by, text=command.text)
    work.emit(sent_back)
    await _decided(work, before, after, act="send_back", by=command.by, ground=command.text)
    text = f"产品“{after.newest.content.name}”第{after.newest.number}版已由系统运营方退回，请按意见修改后重新提交。"
    tell_provider(work, after, event="sent_back", text=text, reason=command.text, article=_RULE)
    return result_of(after)


async def decide_product(work: Work, command: DecideProduct) -> ProductResult:
    """Publish the edition or return it; emits ProductPublished or ProductSentBack.

    Raises: OpinionMissing, SamePerson, ProviderNotAuthenticated, ProviderNotRecognised, ProviderSuspended.
    """
    before = await load_product(work, command.product_id, expected_version=command.expected_version)
    return await (_approve if command.approve else _reject)(work, before, command)


async def _approve(work: Work, before: Product, command: DecideProduct) -> ProductResult:
    by = person_of(command.by)
    provider = await find_provider(work.connection, before.provider_id)
    after, published = rules.approve(before, by=by, provider=provider, now=work.now)
    await save_product(work, after)
    await add_review(work, after, stage=Stage.BUREAU, verdict=Verdict.APPROVED, by=by, text=command.reason)
    await list_in_directory(work, after)
    work.emit(published)
    await _decided(work, before, after, act="approve", by=command.by, ground=command.reason)
    text = f"产品“{after.newest.content.name}”第{after.newest.number}版已经省大数据局审批通过，即日上架。"
    tell_provider(work, after, event="published", text=text, reason=command.reason, article=_RULE)
    return result_of(after)


async def _reject(work: Work, before: Product, command: DecideProduct) -> ProductResult:
    by = person_of(command.by)
    after, sent_back = rules.reject(before, by=by)
    await save_product(work, after)
    await add_review(work, after, stage=Stage.BUREAU, verdict=Verdict.SENT_BACK, by=by, text=command.reason)
    work.emit(sent_back)
    await _decided(work, before, after, act="reject", by=command.by, ground=command.reason)
    text = f"产品“{after.newest.content.name}”第{after.newest.number}版未获省大数据局批准，请按意见修改后重新提交。"
    tell_provider(work, after, event="sent_back", text=text, reason=command.reason, article=_RULE)
    return result_of(after)


async def _decided(work: Work, before: Product, after: Product, *, act: str, by: Actor, ground: str) -> None:  # noqa: PLR0913 - the parts of a decision
    """Record the decision together with the price outliers the reviewer could see. Source: Q10."""
    content = after.newest.content
    flagged = await price_outliers(work.connection, content, but=after.id, pack=work.pack)
    work.decide(
        Decision(
            subject_type="product",
            subject_id=after.id,
            act=act,
            by=by,
            rule=_RULE,
            ground=ground,
            before=before.newest.state,
            after=after.newest.state,
            facts={
                "edition": after.newest.number,
                "price_outliers": [
                    {"component": found.component, "price_fen": found.price_fen, "median_fen": found.median_fen}
                    for found in flagged
                ],
            },
        )
    )
