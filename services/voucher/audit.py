"""The proof as the service carries it on: what moved since it was proved is proved again, the rest is known.

A quota account is proved again from its first posting when its version or a balance is not what its postings came to
the last time, and while something about it does not add up. So no watermark in the ids of postings is needed, which
follow business time and not commits; an account and its postings are written by one transaction and read in one
snapshot. What an audit that reads on cannot see is an old posting, line or application that was changed by hand while
its account stood still: that is what the whole proof is for (ADR 0032).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.voucher.domain.states import LedgerAccount
from services.voucher.proof import (
    FIRST_ID,
    AccountFinding,
    Difference,
    PlanSum,
    check_accounts,
    check_plans,
    posted_on_plans,
)
from shared.runtime.sql import Connection, Record

PAGE_ACCOUNTS = 500
PAGE_POSTINGS = 20_000
"""A page of accounts has about so many postings at most, or is one account."""
_UNKNOWN_POSTINGS = 400
"""How many postings are expected of an account that was never proved."""

_LEDGER = [account.value for account in LedgerAccount]
BALANCES = ("granted_fen", "revoked_fen", *(f"{name}_fen" for name in _LEDGER))
"""What is kept of an account; the plan's own two, total and left, are what its postings moved there."""
_STORED = [name for name in BALANCES if name not in {"total_fen", "left_fen"}]

_PAGE = """
SELECT a.id, COALESCE(k.postings, $3::bigint) AS postings
FROM quota_account a LEFT JOIN proved_account k ON k.quota_account_id = a.id
WHERE a.id > $1 {moved} ORDER BY a.id LIMIT $2
"""
_MOVED = """AND (k.quota_account_id IS NULL OR NOT k.sound
    OR (a.version, a.plan_id, {stored}) IS DISTINCT FROM (k.version, k.plan_id, {kept}))""".format(
    stored=", ".join(f"a.{name}" for name in _STORED), kept=", ".join(f"k.{name}" for name in _STORED)
)
_PAGE_OF_ALL, _PAGE_OF_MOVED = _PAGE.format(moved=""), _PAGE.format(moved=_MOVED)
_ADD_UP = """
SELECT a.id AS quota_account_id, a.plan_id, a.version, COALESCE(p.postings, 0) AS postings,
       (SELECT count(*) FROM hold h JOIN hold_line l ON l.order_id = h.order_id
        WHERE h.quota_account_id = a.id) AS lines,
       {kept}
FROM quota_account a LEFT JOIN (
    SELECT quota_account_id, count(*) AS postings,
           sum(amount_fen) FILTER (WHERE movement = 'grant') AS granted_fen,
           sum(amount_fen) FILTER (WHERE movement = 'revoke' AND credit_account = 'left') AS revoked_fen,
           {sums}
    FROM posting WHERE quota_account_id = ANY($1::uuid[]) GROUP BY 1
) p ON p.quota_account_id = a.id
WHERE a.id = ANY($1::uuid[]) ORDER BY a.id
""".format(  # noqa: S608 - names of our own enum
    kept=", ".join(f"COALESCE(p.{name}, 0)::bigint AS {name}" for name in BALANCES),
    sums=", ".join(
        f"sum(CASE '{name}' WHEN credit_account THEN amount_fen WHEN debit_account THEN -amount_fen ELSE 0 END)"
        f" AS {name}_fen"
        for name in _LEDGER
    ),
)
_KEPT_ON_PLANS = """
SELECT plan_id, count(*)::bigint AS accounts, COALESCE(sum(postings), 0)::bigint AS postings,
       COALESCE(sum(lines), 0)::bigint AS lines, {sums}
FROM proved_account WHERE quota_account_id <> ALL($1::uuid[]) GROUP BY plan_id
""".format(sums=", ".join(f"sum({name}_fen)::bigint AS {name}_fen" for name in _LEDGER))


class PageProof(NamedTuple):
    """What one snapshot showed of a page of accounts: what their postings come to, and what does not add up."""

    accounts: Sequence[Mapping[str, Any]]
    findings: Sequence[AccountFinding]

    @property
    def ids(self) -> list[UUID]:
        """The accounts of the page."""
        return [row["quota_account_id"] for row in self.accounts]

    @property
    def unsound(self) -> set[UUID]:
        """Those of which something does not add up."""
        return {finding.quota_account_id for finding in self.findings}


class LedgerAudit(NamedTuple):
    """The whole ledger in one snapshot: each plan, what is posted on it, and what was proved anew for it."""

    plans: Sequence[PlanSum]
    posted: Mapping[UUID, Mapping[str, int]]
    accounts: int
    postings: int
    lines: int
    moved: PageProof
    differences: Sequence[Difference]
    """What differs of plans; what differs of accounts is in their pages."""


async def next_page(connection: Connection, *, after: UUID, whole: bool) -> list[UUID]:
    """The accounts behind `after` to be proved next, in the order of their ids: all, or those that have moved."""
    statement = _PAGE_OF_ALL if whole else _PAGE_OF_MOVED
    ids: list[UUID] = []
    postings = 0
    for row in await connection.fetch(statement, after, PAGE_ACCOUNTS, _UNKNOWN_POSTINGS):
        postings += row["postings"]
        if ids and postings > PAGE_POSTINGS:
            break
        ids.append(row["id"])
    return ids


async def prove_page(connection: Connection, ids: Sequence[UUID]) -> PageProof:
    """Prove these accounts from their first posting; the caller sees to one snapshot."""
    return PageProof(await connection.fetch(_ADD_UP, ids), await check_accounts(connection, ids))


async def audit(connection: Connection) -> LedgerAudit:
    """Prove what moved and compare all plans, in the caller's snapshot.

    It is exact for its moment: what was proved earlier and has not moved comes to the same today.
    """
    accounts: list[Mapping[str, Any]] = []
    findings: list[AccountFinding] = []
    after = FIRST_ID
    while ids := await next_page(connection, after=after, whole=False):
        page = await prove_page(connection, ids)
        accounts += page.accounts
        findings += page.findings
        after = ids[-1]
    moved = PageProof(accounts, findings)
    totals = _Totals()
    totals.add_kept(await connection.fetch(_KEPT_ON_PLANS, moved.ids))
    totals.add_accounts(accounts)
    totals.add_own(await posted_on_plans(connection))
    plans, differences = await check_plans(connection, totals.posted)
    return LedgerAudit(plans, totals.posted, totals.accounts, totals.postings, totals.lines, moved, differences)


class _Totals:
    """Sums over all accounts, kept and proved anew."""

    def __init__(self) -> None:
        self.posted: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.accounts = self.postings = self.lines = 0

    def add_kept(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """What is known of the accounts that have not moved, summed for each plan."""
        for row in rows:
            self._add(row, accounts=row["accounts"])

    def add_accounts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Accounts that were proved anew."""
        for row in rows:
            self._add(row, accounts=1)

    def add_own(self, rows: Iterable[Record]) -> None:
        """Postings of plans themselves."""
        for row in rows:
            self.posted[row["plan_id"]][row["account"]] += row["fen"]
            self.postings += row["postings"]

    def _add(self, row: Mapping[str, Any], *, accounts: int) -> None:
        for name in _LEDGER:
            self.posted[row["plan_id"]][name] += row[f"{name}_fen"]
        self.accounts += accounts
        self.postings += row["postings"]
        self.lines += row["lines"]
