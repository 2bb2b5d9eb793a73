"""What a receipt's signature covers, and that one moment is signed in one spelling."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from services.voucher.domain.receipts import canonical_moment, receipt_of

PLAN = UUID("0192f3d0-0000-7000-8000-000000000001")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=8)))


def test_one_moment_is_signed_in_one_spelling_wherever_its_clock_stands() -> None:
    here, there = (
        receipt_of(plan_id=PLAN, ticket_no=7, digest=b"\x01" * 32, received_at=moment, kid="r1")
        for moment in (NOON, NOON.astimezone(UTC))
    )
    assert here.received_at == there.received_at == "2026-03-01T04:00:00.000000+00:00"
    assert here.signed_bytes() == there.signed_bytes()


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        canonical_moment(NOON.replace(tzinfo=None))


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_moment_that_is_none_in_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside the calendar"):
        canonical_moment(datetime.fromisoformat(text))
