"""Off the directory: by the provider's own will at once, by force with evidence and a second person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.catalog.domain import delisting as proposals
from services.catalog.domain import rules
from services.catalog.domain.delisting import WITHDRAWN, Delisting, DelistingState
from services.catalog.domain.product import Product, ProductState
from services.catalog.domain.refusals import (
    DelistingOpen,
    ProductNotPublished,
    ProductOffDirectory,
)
from services.catalog.handlers.loading import (
    ProductResult,
    load_own_product,
    load_product,
    person_of,
    result_of,
    tell_provider,
)
from services.catalog.store.corrections import add_correction, corrections_due_at
from services.catalog.store.delistings import (
    add_delisting,
    find_delisting,
    lapse_delistings,
    product_of_delisting,
    save_delisting,
)
from services.catalog.store.products import save_delisted_product
from shared.kernel.proposals import LAPSE_REASON, lapse_text, lapsed_before, lapses_at
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, VersionMismatch, Work

DELISTING_TIMER = "delisting_lapses"
_RULE = "A12(2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelistingResult:
    """A proposal after a command; `version` is its ETag."""

    id: UUID
    product_id: UUID
    version: int
    state: DelistingState
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionResult:
    """A correction order."""

    id: UUID
    product_id: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawProduct:
    """A provider takes its own product off."""

    product_id: UUID
    expected_version: int | None
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCorrection:
    """The operator sets the provider a time to correct a breach of the voucher rules."""

    product_id: UUID
    text: str
    due_at: datetime
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeDelisting:
    """The operator proposes to take a product off, naming the ground and the evidence."""

    product_id: UUID
    ground: str
    evidence: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelisting:
    """The provider is heard before a second person decides."""

    delisting_id: UUID
    statement: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideDelisting:
    """A second person approves or refuses a proposal."""

    delisting_id: UUID
    approve: bool
    reason: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawDelisting:
    """Whoever proposed a delisting takes the proposal back."""

    delisting_id: UUID
    reason: str
    by: Actor
    expected_version: int | None = None


async def withdraw_product(work: Work, command: WithdrawProduct) -> ProductResult:
    """Take the own product off at once; emits ProductDelisted with the ground "withdrawn"."""
    before = await load_own_product(work, command.product_id, by=command.by, expected_version=command.expected_version)
    after = await _delist(work, before, ground=WITHDRAWN)
    work.decide(_decision(before, act="withdraw", by=command.by, ground=command.reason, rule="A12(1)"))
    text = f"产品“{after.newest.content.name}”已按贵单位申请下架。"
    tell_provider(work, after, event="delisted", text=text, reason=command.reason, article="A12(1)")
    return result_of(after)


async def order_correction(work: Work, command: OrderCorrection) -> CorrectionResult:
    """Set a time to correct; it must lie ahead.

    Raises: NotFound, ProductOffDirectory, CorrectionDueOutOfRange. Source: A12(2)5, R54.
    """
    product = await load_product(work, command.product_id)
    if product.state is ProductState.DELISTED:
        raise ProductOffDirectory
    proposals.check_correction_due(command.due_at, now=work.now)
    correction_id = await add_correction(
        work, product_id=product.id, text=command.text, by=person_of(command.by), due_at=command.due_at
    )
    work.decide(_decision(product, act="order_correction", by=command.by, ground=command.text, rule="A12(2)5"))
    text = f"产品“{product.newest.content.name}”须限期整改，逾期未改正的将依规下架。"
    tell_provider(work, product, event="correction_ordered", text=text, reason=command.text, article="A12(2)5")
    return CorrectionResult(id=correction_id, product_id=product.id, due_at=command.due_at)


async def propose_delisting(work: Work, command: ProposeDelisting) -> DelistingResult:
    """Propose; the product stays bought until a second person approves, and the provider is told.

    Raises: GroundUnknown, CorrectionFirst, ProductNotPublished, DelistingOpen. Source: R50-R54, Q18.
    """
    product = await load_product(work, command.product_id)
    ground = proposals.ground_of(command.ground, pack=work.pack)
    if product.state is not ProductState.PUBLISHED:
        raise ProductNotPublished
    proposals.check_correction(
        ground, corrections_due_at=await corrections_due_at(work.connection, product.id), now=work.now
    )
    proposal = Delisting(
        id=work.new_id(),
        product_id=product.id,
        version=1,
        state=DelistingState.PROPOSED,
        ground=ground.code,
        evidence=command.evidence,
        proposed_by=person_of(command.by),
        proposed_at=work.now,
    )
    if await lapse_delistings(work, product.id, proposed_until=lapsed_before(work.now)):
        work.decide(_decision(product, act="delisting_lapsed", by=SYSTEM, ground=LAPSE_REASON, rule=_RULE))
    if not await add_delisting(work, proposal):
        raise DelistingOpen
    work.set_timer(DELISTING_TIMER, key=proposal.id, due_at=lapses_at(proposal.proposed_at))
    work.decide(_decision(product, act="propose_delisting", by=command.by, ground=command.evidence, rule=_RULE))
    text = f"系统运营方提出下架产品“{product.newest.content.name}”，情形：{ground.text}。贵单位可在审批前提交陈述意见。"
    tell_provider(work, product, event="delisting_proposed", text=text, reason=command.evidence, article=_RULE)
    return _result(proposal)


async def answer_delisting(work: Work, command: AnswerDelisting) -> DelistingResult:
    """Keep the provider's own words with the proposal.

    Raises: NotFound, VersionMismatch, DelistingDecided. Source: Q18.
    """
    product_id = await _product_of(work, command.delisting_id)
    product = await load_own_product(work, product_id, by=command.by, expected_version=None)
    before = await _load_delisting(work, command)
    after = proposals.answer(before, statement=command.statement)
    await save_delisting(work, after)
    work.decide(_decision(product, act="answer_delisting", by=command.by, ground=command.statement, rule=_RULE))
    return _result(after)


async def decide_delisting(work: Work, command: DecideDelisting) -> DelistingResult:
    """Approve or refuse as a second person; approval emits ProductDelisted, effective now.

    Raises: NotFound, VersionMismatch, DelistingDecided, DelistingSamePerson, ProposalLapsed. Source: Q18, R8.
    """
    # The product row is locked before the proposal, as everywhere, so that no two commands wait for each other.
    product = await load_product(work, await _product_of(work, command.delisting_id))
    before = await _load_delisting(work, command)
    by = person_of(command.by)
    outcome = DelistingState.APPROVED if command.approve else DelistingState.REFUSED
    after = proposals.decide(before, by=by, outcome=outcome, now=work.now)
    await save_delisting(work, after, decided_by=by, reason=command.reason, decided_at=work.now)
    ground = proposals.ground_of(after.ground, pack=work.pack)
    name = product.newest.content.name
    if outcome is DelistingState.APPROVED:
        await _delist(work, product, ground=after.ground)
        event, text = "delisted", f"产品“{name}”已下架，情形：{ground.text}。贵单位可依规申诉。"
    else:
        event, text = "delisting_refused", f"对产品“{name}”的下架提议未获批准，产品继续上架。"
    if outcome is DelistingState.REFUSED:
        text_to_first = f"您对产品“{name}”提出的下架提议未获批准：{command.reason}"
        _tell_first(work, before, event="proposal.refused", text=text_to_first, reason=command.reason)
    act = f"delisting_{outcome}"
    work.decide(_decision(product, act=act, by=command.by, ground=command.reason, rule=_RULE))
    tell_provider(work, product, event=event, text=text, reason=command.reason, article=_RULE)
    return _result(after)


async def withdraw_delisting(work: Work, command: WithdrawDelisting) -> DelistingResult:
    """Take the own proposal back; the product stays.

    Raises: NotFound, VersionMismatch, DelistingDecided, NotProposer. Source: Q18.
    """
    product = await load_product(work, await _product_of(work, command.delisting_id))
    before = await _load_delisting(work, command)
    after = proposals.withdraw(before, by=person_of(command.by))
    await save_delisting(work, after, reason=command.reason, decided_at=work.now)
    work.decide(_decision(product, act="delisting_withdrawn", by=command.by, ground=command.reason, rule=_RULE))
    text = f"对产品“{product.newest.content.name}”的下架提议已撤回，产品继续上架。"
    tell_provider(work, product, event="delisting_withdrawn", text=text, reason=command.reason, article=_RULE)
    return _result(after)


async def lapse_late(work: Work, keys: Sequence[UUID]) -> None:
    """End proposals that nobody decided in time, and tell who proposed them and the provider. Source: R8."""
    for delisting_id in sorted(keys):
        product = await load_product(work, await _product_of(work, delisting_id))
        before = await find_delisting(work.connection, delisting_id)
        if before is None or before.state is not DelistingState.PROPOSED:
            continue
        if before.proposed_at > lapsed_before(work.now):
            work.set_timer(DELISTING_TIMER, key=delisting_id, due_at=lapses_at(before.proposed_at))
            continue
        await save_delisting(work, proposals.lapse(before), decided_at=work.now)
        work.decide(_decision(product, act="delisting_lapsed", by=SYSTEM, ground=LAPSE_REASON, rule=_RULE))
        name = product.newest.content.name
        _tell_first(work, before, event="proposal.lapsed", text=lapse_text(f"对产品“{name}”的下架提议"))
        text = f"对产品“{name}”的下架提议逾期未获批准，已经失效，产品继续上架。"
        tell_provider(work, product, event="delisting_lapsed", text=text, reason=LAPSE_REASON, article=_RULE)


def _tell_first(work: Work, proposal: Delisting, *, event: str, text: str, reason: str = LAPSE_REASON) -> None:
    """Whoever proposed it learns what became of it."""
    work.notify(
        Notice(
            recipient=f"account:{proposal.proposed_by}",
            subject_type="delisting",
            subject_id=proposal.id,
            event=event,
            text=text,
            reason=reason,
            article=_RULE,
        )
    )


async def _delist(work: Work, before: Product, *, ground: str) -> Product:
    after, delisted = rules.delist(before, ground=ground, now=work.now)
    await save_delisted_product(work, after, ground=ground)
    work.emit(delisted)
    return after


async def _product_of(work: Work, delisting_id: UUID) -> UUID:
    product_id = await product_of_delisting(work.connection, delisting_id)
    if product_id is None:
        raise NotFound
    return product_id


async def _load_delisting(work: Work, command: AnswerDelisting | DecideDelisting | WithdrawDelisting) -> Delisting:
    """The proposal in the version that was shown. Raises: NotFound, VersionMismatch."""
    found = await find_delisting(work.connection, command.delisting_id)
    if found is None:
        raise NotFound
    if command.expected_version not in {None, found.version}:
        raise VersionMismatch(version=found.version)
    return found


def _decision(product: Product, *, act: str, by: Actor, ground: str, rule: str) -> Decision:
    return Decision(
        subject_type="product",
        subject_id=product.id,
        act=act,
        by=by,
        rule=rule,
        ground=ground,
        before=product.state,
        facts={"edition": product.newest.number},
    )


def _result(proposal: Delisting) -> DelistingResult:
    return DelistingResult(
        id=proposal.id,
        product_id=proposal.product_id,
        version=proposal.version,
        state=proposal.state,
        ground=proposal.ground,
    )
