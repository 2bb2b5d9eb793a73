"""What waits for whom in settlement: only what this person can still do."""

from datetime import datetime
from uuid import UUID

from services.settlement.domain.claims import ClaimItem, appropriation_number, claim_number
from services.settlement.domain.persons import TOGETHER, CasePart
from services.settlement.domain.states import CLAIM_MOVES, ENDED_ITEMS, ClaimState
from services.settlement.tables import listed
from services.settlement.views.standing import BODY_PLACES, read_barring, read_words_of_claims
from shared.contracts.http.lists import Page, Task, page_of
from shared.contracts.permissions import Permission
from shared.kernel.calendar import business_year
from shared.kernel.proposals import lapsed_before
from shared.runtime.auth import Principal
from shared.runtime.service import quiet
from shared.runtime.sql import Connection, Record

# Whether the caller ($4) had a part in the order of `i`.
_DID: dict[CasePart, str] = {
    CasePart.SUBMIT: """EXISTS (SELECT 1 FROM claim s WHERE s.id = i.claim_id AND s.submitted_by = $4)
        OR EXISTS (SELECT 1 FROM evidence s WHERE s.claim_id = i.claim_id AND s.order_id = i.order_id
                   AND s.filed_by = $4)""",
    CasePart.FIRST_REVIEW: "i.first_reviewed_by IS NOT DISTINCT FROM $4",
    CasePart.ASK: "EXISTS (SELECT 1 FROM question s WHERE s.claim_id = i.claim_id AND s.asked_by = $4)",
    CasePart.ANSWER: "EXISTS (SELECT 1 FROM question s WHERE s.claim_id = i.claim_id AND s.answered_by = $4)",
    CasePart.BUREAU_REVIEW: "i.bureau_reviewed_by IS NOT DISTINCT FROM $4",
    CasePart.REQUEST: "EXISTS (SELECT 1 FROM appropriation s WHERE s.id = i.appropriation_id AND s.requested_by = $4)",
    CasePart.APPROVE: "EXISTS (SELECT 1 FROM appropriation s WHERE s.id = i.appropriation_id AND s.decided_by = $4)",
    CasePart.PAY: "EXISTS (SELECT 1 FROM appropriation s WHERE s.id = i.appropriation_id AND s.paid_by = $4)",
    CasePart.PROPOSE_OVERRIDE: """EXISTS (SELECT 1 FROM override s WHERE s.claim_id = i.claim_id
        AND s.order_id = i.order_id AND s.proposed_by = $4)""",
    CasePart.APPROVE_OVERRIDE: """EXISTS (SELECT 1 FROM override s WHERE s.claim_id = i.claim_id
        AND s.order_id = i.order_id AND s.state = 'approved' AND s.decided_by = $4)""",
}
_LIVE = f"i.state NOT IN ({listed(ENDED_ITEMS)})"
# Neither review nor approval is possible while a question of the bureau waits for its answer.
_ASKED = "EXISTS (SELECT FROM question q WHERE q.claim_id = c.id AND q.answered_at IS NULL)"
# A provider files nothing while something stands against it or against the pair (ADR 0022).
_MAY_FILE = f"""NOT EXISTS (SELECT FROM party p LEFT JOIN party e ON e.organisation_id = o.enterprise_id
            WHERE p.organisation_id = o.provider_id AND (p.blacklisted OR p.closed OR p.suspended_since <= $6
                OR left(p.credit_code, {BODY_PLACES}) = left(e.credit_code, {BODY_PLACES})))
        AND NOT EXISTS (SELECT FROM affiliation t WHERE t.enterprise_id = o.enterprise_id
            AND t.provider_id = o.provider_id AND NOT t.ended)"""  # noqa: S608 - a number of our own
_ENDED_CLAIMS = listed(state for state in ClaimState if CLAIM_MOVES.terminal(state))


def _barred(part: CasePart) -> str:
    """Whether what the caller did to the order of `i` keeps it from this part."""
    return " OR ".join(f"({_DID[other]})" for other in CasePart if frozenset({part, other}) not in TOGETHER)


def _some(part: CasePart, *, state: str) -> str:
    """An order of claim `c` waits in a state for a part that the caller may have."""
    return f"""EXISTS (SELECT 1 FROM claim_item i WHERE i.claim_id = c.id AND i.state = '{state}'
                       AND NOT ({_barred(part)}))"""  # noqa: S608 - our own text


def _all(part: CasePart, *, of: str) -> str:
    """The caller may have a part in each running order."""
    return f"NOT EXISTS (SELECT 1 FROM claim_item i WHERE {of} AND {_LIVE} AND ({_barred(part)}))"  # noqa: S608 - as above


