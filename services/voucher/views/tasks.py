"""What waits for whom in the voucher service: since when, due when, and whether it is late."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.contracts.http.lists import Page, Task, page_of
from shared.contracts.permissions import Permission
from shared.kernel.ids import made_at, uuid7
from shared.kernel.proposals import lapsed_before
from shared.runtime.auth import Principal
from shared.runtime.service import quiet
from shared.runtime.sql import Connection

_TASKS = {
    Permission.VOUCHER_APPLICATION_REVIEW: """
        SELECT id, 'application.review' AS kind, '审核云使用券申领（编号' || ticket_no || '）' AS title,
               'application' AS subject_type, decided_at AS since, review_due_at AS due_at
        FROM application a WHERE is_open AND earmarked_fen > 0 AND {year_open}
    """,
    Permission.VOUCHER_PLAN_DRAFT: """
        SELECT '00000000-0000-7000-8000-000000000001'::uuid, 'plan.draft',
               '编制' || this.year || '年度发放计划：本年度尚无计划', 'plan', this.began_at, NULL::timestamptz
        FROM (SELECT date_part('year', here.moment)::int,
                     date_trunc('year', here.moment) AT TIME ZONE 'Asia/Shanghai'
              FROM (SELECT $3::timestamptz AT TIME ZONE 'Asia/Shanghai') AS here (moment)) AS this (year, began_at)
        WHERE NOT EXISTS (SELECT FROM plan WHERE plan.year = this.year AND plan.state NOT IN ('refused', 'withdrawn')
                          AND (plan.state <> 'draft' OR plan.id >= $6))
    """,
    Permission.VOUCHER_PLAN_APPROVE: """
        SELECT id, 'plan.approve', '审批' || year || '年度发放计划', 'plan', NULL::timestamptz, NULL::timestamptz
        FROM plan WHERE state = 'draft' AND closes_at > $3 AND id >= $6
        UNION ALL
        SELECT id, 'increase.approve', '审批发放计划追加额度', 'plan_increase', drafted_at, NULL
        FROM plan_increase a WHERE state = 'proposed' AND drafted_at > $5 AND {year_open}
        UNION ALL
        SELECT id, 'application.review_late', '督办逾期未审核的申领（编号' || ticket_no || '）', 'application',
               decided_at, review_due_at
        FROM application a WHERE is_open AND earmarked_fen > 0 AND review_due_at <= $3 AND {year_open} AND NOT {urged}
    """,
    Permission.VOUCHER_PLAN_PUBLISH: """
        SELECT id, 'plan.publish', '发布' || year || '年度发放计划', 'plan', NULL::timestamptz, NULL::timestamptz
        FROM plan WHERE state = 'approved' AND closes_at > $3
    """,
    Permission.VOUCHER_REVOCATION_APPROVE: """
        SELECT r.id, 'revocation.approve', '审批收回未使用额度', 'revocation', r.proposed_at, NULL::timestamptz
        FROM revocation_case r JOIN quota_account q ON q.id = r.quota_account_id
        WHERE r.state = 'proposed' AND r.proposed_at > $5 AND NOT q.closed
    """,
    Permission.VOUCHER_APPLICATION_SUBMIT: """
        SELECT a.id, 'application.resubmit', '申领（编号' || a.ticket_no || '）已退回，请补正后重新提交', 'application',
               r.returned_at, p.closes_at
        FROM returned r JOIN application a ON a.id = r.application_id JOIN plan p ON p.id = a.plan_id
        WHERE r.enterprise_id = $4 AND a.state = 'sent_back' AND p.closes_at > $3 AND NOT EXISTS (
            SELECT 1 FROM application n
            WHERE n.enterprise_id = a.enterprise_id AND n.plan_id = a.plan_id AND n.id > a.id
        )
    """,
}
# What can be done no more, because its year is over, is no task: the year's end closes it.
_YEAR_OPEN = "EXISTS (SELECT 1 FROM plan p WHERE p.id = a.plan_id AND p.closes_at > $3)"
_URGED = quiet("a.id", now="$3")
_PAGE = """
SELECT * FROM ({parts}) AS t(id, kind, title, subject_type, since, due_at)
WHERE ($1::uuid IS NULL OR id < $1) AND $3::timestamptz IS NOT NULL AND ($4::uuid IS NULL OR true)
  AND $5::timestamptz IS NOT NULL AND $6::uuid IS NOT NULL
ORDER BY id DESC LIMIT $2
"""


async def list_tasks(
    connection: Connection, principal: Principal, *, now: datetime, limit: int, after: UUID | None
) -> Page[Task]:
    """Everything that waits for the caller, newest first. A late review is flagged and shown to the bureau."""
    parts: Sequence[str] = [text for permission, text in _TASKS.items() if permission in principal.permissions]
    if not parts:
        return Page(data=[], has_more=False, next_cursor=None)
    statement = _PAGE.format(parts=" UNION ALL ".join(parts).format(year_open=_YEAR_OPEN, urged=_URGED))
    late = lapsed_before(now)
    # A draft tells by its id when it was made.
    first = uuid7(int(late.timestamp() * 1_000) + 1, 0)
    rows = await connection.fetch(statement, after, limit + 1, now, principal.organisation_id, late, first)
    items = [
        Task(
            kind=row["kind"],
            title=row["title"],
            subject_type=row["subject_type"],
            subject_id=row["id"],
            since=row["since"] or made_at(row["id"]),
            due_at=row["due_at"],
            overdue=row["due_at"] is not None and now >= row["due_at"],
        )
        for row in rows
    ]
    return page_of(items, limit=limit, ids=[row["id"] for row in rows])
