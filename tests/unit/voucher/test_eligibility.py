"""Who may apply, on which day, for which plan; receipts that cannot be changed."""

import hashlib
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from nacl.signing import SigningKey

from services.voucher.domain.eligibility import (
    Applicant,
    OpenPlan,
    check_applicant,
    check_plan,
    check_request,
    check_resubmission,
)
from services.voucher.domain.receipts import ApplicationRequest, Receipt, receipt_of
from services.voucher.domain.refusals import (
    AboveCap,
    NotSmallFirm,
    PlanNotOpen,
    RegisteredTooShort,
    ResubmittedUnchanged,
)
from services.voucher.domain.states import PlanState
from services.voucher.receipts import ReceiptSigner
from shared.kernel.refusals import Refusal

NOW = datetime(2025, 3, 1, 0, 0, tzinfo=UTC)


def an_applicant(**changes: object) -> Applicant:
    values: dict[str, object] = {
        "kind": "enterprise",
        "region": "520100",
        "authenticated": True,
        "legal_person": True,
        "established_on": date(2020, 1, 1),
        "size_class": "small",
        "priority_listed": False,
        "suspended_since": None,
        "closed": False,
    }
    return Applicant(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.requirement("R60")
@pytest.mark.parametrize(
    ("established_on", "now", "old_enough"),
    [
        (date(2024, 3, 1), datetime(2025, 2, 28, 15, 59, 59, tzinfo=UTC), False),
        (date(2024, 3, 1), datetime(2025, 2, 28, 16, 0, tzinfo=UTC), True),
        (date(2024, 2, 29), datetime(2025, 2, 27, 16, 0, tzinfo=UTC), True),
        (date(2024, 2, 29), datetime(2025, 2, 27, 15, 59, tzinfo=UTC), False),
    ],
)
def test_one_calendar_year_of_registration_counts_in_beijing_days(
    established_on: date, now: datetime, *, old_enough: bool
) -> None:
    applicant = an_applicant(established_on=established_on)
    if old_enough:
        assert check_applicant(applicant, now=now, registration_years=1, small_firms_only=False) is applicant
    else:
        with pytest.raises(RegisteredTooShort):
            check_applicant(applicant, now=now, registration_years=1, small_firms_only=False)


@pytest.mark.requirement("R61")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "provider"}, "voucher.not_enterprise"),
        ({"authenticated": False}, "voucher.not_authenticated"),
        ({"legal_person": False}, "voucher.not_legal_person"),
        ({"closed": True}, "voucher.enterprise_suspended"),
        ({"suspended_since": NOW}, "voucher.enterprise_suspended"),
        ({"established_on": None}, "voucher.registered_too_short"),
    ],
)
def test_every_missing_condition_is_named(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_applicant(an_applicant(**changes), now=NOW, registration_years=1, small_firms_only=False)
    assert caught.value.code == code
    assert caught.value.article


def test_an_organisation_that_is_not_known_here_is_not_authenticated() -> None:
    with pytest.raises(Refusal, match="not_authenticated"):
        check_applicant(None, now=NOW, registration_years=1, small_firms_only=False)


def test_a_suspension_of_tomorrow_stops_nobody_today() -> None:
    applicant = an_applicant(suspended_since=datetime(2025, 3, 2, tzinfo=UTC))
    assert check_applicant(applicant, now=NOW, registration_years=1, small_firms_only=False) is applicant


@pytest.mark.requirement("R28")
@pytest.mark.parametrize(
    ("changes", "in_force"),
    [
        ({"state": PlanState.APPROVED}, True),
        ({"counter_closed": True}, True),
        ({"opens_at": datetime(2025, 3, 1, 0, 0, 1, tzinfo=UTC)}, True),
        ({"closes_at": NOW}, True),
        ({}, False),
    ],
)
def test_a_plan_takes_applications_only_while_it_is_open(changes: dict[str, object], *, in_force: bool) -> None:
    plan = OpenPlan(
        state=PlanState.PUBLISHED,
        counter_closed=False,
        opens_at=NOW,
        closes_at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC),
        cap_fen=5,
    )
    check_plan(plan, now=NOW, pack_in_force=True)
    with pytest.raises(PlanNotOpen):
        check_plan(msgspec.structs.replace(plan, **changes), now=NOW, pack_in_force=in_force)