# One row a task: what kind, what about, since when, due when, which claims. $1 is the caller's organisation, $2 the
# kinds the caller's permissions open, $3 the cursor, $4 the caller's account,
# $5 how many, $6 the time, $7 the approved requests against which something stands, $8 when a proposal was made that
# lapses now.
_TASKS = f"""
SELECT * FROM (
    SELECT 'submit_claim' AS kind, 'claim' AS subject_type, c.id, c.serial, c.created_at, c.state_since AS since,
           NULL::timestamptz AS due_at, ARRAY[c.id] AS claims
    FROM claim c WHERE c.state = 'draft' AND c.provider_id = $1
    UNION ALL
    SELECT 'request_appropriation', 'claim', c.id, c.serial, c.created_at, c.state_since, NULL, ARRAY[c.id]
    FROM claim c WHERE c.state = 'passed' AND c.provider_id = $1 AND {_all(CasePart.REQUEST, of="i.claim_id = c.id")}
    UNION ALL
    SELECT 'refile_claim', 'claim', c.id, c.serial, c.created_at, c.state_since, NULL, ARRAY[c.id]
    FROM claim c WHERE c.provider_id = $1 AND c.filed_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM claim_item i JOIN order_copy o ON o.order_id = i.order_id
        WHERE i.claim_id = c.id AND i.state = 'rejected' AND o.state = 'confirmed' AND NOT o.refund_open
          AND o.voucher_fen > 0 AND {_MAY_FILE} AND NOT EXISTS (
            SELECT 1 FROM claim_item n JOIN claim l ON l.id = n.claim_id
            WHERE n.order_id = i.order_id AND l.serial > c.serial AND n.state NOT IN ('refused', 'withdrawn')))
    UNION ALL
    SELECT 'first_review', 'claim', c.id, c.serial, c.created_at, c.state_since, NULL, ARRAY[c.id]
    FROM claim c WHERE c.state = 'in_review' AND {_some(CasePart.FIRST_REVIEW, state="open")}
    UNION ALL
    SELECT 'bureau_review', 'claim', c.id, c.serial, c.created_at, c.state_since, NULL, ARRAY[c.id]
    FROM claim c WHERE c.state = 'bureau_review' AND NOT {_ASKED} AND {_some(CasePart.BUREAU_REVIEW, state="passed")}
    UNION ALL
    SELECT 'answer_question', 'question', q.id, c.serial, c.created_at, q.asked_at, q.due_at, ARRAY[c.id]
    FROM question q JOIN claim c ON c.id = q.claim_id
    WHERE q.answered_at IS NULL AND c.state NOT IN ({_ENDED_CLAIMS}) AND {_all(CasePart.ANSWER, of="i.claim_id = c.id")}
    UNION ALL
    SELECT 'late_answer', 'question', q.id, c.serial, c.created_at, q.escalated_at, q.due_at, ARRAY[c.id]
    FROM question q JOIN claim c ON c.id = q.claim_id
    WHERE q.answered_at IS NULL AND q.late AND c.state NOT IN ({_ENDED_CLAIMS}) AND NOT {quiet("q.id", now="$6")}
    UNION ALL
    SELECT 'approve_override', 'override', v.id, c.serial, c.created_at, v.proposed_at, NULL, ARRAY[c.id]
    FROM override v JOIN claim c ON c.id = v.claim_id
    JOIN claim_item i ON i.claim_id = v.claim_id AND i.order_id = v.order_id
    WHERE v.state = 'proposed' AND v.proposed_at > $8 AND {_LIVE} AND i.state <> 'paid'
      AND NOT ({_barred(CasePart.APPROVE_OVERRIDE)})
    UNION ALL
    SELECT CASE a.state WHEN 'requested' THEN 'approve_appropriation' ELSE 'record_payment' END, 'appropriation',
           a.id, a.serial, a.requested_at, a.state_since, NULL,
           ARRAY(SELECT DISTINCT i.claim_id FROM claim_item i WHERE i.appropriation_id = a.id)
    FROM appropriation a
    WHERE (a.state = 'requested' AND {_all(CasePart.APPROVE, of="i.appropriation_id = a.id")} AND NOT EXISTS (
              SELECT FROM claim_item i JOIN claim c ON c.id = i.claim_id WHERE i.appropriation_id = a.id AND {_ASKED}))
       OR (a.state = 'approved' AND {_all(CasePart.PAY, of="i.appropriation_id = a.id")})
    UNION ALL
    SELECT 'return_approved', 'appropriation', a.id, a.serial, a.requested_at, a.state_since, NULL,
           ARRAY(SELECT DISTINCT i.claim_id FROM claim_item i WHERE i.appropriation_id = a.id)
    FROM appropriation a WHERE a.id = ANY($7::uuid[]) AND {_all(CasePart.APPROVE, of="i.appropriation_id = a.id")}
) t WHERE kind = ANY($2::text[]) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $5
"""  # noqa: S608 - our own text
_TITLES = {
    "submit_claim": "兑现申请{number}尚未提交",
    "request_appropriation": "兑现申请{number}已通过审核，请提交资金拨付申请",
    "refile_claim": "兑现申请{number}有订单未通过审核，可按审核意见补正材料后重新申请",
    "first_review": "兑现申请{number}待初审",
    "bureau_review": "兑现申请{number}待省大数据局审核",
    "answer_question": "兑现申请{number}有省大数据局反馈的问题待答复",
    "late_answer": "兑现申请{number}的问题逾期未答复",
    "approve_override": "兑现申请{number}有特批建议待决定",
    "approve_appropriation": "资金拨付申请{number}待核定",
    "return_approved": "资金拨付申请{number}已核定但存在不得拨付的情形，请退回核定或办理特批",
    "record_payment": "资金拨付申请{number}待拨付",
}
_KINDS: dict[Permission, tuple[str, ...]] = {
    Permission.SETTLEMENT_CLAIM_FILE: ("submit_claim", "refile_claim"),
    Permission.SETTLEMENT_APPROPRIATION_REQUEST: ("request_appropriation",),
    Permission.SETTLEMENT_CLAIM_FIRST_REVIEW: ("first_review",),
    Permission.SETTLEMENT_CLAIM_ANSWER: ("answer_question",),
    Permission.SETTLEMENT_CLAIM_BUREAU_REVIEW: ("bureau_review",),
    Permission.SETTLEMENT_APPROPRIATION_APPROVE: ("approve_appropriation", "late_answer", "return_approved"),
    Permission.SETTLEMENT_OVERRIDE_APPROVE: ("approve_override",),
    Permission.SETTLEMENT_PAYMENT_RECORD: ("record_payment",),
}
_ON_APPROVED = frozenset({"return_approved", "record_payment"})
_MARKED = frozenset(
    {
        "request_appropriation",
        "first_review",
        "bureau_review",
        "approve_override",
        "approve_appropriation",
        "return_approved",
        "record_payment",
    }
)
"""Tasks whose title says what stands against an order of theirs."""


