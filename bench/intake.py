"""Opening day: a thousand clients apply in the same moment, the money ends on the way, nobody gets a fen too much."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import msgspec

from bench.audit import Ledgers
from bench.load import Connection, connect, header_lines, post
from bench.machine import cpu_by_name
from bench.market import Market, Size, declaration_version, open_market
from bench.purchases import percentile
from bench.report import Figure, Report, at_least, at_most
from bench.seed import CAP_FEN
from embedded.child import HOST
from shared.contracts.permissions import Role

PATH = b"/api/voucher/v1/applications"
ASKED_FEN = CAP_FEN // 2
FUNDED_SHARE = 0.6
WARM_UP = 500
DECIDED_S = 30.0
_DECISIONS = """
SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - received_at))::float8
FROM application
"""
_BUDGET = """
SELECT p.left_fen, p.decided_to, c.last_ticket_no, (SELECT count(*) FROM application) AS tickets,
       (SELECT COALESCE(sum(granted_fen + earmarked_fen), 0) FROM quota_account)::bigint AS given_fen, p.total_fen
FROM plan p JOIN intake_counter c ON c.plan_id = p.id
"""


@dataclass(slots=True)
class Received:
    """What the applicants saw; seconds."""

    receipts_s: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)


async def measure(report: Report, *, applications: int, clients: int, rabbitmq_url: str | None) -> None:
    """One opening day. Raises: RuntimeError when an application failed or the money does not add up."""
    total_fen = int((applications + WARM_UP) * FUNDED_SHARE) * ASKED_FEN + ASKED_FEN // 3
    size = Size(enterprises=applications + WARM_UP, providers=1, grant_fen=0, total_fen=total_fen)
    async with (
        open_market(size, rabbitmq_url=rabbitmq_url) as market,
        Ledgers(market.platform.databases, seeded=market.seeded) as ledgers,
    ):
        await ledgers.until_settled()
        requests = _requests(market)
        await _apply(market, requests[:WARM_UP], clients=WARM_UP)
        await _until_decided(ledgers)
        await ledgers.until_settled()
        # No statistics are gathered: at an opening the tables are as good as empty, and the first plans are kept.
        report.add_all(await _open(market, ledgers, requests[WARM_UP:], clients=clients))


def _requests(market: Market) -> list[bytes]:
    """One encoded application for each enterprise, with its own token."""
    body = msgspec.json.encode(
        {
            "plan_id": UUID(market.plan_id),
            "amount_fen": ASKED_FEN,
            "truth_declaration_version": declaration_version(),
        }
    )
    return [
        post(PATH, fixed=_fixed(market, enterprise), key=uuid4().hex.encode(), body=body)
        for enterprise in market.people.enterprises
    ]


def _fixed(market: Market, enterprise: UUID) -> bytes:
    bearer = market.tokens.bearer(enterprise, Role.ENTERPRISE, service="voucher")
    return header_lines({"authorization": bearer, "content-type": "application/json"})


async def _open(market: Market, ledgers: Ledgers, requests: Sequence[bytes], *, clients: int) -> Sequence[Figure]:
    cpu_before = {**cpu_by_name(market.platform.roots), "load generator": time.process_time()}
    began = time.perf_counter()
    received = await _apply(market, requests, clients=clients)
    took_s = time.perf_counter() - began
    tail_s = await _until_decided(ledgers)
    cpu = {**cpu_by_name(market.platform.roots), "load generator": time.process_time()}
    await ledgers.until_settled()
    violations = [f"{times} x {what}" for what, times in received.problems.items()]
    violations += await ledgers.violations() + await _over(ledgers)
    if violations:
        raise RuntimeError(f"the intake's run does not count: {'; '.join(violations[:10])}")
    done = len(received.receipts_s)
    decided_s: float = await ledgers.of("voucher").fetchval(_DECISIONS)
    return [
        Figure(f"intake, {clients} clients", "applications/s", done / took_s, at_least(2_200)),
        Figure("intake: receipt p50", "ms", percentile(received.receipts_s, 0.5) * 1_000),
        Figure("intake: receipt p99", "ms", percentile(received.receipts_s, 0.99) * 1_000, at_most(500)),
        Figure("intake: arrival to decision p99", "s", decided_s, at_most(1.0)),
        Figure("intake: last receipt to last decision", "s", tail_s, at_most(1.0)),
        Figure("intake: CPU", "s per 1,000", (sum(cpu.values()) - sum(cpu_before.values())) * 1_000 / max(1, done)),
        Figure("intake: audit violations", "", 0.0, at_most(0)),
    ]


async def _apply(market: Market, requests: Sequence[bytes], *, clients: int) -> Received:
    received, waiting = Received(), iter(requests)
    port = market.platform.ports["voucher"]
    connections = [await connect(HOST, port) for _ in range(clients)]

    async def applying(connection: Connection) -> None:
        for request in waiting:
            began = time.perf_counter()
            answer = await connection.send(request)
            if answer.status == 201:
                received.receipts_s.append(time.perf_counter() - began)
            else:
                received.problems[f"apply {answer.status} {answer.body[:200].decode(errors='replace')}"] += 1

    await asyncio.gather(*(applying(connection) for connection in connections))
    for connection in connections:
        connection.close()
    return received


async def _until_decided(ledgers: Ledgers) -> float:
    """Seconds from now until every ticket is decided. Raises: TimeoutError."""
    began = time.perf_counter()
    while time.perf_counter() < began + DECIDED_S:
        row = await ledgers.of("voucher").fetchrow(_BUDGET)
        if row["decided_to"] == row["last_ticket_no"]:
            return time.perf_counter() - began
        await asyncio.sleep(0.02)
    raise TimeoutError(f"not all tickets were decided within {DECIDED_S:.0f} s")


async def _over(ledgers: Ledgers) -> list[str]:
    """Numbers without a gap, and not one fen over the plan."""
    row = await ledgers.of("voucher").fetchrow(_BUDGET)
    found = []
    if row["tickets"] != row["last_ticket_no"]:
        found.append(f"{row['tickets']} tickets, the last has number {row['last_ticket_no']}")
    if row["left_fen"] + row["given_fen"] != row["total_fen"] or row["left_fen"] != 0:
        found.append(f"{row['given_fen']} fen given and {row['left_fen']} left of {row['total_fen']}")
    return found
