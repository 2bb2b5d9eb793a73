"""Appropriations, and the payments of a year for the finance system. Source: A24, Q22."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import appropriation_number, claim_number
from services.settlement.domain.persons import PART_ZH
from services.settlement.domain.refusals import ExportTooLarge
from services.settlement.domain.states import ENDED_ITEMS, OverrideState
from services.settlement.tables import listed
from services.settlement.views.overrides import Against, OverrideCard, read_against
from services.settlement.views.persons import ActCard, read_acted_by_order
from services.settlement.views.standing import MarkCard
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year, year_closes_at
from shared.kernel.spreadsheet import Amount, Cell, csv_text
from shared.runtime.sql import Connection, Record
from shared.runtime.work import NotFound

EXPORT_ROWS_MAX = 50_000

_APPROPRIATIONS = f"""
SELECT a.id, a.serial, a.provider_id, COALESCE(p.name, '') AS provider_name, a.state, a.version, a.requested_at,
       a.decided_at, a.reason, a.approved_fen, a.payment_reference, a.paid_on, a.paid_fen,
       COALESCE(p.suspended_since <= $6, false) AS provider_suspended,
       COALESCE(p.blacklisted, false) AS provider_blacklisted,
       COALESCE(p.closed, false) AS provider_closed,
       (SELECT COALESCE(sum(i.voucher_fen), 0) FROM claim_item i
        WHERE i.appropriation_id = a.id AND i.state NOT IN ({listed(ENDED_ITEMS)}))::bigint AS claimed_fen
