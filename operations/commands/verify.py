"""verify and reconcile: what does not add up inside a service, and between the services."""

from typing import Any

from operations.commands.base import Call, Subparsers, add_service, command
from operations.crosschecks import check_services, reading_difference
from operations.cursors import own_facts
from operations.differences import LISTED_MAX, Check, signed_yuan
from operations.places import Estate, open_estate, service_names
from operations.report import Code, Progress, Report, table
from operations.walks import PAGE
from services.voucher.proof import Proof, prove

_PARTS = ("left", "earmarked", "available", "held", "committed", "claimed", "redeemed", "taken_back")


def add(commands: Subparsers) -> None:
    """Declare the commands."""
    parser = command(
        commands,
        "verify",
        does="recompute every balance from the postings and every version from the facts of one service",
        examples="verify\nverify --service order --json",
        run=run_verify,
    )
    add_service(parser, required=False, default="voucher")
    command(
        commands,
        "reconcile",
        does="compare the services with each other and name each difference with the command that repairs it",
        examples="reconcile\nreconcile --json",
        run=run_reconcile,
    )


async def run_verify(call: Call) -> Report:
    """The ledger (voucher) and the facts of one service; one row for each violation."""
    name: str = call.given.service
    lines: list[str] = []
    data: dict[str, Any] = {"service": name, "violations": []}
    async with open_estate([name]) as estate:
        if name == "voucher":
            async with estate[name].reading() as connection:
                proof = await prove(connection, told=lambda done, of: call.progress.tell("accounts", done, of))
            lines += _ledger_lines(proof)
            data |= _ledger_data(proof)
        facts, gaps = await _check_facts(estate, name, call.progress)
    call.progress.close()
    lines += gaps
    data["violations"] += [{"check": "facts", "text": text} for text in gaps]
    count = len(data["violations"])
    lines.append(f"{facts:,} aggregates have facts 1, 2, 3 and so on" if not gaps else f"{len(gaps)} aggregates do not")
    lines.append(f"{name}: everything adds up" if not count else f"{name}: {count} violations")
    return Report(lines=lines, data=data, code=Code.DIFFERENCES if count else Code.WELL)


async def _check_facts(estate: Estate, name: str, progress: Progress) -> tuple[int, list[str]]:
    count = 0
    gaps: list[str] = []
    async for one in own_facts(estate, name):
        count += 1
        if count % PAGE == 0:
            progress.tell("aggregates", count)
        if not one.gapless and len(gaps) < LISTED_MAX:
            gaps.append(str(reading_difference(one, kind="facts.gap")))
    return count, gaps


def _ledger_lines(proof: Proof) -> list[str]:
    rows = [
        [plan.year, *(signed_yuan(_posted(proof, plan.plan_id, part)) for part in ("total", *_PARTS))]
        for plan in proof.plans
    ]
    lines = [f"{proof.postings:,} postings, {proof.accounts:,} accounts, {proof.lines:,} order lines (amounts in yuan)"]
    lines += table(("year", "total", *_PARTS), [[str(row[0]), *row[1:]] for row in rows])
    differing = [[one.check, one.subject, one.account, one.stored_fen, one.computed_fen] for one in proof.differences]
    return lines + table(("violation", "subject", "account", "stored fen", "recomputed fen"), differing)


def _posted(proof: Proof, plan_id: Any, part: str) -> int:  # noqa: ANN401 - a plan's id
    fen = proof.posted.get(plan_id, {}).get(part, 0)
    return -fen if part == "total" else fen


def _ledger_data(proof: Proof) -> dict[str, Any]:
    return {
        "postings": proof.postings,
        "accounts": proof.accounts,
        "lines": proof.lines,
        "plans": [{"year": plan.year, **proof.posted.get(plan.plan_id, {})} for plan in proof.plans],
        "violations": [
            {name: getattr(one, name) for name in ("check", "subject", "account", "stored_fen", "computed_fen")}
            for one in proof.differences
        ],
    }


async def run_reconcile(call: Call) -> Report:
    """Every check across the services."""
    async with open_estate(service_names()) as estate:
        checks = await check_services(estate, told=call.progress.tell)
    call.progress.close()
    return reconciled(checks)


def reconciled(checks: list[Check]) -> Report:
    """The checks as an answer."""
    count = sum(check.count for check in checks)
    lines = table(("rule", "examined", "differ"), [[check.title, check.examined, check.count] for check in checks])
    for check in checks:
        lines += [f"  {one}\n    -> {one.repair}" for one in check.differences]
        if check.count > len(check.differences):
            lines.append(f"  ... and {check.count - len(check.differences):,} more of: {check.title}")
    lines.append("the services agree" if not count else f"{count:,} differences")
    data = [
        {
            "rule": check.rule.value,
            "title": check.title,
            "examined": check.examined,
            "count": check.count,
            "differences": [one.as_json() for one in check.differences],
        }
        for check in checks
    ]
    return Report(lines=lines, data={"agree": not count, "checks": data}, code=Code.DIFFERENCES if count else Code.WELL)
