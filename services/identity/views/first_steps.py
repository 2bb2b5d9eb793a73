"""What a fresh platform still lacks before anybody can work on it, as tasks of whoever can put it right."""

from collections.abc import Collection
from typing import Final

from shared.contracts.permissions import Permission

# Nothing there has an id yet; these end the list, behind everything that waits by itself.
_STAFF: Final = """
    SELECT 'staff.open', '开设工作人员账号：尚无' || title, 'account',
           ('00000000-0000-7000-8000-00000000000' || place)::uuid,
           (SELECT min(opened_at) FROM account)
    FROM (VALUES ('bureau_lead', '主管部门负责人', 1), ('bureau_officer', '主管部门经办人员', 2),
                 ('operator_lead', '系统运营方负责人', 3), ('operator_clerk', '系统运营方经办人员', 4),
                 ('finance', '财政拨付人员', 5), ('auditor', '审计人员', 6)) AS working (role, title, place)
    WHERE NOT EXISTS (SELECT FROM account WHERE state = 'active' AND roles @> ARRAY[role])
"""
_OPERATOR: Final = """
    SELECT 'operator.designate', '指定系统运营方：目前没有有效的指定', 'designation',
           '00000000-0000-7000-8000-000000000009'::uuid,
           COALESCE((SELECT max(ends_at) FROM designation), (SELECT min(opened_at) FROM account))
    WHERE NOT EXISTS (
        SELECT FROM designation WHERE ends_at IS NULL OR ends_at > clock_timestamp() + make_interval(
            secs => COALESCE((SELECT offset_us FROM clock), 0) / 1e6))
"""


def first_steps(permissions: Collection[Permission]) -> str:
    """The further parts of the list of tasks that these permissions can do something about; often none."""
    parts = [_STAFF] if Permission.IDENTITY_STAFF_MANAGE in permissions else []
    parts += [_OPERATOR] if Permission.IDENTITY_OPERATOR_DESIGNATE in permissions else []
    return "".join(f" UNION ALL {part}" for part in parts)
