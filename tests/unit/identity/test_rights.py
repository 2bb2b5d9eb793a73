"""The rights over people and papers, cell by cell against a written table, each with its reason."""

import pytest

from shared.contracts.permissions import GRANTS, Permission, Role

P, R = Permission, Role
PARTIES = {R.ENTERPRISE, R.PROVIDER}
OPERATORS = {R.OPERATOR_CLERK, R.OPERATOR_LEAD}
BUREAU = {R.BUREAU_OFFICER, R.BUREAU_LEAD}
LEADS = {R.OPERATOR_LEAD, R.BUREAU_LEAD}

RIGHTS: dict[Permission, tuple[set[Role], str]] = {
    P.IDENTITY_ORGANISATION_READ_OWN: (PARTIES, "a party sees itself"),
    P.IDENTITY_ORGANISATION_READ_REGION: ({R.REGION}, "a regional authority sees its region (R5)"),
    P.IDENTITY_ORGANISATION_READ_ALL: (
        OPERATORS | BUREAU | {R.AUDITOR},
        "who reviews, decides or audits; finance pays by the appropriation and needs no files of firms (Q22)",
    ),
    P.IDENTITY_AUTHENTICATION_SUBMIT: (PARTIES, "a party hands in its own (R45, R65)"),
    P.IDENTITY_AUTHENTICATION_REVIEW: (OPERATORS, "the operator reviews (R46, R66)"),
    P.IDENTITY_RECOGNITION_DECIDE: (BUREAU, "the bureau recognises (R43)"),
    P.IDENTITY_RECOGNITION_EXCEPT: ({R.BUREAU_LEAD}, "an exception is for the lead (Q8)"),
    P.IDENTITY_AFFILIATION_DECLARE: (PARTIES, "a party declares its own ties (R63)"),
    P.IDENTITY_AFFILIATION_RECORD: (OPERATORS, "the operator records and ends any (R63)"),
    P.IDENTITY_DOCUMENT_READ_OWN: (PARTIES, "a party reads its own papers"),
    P.IDENTITY_DOCUMENT_READ_ALL: (
        OPERATORS | BUREAU | {R.AUDITOR},
        "ID cards and licences are for who judges them, and for the auditor; not for finance, nor for a region",
    ),
    P.IDENTITY_CLIENT_MANAGE_OWN: (PARTIES, "a party manages its own machines"),
    P.IDENTITY_ACCOUNT_READ: (LEADS | {R.AUDITOR}, "who supervises people learns which one acted (R7-R9)"),
    P.IDENTITY_ACCESS_READ: (LEADS | {R.AUDITOR}, "who supervises people learns who read whose papers (R7-R9)"),
    P.IDENTITY_STAFF_MANAGE: ({R.PLATFORM_ADMIN}, "accounts are the administrator's, decisions are not"),
    P.IDENTITY_OPERATOR_DESIGNATE: ({R.BUREAU_LEAD}, "the bureau designates the operator, and its people (R2)"),
    P.IDENTITY_EXIT_APPLY: (PARTIES, "a party asks for its own exit (R49)"),
    P.IDENTITY_EXIT_HANDLE: (OPERATORS, "the operator handles exits (R49)"),
    P.IDENTITY_ORGANISATION_SUSPEND: (LEADS, "a stop is a lead's decision, never a clerk's (Q18)"),
    P.IDENTITY_ORGANISATION_REINSTATE: (LEADS, "so is its end (Q18)"),
    P.IDENTITY_DELISTING_PROPOSE: ({R.OPERATOR_CLERK}, "proposed by one person (Q18)"),
    P.IDENTITY_DELISTING_APPROVE: ({R.OPERATOR_LEAD}, "approved by another (Q18)"),
    P.IDENTITY_BLACKLIST_PROPOSE: ({R.OPERATOR_LEAD}, "the operator proposes, also the end of a listing (Q19)"),
    P.IDENTITY_BLACKLIST_APPROVE: ({R.BUREAU_LEAD}, "the operator alone cannot (Q19)"),
}


def test_every_right_of_identity_stands_in_the_written_table() -> None:
    assert set(RIGHTS) == {permission for permission in Permission if permission.startswith("identity:")}


@pytest.mark.requirement("R9")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(RIGHTS))
def test_a_role_holds_a_right_exactly_where_the_table_says_so(permission: Permission, role: Role) -> None:
    holders, reason = RIGHTS[permission]
    assert (permission in GRANTS[role]) == (role in holders), reason
