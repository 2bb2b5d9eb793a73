"""What identifies a paper: its number, folded for comparison; what was written is kept beside it. Source: A22, R76.

Input methods, printed labels, spacing and zeros that fill a field make different texts of one number. An invoice is
identified by digits alone: the 20 of a fully digitalised one, or the 8 of an older one with the 10 or 12 of its code.
The numbers of banks, contracts and usage statements may hold letters, and words that belong to them.
"""

import re
import unicodedata

OLD_NUMBER_DIGITS = 8
OLD_CODE_DIGITS = frozenset({10, 12})
_OLD_DIGITS = frozenset({18, 19})
_DIGITAL_DIGITS = 20

# Traditional forms of the signs in the labels below.
_SIMPLIFIED = str.maketrans("號碼發編證單據轉賬帳業務約務訂參", "号码发编证单据转账账业务约务订参")
_LABELS = (
    "电子", "增值税", "专用", "普通", "银行", "网银", "交易", "业务", "转账", "汇款", "付款", "支付", "拨付", "收款",
    "到账", "发票", "回单", "凭证", "凭单", "单据", "票据", "合同", "协议", "订单", "流水", "参考", "用量", "使用",
    "账单", "报告", "号码", "编号", "序号", "单号", "代码", "票号", "号", "码", "为", "是",
)  # fmt: skip
_LABEL = re.compile(rf"^(?:{'|'.join(sorted(_LABELS, key=len, reverse=True))})+")
_LATIN_LABEL = re.compile(r"^(?:NUMBER|INVOICE|CONTRACT|REFERENCE|REF|NO|NR|№)[^0-9A-Z]*(?=\d)")
_FIRST_ZEROS = re.compile(r"^(\D*)0+(?=\d)")
_LAST_LABEL = re.compile(r"[号號]+$")
_CODE = re.compile(r"(?:发票)?代码\D{0,6}(\d[\d\s\-]*)")
_NUMBER = re.compile(r"(?:发票)?(?:号码|票号)\D{0,6}(\d[\d\s\-]*)")


def _plain(text: str) -> str:
    """Half width, upper case, simplified signs, and every decimal digit as 0-9."""
    folded = unicodedata.normalize("NFKC", text).upper().translate(_SIMPLIFIED)
    digits = (unicodedata.decimal(symbol, None) for symbol in folded)
    return "".join(symbol if digit is None else str(digit) for symbol, digit in zip(folded, digits, strict=True))


def normalise_reference(text: str) -> str:
    """The text as letters and digits only: half width, upper case, without separators."""
    return "".join(symbol for symbol in unicodedata.normalize("NFKC", text).upper() if symbol.isalnum())


def fold_reference(text: str) -> str:
    """The number of a transfer, contract, usage statement or payment; empty when nothing but labels was written.

    Labels before it, separators and the zeros that fill its first run of digits do not make another number.
    """
    written = _plain(text)
    bare = normalise_reference(_LATIN_LABEL.sub("", written.lstrip()))
    named = _LATIN_LABEL.sub("", _LABEL.sub("", bare))
    return _FIRST_ZEROS.sub(r"\1", _LAST_LABEL.sub("", named))


def fold_invoice(text: str) -> str:
    """The digits that identify an invoice, without leading zeros: number, or code and number; empty without digits."""
    written = _plain(text)
    code, number = _labelled(_CODE, written), _labelled(_NUMBER, written)
    if not number:
        groups = re.findall(r"\d+", written)
        if len(groups) == 2 and len(groups[0]) in OLD_CODE_DIGITS and len(groups[1]) <= OLD_NUMBER_DIGITS:
            code, number = groups
        else:
            code, number = "", "".join(groups)
    if len(code) in OLD_CODE_DIGITS and len(number) <= OLD_NUMBER_DIGITS:
        number = code + number.zfill(OLD_NUMBER_DIGITS)
    return number.lstrip("0")


def _labelled(pattern: re.Pattern[str], written: str) -> str:
    found = pattern.search(written)
    return "" if found is None else re.sub(r"\D", "", found[1])


def old_number(invoice: str) -> str:
    """The short number of an older invoice, given its folded form with or without its code; empty for a newer one.

    A code has 10 digits, or 12 of which the first is 0 or 1; a fully digitalised number begins with its year.
    """
    if len(invoice) <= OLD_NUMBER_DIGITS:
        return invoice
    if len(invoice) in _OLD_DIGITS or (len(invoice) == _DIGITAL_DIGITS and invoice[0] == "1"):
        return invoice[-OLD_NUMBER_DIGITS:].lstrip("0")
    return ""
