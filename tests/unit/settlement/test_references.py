"""One number is one number, however people write it; two numbers are two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.references import fold_invoice, fold_reference, old_number

DIGITAL = "24522000000000001234"
OLD = "520023113000012345"


@pytest.mark.requirement("R76")
@pytest.mark.parametrize(
    ("written", "identified_by"),
    [
        (DIGITAL, DIGITAL),
        (f"发票号码：{DIGITAL}", DIGITAL),
        (f"發票號碼:{DIGITAL}", DIGITAL),
        (f"00{DIGITAL}", DIGITAL),
        ("2452 2000 0000 0000 1234", DIGITAL),
        ("２４５２２０００００００００００１２３４", DIGITAL),
        (f"发票号码：{DIGITAL} 开票日期：2026年1月5日", DIGITAL),
        (f"No.{DIGITAL}", DIGITAL),
        ("00012345", "12345"),
        ("发票号码 12345", "12345"),
        ("发票代码：5200231130 发票号码：00012345", OLD),
        ("发票号码：00012345，发票代码：5200231130", OLD),
        ("5200231130 12345", OLD),
        ("520023113000012345", OLD),
        ("052002000111 00012345", "5200200011100012345"),
        ("发票代码052002000111发票号码12345", "5200200011100012345"),
        ("发票号码：", ""),
        ("00000000", ""),
    ],
)
def test_an_invoice_is_identified_by_its_digits(written: str, identified_by: str) -> None:
    assert fold_invoice(written) == identified_by


@pytest.mark.parametrize(
    ("invoice", "number"),
    [
        (DIGITAL, ""),
        (OLD, "12345"),
        ("5200200011100012345", "12345"),
        ("14403190011100012345", "12345"),
        ("12345", "12345"),
    ],
)
def test_the_short_number_of_an_older_invoice_is_known_with_and_without_its_code(invoice: str, number: str) -> None:
    assert old_number(invoice) == number


@pytest.mark.requirement("R76")
@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("ZF-2030-0001", "zf 2030 0001"),
        ("流水号：ZF0001", "ZF1"),
        ("交易流水号:00123", "123"),
        ("电子回单号码 １２３", "123"),
        ("No. 123", "123"),
        ("合同编号：HT-2024-001号", "HT2024001"),
        ("拨付凭证号：黔财〔2026〕12号", "黔财[2026]12"),
        ("٠١٢٣", "123"),
    ],
)
def test_a_label_a_separator_and_filling_zeros_make_no_other_number(written: str, same: str) -> None:
    assert fold_reference(written) == fold_reference(same) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ZF-2030-0001", "ZF-2030-0010"),
        ("黔财〔2026〕12号", "贵财〔2026〕12号"),
        ("ICBC123", "CCB123"),
        ("1230", "123"),
        ("NORTH12", "12"),
    ],
)
def test_what_belongs_to_a_number_keeps_two_apart(one: str, other: str) -> None:
    assert fold_reference(one) != fold_reference(other)


@pytest.mark.parametrize("written", ["", " - ", "流水号：", "号"])
def test_a_label_alone_identifies_nothing(written: str) -> None:
    assert fold_reference(written) == ""


@given(st.text(max_size=64))
def test_folding_never_fails_and_an_invoice_has_digits_only(text: str) -> None:
    fold_reference(text)
    assert fold_invoice(text).isdigit() or fold_invoice(text) == ""
    assert not fold_invoice(text).startswith("0")
