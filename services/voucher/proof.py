"""Recomputes every balance from the postings and lists each difference. Source: I1, I2, I4.

Set-based SQL over pages of quota accounts in one read-only snapshot; nothing is corrected here. What the service keeps
of it from one audit to the next is in `audit` (ADR 0032).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.voucher.domain.states import NEVER_PUBLISHED, LedgerAccount
from shared.runtime.sql import Connection, DriverConnection, Record

DIFFERENCES_MAX = 1_000
PAGE_ACCOUNTS = 2_000
FIRST_ID = UUID(int=0)
LAST_ID = UUID(int=2**128 - 1)
"""Every id of an account lies behind the first and not behind the last."""

BALANCES = [account.value for account in LedgerAccount if account not in {LedgerAccount.TOTAL, LedgerAccount.LEFT}]

_UNPUBLISHED = ", ".join(f"'{state}'" for state in NEVER_PUBLISHED)

_PLANS = """
SELECT p.id, p.year, p.total_fen, p.left_fen, p.earmarked_fen, {sums},
       p.left_fen + {sum_of_all} AS accounted_fen
FROM plan p LEFT JOIN (SELECT plan_id, {aggregates} FROM quota_account GROUP BY plan_id) s ON s.plan_id = p.id
WHERE p.state NOT IN ({unpublished}) ORDER BY p.year
""".format(  # noqa: S608 - names of our own enum
    unpublished=_UNPUBLISHED,
    sums=", ".join(f"COALESCE(s.{name}_fen, 0)::bigint AS sum_{name}_fen" for name in BALANCES),
    sum_of_all=" + ".join(f"COALESCE(s.{name}_fen, 0)::bigint" for name in BALANCES),
    aggregates=", ".join(f"sum({name}_fen) AS {name}_fen" for name in BALANCES),
)
# Each statement below sees the accounts of one page only, so that neither side ever holds the whole ledger.
_PAGE = "SELECT id FROM quota_account WHERE id > $1 ORDER BY id LIMIT $2"
_POSTED_ON_PLANS = """
SELECT plan_id, account, sum(fen)::bigint AS fen, sum(credits)::bigint AS postings FROM (
    SELECT plan_id, credit_account AS account, amount_fen AS fen, 1 AS credits FROM posting WHERE {which}
    UNION ALL SELECT plan_id, debit_account, -amount_fen, 0 FROM posting WHERE {which}
) moved GROUP BY plan_id, account
"""
_POSTED_BY_ACCOUNTS = _POSTED_ON_PLANS.format(which="quota_account_id = ANY($1::uuid[])")
_POSTED_BY_PLANS = _POSTED_ON_PLANS.format(which="quota_account_id IS NULL")
_STORED_ON_PLANS = f"""
SELECT id AS subject, 'left' AS account, left_fen AS stored_fen FROM plan
UNION ALL SELECT id, 'earmarked', earmarked_fen FROM plan
UNION ALL SELECT id, 'total', -total_fen FROM plan WHERE state NOT IN ({_UNPUBLISHED}) ORDER BY 1, 2
"""  # noqa: S608 - as above
_STRAYS = """
SELECT p.quota_account_id AS subject, 'no such account' AS account, 0::bigint AS stored_fen,
       sum(p.amount_fen)::bigint AS posted_fen
FROM posting p WHERE p.quota_account_id > $1 AND p.quota_account_id <= $2
    AND NOT EXISTS (SELECT FROM quota_account a WHERE a.id = p.quota_account_id)
GROUP BY 1 ORDER BY 1 LIMIT $3
"""
_OF_OTHER_PLANS = """
SELECT a.id AS subject, 'postings of another plan' AS account, 0::bigint AS stored_fen,
       sum(p.amount_fen)::bigint AS posted_fen
