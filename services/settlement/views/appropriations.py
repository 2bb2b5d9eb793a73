"""Questions, windows, the operator's score, appropriations, and the payments for the finance system."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import appropriation_number, claim_number
from services.settlement.domain.refusals import ExportTooLarge
from services.settlement.domain.windows import closing_day
from shared.contracts.http.lists import Page, page_of
from shared.kernel.calendar import business_year, year_closes_at
from shared.kernel.money import Fen, format_yuan
from shared.runtime.db import Connection, Record
from shared.runtime.http import Resource
from shared.runtime.problems import NotFound

EXPORT_ROWS_MAX = 50_000

_QUESTIONS = """
SELECT q.id, q.claim_id, c.serial, c.created_at, q.text, q.asked_at, q.due_at, q.answer, q.answered_at, q.late,
       q.escalated_at
FROM question q JOIN claim c ON c.id = q.claim_id
WHERE ($1::uuid IS NULL OR q.claim_id = $1)
  AND ($2::text IS NULL OR $2 = CASE WHEN q.answered_at IS NOT NULL THEN 'answered' ELSE 'open' END)
  AND ($3::uuid IS NULL OR q.id < $3) ORDER BY q.id DESC LIMIT $4
"""
_SCORE = """
SELECT count(*) AS asked,
       count(*) FILTER (WHERE answered_at IS NOT NULL AND NOT late) AS answered_in_time,
       count(*) FILTER (WHERE answered_at IS NOT NULL AND late) AS answered_late,
       count(*) FILTER (WHERE answered_at IS NULL AND due_at > $3) AS running,
       count(*) FILTER (WHERE answered_at IS NULL AND due_at <= $3) AS overdue
FROM question WHERE asked_at >= $1 AND asked_at < $2
"""
_WINDOWS = """
SELECT c.window_closes_at, c.state, count(*) AS claims FROM claim c
WHERE c.window_closes_at IS NOT NULL AND ($1::uuid IS NULL OR c.provider_id = $1)
GROUP BY c.window_closes_at, c.state ORDER BY c.window_closes_at DESC LIMIT 400
"""
_APPROPRIATIONS = """
SELECT a.id, a.serial, a.provider_id, COALESCE(p.name, '') AS provider_name, a.state, a.version, a.requested_at,
       a.decided_at, a.reason, a.approved_fen, a.payment_reference, a.paid_on, a.paid_fen,
       (SELECT COALESCE(sum(i.voucher_fen), 0) FROM claim_item i WHERE i.appropriation_id = a.id)::bigint
           AS claimed_fen
