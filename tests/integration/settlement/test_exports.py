"""The export for finance is streamed: any number of rows in bounded memory, by year or month, and never half a one."""

import asyncio
import csv
import datetime as dt
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.settlement.service import SERVICE
from services.settlement.views import exports
from services.settlement.views.exports import Period
from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from shared.runtime.host.host import listen, serve
from shared.runtime.http.protocol import ConnectionBounds, JoiningProtocol
from shared.runtime.service.runtime import Runtime
from tests.factories.harness import open_platform
from tests.factories.settlement import BASE, Flow

# Orders that were approved, a hundred to a request and to a claim.
_APPROVED = """
WITH numbered AS (SELECT n, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id,
                         ('00000000-0000-7000-8001-' || lpad((n / 100)::text, 12, '0'))::uuid AS of_id
                  FROM generate_series(1, $1) n),
     requests AS (
        INSERT INTO appropriation (id, provider_id, state, version, declaration_version, requested_at, decided_at,
                                   approved_fen, state_since)
        SELECT DISTINCT of_id, '{provider}'::uuid, 'approved', 2, '1.0.0', $2::timestamptz, $2::timestamptz, 1,
                        $2::timestamptz FROM numbered RETURNING id),
     claims AS (
        INSERT INTO claim (id, provider_id, state, version, created_at, filed_at, window_closes_at, state_since)
        SELECT DISTINCT of_id, '{provider}'::uuid, 'approved', 2, $2::timestamptz, $2::timestamptz, $2::timestamptz,
                        $2::timestamptz FROM numbered RETURNING id),
     orders AS (
        INSERT INTO order_copy (order_id, number, enterprise_id, provider_id, year, state, lines, fee_fen, voucher_fen,
                                placed_at, version)
        SELECT id, 'DD' || n, '{provider}'::uuid, '{provider}'::uuid, 2030, 'claimed', '[]', 600, 300,
               $2::timestamptz, 1 FROM numbered RETURNING order_id)
INSERT INTO claim_item (claim_id, order_id, state, voucher_fen, appropriation_id, approved_fen)
SELECT of_id, id, 'approved', 300, of_id, 300 FROM numbered
WHERE (SELECT count(*) FROM requests) + (SELECT count(*) FROM claims) + (SELECT count(*) FROM orders) > 0
""".format(provider="01900000-0000-7000-8000-000000000001")  # noqa: S608 - an id of our own
MARCH = dt.datetime(2027, 3, 31, 15, 59, tzinfo=dt.UTC)
YEAR = "/exports/payments?year=2027"


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    """A settlement service alone."""
    async with open_platform([SERVICE], fresh_database) as platform:
        yield Flow(platform)


def settlement(flow: Flow) -> Runtime:
    """The running service."""
    return flow.platform.runtime("settlement")


async def approved(flow: Flow, rows: int, *, at: dt.datetime = MARCH) -> None:
    """So many approved orders."""
    async with settlement(flow).pool.acquire() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_APPROVED, rows, at, timeout=120)
        await connection.execute("SET session_replication_role = origin")


@asynccontextmanager
async def served(flow: Flow) -> AsyncIterator[int]:
    """The port of the service over TCP."""
    stopping = asyncio.Event()
    listener = listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(flow.platform.host, listener, stopping=stopping))
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        await serving


@pytest.mark.requirement("R80")
async def test_sixty_thousand_rows_leave_and_five_hundred_are_in_memory(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved(flow, 60_000)
    at_a_time: list[int] = []
    rows_of = exports._rows

    async def counted(connection: Any, found: Sequence[Any], **others: Any) -> Any:
        at_a_time.append(len(found))
        return await rows_of(connection, found, **others)

    monkeypatch.setattr(exports, "_rows", counted)
    answer = await flow.call("GET", f"{YEAR}&format=csv", role=Role.FINANCE)
    assert answer.status_code == 200
    lines = list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))
    assert len(lines) == 60_002
    assert {len(line) for line in lines} == {18}
    assert lines[-1][:2] == ["合计", "共 60000 行"]
    assert lines[-1][7] == "180000.00"
    assert (max(at_a_time), sum(at_a_time)) == (500, 60_000)


