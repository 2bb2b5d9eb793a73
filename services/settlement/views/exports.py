"""The payments of a year or a month for the finance system, streamed in bounded memory. Source: A24, Q22.

The rows of one snapshot come through a cursor, some hundred at a time, and leave as they come. So the totals and the
number of rows stand behind them: an export without its last line, or JSON that does not end, is not complete
(ADR 0032).
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from services.settlement.domain.claims import appropriation_number, claim_number
from services.settlement.domain.persons import PART_ZH
from services.settlement.domain.states import OverrideState
from services.settlement.views.overrides import Against, read_against
from services.settlement.views.persons import read_acted_by_order
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year, day_closes_at
from shared.kernel.spreadsheet import BYTE_ORDER_MARK, Amount, Cell, csv_text
from shared.runtime.sql import DriverConnection, Record

ROWS_AT_ONCE: Final = 500
"""How many rows of an export are in memory at a time."""
EXPORT_S_MAX: Final = 900.0
"""How long an export may take, its caller's reading included; then it ends as an incomplete one."""

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
ORDER BY a.serial, c.serial, o.number
"""


@dataclass(frozen=True, slots=True)
class Period:
    """A Beijing year, or one of its months."""

    year: int
    month: int | None = None

    @property
    def name(self) -> str:
        """As it is written: 2027, or 2027-03."""
        return f"{self.year}" if self.month is None else f"{self.year}-{self.month:02}"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Its first moment, and the first one behind it."""
        first = date(self.year, self.month or 1, 1)
        last = date(self.year, self.month or 12, 28) + timedelta(days=4)
        return day_closes_at(first - timedelta(days=1)), day_closes_at(last - timedelta(days=last.day))


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
    """Every approved or paid order of a year or month of approval, with totals in fen and the number of rows."""

    year: int
    month: str | None
    rows: Sequence[PaymentRow]
    claimed_fen: int
    approved_fen: int
    paid_fen: int
    row_count: int


class ExportTooSlow(Exception):
    """An export has taken longer than one may, mostly because nobody took it in."""


@dataclass(slots=True)
class _Totals:
    """What the last line of an export says; amounts in fen."""

    claimed_fen: int = 0
    approved_fen: int = 0
    paid_fen: int = 0
    row_count: int = 0

    def add(self, rows: Sequence[PaymentRow]) -> None:
        """Count rows that leave."""
        self.claimed_fen += sum(row.claimed_fen for row in rows)
        self.approved_fen += sum(row.approved_fen for row in rows)
        self.paid_fen += sum(row.approved_fen for row in rows if row.state == "paid")
        self.row_count += len(rows)


async def payment_pages(
    connection: DriverConnection, period: Period, *, now: datetime, persons: bool
) -> AsyncIterator[Sequence[PaymentRow]]:
    """What was approved in a period, paid or not yet, in the transaction of the connection; with `persons`, who acted.

    Raises: ExportTooSlow.
    """
    until_s = time.monotonic() + EXPORT_S_MAX
    cursor = await connection.cursor(_EXPORT, *period.bounds)
    while found := await cursor.fetch(ROWS_AT_ONCE):
        yield await _rows(connection, found, now=now, persons=persons)
        if time.monotonic() > until_s:
            raise ExportTooSlow


async def begun(pages: AsyncIterator[Sequence[PaymentRow]]) -> AsyncIterator[Sequence[PaymentRow]]:
    """The same pages with the first one read already: what goes wrong until then is answered as a problem."""
    first = await anext(pages, None)

    async def every() -> AsyncIterator[Sequence[PaymentRow]]:
        if first is not None:
            yield first
            async for page in pages:
                yield page

    return every()


async def _rows(
    connection: DriverConnection, found: Sequence[Record], *, now: datetime, persons: bool
) -> list[PaymentRow]:
    keys = [(row["claim_id"], row["order_id"]) for row in found]
    against = await read_against(connection, keys, now=now)
    claim_ids, order_ids = {claim_id for claim_id, _ in keys}, {order_id for _, order_id in keys}
    acted = await read_acted_by_order(connection, claim_ids=claim_ids, order_ids=order_ids) if persons else {}
    return [
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


async def payments_json(period: Period, pages: AsyncIterator[Sequence[PaymentRow]]) -> AsyncIterator[bytes]:
    """The export as one JSON object, as `PaymentsExport` describes it, in parts."""
    totals = _Totals()
    month = None if period.month is None else period.name
    yield b'{"year":%d,"month":%b,"rows":[' % (period.year, msgspec.json.encode(month))
    async for rows in pages:
        comma = "," if totals.row_count else ""
        totals.add(rows)
        yield (comma + ",".join(row.model_dump_json() for row in rows)).encode()
    last = msgspec.json.encode({name: getattr(totals, name) for name in _Totals.__slots__})
    yield b"]," + last[1:]


_HEADINGS = (
    "拨付申请号", "兑现申请号", "订单号", "额度年度", "云服务商", "统一社会信用代码", "上云企业",
    "申请金额（元）", "核定金额（元）", "核减理由", "状态", "拨付凭证号", "拨付日期",
    "发票号码", "转账凭证号", "存在情形", "特批", "经办账户",
)  # fmt: skip
_STATE_WORDS = {"approved": "已核定", "paid": "已拨付"}


async def payments_csv(pages: AsyncIterator[Sequence[PaymentRow]], *, marked: bool = False) -> AsyncIterator[bytes]:
    """The export as CSV in parts: headings, one line an order, totals and the number of rows.

    Amounts are in yuan with two places; with `marked`, a byte order mark comes first.
    """
    totals, width = _Totals(), len(_HEADINGS)
    yield ((BYTE_ORDER_MARK if marked else "") + csv_text([_HEADINGS])).encode()
    async for rows in pages:
        totals.add(rows)
        yield csv_text(map(_csv_cells, rows), width=width).encode()
    sums = (Amount(totals.claimed_fen), Amount(totals.approved_fen), "", "", "已拨付合计", Amount(totals.paid_fen))
    last: list[Cell] = ["合计", f"共 {totals.row_count} 行", *[""] * 5, *sums]
    last += [""] * (width - len(last))
    yield csv_text([last], width=width).encode()


def _csv_cells(row: PaymentRow) -> Sequence[Cell]:
    return (
        *(row.appropriation_number, row.claim_number, row.order_number, row.voucher_year),
        *(row.provider_name, row.provider_credit_code, row.enterprise_name),
        *(Amount(row.claimed_fen), Amount(row.approved_fen), row.reason, _STATE_WORDS[row.state]),
        *(row.payment_reference, row.paid_on, row.invoice_reference, row.transfer_reference),
        *("；".join(texts) for texts in (row.marks, row.overrides, row.acts)),
    )
