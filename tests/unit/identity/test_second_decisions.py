"""Recognition refused, suspension ended, priority listed and unlisted; and which uploads call for no explanation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.identity.domain import organisations as rules
from services.identity.domain.organisations import AuthenticationState, Organisation, RecognitionState
from services.identity.domain.refusals import PriorityUnchanged, RecognitionNotOpen, SuspensionNotOpen
from services.identity.domain.reviewing import is_legible
from services.identity.domain.standing_refusals import SuspendedByBureau
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import examine

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def an_authenticated(kind: PartyKind) -> Organisation:
    """An organisation whose real name was approved; a provider then waits for recognition."""
    made = rules.register(
        UUID(int=7),
        kind=kind,
        name="某公司",
        check=examine("91520100MA6DK0X17T"),
        region="520100",
        evidence="",
        now=NOW,
    )
    submitted = replace(made, state=AuthenticationState.SUBMITTED, legal_person=True)
    return rules.authenticate(submitted, reviewer_id=None, now=NOW)


@pytest.mark.requirement("R43")
def test_a_provider_is_refused_recognition_once_and_stays_authenticated() -> None:
    before = an_authenticated(PartyKind.PROVIDER)
    after = rules.refuse_recognition(before)
    assert after == replace(before, recognition=RecognitionState.REFUSED, version=before.version + 1)
    assert (after.party().authenticated, after.party().recognised) == (True, False)
    with pytest.raises(RecognitionNotOpen):
        rules.refuse_recognition(after)


@pytest.mark.requirement("R43")
def test_a_provider_that_was_not_recognised_may_be_recognised_later() -> None:
    refused = rules.refuse_recognition(an_authenticated(PartyKind.PROVIDER))
    later = rules.recognise(refused, exception_reason="", now=NOW)
    assert (later.party().recognised, later.recognised_at) == (True, NOW)


def test_a_reinstated_organisation_is_as_it_was_before_its_suspension() -> None:
    before = an_authenticated(PartyKind.ENTERPRISE)
    suspended = rules.suspend(before, effective_at=NOW, by_bureau=False, now=NOW)
    assert suspended.suspended_since == NOW
    assert rules.reinstate(suspended, by_bureau=False) == replace(before, version=before.version + 2)


@pytest.mark.requirement("R8")
def test_a_suspension_of_the_bureau_is_ended_by_the_bureau_alone() -> None:
    before = an_authenticated(PartyKind.ENTERPRISE)
    suspended = rules.suspend(before, effective_at=NOW, by_bureau=True, now=NOW)
    with pytest.raises(SuspendedByBureau):
        rules.reinstate(suspended, by_bureau=False)
    ended = rules.reinstate(suspended, by_bureau=True)
    assert ended == replace(before, version=before.version + 2)
    # The next one is judged by who decides it, and the bureau may end the operator's as well.
    again = rules.suspend(ended, effective_at=NOW, by_bureau=False, now=NOW)
    assert not rules.reinstate(again, by_bureau=False).suspended_since
    assert not rules.reinstate(again, by_bureau=True).suspended_since


@pytest.mark.requirement("R8")
def test_brought_forward_by_the_operator_a_suspension_stays_the_bureaus() -> None:
    later = NOW + timedelta(days=30)
    dated = rules.suspend(an_authenticated(PartyKind.ENTERPRISE), effective_at=later, by_bureau=True, now=NOW)
    sooner = rules.suspend(dated, effective_at=NOW, by_bureau=False, now=NOW)
    assert (sooner.suspended_since, sooner.suspended_by_bureau) == (NOW, True)
    with pytest.raises(SuspendedByBureau):
        rules.reinstate(sooner, by_bureau=False)


@pytest.mark.requirement("R8")
def test_the_bureau_joins_a_suspension_of_the_operator_once_and_keeps_its_moment() -> None:
    before = rules.suspend(an_authenticated(PartyKind.ENTERPRISE), effective_at=NOW, by_bureau=False, now=NOW)
    next_day = NOW + timedelta(days=1)
    joined = rules.suspend(before, effective_at=next_day, by_bureau=True, now=next_day)
    assert (joined.suspended_since, joined.suspended_by_bureau) == (NOW, True)
    for by_bureau in (False, True):
        with pytest.raises(SuspensionNotOpen):
            rules.suspend(joined, effective_at=next_day, by_bureau=by_bureau, now=next_day)


def test_what_an_older_release_left_behind_makes_no_suspension_the_bureaus() -> None:
    """Beside this release an older one ends suspensions without knowing whose they are."""
    left = replace(an_authenticated(PartyKind.ENTERPRISE), suspended_by_bureau=True)
    assert not rules.suspend(left, effective_at=NOW, by_bureau=False, now=NOW).suspended_by_bureau


@pytest.mark.requirement("R31")
def test_an_enterprise_is_listed_once_and_unlisted_once() -> None:
    before = an_authenticated(PartyKind.ENTERPRISE)
    with pytest.raises(PriorityUnchanged):
        rules.unlist_priority(before)
    listed = rules.list_priority(before, now=NOW)
    assert listed.party().priority_listed
    with pytest.raises(PriorityUnchanged):
        rules.list_priority(listed, now=NOW)
    assert rules.unlist_priority(listed) == replace(before, version=before.version + 2)


@pytest.mark.requirement("R65")
@pytest.mark.parametrize(
    ("legibility", "legible"), [("clear", True), ("not_measured", True), ("blurred", False), ("", False)]
)
def test_only_a_clear_or_unmeasured_upload_calls_for_no_explanation(legibility: str, *, legible: bool) -> None:
    assert is_legible(legibility) is legible


def test_documents_change_unless_the_operator_looks_at_them_or_approved() -> None:
    approved = an_authenticated(PartyKind.ENTERPRISE)
    changeable = [state for state in AuthenticationState if rules.may_change_documents(replace(approved, state=state))]
    assert changeable == [
        AuthenticationState.REGISTERED,
        AuthenticationState.SENT_BACK,
        AuthenticationState.REFUSED,
    ]