_WAITS = "，须待省大数据局办理特批或退回核定"
"""What finance is told of a request that it cannot pay now."""
# Approved and unpaid requests are few: what was approved is paid.
_APPROVED = """
SELECT i.* FROM claim_item i JOIN appropriation a ON a.id = i.appropriation_id
WHERE a.state = 'approved' AND i.state = 'approved' AND i.approved_fen > 0
"""


async def _barred_requests(connection: Connection, *, now: datetime) -> list[UUID]:
    """Approved requests that cannot be paid now, because something stands against an order of theirs."""
    rows = await connection.fetch(_APPROVED)
    items = [ClaimItem.of(row) for row in rows]
    barring = await read_barring(connection, items, now=now) if items else {}
    return sorted({item.appropriation_id for item in items if item.appropriation_id and item.order_id in barring})


async def list_tasks(
    connection: Connection, principal: Principal, *, now: datetime, after: UUID | None, limit: int
) -> Page[Task]:
    """A page of what waits for the caller, newest first."""
    kinds = [kind for permission in principal.permissions for kind in _KINDS.get(permission, ())]
    barred = await _barred_requests(connection, now=now) if _ON_APPROVED & set(kinds) else []
    asked = (principal.organisation_id, kinds, after, principal.account_id, limit + 1, now, barred, lapsed_before(now))
    rows = await connection.fetch(_TASKS, *asked)
    marked = {claim_id for row in rows if row["kind"] in _MARKED for claim_id in row["claims"]}
    words = await read_words_of_claims(connection, marked, now=now) if marked else {}
    tasks = [_task(row, words=words, waits=row["id"] in barred, now=now) for row in rows]
    return page_of(tasks, limit=limit, ids=[row["id"] for row in rows])


def _task(row: Record, *, words: dict[UUID, str], waits: bool, now: datetime) -> Task:
    named = appropriation_number if row["subject_type"] == "appropriation" else claim_number
    number = named(row["serial"], year=business_year(row["created_at"]))
    said = [words[claim_id] for claim_id in row["claims"] if claim_id in words] if row["kind"] in _MARKED else []
    found = "、".join(dict.fromkeys(word for text in said for word in text.split("、")))
    title = _TITLES[row["kind"]].format(number=number)
    if waits and row["kind"] == "record_payment":
        title += _WAITS
    return Task(
        kind=row["kind"],
        title=title + (f"（{found}）" if found else ""),
        subject_type=row["subject_type"],
        subject_id=row["id"],
        since=row["since"],
        due_at=row["due_at"],
        overdue=row["due_at"] is not None and row["due_at"] <= now,
    )
