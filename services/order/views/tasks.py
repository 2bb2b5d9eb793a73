"""What waits for the reader: confirmations, refunds, acceptances, escalations and complaints."""

from datetime import datetime
from uuid import UUID

from shared.contracts.http.lists import Page, Task, page_of
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection

_CONFIRM = """
SELECT o.id AS key, 'order.confirm' AS kind, '确认订单 ' || o.number AS title, 'order' AS subject_type,
       o.id AS subject_id, o.placed_at AS since, o.confirm_due_at AS due_at
FROM cloud_order o WHERE o.provider_id = $1 AND o.state = 'awaiting_confirmation' AND o.confirm_due_at > $4
"""
_ANSWER_REFUND = """
SELECT r.id, 'refund.answer', '答复退款申请 ' || o.number, 'order', o.id, r.requested_at, r.due_at
FROM refund r JOIN cloud_order o ON o.id = r.order_id WHERE o.provider_id = $1 AND r.state = 'requested'
"""
_AWAITING = """
SELECT o.id AS key, 'order.awaiting' AS kind, '等待云服务商确认 ' || o.number AS title, 'order' AS subject_type,
       o.id AS subject_id, o.placed_at AS since, o.confirm_due_at AS due_at
FROM cloud_order o WHERE o.enterprise_id = $1 AND o.state = 'awaiting_confirmation' AND o.confirm_due_at > $4
"""
_ACCEPT = """
SELECT r.id, 'delivery.accept', '验收交付 ' || o.number, 'order', o.id, r.recorded_at, NULL::timestamptz
FROM record r JOIN cloud_order o ON o.id = r.order_id
WHERE o.enterprise_id = $1 AND r.kind = 'delivery' AND r.voided_at IS NULL AND o.state IN ('confirmed', 'claimed')
  AND NOT EXISTS (
    SELECT 1 FROM record a WHERE a.order_id = o.id AND a.kind = 'acceptance' AND a.voided_at IS NULL
  )
"""
_ESCALATED = """
SELECT r.id AS key, 'refund.decide' AS kind, '裁决逾期退款 ' || o.number AS title, 'order' AS subject_type,
       o.id AS subject_id, r.due_at AS since, NULL::timestamptz AS due_at
FROM refund r JOIN cloud_order o ON o.id = r.order_id WHERE r.state = 'escalated' AND $1::uuid IS NULL
"""
_COMPLAINTS = """
SELECT r.id AS key, 'complaint.answer' AS kind, '答复投诉 ' || o.number AS title, 'complaint' AS subject_type,
       r.id AS subject_id, r.recorded_at AS since, r.due_at
FROM record r JOIN cloud_order o ON o.id = r.order_id
WHERE r.kind = 'complaint' AND r.answered_at IS NULL AND r.voided_at IS NULL AND $1::uuid IS NULL
"""
_PARTS = {
    Permission.ORDER_ORDER_CONFIRM: (_CONFIRM, _ANSWER_REFUND),
    Permission.ORDER_ORDER_PLACE: (_AWAITING, _ACCEPT),
    Permission.ORDER_ESCALATION_DECIDE: (_ESCALATED,),
    Permission.ORDER_COMPLAINT_HANDLE: (_COMPLAINTS,),
}
_OF_ORGANISATION = frozenset({Permission.ORDER_ORDER_CONFIRM, Permission.ORDER_ORDER_PLACE})


async def list_tasks(
    connection: Connection, principal: Principal, *, now: datetime, limit: int, after: UUID | None
) -> Page[Task]:
    """A page of tasks, newest first; the parts follow the caller's permissions.

    What can be done no more, because its time or its year is over, is no task: the order ends by itself.
    """
    held = [permission for permission in _PARTS if permission in principal.permissions]
    own = principal.organisation_id if any(permission in _OF_ORGANISATION for permission in held) else None
    parts = [
        part
        for permission in held
        for part in _PARTS[permission]
        if (permission in _OF_ORGANISATION) == (own is not None)
    ]
    if not parts:
        return page_of([], limit=limit, ids=[])
    statement = f"""
    SELECT * FROM ({" UNION ALL ".join(parts)}) AS t(key, kind, title, subject_type, subject_id, since, due_at)
    WHERE ($2::uuid IS NULL OR key < $2) AND $4::timestamptz IS NOT NULL ORDER BY key DESC LIMIT $3
    """  # noqa: S608 - texts of this module
    rows = await connection.fetch(statement, own, after, limit + 1, now)
    items = [
        Task(
            **{name: row[name] for name in ("kind", "title", "subject_type", "subject_id", "since", "due_at")},
            overdue=row["due_at"] is not None and row["due_at"] <= now,
        )
        for row in rows
    ]
    return page_of(items, limit=limit, ids=[row["key"] for row in rows])
