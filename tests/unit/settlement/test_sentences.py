"""What people read in a refusal is Chinese: amounts in yuan, kinds and states by name."""

import inspect
import re

import pytest

from services.settlement.domain import refusals
from services.settlement.domain.refusals import ApprovedAboveClaimed, DuplicateEvidence, PaymentAmountDiffers
from shared.kernel.refusals import Refusal

CLASSES = [
    kind
    for _, kind in inspect.getmembers(refusals, inspect.isclass)
    if issubclass(kind, Refusal) and hasattr(kind, "zh") and kind.__module__ == refusals.__name__
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_sentence_gives_no_fen_and_no_code(kind: type[Refusal]) -> None:
    places = re.findall(r"{(\w+)}", kind.zh)
    assert not [name for name in places if name.endswith("_fen") or name in {"evidence_kind", "condition", "step"}]
    assert not re.search(r"[A-Za-z]{2,}|\d 分|分）", re.sub(r"{\w+}", "", kind.zh))


def test_amounts_and_kinds_are_written_as_people_write_them() -> None:
    assert (
        "核定金额（3000.01元）不能超过申请金额（3000.00元）"
        in ApprovedAboveClaimed(approved_fen=300_001, claimed_fen=300_000).detail
    )
    assert "拨付金额（1.00元）" in PaymentAmountDiffers(paid_fen=100, approved_fen=200).detail
    assert "（发票）" in DuplicateEvidence(evidence_kind="invoice", kind_zh="发票", known_by="invoice").detail
