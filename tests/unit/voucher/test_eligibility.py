"""Who may apply, on which day, for which plan; receipts that cannot be changed."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from nacl.signing import SigningKey

from services.voucher.domain.eligibility import Applicant, OpenPlan, check_applicant, check_plan, check_request
from services.voucher.domain.receipts import Receipt, Request, receipt_of
from services.voucher.domain.refusals import PlanNotOpen, RegisteredTooShort
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
        assert check_applicant(applicant, now=now, registration_years=1) is applicant
    else:
        with pytest.raises(RegisteredTooShort):
            check_applicant(applicant, now=now, registration_years=1)


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
        check_applicant(an_applicant(**changes), now=NOW, registration_years=1)
    assert caught.value.code == code
    assert caught.value.article


def test_an_organisation_that_is_not_known_here_is_not_authenticated() -> None:
    with pytest.raises(Refusal, match="not_authenticated"):
        check_applicant(None, now=NOW, registration_years=1)


def test_a_suspension_of_tomorrow_stops_nobody_today() -> None:
    applicant = an_applicant(suspended_since=datetime(2025, 3, 2, tzinfo=UTC))
    assert check_applicant(applicant, now=NOW, registration_years=1) is applicant


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
    request = Request(enterprise_id=UUID(int=1), plan_id=UUID(int=2), amount_fen=3, truth_declaration_version="1.0.0")
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
