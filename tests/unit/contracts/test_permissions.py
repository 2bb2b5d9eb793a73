"""The table of roles and permissions: complete, least and with two pairs of eyes."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from shared.contracts import permissions
from shared.contracts.permissions import (
    EXCLUSIVE_ROLES,
    FOUR_EYES,
    GRANTS,
    Permission,
    Role,
    exclusive_within,
    permissions_of,
)

P = Permission
ACTS_OF_READING = re.compile(r".*:(read|read_own|read_region|read_all)|settlement:export:make")


def test_every_role_stands_in_the_table_once() -> None:
    assert set(GRANTS) == set(Role)


def test_every_permission_is_granted_to_somebody() -> None:
    assert set(Permission) == permissions_of(Role)


@pytest.mark.parametrize("permission", list(Permission))
def test_permissions_are_named_scope_resource_action(permission: Permission) -> None:
    assert re.fullmatch(r"[a-z]+:[a-z]+:[a-z_]+", permission.value)
    assert permission.name == permission.value.replace(":", "_").upper()


@pytest.mark.parametrize("role", list(Role))
def test_every_role_sees_its_tasks_and_notices(role: Role) -> None:
    assert {P.PLATFORM_TASK_READ, P.PLATFORM_NOTICE_READ} <= GRANTS[role]


@pytest.mark.requirement("R48")
@pytest.mark.parametrize("role", list(Role))
def test_no_role_does_both_acts_that_need_two_pairs_of_eyes(role: Role) -> None:
    for first, second in FOUR_EYES.items():
        assert not {first, second} <= GRANTS[role]


def test_roles_that_control_each_other_exclude_each_other_whichever_act_lies_between() -> None:
    deciding = [Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.BUREAU_OFFICER, Role.BUREAU_LEAD, Role.FINANCE]
    pairs = {frozenset(pair) for pair in itertools.combinations(deciding, 2)}
    assert set(EXCLUSIVE_ROLES) == pairs | {frozenset({Role.PLATFORM_ADMIN, Role.OPERATOR_LEAD})}
    assert EXCLUSIVE_ROLES[frozenset({Role.OPERATOR_CLERK, Role.FINANCE})] == (
        P.SETTLEMENT_CLAIM_FIRST_REVIEW,
        P.SETTLEMENT_PAYMENT_RECORD,
    )


def test_no_roles_that_may_be_held_together_do_both_acts_that_need_two_pairs_of_eyes() -> None:
    for one, other in itertools.combinations(Role, 2):
        granted = permissions_of([one, other])
        both = [first for first, second in FOUR_EYES.items() if {first, second} <= granted]
        assert bool(both) <= bool(exclusive_within([one, other])), (one, other, both)
    assert exclusive_within([Role.AUDITOR, Role.FINANCE]) == ()
    assert len(exclusive_within([Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.FINANCE])) == 3


def test_accounts_are_reset_by_the_operator_and_disabled_by_its_lead() -> None:
    assert roles_with(P.IDENTITY_ACCOUNT_RESET) == {Role.OPERATOR_CLERK, Role.OPERATOR_LEAD}
    assert roles_with(P.IDENTITY_ACCOUNT_DISABLE) == {Role.OPERATOR_LEAD}
    assert roles_with(P.IDENTITY_STAFF_MANAGE) == {Role.PLATFORM_ADMIN}
    assert roles_with(P.IDENTITY_STAFF_APPROVE) == {Role.PLATFORM_ADMIN, Role.BUREAU_LEAD}


@pytest.mark.requirement("R48")
def test_a_product_is_reviewed_by_the_operator_and_put_online_by_the_bureau_alone() -> None:
    assert roles_with(P.CATALOG_PRODUCT_OPERATOR_REVIEW) == {Role.OPERATOR_CLERK, Role.OPERATOR_LEAD}
    assert roles_with(P.CATALOG_PRODUCT_BUREAU_REVIEW) == {Role.BUREAU_OFFICER, Role.BUREAU_LEAD}


@pytest.mark.requirement("R26")
def test_the_bureau_drafts_and_approves_the_plan_and_the_operator_publishes_it() -> None:
    assert roles_with(P.VOUCHER_PLAN_DRAFT) == {Role.BUREAU_OFFICER}
    assert roles_with(P.VOUCHER_PLAN_APPROVE) == {Role.BUREAU_LEAD}
    assert roles_with(P.VOUCHER_PLAN_PUBLISH) == {Role.OPERATOR_LEAD}


@pytest.mark.requirement("R5")
def test_a_regional_authority_reads_its_region_and_decides_nothing() -> None:
    assert all(ACTS_OF_READING.fullmatch(permission) for permission in GRANTS[Role.REGION])
    assert not any(permission.endswith("read_all") for permission in GRANTS[Role.REGION])


@pytest.mark.requirement("R9")
def test_the_auditor_reads_everything_and_changes_nothing() -> None:
    granted = GRANTS[Role.AUDITOR]
    assert all(ACTS_OF_READING.fullmatch(permission) for permission in granted)
    assert {permission for permission in Permission if permission.endswith("read_all")} <= granted


@pytest.mark.requirement("R79")
def test_the_provider_asks_for_appropriation_the_bureau_approves_and_finance_pays() -> None:
    assert roles_with(P.SETTLEMENT_APPROPRIATION_REQUEST) == {Role.PROVIDER}
    assert roles_with(P.SETTLEMENT_APPROPRIATION_APPROVE) == {Role.BUREAU_LEAD}
    assert roles_with(P.SETTLEMENT_PAYMENT_RECORD) == {Role.FINANCE}


@pytest.mark.requirement("R58")
def test_the_operator_alone_cannot_blacklist() -> None:
    assert roles_with(P.IDENTITY_BLACKLIST_APPROVE) == {Role.BUREAU_LEAD}


def test_the_platform_admin_sees_no_business_rows_and_decides_no_money() -> None:
    scopes = {permission.split(":")[0] for permission in GRANTS[Role.PLATFORM_ADMIN]}
    assert GRANTS[Role.PLATFORM_ADMIN] - GRANTS[Role.SERVICE] == {
        P.IDENTITY_STAFF_MANAGE,
        P.IDENTITY_STAFF_APPROVE,
        P.PLATFORM_CLOCK_MOVE,
        P.PLATFORM_KEY_ROTATE,
        P.PLATFORM_REPLAY_PROPOSE,
    }
    assert not scopes & {"order", "settlement"}


def test_no_roles_have_no_permissions() -> None:
    assert permissions_of([]) == frozenset()


def test_the_table_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(permissions.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"collections.abc", "enum", "types"}


def roles_with(permission: Permission) -> set[Role]:
    return {role for role, granted in GRANTS.items() if permission in granted}