FROM quota_account a JOIN posting p ON p.quota_account_id = a.id
WHERE a.id = ANY($1::uuid[]) AND p.plan_id <> a.plan_id GROUP BY 1 ORDER BY 1 LIMIT $2
"""
_ACCOUNT_POSTINGS = """
WITH moved AS (
    SELECT quota_account_id AS id, credit_account AS account, amount_fen FROM posting
    WHERE quota_account_id = ANY($1::uuid[])
    UNION ALL
    SELECT quota_account_id, debit_account, -amount_fen FROM posting WHERE quota_account_id = ANY($1::uuid[])
), posted AS (
    SELECT id, account, sum(amount_fen)::bigint AS fen FROM moved WHERE account <> 'left' GROUP BY id, account
), flows AS (
    SELECT quota_account_id AS id, movement AS account, sum(amount_fen)::bigint AS fen FROM posting
    WHERE quota_account_id = ANY($1::uuid[])
        AND (movement = 'grant' OR (movement = 'revoke' AND credit_account = 'left')) GROUP BY 1, 2
), stored AS (
    SELECT a.id, v.account, v.fen FROM quota_account a CROSS JOIN LATERAL (VALUES {values}) AS v(account, fen)
    WHERE a.id = ANY($1::uuid[])
)
SELECT COALESCE(s.id, p.id) AS subject, COALESCE(s.account, p.account) AS account,
       COALESCE(s.fen, 0) AS stored_fen, COALESCE(p.fen, 0) AS posted_fen
FROM stored s FULL JOIN (SELECT * FROM posted UNION ALL SELECT * FROM flows) p ON p.id = s.id AND p.account = s.account
WHERE COALESCE(s.fen, 0) <> COALESCE(p.fen, 0) ORDER BY 1, 2 LIMIT $2
""".format(  # noqa: S608 - names of our own enum
    values=", ".join(
        [f"('{name}', a.{name}_fen)" for name in BALANCES] + ["('grant', a.granted_fen)", "('revoke', a.revoked_fen)"]
    )
)
_LINES = """
WITH flow AS (
    SELECT order_id, line,
           sum(amount_fen) FILTER (WHERE movement = 'hold') AS held,
           sum(amount_fen) FILTER (WHERE movement = 'release') AS released,
           sum(amount_fen) FILTER (WHERE movement = 'commit') AS committed,
           sum(amount_fen) FILTER (WHERE movement = 'refund') AS refunded,
           sum(amount_fen) FILTER (WHERE movement = 'claim') AS claimed,
           sum(amount_fen) FILTER (WHERE movement = 'unclaim') AS unclaimed,
           sum(amount_fen) FILTER (WHERE movement = 'redeem') AS redeemed,
           sum(amount_fen) FILTER (WHERE movement = 'short') AS short
    FROM posting WHERE quota_account_id = ANY($1::uuid[]) AND order_id IS NOT NULL GROUP BY order_id, line
), line AS (
    SELECT h.quota_account_id, l.order_id, l.line, l.amount_fen, l.state, l.paid_fen, l.short_fen,
           COALESCE(f.held, 0) AS held, COALESCE(f.released, 0) AS released, COALESCE(f.committed, 0) AS committed,
           COALESCE(f.refunded, 0) AS refunded, COALESCE(f.claimed, 0) AS claimed,
           COALESCE(f.unclaimed, 0) AS unclaimed, COALESCE(f.redeemed, 0) AS redeemed, COALESCE(f.short, 0) AS short
    FROM hold h JOIN hold_line l ON l.order_id = h.order_id
    LEFT JOIN flow f ON f.order_id = l.order_id AND f.line = l.line
    WHERE h.quota_account_id = ANY($1::uuid[])
)
SELECT quota_account_id AS of_account, order_id AS subject, 'line ' || line || ' ' || state AS account,
       amount_fen::bigint AS stored_fen, held::bigint AS posted_fen
FROM line WHERE held <> amount_fen
   OR held - released - committed <> CASE WHEN state = 'held' THEN amount_fen ELSE 0 END
   OR committed - refunded - claimed + unclaimed <> CASE WHEN state = 'committed' THEN amount_fen ELSE 0 END
   OR claimed - unclaimed - redeemed - short <> CASE WHEN state = 'claimed' THEN amount_fen ELSE 0 END
   OR (refunded > 0 AND redeemed + short > 0) OR redeemed <> paid_fen OR short <> short_fen
