"""The rules of products without IO: the state tables, both reviews, new editions and delisting."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product as pairs
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import delisting, rules
from services.catalog.domain.delisting import Delisting, DelistingState
from services.catalog.domain.product import (
    EDITION_MOVES,
    PRODUCT_MOVES,
    Content,
    EditionState,
    Product,
    ProductState,
    Submission,
    components_of,
)
from services.catalog.domain.refusals import (
    ChecklistIncomplete,
    ClassUnknown,
    ComponentRepeated,
    CorrectionDueOutOfRange,
    CorrectionFirst,
    DeclarationOutdated,
    DelistingDecided,
    DelistingSamePerson,
    EditionNotDraft,
    EditionNotSubmitted,
    EditionUnderReview,
    GroundUnknown,
    OpinionMissing,
    ProductOffDirectory,
    ProviderNotAuthenticated,
    ProviderNotRecognised,
    ProviderSuspended,
    SamePerson,
)
from services.catalog.domain.rules import Provider
from shared.contracts.messages.catalog import Component, ProductFact
from shared.contracts.policy import load_pack
from shared.kernel.ids import ProductId
from shared.kernel.proposals import ProposalLapsed
from shared.kernel.refusals import Bug, Refusal
from tests.factories.harness import repository

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PROVIDER = UUID(int=1)
SUBMITTER, OPERATOR, BUREAU = UUID(int=11), UUID(int=12), UUID(int=13)
PACK = load_pack(
    (repository() / "policies/guizhou-2018.toml").read_text(encoding="utf-8"), name="policies/guizhou-2018.toml"
)
SUBMISSION = Submission(by=SUBMITTER, declaration_version="1.0.0", checklist=("durability", "export", "metering"))


def a_component(*, code: str = "gb", unit: str = "GB/月", price_fen: int = 100) -> Component:
    return Component(code=code, name="标准存储", unit=unit, price_fen=price_fen)


def a_content(*, name: str = "云存储", voucher: bool = True, components: tuple[Component, ...] = ()) -> Content:
    return Content(
        name=name,
        class_code="storage",
        description="对象存储",
        service_standard="可用性不低于99.9%",
        market_reference="同类产品公开报价",
        voucher=voucher,
        components=components or (a_component(),),
    )


def a_provider(
    *, authenticated: bool = True, recognised: bool = True, suspended_since: datetime | None = None
) -> Provider:
    return Provider(
        id=PROVIDER,
        authenticated=authenticated,
        recognised=recognised,
        suspended_since=suspended_since,
        closed=False,
    )


def a_draft(*, voucher: bool = True) -> Product:
    return rules.draft(ProductId(UUID(int=2)), provider_id=PROVIDER, content=a_content(voucher=voucher))[0]


def a_submitted(*, voucher: bool = True) -> Product:
    return rules.submit(a_draft(voucher=voucher), submission=SUBMISSION)[0]


def a_reviewed(*, voucher: bool = True) -> Product:
    return rules.give_opinion(a_submitted(voucher=voucher), by=OPERATOR, favourable=True)[0]


def a_published() -> Product:
    return rules.approve(a_reviewed(), by=BUREAU, provider=a_provider(), now=NOW)[0]


def test_the_table_of_edition_moves_is_exactly_this() -> None:
    draft, submitted, reviewed, sent_back, published, ended = EditionState
    allowed = {
        (draft, draft),
        (draft, submitted),
        (draft, ended),
        (submitted, reviewed),
        (submitted, sent_back),
        (submitted, ended),
        (reviewed, sent_back),
        (reviewed, published),
        (reviewed, ended),
        (sent_back, draft),
        (sent_back, submitted),
        (sent_back, ended),
        (published, ended),
    }
    assert {pair for pair in pairs(EditionState, repeat=2) if EDITION_MOVES.allows(*pair)} == allowed
    assert EDITION_MOVES.terminal(ended)


def test_a_delisted_product_stays_delisted() -> None:
    assert PRODUCT_MOVES.terminal(ProductState.DELISTED)
    assert not PRODUCT_MOVES.allows(ProductState.PUBLISHED, ProductState.DRAFT)


@pytest.mark.requirement("R48")
def test_only_the_bureau_after_the_operators_opinion_publishes() -> None:
    with pytest.raises(OpinionMissing):
        rules.approve(a_submitted(), by=BUREAU, provider=a_provider(), now=NOW)
    after, published = rules.approve(a_reviewed(), by=BUREAU, provider=a_provider(), now=NOW)
    assert (after.state, after.newest.state, after.published_edition) == ("published", "published", 1)
    assert published.version == after.version == 4
    assert (published.edition, published.effective_at, published.class_code) == (1, NOW, "storage")
    assert published.components == (a_component(),)


@pytest.mark.requirement("R48")
def test_an_unfavourable_opinion_goes_to_the_bureau_too() -> None:
    after, given_opinion = rules.give_opinion(a_submitted(), by=OPERATOR, favourable=False)
    assert after.newest.state is EditionState.REVIEWED
    assert not given_opinion.favourable


@pytest.mark.requirement("R48")
def test_no_person_does_both_reviews_or_reviews_the_own_submission() -> None:
    with pytest.raises(SamePerson):
        rules.approve(a_reviewed(), by=OPERATOR, provider=a_provider(), now=NOW)
    with pytest.raises(SamePerson):
        rules.reject(a_reviewed(), by=OPERATOR)
    with pytest.raises(SamePerson):
        rules.give_opinion(a_submitted(), by=SUBMITTER, favourable=True)
    with pytest.raises(SamePerson):
        rules.approve(a_reviewed(), by=SUBMITTER, provider=a_provider(), now=NOW)


@pytest.mark.requirement("R48")
def test_a_person_keeps_its_stage_over_all_rounds_of_an_edition() -> None:
    returned, _ = rules.reject(a_reviewed(), by=BUREAU)
    again, _ = rules.submit(returned, submission=replace(SUBMISSION, correction="补充了报价"))
    with pytest.raises(SamePerson):
        rules.give_opinion(again, by=BUREAU, favourable=True)


@pytest.mark.requirement("R47")
def test_only_an_authenticated_provider_that_may_act_now_has_standing() -> None:
    for provider in (None, a_provider(authenticated=False)):
        with pytest.raises(ProviderNotAuthenticated):
            rules.check_standing(provider, now=NOW)
    with pytest.raises(ProviderSuspended):
        rules.check_standing(a_provider(suspended_since=NOW), now=NOW)
    later = a_provider(suspended_since=NOW + timedelta(seconds=1))
    assert rules.check_standing(later, now=NOW) is later


def test_a_voucher_product_needs_recognition_and_another_does_not() -> None:
    unrecognised = a_provider(recognised=False)
    with pytest.raises(ProviderNotRecognised):
        rules.approve(a_reviewed(), by=BUREAU, provider=unrecognised, now=NOW)
    after, _ = rules.approve(a_reviewed(voucher=False), by=BUREAU, provider=unrecognised, now=NOW)
    assert after.state is ProductState.PUBLISHED


def test_a_new_edition_leaves_the_published_one_in_place_until_it_is_approved() -> None:
    dearer = a_content(components=(a_component(price_fen=200),))
    product, drafted = rules.revise(a_published(), content=dearer)
    assert (product.newest.number, product.newest.state, product.published_edition) == (2, "draft", 1)
    assert drafted.version == 5
    assert product.newest.reviewers == frozenset()
    product, _ = rules.submit(product, submission=SUBMISSION)
    with pytest.raises(OpinionMissing):
        rules.approve(product, by=BUREAU, provider=a_provider(), now=NOW)
    product, _ = rules.give_opinion(product, by=OPERATOR, favourable=True)
    assert product.published_edition == 1
    product, published = rules.approve(product, by=BUREAU, provider=a_provider(), now=NOW)
    assert (product.published_edition, published.components[0].price_fen) == (2, 200)


def test_an_edition_under_review_cannot_be_rewritten_and_a_rewritten_one_must_be_signed_again() -> None:
    for product in (a_submitted(), a_reviewed()):
        with pytest.raises(EditionUnderReview):
            rules.revise(product, content=a_content())
    returned, _ = rules.send_back(a_submitted(), by=OPERATOR)
    rewritten, _ = rules.revise(returned, content=a_content(name="云硬盘"))
    assert (rewritten.newest.number, rewritten.newest.state) == (1, "draft")
    assert rewritten.newest.submission is None


@pytest.mark.requirement("R33")
def test_an_unlisted_class_and_a_repeated_component_are_refused() -> None:
    unlisted = replace(a_content(), class_code="livestream")
    with pytest.raises(ClassUnknown):
        rules.check_content(unlisted, pack=PACK)
    with pytest.raises(ComponentRepeated):
        rules.check_content(a_content(components=(a_component(), a_component(price_fen=7))), pack=PACK)
    rules.check_content(a_content(components=(a_component(), a_component(code="tb"))), pack=PACK)
    with pytest.raises(Bug):
        rules.check_content(a_content(components=(a_component(price_fen=0),)), pack=PACK)


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R41")
def test_a_submission_signs_the_declaration_in_force_and_ticks_exactly_the_service_rules() -> None:
    complete = ("metering", "durability", "export")
    rules.check_submission(a_content(), declaration_version="1.0.0", checklist=complete, pack=PACK)
    with pytest.raises(DeclarationOutdated):
        rules.check_submission(a_content(), declaration_version="0.9.0", checklist=complete, pack=PACK)
    with pytest.raises(ChecklistIncomplete) as refused:
        rules.check_submission(a_content(), declaration_version="1.0.0", checklist=("export", "beauty"), pack=PACK)
    assert refused.value.facts == {"missing": ["durability", "metering"], "unknown": ["beauty"]}


def test_a_class_that_left_the_pack_between_draft_and_submission_is_refused() -> None:
    left = replace(a_content(), class_code="livestream")
    with pytest.raises(ClassUnknown):
        rules.check_submission(left, declaration_version="1.0.0", checklist=(), pack=PACK)


@pytest.mark.requirement("R50")
def test_delisting_ends_what_is_published_and_what_is_open() -> None:
    open_again, _ = rules.revise(a_published(), content=a_content())
    after, delisted = rules.delist(open_again, ground="g1_illegal", now=NOW)
    assert (after.state, after.newest.state, after.published_edition) == ("delisted", "ended", None)
    assert (delisted.effective_at, delisted.ground, delisted.version) == (NOW, "g1_illegal", after.version)
    with pytest.raises(ProductOffDirectory):
        rules.delist(after, ground="withdrawn", now=NOW)
    with pytest.raises(ProductOffDirectory):
        rules.revise(after, content=a_content())
    with pytest.raises(ProductOffDirectory):
        rules.submit(after, submission=SUBMISSION)


@pytest.mark.requirement("R54")
def test_uncorrected_breach_needs_a_correction_order_whose_time_is_over() -> None:
    ground = delisting.ground_of("g5_uncorrected", pack=PACK)
    for due_at in ([], [NOW + timedelta(seconds=1)]):
        with pytest.raises(CorrectionFirst):
            delisting.check_correction(ground, corrections_due_at=due_at, now=NOW)
    delisting.check_correction(ground, corrections_due_at=[NOW], now=NOW)
    other = delisting.ground_of("g3_deceit", pack=PACK)
    delisting.check_correction(other, corrections_due_at=[], now=NOW)
    with pytest.raises(GroundUnknown):
        delisting.ground_of("because", pack=PACK)


def test_a_correction_order_ends_later_and_within_a_year() -> None:
    delisting.check_correction_due(NOW + timedelta(seconds=1), now=NOW)
    delisting.check_correction_due(NOW + timedelta(days=366), now=NOW)
    for due_at in (NOW, NOW + timedelta(days=366, seconds=1)):
        with pytest.raises(CorrectionDueOutOfRange):
            delisting.check_correction_due(due_at, now=NOW)


def test_a_proposal_is_decided_once_by_a_second_person() -> None:
    proposal = Delisting(
        id=UUID(int=5),
        product_id=UUID(int=2),
        version=1,
        state=DelistingState.PROPOSED,
        ground="g1_illegal",
        evidence="处罚决定书",
        proposed_by=OPERATOR,
        proposed_at=NOW,
    )
    with pytest.raises(DelistingSamePerson):
        delisting.decide(proposal, by=OPERATOR, outcome=DelistingState.APPROVED, now=NOW)
    heard = delisting.answer(proposal, statement="请复核")
    assert (heard.state, heard.version, heard.statement) == (DelistingState.PROPOSED, 2, "请复核")
    week_over = NOW + timedelta(days=7)
    with pytest.raises(ProposalLapsed):
        delisting.decide(proposal, by=BUREAU, outcome=DelistingState.APPROVED, now=week_over)
    assert delisting.decide(proposal, by=BUREAU, outcome=DelistingState.REFUSED, now=week_over).version == 2
    decided = delisting.decide(proposal, by=BUREAU, outcome=DelistingState.REFUSED, now=NOW)
    assert (decided.state, decided.version) == (DelistingState.REFUSED, 2)
    with pytest.raises(DelistingDecided):
        delisting.decide(decided, by=BUREAU, outcome=DelistingState.APPROVED, now=NOW)
    with pytest.raises(DelistingDecided):
        delisting.answer(decided, statement="不服")


ACTS: dict[str, Callable[[Product, UUID], tuple[Product, ProductFact]]] = {
    "revise": lambda product, _: rules.revise(product, content=a_content()),
    "submit": lambda product, _: rules.submit(product, submission=SUBMISSION),
    "opinion": lambda product, who: rules.give_opinion(product, by=who, favourable=True),
    "send_back": lambda product, who: rules.send_back(product, by=who),
    "reject": lambda product, who: rules.reject(product, by=who),
    "approve": lambda product, who: rules.approve(product, by=who, provider=a_provider(), now=NOW),
    "delist": lambda product, _: rules.delist(product, ground="withdrawn", now=NOW),
}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from([SUBMITTER, OPERATOR, BUREAU, UUID(int=14)])),
        max_size=30,
    )
)
def test_any_sequence_of_acts_keeps_versions_gapless_and_publishes_only_after_two_people(
    steps: list[tuple[str, UUID]],
) -> None:
    product = a_draft()
    opinion_of: dict[int, set[UUID]] = {}
    for act, who in steps:
        try:
            after, fact = ACTS[act](product, who)
        except Refusal:
            continue
        assert fact.version == after.version == product.version + 1
        assert EDITION_MOVES.allows(product.newest.state, after.newest.state) or (
            after.newest.number == product.newest.number + 1 and after.newest.state is EditionState.DRAFT
        )
        assert (after.state is ProductState.PUBLISHED) == (after.published_edition is not None)
        if act == "opinion":
            opinion_of.setdefault(after.newest.number, set()).add(who)
        if act == "approve":
            assert opinion_of[after.newest.number]
            assert who not in opinion_of[after.newest.number] | {SUBMITTER}
        elif act != "delist":
            assert after.published_edition == product.published_edition
        product = after


def test_an_act_out_of_turn_says_what_state_the_edition_is_in() -> None:
    with pytest.raises(EditionNotSubmitted) as refused:
        rules.give_opinion(a_draft(), by=OPERATOR, favourable=True)
    assert refused.value.facts == {"state": "draft"}
    assert "“草稿”" in refused.value.detail
    with pytest.raises(EditionNotDraft):
        rules.submit(a_submitted(), submission=SUBMISSION)
    with pytest.raises(EditionNotSubmitted):
        rules.send_back(a_reviewed(), by=OPERATOR)


def test_components_are_read_back_from_a_row() -> None:
    row = {"code": "gb", "name": "标准存储", "unit": "GB/月", "price_fen": 100}
    assert components_of([row]) == (a_component(),)
