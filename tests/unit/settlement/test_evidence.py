"""One piece of evidence is used once, however its number is written."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.evidence import (
    EvidenceFacts,
    EvidenceKey,
    EvidenceUse,
    KeyScheme,
    check_complete,
    check_facts,
    check_unused,
    keys_of,
)
from services.settlement.domain.references import normalise_reference
from services.settlement.domain.refusals import (
    DuplicateEvidence,
    EvidenceDateInFuture,
    EvidenceIncomplete,
    EvidenceKindUnknown,
    EvidenceReferenceMissing,
)
from shared.contracts.policy.schema import EvidenceKind

ORDER, OTHER, PROVIDER = UUID(int=1), UUID(int=2), UUID(int=3)
TODAY = date(2018, 10, 8)
KINDS = tuple(
    EvidenceKind(code=code, name=code, required=code != "usage")
    for code in ("invoice", "contract", "transfer", "usage")
)
FACTS = EvidenceFacts(reference="24522000000000001234", amount_fen=100, dated_on=TODAY)


@pytest.mark.parametrize("written", ["ab-00 1234", "ＡＢ００１２３４", " Ab001234 ", "AB/00.1234"])
def test_a_number_is_one_number_however_it_is_typed(written: str) -> None:
    assert normalise_reference(written) == "AB001234"


@given(st.text(max_size=64))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_reference(text)
    assert normalise_reference(once) == once


@given(st.text(alphabet="0123456789ABCDEF", min_size=1, max_size=20), st.lists(st.sampled_from(" -/.　")))
def test_separators_never_make_another_number(number: str, separators: list[str]) -> None:
    assert normalise_reference("".join(separators) + number + "".join(separators)) == number


def test_leading_zeros_are_part_of_a_number() -> None:
    assert normalise_reference("001") != normalise_reference("1")


@pytest.mark.requirement("R76")
def test_an_invoice_is_known_by_content_and_digits_a_contract_by_its_providers_number() -> None:
    content = EvidenceKey(KeyScheme.CONTENT, "ff" * 32)
    assert keys_of("contract", sha256=b"\xff" * 32, reference="", provider_id=PROVIDER) == (content,)
    contract = keys_of("contract", sha256=b"\xff" * 32, reference="HT-1", provider_id=PROVIDER)
    assert contract == (content, EvidenceKey(KeyScheme.CONTRACT, f"{PROVIDER}:HT1"))
    invoice = keys_of("invoice", sha256=b"\xff" * 32, reference="fp-2452200000000000 1234", provider_id=PROVIDER)
    assert invoice == (content, EvidenceKey(KeyScheme.INVOICE, "24522000000000001234"))


@pytest.mark.requirement("R76")
@pytest.mark.parametrize("use", [EvidenceUse(OTHER, "invoice"), EvidenceUse(ORDER, "transfer")])
def test_a_used_piece_serves_no_other_order_and_no_other_kind(use: EvidenceUse) -> None:
    key = EvidenceKey(KeyScheme.CONTENT, "aa")
    with pytest.raises(DuplicateEvidence) as refused:
        check_unused(use, [key], used={key: EvidenceUse(ORDER, "invoice")})
    assert refused.value.article == "A22"
    assert str(ORDER) not in refused.value.detail + str(refused.value.facts)


@pytest.mark.requirement("R76")
def test_a_piece_that_is_another_kind_of_its_own_order_is_not_said_to_be_another_orders() -> None:
    key = EvidenceKey(KeyScheme.CONTENT, "aa")
    with pytest.raises(DuplicateEvidence) as refused:
        check_unused(EvidenceUse(ORDER, "transfer"), [key], used={key: EvidenceUse(ORDER, "invoice")})
    said = "该材料已作为本订单的发票提交，不能再作为转账信息提交；每份材料只能使用一次。"
    assert refused.value.detail == said


def test_a_piece_may_be_filed_again_for_its_own_order() -> None:
    key, use = EvidenceKey(KeyScheme.INVOICE, "1"), EvidenceUse(ORDER, "invoice")
    check_unused(use, [key], used={key: use})


@pytest.mark.requirement("R76")
def test_every_order_needs_every_required_kind() -> None:
    check_complete({ORDER: {"invoice", "contract", "transfer"}}, kinds=KINDS)
    with pytest.raises(EvidenceIncomplete) as refused:
        check_complete({ORDER: {"invoice", "contract", "transfer"}, OTHER: {"invoice"}}, kinds=KINDS)
    assert [missing["kind"] for missing in refused.value.facts["missing"]] == ["contract", "transfer"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (EvidenceFacts(amount_fen=1, dated_on=TODAY), ["reference"]),
        (EvidenceFacts(reference=" - ", dated_on=TODAY), ["reference", "amount_fen"]),
        (EvidenceFacts(reference="1", amount_fen=1), ["dated_on"]),
    ],
)
def test_a_transfer_needs_number_amount_and_date(facts: EvidenceFacts, missing: list[str]) -> None:
    with pytest.raises(EvidenceReferenceMissing) as refused:
        check_facts("transfer", facts, kinds=KINDS, today=TODAY)
    assert refused.value.facts["missing"] == missing


def test_a_contract_needs_no_number_and_nothing_is_dated_tomorrow() -> None:
    check_facts("contract", EvidenceFacts(), kinds=KINDS, today=TODAY)
    check_facts("invoice", FACTS, kinds=KINDS, today=TODAY)
    with pytest.raises(EvidenceDateInFuture):
        check_facts("contract", EvidenceFacts(dated_on=date(2018, 10, 9)), kinds=KINDS, today=TODAY)


def test_a_kind_outside_the_pack_is_refused() -> None:
    with pytest.raises(EvidenceKindUnknown):
        check_facts("photo", EvidenceFacts(), kinds=KINDS, today=TODAY)


def test_what_is_missing_is_named_in_chinese() -> None:
    kinds = [
        EvidenceKind(code="invoice", name="发票", required=True),
        EvidenceKind(code="usage", name="使用情况", required=True),
    ]
    with pytest.raises(EvidenceIncomplete) as papers:
        check_complete({ORDER: set(), OTHER: {"usage"}}, kinds=kinds)
    assert papers.value.detail == "兑现材料不齐全，缺少 3 份（发票、使用情况）；请补齐后再提交。"
    with pytest.raises(EvidenceReferenceMissing) as stated:
        check_facts("invoice", EvidenceFacts(amount_fen=1), kinds=kinds, today=TODAY)
    assert stated.value.detail == "发票和转账信息须填写号码、金额和日期，缺少：号码、日期。"