FROM appropriation a LEFT JOIN party p ON p.organisation_id = a.provider_id
WHERE ($1::uuid IS NULL OR a.provider_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
  AND ($3::text IS NULL OR a.state = $3) AND ($4::uuid IS NULL OR a.id < $4)
ORDER BY a.id DESC LIMIT $5
"""
_APPROPRIATION_ITEMS = """
SELECT i.claim_id, i.order_id, o.number AS order_number, i.state, i.voucher_fen AS claimed_fen, i.approved_fen,
       i.approved_reason
FROM claim_item i JOIN order_copy o ON o.order_id = i.order_id
WHERE i.appropriation_id = $1 ORDER BY i.claim_id, i.order_id
"""
_EXPORT = """
SELECT a.serial AS appropriation_serial, a.requested_at, c.serial AS claim_serial, c.created_at,
       o.number AS order_number, o.year AS voucher_year, COALESCE(p.name, '') AS provider_name,
       COALESCE(p.credit_code, '') AS provider_credit_code, COALESCE(e.name, '') AS enterprise_name,
       i.voucher_fen AS claimed_fen, i.approved_fen, i.approved_reason AS reason, i.state, a.payment_reference,
       a.paid_on
FROM claim_item i JOIN appropriation a ON a.id = i.appropriation_id JOIN claim c ON c.id = i.claim_id
JOIN order_copy o ON o.order_id = i.order_id
LEFT JOIN party p ON p.organisation_id = c.provider_id LEFT JOIN party e ON e.organisation_id = o.enterprise_id
WHERE i.state IN ('approved', 'paid') AND a.decided_at >= $1 AND a.decided_at < $2
ORDER BY a.serial, c.serial, o.number LIMIT $3
"""


class QuestionCard(Resource):
    """A question of the bureau, and its answer."""

    id: UUID
    claim_id: UUID
    claim_number: str
    text: str
    asked_at: datetime
    due_at: datetime
    answer: str
    answered_at: datetime | None
    late: bool
    escalated_at: datetime | None


class OperatorScore(Resource):
    """How the operator answered the questions asked in a year. Source: A25, Q15."""

    year: int
    asked: int
    answered_in_time: int
    answered_late: int
    running: int
    overdue: int


class WindowCard(Resource):
    """One window with its claims by state; `claims` counts the reader's own when the reader is a provider."""

    closes_on: date
    closed: bool
    claims: int
    by_state: dict[str, int]


class AppropriationItem(Resource):
    """One order of a request."""

    claim_id: UUID
    order_id: UUID
    order_number: str
    state: str
    claimed_fen: int
    approved_fen: int | None
    approved_reason: str


class AppropriationCard(Resource):
    """A request for appropriation; `items` are empty in a list."""

    id: UUID
    number: str
    provider_id: UUID
    provider_name: str
    state: str
    version: int
    requested_at: datetime
    decided_at: datetime | None
    reason: str
    claimed_fen: int
    approved_fen: int | None
    payment_reference: str
    paid_on: date | None
    paid_fen: int | None
    items: Sequence[AppropriationItem] = ()


class PaymentRow(Resource):
    """One order in the export for the finance system; amounts are fen."""

    appropriation_number: str
    claim_number: str
    order_number: str
    voucher_year: int
    provider_name: str
    provider_credit_code: str
    enterprise_name: str
    claimed_fen: int
    approved_fen: int
    reason: str
    state: str
    payment_reference: str
    paid_on: date | None


class PaymentsExport(Resource):
    """Every approved or paid order of a year of approval, with totals in fen."""

    year: int
    rows: Sequence[PaymentRow]
    claimed_fen: int
    approved_fen: int
    paid_fen: int


async def list_questions(
    connection: Connection, *, claim_id: UUID | None, state: str | None, after: UUID | None, limit: int
) -> Page[QuestionCard]:
    """A page of questions."""
    rows = await connection.fetch(_QUESTIONS, claim_id, state, after, limit + 1)
    cards = [QuestionCard.model_validate(dict(row) | {"claim_number": _claim_number(row)}) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


def _claim_number(row: Record) -> str:
    return claim_number(row["serial"], year=business_year(row["created_at"]))


async def read_score(connection: Connection, *, year: int, now: datetime) -> OperatorScore:
    """How the operator answered the questions asked in a Beijing year, as of a moment."""
    row = await connection.fetchrow(_SCORE, year_closes_at(year - 1), year_closes_at(year), now)
    return OperatorScore(year=year, **dict(row))


async def list_windows(
    connection: Connection, *, provider_id: UUID | None, coming: Sequence[datetime], now: datetime
) -> list[WindowCard]:
    """Windows that have claims and the `coming` ones, latest first."""
    by_close: dict[datetime, dict[str, int]] = {closes_at: {} for closes_at in coming}
    for row in await connection.fetch(_WINDOWS, provider_id):
        by_close.setdefault(row["window_closes_at"], {})[row["state"]] = row["claims"]
    return [
        WindowCard(
            closes_on=closing_day(closes_at),
            closed=closes_at <= now,
            claims=sum(states.values()),
            by_state=states,
        )
        for closes_at, states in sorted(by_close.items(), reverse=True)
    ]


async def list_appropriations(
    connection: Connection, *, provider_id: UUID | None, state: str | None, after: UUID | None, limit: int
) -> Page[AppropriationCard]:
    """A page of requests."""
    rows = await connection.fetch(_APPROPRIATIONS, provider_id, None, state, after, limit + 1)
    cards = [AppropriationCard.model_validate(_appropriation_values(row)) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


async def read_appropriation(
    connection: Connection, appropriation_id: UUID, *, provider_id: UUID | None
) -> AppropriationCard:
    """One request with its orders. Raises: NotFound."""
    row = await connection.fetchrow(_APPROPRIATIONS, provider_id, appropriation_id, None, None, 1)
    if row is None:
        raise NotFound
    items = [dict(item) for item in await connection.fetch(_APPROPRIATION_ITEMS, appropriation_id)]
    return AppropriationCard.model_validate(_appropriation_values(row) | {"items": items})


def _appropriation_values(row: Record) -> dict[str, object]:
    number = appropriation_number(row["serial"], year=business_year(row["requested_at"]))
    return dict(row) | {"number": number}


async def read_payments(connection: Connection, *, year: int) -> PaymentsExport:
    """What was approved in a Beijing year, paid or not yet. Raises: ExportTooLarge. Source: A24, Q22."""
    found = await connection.fetch(_EXPORT, year_closes_at(year - 1), year_closes_at(year), EXPORT_ROWS_MAX + 1)
    if len(found) > EXPORT_ROWS_MAX:
        raise ExportTooLarge(rows_max=EXPORT_ROWS_MAX)
    rows = [PaymentRow.model_validate(_payment_values(row)) for row in found]
    return PaymentsExport(
        year=year,
        rows=rows,
        claimed_fen=sum(row.claimed_fen for row in rows),
        approved_fen=sum(row.approved_fen for row in rows),
        paid_fen=sum(row.approved_fen for row in rows if row.state == "paid"),
    )


def _payment_values(row: Record) -> dict[str, object]:
    requested_year = business_year(row["requested_at"])
    return dict(row) | {
        "appropriation_number": appropriation_number(row["appropriation_serial"], year=requested_year),
        "claim_number": claim_number(row["claim_serial"], year=business_year(row["created_at"])),
    }


_HEADINGS = (
    "拨付申请号", "兑现申请号", "订单号", "额度年度", "云服务商", "统一社会信用代码", "上云企业",
    "申请金额（元）", "核定金额（元）", "核减理由", "状态", "拨付凭证号", "拨付日期",
)  # fmt: skip
_STATE_WORDS = {"approved": "已核定", "paid": "已拨付"}


def payments_csv(export: PaymentsExport) -> str:
    """The export as CSV: headings, one line an order, totals. Amounts in yuan with two places."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    for row in export.rows:
        writer.writerow(_csv_cells(row))
    totals = [_yuan(export.claimed_fen), _yuan(export.approved_fen), "", "", "已拨付合计", _yuan(export.paid_fen)]
    writer.writerow(["合计", "", "", "", "", "", "", *totals])
    return file.getvalue()


def _csv_cells(row: PaymentRow) -> list[str]:
    cells = [
        *(row.appropriation_number, row.claim_number, row.order_number, str(row.voucher_year)),
        *(row.provider_name, row.provider_credit_code, row.enterprise_name),
        *(_yuan(row.claimed_fen), _yuan(row.approved_fen), row.reason, _STATE_WORDS[row.state]),
        *(row.payment_reference, "" if row.paid_on is None else row.paid_on.isoformat()),
    ]
    return [_inert(cell) for cell in cells]


def _inert(cell: str) -> str:
    """The cell as text: a spreadsheet would run what begins like a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _yuan(amount_fen: int) -> str:
    return format_yuan(Fen(amount_fen))