FROM appropriation a LEFT JOIN party p ON p.organisation_id = a.provider_id
WHERE ($1::uuid IS NULL OR a.provider_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
  AND ($3::text IS NULL OR a.state = $3) AND ($4::uuid IS NULL OR a.id < $4)
ORDER BY a.id DESC LIMIT $5
"""  # noqa: S608 - states of our own
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
       a.paid_on, i.claim_id, i.order_id,
       (SELECT v.reference FROM evidence v WHERE v.claim_id = i.claim_id AND v.order_id = i.order_id
        AND v.kind = 'invoice') AS invoice_reference,
       (SELECT v.reference FROM evidence v WHERE v.claim_id = i.claim_id AND v.order_id = i.order_id
        AND v.kind = 'transfer') AS transfer_reference
FROM claim_item i JOIN appropriation a ON a.id = i.appropriation_id JOIN claim c ON c.id = i.claim_id
JOIN order_copy o ON o.order_id = i.order_id
LEFT JOIN party p ON p.organisation_id = c.provider_id LEFT JOIN party e ON e.organisation_id = o.enterprise_id
WHERE i.state IN ('approved', 'paid') AND a.decided_at >= $1 AND a.decided_at < $2
ORDER BY a.serial, c.serial, o.number LIMIT $3
"""


class AppropriationItem(Resource):
    """One order of a request."""

    claim_id: UUID
    order_id: UUID
    order_number: str
    state: str
    claimed_fen: int
    approved_fen: int | None
    approved_reason: str
    marks: Sequence[MarkCard] = ()
    """What stands against paying this order now, and why."""
    overrides: Sequence[OverrideCard] = ()
    """What two people lifted, or were asked to; for staff."""


class AppropriationCard(Resource):
    """A request for appropriation; `items` are empty in a list. Amounts in fen count no order that has left it."""

    id: UUID
    number: str
    provider_id: UUID
    provider_name: str
    provider_suspended: bool
    provider_blacklisted: bool
    provider_closed: bool
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
    acts: Sequence[ActCard] = ()
    """Who had which part in each order; for auditors and the bureau's lead."""

    def without_persons(self) -> "AppropriationCard":
        """The same for whoever may not see which person proposed and decided overrides."""
        plain = [
            item.model_copy(update={"overrides": [card.without_persons() for card in item.overrides]})
            for item in self.items
        ]
        return self.model_copy(update={"items": plain})


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
    invoice_reference: str = ""
    """As it was written when it was filed; so is the transfer's."""
    transfer_reference: str = ""
    marks: Sequence[str] = ()
    """What stands against paying this order now."""
    overrides: Sequence[str] = ()
    """What was lifted for it, by whose approval, why."""
    acts: Sequence[str] = ()
    """Who had which part; for auditors and the bureau's lead, else empty."""


class PaymentsExport(Resource):
    """Every approved or paid order of a year of approval, with totals in fen."""

    year: int
    rows: Sequence[PaymentRow]
    claimed_fen: int
    approved_fen: int
    paid_fen: int

    def without_acts(self) -> "PaymentsExport":
        """The same without who had which part."""
        return self.model_copy(update={"rows": [row.model_copy(update={"acts": ()}) for row in self.rows]})


async def list_appropriations(  # noqa: PLR0913 - the filters of a list
    connection: Connection,
    *,
    provider_id: UUID | None,
    state: str | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Page[AppropriationCard]:
    """A page of requests."""
    rows = await connection.fetch(_APPROPRIATIONS, provider_id, None, state, after, limit + 1, now)
    cards = [AppropriationCard.model_validate(_appropriation_values(row)) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


async def read_appropriation(
    connection: Connection, appropriation_id: UUID, *, provider_id: UUID | None, now: datetime
) -> AppropriationCard:
    """One request with its orders and what stands against them. Raises: NotFound."""
    row = await connection.fetchrow(_APPROPRIATIONS, provider_id, appropriation_id, None, None, 1, now)
    if row is None:
        raise NotFound
    found = await connection.fetch(_APPROPRIATION_ITEMS, appropriation_id)
    against = await read_against(connection, [(item["claim_id"], item["order_id"]) for item in found], now=now)
    items = [
        dict(item)
        | {
            "marks": against.marks(item["claim_id"], item["order_id"], amount_fen=item["claimed_fen"]),
            "overrides": against.overrides(item["claim_id"], item["order_id"]) if provider_id is None else (),
        }
        for item in found
    ]
    return AppropriationCard.model_validate(_appropriation_values(row) | {"items": items})


def _appropriation_values(row: Record) -> dict[str, object]:
    number = appropriation_number(row["serial"], year=business_year(row["requested_at"]))
    return dict(row) | {"number": number}


async def read_payments(connection: Connection, *, year: int, now: datetime) -> PaymentsExport:
    """What was approved in a Beijing year, paid or not yet. Raises: ExportTooLarge. Source: A24, Q22."""
    found = await connection.fetch(_EXPORT, year_closes_at(year - 1), year_closes_at(year), EXPORT_ROWS_MAX + 1)
    if len(found) > EXPORT_ROWS_MAX:
        raise ExportTooLarge(rows_max=EXPORT_ROWS_MAX)
    keys = [(row["claim_id"], row["order_id"]) for row in found]
    against = await read_against(connection, keys, now=now)
    acted = await read_acted_by_order(
        connection, claim_ids={claim_id for claim_id, _ in keys}, order_ids={order_id for _, order_id in keys}
    )
    rows = [
        PaymentRow.model_validate(
            _payment_values(row)
            | {
                "marks": _marks(against, row),
                "overrides": _lifted(against, row),
                "acts": [
                    f"{PART_ZH[act.part]}：{act.account_id}"
                    for act in acted.get((row["claim_id"], row["order_id"]), ())
                ],
            }
        )
        for row in found
    ]
    return PaymentsExport(
        year=year,
        rows=rows,
        claimed_fen=sum(row.claimed_fen for row in rows),
        approved_fen=sum(row.approved_fen for row in rows),
        paid_fen=sum(row.approved_fen for row in rows if row.state == "paid"),
    )


def _marks(against: Against, row: Record) -> list[str]:
    marks = against.marks(row["claim_id"], row["order_id"], amount_fen=row["claimed_fen"])
    return list(dict.fromkeys(mark.text for mark in marks))


def _lifted(against: Against, row: Record) -> list[str]:
    return [
        f"{card.text}：{card.reason}；批准意见：{card.decision_reason}"
        for card in against.overrides(row["claim_id"], row["order_id"])
        if card.state is OverrideState.APPROVED
    ]


def _payment_values(row: Record) -> dict[str, object]:
    requested_year = business_year(row["requested_at"])
    return dict(row) | {
        "invoice_reference": row["invoice_reference"] or "",
        "transfer_reference": row["transfer_reference"] or "",
        "appropriation_number": appropriation_number(row["appropriation_serial"], year=requested_year),
        "claim_number": claim_number(row["claim_serial"], year=business_year(row["created_at"])),
    }


_HEADINGS = (
    "拨付申请号", "兑现申请号", "订单号", "额度年度", "云服务商", "统一社会信用代码", "上云企业",
    "申请金额（元）", "核定金额（元）", "核减理由", "状态", "拨付凭证号", "拨付日期",
    "发票号码", "转账凭证号", "存在情形", "特批", "经办账户",
)  # fmt: skip
_STATE_WORDS = {"approved": "已核定", "paid": "已拨付"}


def payments_csv(export: PaymentsExport) -> str:
    """The export as CSV: headings, one line an order, totals. Amounts in yuan with two places."""
    totals = (Amount(export.claimed_fen), Amount(export.approved_fen), "", "", "已拨付合计", Amount(export.paid_fen))
    last: list[Cell] = ["合计", *[""] * 6, *totals]
    last += [""] * (len(_HEADINGS) - len(last))
    return csv_text([_HEADINGS, *map(_csv_cells, export.rows), last])


def _csv_cells(row: PaymentRow) -> Sequence[Cell]:
    return (
        *(row.appropriation_number, row.claim_number, row.order_number, row.voucher_year),
        *(row.provider_name, row.provider_credit_code, row.enterprise_name),
        *(Amount(row.claimed_fen), Amount(row.approved_fen), row.reason, _STATE_WORDS[row.state]),
        *(row.payment_reference, row.paid_on, row.invoice_reference, row.transfer_reference),
        *("；".join(texts) for texts in (row.marks, row.overrides, row.acts)),
    )
