"""What waits for the caller in identity."""

from datetime import datetime
from typing import Final

from services.identity.domain.accounts import RESTORING_ACTS, acts_for_bureau, approvable_roles
from services.identity.views.first_steps import first_steps
from shared.contracts.http.lists import Page, Task, decode_cursor, page_of
from shared.contracts.permissions import EXCLUSIVE_ROLES, Permission
from shared.kernel.proposals import lapsed_before
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection

# Only what the caller can do: not a second act on what the same person did first, nor an act of a party that may not
# act now.
_TASKS: Final = """
SELECT kind, title, subject_type, subject_id, since FROM (
    SELECT 'authentication.review' AS kind, '审核实名认证：' || name AS title, 'organisation' AS subject_type,
           id AS subject_id, submitted_at AS since
    FROM organisation WHERE $1 AND state = 'submitted'
    UNION ALL
    SELECT 'resemblance.decide', '核对疑似同一单位：' || a.name || '、' || b.name, 'resemblance', r.id, r.noticed_at
    FROM resemblance r JOIN organisation a ON a.id = r.first_id JOIN organisation b ON b.id = r.second_id
    WHERE $1 AND r.outcome = 'open' AND 'authenticated' IN (a.state, b.state)
    UNION ALL
    SELECT 'recognition.decide', '认定云服务商：' || o.name, 'organisation', o.id,
           (SELECT max(s.decided_at) FROM submission s WHERE s.organisation_id = o.id)
    FROM organisation o WHERE $2 AND o.recognition = 'requested' AND o.reviewed_by IS DISTINCT FROM $8
    UNION ALL
    SELECT 'blacklist.approve', '批准列入黑名单：' || organisation_name, 'blacklist', id, proposed_at
    FROM blacklist_entry WHERE $3 AND state = 'proposed' AND proposed_at > $16 AND proposed_by <> $8
    UNION ALL
    SELECT 'blacklist.approve_lifting', '批准移出黑名单：' || e.organisation_name, 'blacklist_lifting', l.id,
           l.proposed_at
    FROM blacklist_lifting l JOIN blacklist_entry e ON e.id = l.entry_id
    WHERE $3 AND l.state = 'proposed' AND l.proposed_at > $16 AND l.proposed_by <> $8
    UNION ALL
    SELECT 'affiliation.judge', '核实申报的关联关系：' || e.name || '与' || p.name, 'affiliation', a.id, a.recorded_at
    FROM affiliation a JOIN organisation e ON e.id = a.enterprise_id JOIN organisation p ON p.id = a.provider_id
    WHERE $17 AND a.ended_at IS NULL AND a.standing IN ('declared', 'repeated')
    UNION ALL
    SELECT 'organisation.reinstate', '决定是否解除暂停：' || name, 'organisation', id, reinstatement_asked_at
    FROM organisation WHERE $13 AND reinstatement_asked_at IS NOT NULL AND blacklisted_since IS NULL
    UNION ALL
    SELECT 'authentication.submit',
           CASE state WHEN 'registered' THEN '提交实名认证材料' ELSE '补正并重新提交实名认证材料' END,
           'organisation', id, COALESCE(
               (SELECT max(s.decided_at) FROM submission s WHERE s.organisation_id = organisation.id), registered_at)
    FROM organisation WHERE id = $4 AND state IN ('registered', 'sent_back') AND NOT closed
        AND blacklisted_since IS NULL AND (suspended_since IS NULL OR suspended_since > $7)
    UNION ALL
    SELECT 'staff.approve', '审批工作人员账号申请：' || display_name || '（' || sign_in_name || '）', 'staff_proposal',
           id, proposed_at
    FROM staff_proposal p WHERE state = 'proposed' AND expires_at > $7 AND proposed_by <> $8
        AND account_id IS DISTINCT FROM $8 AND ($9 OR roles <@ $10 OR (
            act = ANY($14) AND 'platform_admin' = ANY(roles) AND roles <@ $15 AND NOT EXISTS (
                SELECT FROM account a WHERE a.state = 'active' AND 'platform_admin' = ANY(a.roles)
                    AND a.id <> p.proposed_by AND a.id IS DISTINCT FROM p.account_id)))
    UNION ALL
    SELECT 'staff.separate_roles', '账号兼任相互监督的角色，请调整：' || display_name || '（' || sign_in_name || '）',
           'account', id, opened_at
    FROM account WHERE $9 AND state = 'active' AND EXISTS (
        SELECT FROM unnest($11::text[], $12::text[]) AS pair (one, other) WHERE roles @> ARRAY[one, other])
) AS task
WHERE $5::uuid IS NULL OR subject_id < $5 ORDER BY subject_id DESC LIMIT $6
"""

_EXCLUSIVE: Final = [sorted(role.value for role in pair) for pair in EXCLUSIVE_ROLES]


async def list_tasks(
    connection: Connection, principal: Principal, *, now: datetime, limit: int, cursor: str | None
) -> Page[Task]:
    """What waits, since when; the scheme sets no time limit for these reviews. Raises: CursorInvalid."""
    rows = await connection.fetch(
        _TASKS.replace(") AS task", f"{first_steps(principal.permissions)}) AS task"),
        Permission.IDENTITY_AUTHENTICATION_REVIEW in principal.permissions,
        Permission.IDENTITY_RECOGNITION_DECIDE in principal.permissions,
        Permission.IDENTITY_BLACKLIST_APPROVE in principal.permissions,
        principal.organisation_id,
        decode_cursor(cursor),
        limit + 1,
        now,
        principal.account_id,
        Permission.IDENTITY_STAFF_MANAGE in principal.permissions,
        approvable_roles(principal.roles),
        [pair[0] for pair in _EXCLUSIVE],
        [pair[1] for pair in _EXCLUSIVE],
        Permission.IDENTITY_ORGANISATION_REINSTATE in principal.permissions and acts_for_bureau(principal.roles),
        sorted(RESTORING_ACTS),
        approvable_roles(principal.roles, no_other_administrator=True),
        lapsed_before(now),
        Permission.IDENTITY_AFFILIATION_RECORD in principal.permissions,
    )
    tasks = [Task(**dict(row)) for row in rows]
    return page_of(tasks, limit=limit, ids=[task.subject_id for task in tasks])
