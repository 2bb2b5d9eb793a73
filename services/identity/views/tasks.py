"""What waits for the caller in identity."""

from typing import Final

from services.identity.views.first_steps import first_steps
from shared.contracts.http.lists import Page, Task, decode_cursor, page_of
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.db import Connection

_TASKS: Final = """
SELECT kind, title, subject_type, subject_id, since FROM (
    SELECT 'authentication.review' AS kind, '审核实名认证：' || name AS title, 'organisation' AS subject_type,
           id AS subject_id, submitted_at AS since
    FROM organisation WHERE $1 AND state = 'submitted'
    UNION ALL
    SELECT 'recognition.decide', '认定云服务商：' || o.name, 'organisation', o.id,
           (SELECT max(s.decided_at) FROM submission s WHERE s.organisation_id = o.id)
    FROM organisation o WHERE $2 AND o.recognition = 'requested'
    UNION ALL
    SELECT 'blacklist.approve', '批准列入黑名单：' || organisation_name, 'blacklist', id, proposed_at
    FROM blacklist_entry WHERE $3 AND state = 'proposed'
    UNION ALL
    SELECT 'authentication.submit',
           CASE state WHEN 'registered' THEN '提交实名认证材料' ELSE '补正并重新提交实名认证材料' END,
           'organisation', id, COALESCE(
               (SELECT max(s.decided_at) FROM submission s WHERE s.organisation_id = organisation.id), registered_at)
    FROM organisation WHERE id = $4 AND state IN ('registered', 'sent_back')
) AS task
WHERE $5::uuid IS NULL OR subject_id < $5 ORDER BY subject_id DESC LIMIT $6
"""


async def list_tasks(connection: Connection, principal: Principal, *, limit: int, cursor: str | None) -> Page[Task]:
    """What waits, since when; the scheme sets no time limit for these reviews. Raises: CursorInvalid."""
    rows = await connection.fetch(
        _TASKS.replace(") AS task", f"{first_steps(principal.permissions)}) AS task"),
        Permission.IDENTITY_AUTHENTICATION_REVIEW in principal.permissions,
        Permission.IDENTITY_RECOGNITION_DECIDE in principal.permissions,
        Permission.IDENTITY_BLACKLIST_APPROVE in principal.permissions,
        principal.organisation_id,
        decode_cursor(cursor),
        limit + 1,
    )
    tasks = [Task(**dict(row)) for row in rows]
    return page_of(tasks, limit=limit, ids=[task.subject_id for task in tasks])