async def test_a_month_is_the_month_of_approval_in_beijing(flow: Flow) -> None:
    await approved(flow, 3)
    for query, rows in (
        ("month=2027-03", 3),
        ("year=2027&month=2027-03&format=json", 3),
        ("month=2027-04", 0),
        ("year=2027", 3),
        ("year=2026", 0),
    ):
        export = (await flow.call("GET", f"/exports/payments?{query}", role=Role.AUDITOR)).json()
        assert (len(export["rows"]), export["row_count"]) == (rows, rows), query
        assert export["month"] == ("2027-03" if "03" in query else "2027-04" if "04" in query else None)
    sheet = await flow.call("GET", "/exports/payments?month=2027-03&format=csv", role=Role.AUDITOR)
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="payments-2027-03.csv"'
    async with settlement(flow).reading() as connection:
        kinds = await connection.fetch("SELECT DISTINCT kind FROM evidence_read WHERE what = 'export'")
    assert {row["kind"] for row in kinds} == {"payments-2026", "payments-2027", "payments-2027-03", "payments-2027-04"}


async def test_a_period_is_a_year_or_a_month_of_it(flow: Flow) -> None:
    for query in ("", "?year=2026&month=2027-03", "?month=2027-13", "?month=2027", "?month=2017-12"):
        answer = await flow.call("GET", f"/exports/payments{query}", role=Role.FINANCE)
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed"), query


def test_the_months_of_a_year_are_the_year() -> None:
    months = [Period(2028, month).bounds for month in range(1, 13)]
    assert [ends for _, ends in months[:-1]] == [begins for begins, _ in months[1:]]
    assert (months[0][0], months[-1][1]) == Period(2028).bounds == (year_closes_at(2027), year_closes_at(2028))


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_an_export_that_breaks_in_the_middle_does_not_look_complete(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    await approved(flow, 1_500)
    read_against = exports.read_against
    pages: list[int] = []

    async def breaking(connection: Any, items: Sequence[Any], **others: Any) -> Any:
        pages.append(len(items))
        if len(pages) == 3:
            raise ConnectionError("the database went away")
        return await read_against(connection, items, **others)

    monkeypatch.setattr(exports, "read_against", breaking)
    headers = flow.platform.headers(Role.FINANCE)
    received = bytearray()

    async def receive(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"{BASE}{YEAR}&format={form}", headers=headers) as answer:
            assert answer.status_code == 200
            async for part in answer.aiter_bytes():
                received.extend(part)

    async with served(flow) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await receive(client)
    assert received.count(b"DD") == 1_000
    assert b"row_count" not in received
    assert "合计".encode() not in received
    await until_free(flow)


async def test_what_breaks_before_the_first_row_is_a_problem(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    await approved(flow, 1)

    async def broken(*_: object, **__: object) -> None:
        raise ConnectionError("the database went away")

    monkeypatch.setattr(exports, "read_against", broken)
    answer = await flow.call("GET", YEAR, role=Role.FINANCE)
    assert (answer.status_code, answer.json()["code"]) == (503, "service.unavailable")
    await until_free(flow)


async def test_an_export_that_nobody_takes_in_ends_and_gives_its_connection_back(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved(flow, 1_500)
    monkeypatch.setattr(exports, "EXPORT_S_MAX", 0.0)
    headers = flow.platform.headers(Role.FINANCE)
    async with served(flow) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{BASE}{YEAR}", headers=headers)
        await until_free(flow)


async def test_a_caller_that_goes_away_frees_the_connection(flow: Flow) -> None:
    await approved(flow, 30_000)
    headers = flow.platform.headers(Role.FINANCE)
    async with served(flow) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async with client.stream("GET", f"{BASE}{YEAR}&format=csv", headers=headers) as answer:
            assert answer.status_code == 200
            assert settlement(flow).reads.reports == 1
        await until_free(flow)
    again = await flow.call("GET", "/exports/payments?month=2027-04", role=Role.FINANCE)
    assert again.json()["row_count"] == 0


async def test_a_caller_that_stays_and_reads_nothing_is_ended(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    await approved(flow, 60_000)
    monkeypatch.setattr(JoiningProtocol, "bounds", ConnectionBounds(window_s=0.3))
    token = flow.platform.headers(Role.FINANCE)["Authorization"]
    async with served(flow) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(f"GET {BASE}{YEAR} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n".encode())
        await reader.readexactly(1)
        assert settlement(flow).reads.reports == 1
        await until_free(flow)
        writer.close()


async def until_free(flow: Flow) -> None:
    """Wait until no report holds a connection and every connection is idle."""
    reads = settlement(flow).reads
    async with asyncio.timeout(20):
        while reads.reports or reads.pool.get_idle_size() < reads.pool.get_size():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