ORDER BY order_id, line LIMIT $2
"""
_HELD = """
SELECT a.id AS subject, v.account, v.fen AS stored_fen, COALESCE(l.fen, 0)::bigint AS posted_fen
FROM quota_account a
CROSS JOIN LATERAL (VALUES ('held', a.held_fen), ('committed', a.committed_fen), ('claimed', a.claimed_fen))
    AS v(account, fen)
LEFT JOIN (
    SELECT h.quota_account_id AS id, l.state, sum(l.amount_fen) AS fen
    FROM hold h JOIN hold_line l ON l.order_id = h.order_id WHERE h.quota_account_id = ANY($1::uuid[]) GROUP BY 1, 2
) l ON l.id = a.id AND l.state = v.account
WHERE a.id = ANY($1::uuid[]) AND v.fen <> COALESCE(l.fen, 0) ORDER BY 1, 2 LIMIT $2
"""
_APPLICATIONS = """
SELECT a.id AS subject, 'earmarked of applications' AS account, a.earmarked_fen AS stored_fen,
       COALESCE(sum(p.earmarked_fen), 0)::bigint AS posted_fen
FROM quota_account a LEFT JOIN application p ON p.enterprise_id = a.enterprise_id AND p.plan_id = a.plan_id
WHERE a.id = ANY($1::uuid[]) GROUP BY a.id HAVING a.earmarked_fen <> COALESCE(sum(p.earmarked_fen), 0)
ORDER BY 1 LIMIT $2
"""
_CAPS = """
SELECT id AS subject, 'cap' AS account, cap_fen AS stored_fen, earmarked_fen + granted_fen - revoked_fen AS posted_fen
FROM quota_account
WHERE id = ANY($1::uuid[]) AND earmarked_fen + granted_fen - revoked_fen > cap_fen ORDER BY 1 LIMIT $2
"""
_COUNT = "SELECT (SELECT count(*) FROM quota_account) AS accounts, (SELECT count(*) FROM hold_line) AS lines"


class PlanSum(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's equation: total = left + all balances of its accounts, in fen."""

    plan_id: UUID
    year: int
    total_fen: int
    left_fen: int
    earmarked_fen: int
    available_fen: int
    held_fen: int
    committed_fen: int
    claimed_fen: int
    redeemed_fen: int
    taken_back_fen: int
    balanced: bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not add up: which check, about what, and both figures in fen."""

    check: str
    subject: UUID
    account: str
    stored_fen: int
    computed_fen: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report; `holds` when nothing differs. At most 1,000 differences a check are listed."""

    holds: bool
    plans: tuple[PlanSum, ...]
    differences: tuple[Difference, ...]
    posted: Mapping[UUID, Mapping[str, int]]
    """Each plan's accounts as the postings make them, in fen."""
    accounts: int
    postings: int
    lines: int


_CHECKS = (
    ("account_balance_equals_postings", _ACCOUNT_POSTINGS),
    ("account_balance_equals_postings", _OF_OTHER_PLANS),
    ("line_flow", _LINES),
    ("account_balance_equals_lines", _HELD),
    ("account_earmark_equals_applications", _APPLICATIONS),
    ("cap", _CAPS),
)


class AccountFinding(NamedTuple):
    """A difference, and the quota account whose proof found it."""

    quota_account_id: UUID
    difference: Difference


async def check_accounts(connection: Connection, ids: Sequence[UUID]) -> list[AccountFinding]:
    """What does not add up in these quota accounts; the caller sees to one snapshot. At most 1,000 a check."""
    found: list[AccountFinding] = []
    for check, statement in _CHECKS:
        rows = await connection.fetch(statement, ids, DIFFERENCES_MAX)
        found += [AccountFinding(row.get("of_account", row["subject"]), _difference(check, row)) for row in rows]
    return found


async def check_strays(connection: Connection, *, after: UUID, through: UUID) -> list[AccountFinding]:
    """Postings of quota accounts that do not exist, among the ids behind the first and up to the second."""
    rows = await connection.fetch(_STRAYS, after, through, DIFFERENCES_MAX)
    return [AccountFinding(row["subject"], _difference("account_balance_equals_postings", row)) for row in rows]


