"""The export for the finance system. Source: A24, Q22."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import StreamingResponse

from services.settlement.api.reads import record_read
from services.settlement.api.scopes import Reader
from services.settlement.views import exports as views
from services.settlement.views.exports import Period
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Reporting, require, runtime_of
from shared.runtime.work import BadRequest

router = APIRouter(tags=["资金拨付"])

Exporter = Annotated[Principal, Depends(require(Permission.SETTLEMENT_EXPORT_MAKE))]


def period_of(year: int | None, month: str | None) -> Period:
    """The year, or the month, which may name its year as well. Raises: BadRequest."""
    if month is None:
        if year is None:
            raise BadRequest(reason="须指定年度或月份", pointer="/year")
        return Period(year)
    period = Period(*map(int, month.split("-")))
    if year is not None and year != period.year:
        raise BadRequest(reason="月份不在所指定的年度内", pointer="/month")
    return period


@router.get(
    "/exports/payments",
    response_model=views.PaymentsExport,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="导出拨付清单",
)
async def export_payments(  # noqa: PLR0913 - the filters of an export
    *,
    request: Request,
    exporter: Exporter,
    connection: Reporting,
    year: Annotated[int | None, Query(ge=2018, le=2100)] = None,
    month: Annotated[str | None, Query(pattern=r"^20(1[89]|[2-9]\d)-(0[1-9]|1[0-2])$")] = None,
    form: Annotated[Literal["json", "csv", "csv_bom"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """What was approved in a year or month, paid or not yet; `csv_bom` begins with a byte order mark for spreadsheets.

    It is streamed. An export that ends without its totals and its number of rows is not complete.
    """
    period = period_of(year, month)
    reader = Reader(exporter, None)
    async with runtime_of(request).work() as work:
        now = work.now
        await record_read(work, reader, what="export", kind=f"payments-{period.name}")
    pages = await views.begun(views.payment_pages(connection, period, now=now, persons=reader.sees_persons))
    if form == "json":
        return StreamingResponse(views.payments_json(period, pages), media_type="application/json")
    return StreamingResponse(
        views.payments_csv(pages, marked=form == "csv_bom"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="payments-{period.name}.csv"'},
    )
