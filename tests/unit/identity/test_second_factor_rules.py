"""One-time codes against the published values, and who approves whom."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from services.identity.domain.accounts import may_approve
from services.identity.domain.second_factor import code_of, otpauth_uri, step_of
from shared.contracts.permissions import Role

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, the last six of its eight digits.
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert code_of(SECRET, step=seconds // 30) == code
    assert step_of(SECRET, code=code, now_s=seconds, after_step=0) == seconds // 30


def test_a_code_is_good_one_step_aside() -> None:
    codes = [code_of(SECRET, step=step) for step in range(98, 103)]
    taken = [step_of(SECRET, code=code, now_s=100 * 30, after_step=0) for code in codes]
    assert taken == [None, 99, 100, 101, None]


def test_a_step_that_was_taken_is_never_taken_again_nor_one_before_it() -> None:
    for after, code_step, taken in ((100, 100, False), (100, 99, False), (100, 101, True)):
        code = code_of(SECRET, step=code_step)
        assert (step_of(SECRET, code=code, now_s=100 * 30, after_step=after) is not None) == taken


def test_a_code_may_be_typed_in_two_groups() -> None:
    code = code_of(SECRET, step=100)
    assert step_of(SECRET, code=f" {code[:3]} {code[3:]}", now_s=3_000, after_step=0) == 100


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert step_of(SECRET, code=code, now_s=3_000, after_step=0) is None


def test_an_authenticator_reads_issuer_account_and_secret() -> None:
    text = base64.b32encode(SECRET).decode()
    uri = urlsplit(otpauth_uri(text, sign_in_name="clerk-a"))
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/云券:clerk-a")
    assert parse_qs(uri.query) == {"secret": [text], "issuer": ["云券"], "digits": ["6"], "period": ["30"]}


def test_the_second_person_is_an_administrator_or_for_some_roles_the_bureaus_lead() -> None:
    staff = set(Role) - {Role.ENTERPRISE, Role.PROVIDER, Role.SERVICE}
    approved = {approver: {role for role in Role if may_approve(frozenset({approver}), of=[role])} for approver in Role}
    assert approved.pop(Role.PLATFORM_ADMIN) == staff
    assert approved.pop(Role.BUREAU_LEAD) == {Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.BUREAU_OFFICER}
    assert set().union(*approved.values()) == set()
    assert not may_approve(frozenset({Role.BUREAU_LEAD}), of=[Role.OPERATOR_CLERK, Role.FINANCE])