async def check_plans(
    connection: Connection, posted: Mapping[UUID, Mapping[str, int]]
) -> tuple[tuple[PlanSum, ...], list[Difference]]:
    """Each plan's equation, and where plans differ from it or from what is `posted` on them, in fen by account."""
    plans = tuple([_plan_sum(row) for row in await connection.fetch(_PLANS)])
    found = [
        Difference(
            check="plan_total", subject=plan.plan_id, account="total", stored_fen=plan.total_fen,
            computed_fen=plan.left_fen + sum(getattr(plan, f"{name}_fen") for name in BALANCES),
        )
        for plan in plans
        if not plan.balanced
    ]  # fmt: skip
    stored = [
        dict(row) | {"posted_fen": posted.get(row["subject"], {}).get(row["account"], 0)}
        for row in await connection.fetch(_STORED_ON_PLANS)
    ]
    differing = [row for row in stored if row["stored_fen"] != row["posted_fen"]][:DIFFERENCES_MAX]
    return plans, [*found, *(_difference("plan_balance_equals_postings", row) for row in differing)]


async def posted_on_plans(connection: Connection) -> list[Record]:
    """What postings without a quota account move, by plan and account, in fen."""
    return await connection.fetch(_POSTED_BY_PLANS)


class _Findings:
    """What one run has found: differences up to a bound for each check, and what is posted on each plan."""

    def __init__(self) -> None:
        self.differences: dict[str, list[Difference]] = defaultdict(list)
        self.posted: dict[UUID, dict[str, int]] = defaultdict(dict)
        self.postings = 0

    def add_posted(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            plan = self.posted[row["plan_id"]]
            plan[row["account"]] = plan.get(row["account"], 0) + row["fen"]
            self.postings += row["postings"]

    def keep(self, differences: Iterable[Difference]) -> None:
        for one in differences:
            found = self.differences[one.check]
            if len(found) < DIFFERENCES_MAX:
                found.append(one)


async def prove(connection: DriverConnection, *, told: Callable[[int, int], None] | None = None) -> Proof:
    """Prove I1, I2 and I4 in one snapshot, a page of accounts at a time. Opens a transaction of its own.

    `told` hears how many accounts were proved, and how many there are.
    """
    found = _Findings()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        counts = await connection.fetchrow(_COUNT)
        await _prove_accounts(connection, found, told=told, total=counts["accounts"])
        found.add_posted(await posted_on_plans(connection))
        plans, differing = await check_plans(connection, found.posted)
        found.keep(differing)
    differences = tuple(one for listed in found.differences.values() for one in listed)
    return Proof(
        holds=not differences,
        plans=plans,
        differences=differences,
        posted=found.posted,
        accounts=counts["accounts"],
        postings=found.postings,
        lines=counts["lines"],
    )


async def _prove_accounts(
    connection: DriverConnection, found: _Findings, *, told: Callable[[int, int], None] | None, total: int
) -> None:
    done, after = 0, FIRST_ID
    while page := [row["id"] for row in await connection.fetch(_PAGE, after, PAGE_ACCOUNTS)]:
        found.add_posted(await connection.fetch(_POSTED_BY_ACCOUNTS, page))
        found.keep(finding.difference for finding in await check_accounts(connection, page))
        done, after = done + len(page), page[-1]
        if told is not None:
            told(done, total)
    found.keep(finding.difference for finding in await check_strays(connection, after=FIRST_ID, through=LAST_ID))


def _difference(check: str, row: Mapping[str, Any]) -> Difference:
    return Difference(
        check=check,
        subject=row["subject"],
        account=row["account"],
        stored_fen=row["stored_fen"],
        computed_fen=row["posted_fen"],
    )


def _plan_sum(row: dict[str, object]) -> PlanSum:
    balances = {f"{name}_fen": row[f"sum_{name}_fen"] for name in BALANCES}
    return PlanSum(
        plan_id=row["id"],  # type: ignore[arg-type]
        year=row["year"],  # type: ignore[arg-type]
        total_fen=row["total_fen"],  # type: ignore[arg-type]
        left_fen=row["left_fen"],  # type: ignore[arg-type]
        balanced=row["total_fen"] == row["accounted_fen"] and row["earmarked_fen"] == row["sum_earmarked_fen"],
        **balances,  # type: ignore[arg-type]
    )
