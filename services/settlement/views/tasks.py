"""What waits for whom in settlement."""

from datetime import datetime
from uuid import UUID

from services.settlement.domain.claims import appropriation_number, claim_number
from shared.contracts.http.lists import Page, Task, page_of
from shared.contracts.permissions import Permission
from shared.kernel.calendar import business_year
from shared.runtime.auth.tokens import Principal
from shared.runtime.db import Connection, Record

# One row a task: what kind, what about, since when, due when. $1 is the caller's organisation, $2 the kinds the
# caller's permissions open, $3 the cursor.
_TASKS = """
SELECT * FROM (
    SELECT CASE c.state WHEN 'draft' THEN 'submit_claim' WHEN 'passed' THEN 'request_appropriation' END AS kind,
           'claim' AS subject_type, c.id, c.serial, c.created_at, c.state_since AS since,
           NULL::timestamptz AS due_at
    FROM claim c WHERE c.state IN ('draft', 'passed') AND c.provider_id = $1
    UNION ALL
    SELECT CASE c.state WHEN 'in_review' THEN 'first_review' ELSE 'bureau_review' END, 'claim', c.id, c.serial,
           c.created_at, c.state_since, NULL
    FROM claim c WHERE c.state IN ('in_review', 'bureau_review')
    UNION ALL
    SELECT 'answer_question', 'question', q.id, c.serial, c.created_at, q.asked_at, q.due_at
    FROM question q JOIN claim c ON c.id = q.claim_id WHERE q.answered_at IS NULL
    UNION ALL
    SELECT 'late_answer', 'question', q.id, c.serial, c.created_at, q.escalated_at, q.due_at
    FROM question q JOIN claim c ON c.id = q.claim_id WHERE q.answered_at IS NULL AND q.late
    UNION ALL
    SELECT CASE a.state WHEN 'requested' THEN 'approve_appropriation' ELSE 'record_payment' END, 'appropriation',
           a.id, a.serial, a.requested_at, a.state_since, NULL
    FROM appropriation a WHERE a.state IN ('requested', 'approved')
) t WHERE kind = ANY($2::text[]) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
"""
_TITLES = {
    "submit_claim": "兑现申请{number}尚未提交",
    "request_appropriation": "兑现申请{number}已通过审核，请提交资金拨付申请",
    "first_review": "兑现申请{number}待初审",
    "bureau_review": "兑现申请{number}待省大数据局审核",
    "answer_question": "兑现申请{number}有省大数据局反馈的问题待答复",
    "late_answer": "兑现申请{number}的问题逾期未答复",
    "approve_appropriation": "资金拨付申请{number}待核定",
    "record_payment": "资金拨付申请{number}待拨付",
}
_KINDS: dict[Permission, tuple[str, ...]] = {
    Permission.SETTLEMENT_CLAIM_FILE: ("submit_claim",),
    Permission.SETTLEMENT_APPROPRIATION_REQUEST: ("request_appropriation",),
    Permission.SETTLEMENT_CLAIM_FIRST_REVIEW: ("first_review",),
    Permission.SETTLEMENT_CLAIM_ANSWER: ("answer_question",),
    Permission.SETTLEMENT_CLAIM_BUREAU_REVIEW: ("bureau_review",),
    Permission.SETTLEMENT_APPROPRIATION_APPROVE: ("approve_appropriation", "late_answer"),
    Permission.SETTLEMENT_PAYMENT_RECORD: ("record_payment",),
}


async def list_tasks(
    connection: Connection, principal: Principal, *, now: datetime, after: UUID | None, limit: int
) -> Page[Task]:
    """A page of what waits for the caller, newest first."""
    kinds = [kind for permission in principal.permissions for kind in _KINDS.get(permission, ())]
    rows = await connection.fetch(_TASKS, principal.organisation_id, kinds, after, limit + 1)
    tasks = [_task(row, now=now) for row in rows]
    return page_of(tasks, limit=limit, ids=[row["id"] for row in rows])


def _task(row: Record, *, now: datetime) -> Task:
    named = appropriation_number if row["subject_type"] == "appropriation" else claim_number
    number = named(row["serial"], year=business_year(row["created_at"]))
    return Task(
        kind=row["kind"],
        title=_TITLES[row["kind"]].format(number=number),
        subject_type=row["subject_type"],
        subject_id=row["id"],
        since=row["since"],
        due_at=row["due_at"],
        overdue=row["due_at"] is not None and row["due_at"] <= now,
    )