def test_a_request_above_the_cap_or_with_an_old_declaration_is_refused() -> None:
    check_request(amount_fen=5, cap_fen=5, declared_version="1.0.0", current_version="1.0.0")
    with pytest.raises(Refusal, match="above_cap"):
        check_request(amount_fen=6, cap_fen=5, declared_version="1.0.0", current_version="1.0.0")
    with pytest.raises(Refusal, match="declaration_outdated"):
        check_request(amount_fen=5, cap_fen=5, declared_version="0.9.0", current_version="1.0.0")


def test_a_receipt_is_valid_only_as_it_was_given() -> None:
    key = SigningKey(bytes(range(32)))
    signer = ReceiptSigner("k1", key, {"k1": bytes(key.verify_key)})
    request = ApplicationRequest(
        enterprise_id=UUID(int=1), plan_id=UUID(int=2), amount_fen=3, truth_declaration_version="1.0.0"
    )
    receipt = signer.sign(
        receipt_of(plan_id=UUID(int=2), ticket_no=7, digest=request.digest(), received_at=NOW, kid="k1")
    )
    assert signer.valid(receipt)
    for changed in (
        {"ticket_no": 6},
        {"received_at": "2025"},
        {"kid": "k2"},
        {"signature": "!"},
        {"signature": "abcde"},
        {"signature": ""},
    ):
        forged: Receipt = msgspec.structs.replace(receipt, **changed)
        assert not signer.valid(forged)


@pytest.mark.requirement("R59")
@pytest.mark.parametrize(
    ("size_class", "small"), [("micro", True), ("small", True), ("medium", True), ("large", False), ("", False)]
)
def test_a_pack_for_small_firms_keeps_large_ones_out_and_another_pack_nobody(size_class: str, *, small: bool) -> None:
    applicant = an_applicant(size_class=size_class)
    assert check_applicant(applicant, now=NOW, registration_years=1, small_firms_only=False) is applicant
    if small:
        assert check_applicant(applicant, now=NOW, registration_years=1, small_firms_only=True) is applicant
    else:
        with pytest.raises(NotSmallFirm):
            check_applicant(applicant, now=NOW, registration_years=1, small_firms_only=True)


def test_what_was_sent_back_comes_again_with_another_amount_or_with_what_was_corrected() -> None:
    check_resubmission(amount_fen=5, correction="", returned_fen=None)
    check_resubmission(amount_fen=5, correction="", returned_fen=6)
    check_resubmission(amount_fen=5, correction="补齐了合同", returned_fen=5)
    with pytest.raises(ResubmittedUnchanged):
        check_resubmission(amount_fen=5, correction="", returned_fen=5)


def test_a_request_without_a_correction_has_the_hash_it_always_had() -> None:
    request = ApplicationRequest(
        enterprise_id=UUID(int=1), plan_id=UUID(int=2), amount_fen=3, truth_declaration_version="1.0.0"
    )
    words = (
        b'yunquan/application/v1\n{"enterprise_id":"00000000-0000-0000-0000-000000000001",'
        b'"plan_id":"00000000-0000-0000-0000-000000000002","amount_fen":3,"truth_declaration_version":"1.0.0"}'
    )
    assert request.digest() == hashlib.sha256(words).digest()
    assert msgspec.structs.replace(request, correction="补齐").digest() != request.digest()


def test_amounts_of_refusals_are_read_in_yuan_and_kept_in_fen() -> None:
    refusal = AboveCap(requested_fen=5_000_001, cap_fen=5_000_000)
    assert refusal.detail == "申请额度50000.01元超过每年上限50000.00元"
    assert refusal.facts == {"requested_fen": 5_000_001, "cap_fen": 5_000_000}
