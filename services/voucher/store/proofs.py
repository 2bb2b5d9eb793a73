"""What the proof keeps: accounts as their postings came to, differences until they are explained, and runs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from services.voucher.audit import BALANCES, LedgerAudit, PageProof
from services.voucher.domain.states import ProofState
from services.voucher.proof import DIFFERENCES_MAX, FIRST_ID, AccountFinding, Difference
from services.voucher.tables import PROOF_DIFFERENCE, PROOF_RUN
from shared.runtime.sql import Connection, Record, execute, fetch_one
from shared.runtime.work import Work

_NUMBERS = ("version", *BALANCES, "postings", "lines")
_KEEP_ACCOUNTS = """
INSERT INTO proved_account (quota_account_id, plan_id, {names}, sound, proved_at)
SELECT *, $2 FROM unnest($1::uuid[], $3::uuid[], {arrays}, $4::boolean[])
ON CONFLICT (quota_account_id) DO UPDATE SET plan_id = EXCLUDED.plan_id, {updates}, sound = EXCLUDED.sound,
    proved_at = EXCLUDED.proved_at
""".format(
    names=", ".join(_NUMBERS),
    arrays=", ".join(f"${place}::bigint[]" for place in range(5, 5 + len(_NUMBERS))),
    updates=", ".join(f"{name} = EXCLUDED.{name}" for name in _NUMBERS),
)
_GONE = """
UPDATE proof_difference d SET gone_at = $1
WHERE d.explained_at IS NULL AND d.gone_at IS NULL AND {scope} AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::uuid[], $4::text[]) AS f(check_name, subject_id, account)
    WHERE f.check_name = d.check_name AND f.subject_id = d.subject_id AND f.account = d.account)
"""
_GONE_OF_ACCOUNTS = _GONE.format(scope="d.quota_account_id = ANY($5::uuid[])")
_GONE_OF_RANGE = _GONE.format(scope="d.quota_account_id > $5 AND d.quota_account_id <= $6")
_GONE_OF_PLANS = _GONE.format(scope="d.quota_account_id IS NULL")
# What was gone and is found again stands again. A check of which everything differs is cut off: a person has to look.
_FOUND = """
INSERT INTO proof_difference AS d (id, check_name, subject_id, account, quota_account_id, stored_fen, computed_fen,
                                   found_at, last_found_at)
SELECT f.*, $1, $1 FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[])
    AS f(id, check_name, subject_id, account, quota_account_id, stored_fen, computed_fen)
WHERE (SELECT count(*) FROM proof_difference o WHERE o.check_name = f.check_name AND o.explained_at IS NULL) < $9
   OR EXISTS (SELECT FROM proof_difference o WHERE o.check_name = f.check_name AND o.subject_id = f.subject_id
              AND o.account = f.account AND o.explained_at IS NULL)
ON CONFLICT (check_name, subject_id, account) WHERE explained_at IS NULL
DO UPDATE SET stored_fen = EXCLUDED.stored_fen, computed_fen = EXCLUDED.computed_fen,
    last_found_at = EXCLUDED.last_found_at, gone_at = NULL
"""
_KEEP_PROOF = """
INSERT INTO proof (number, audited_at, whole_at, accounts, postings, lines, plans, posted)
VALUES (1, $1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (number) DO UPDATE SET audited_at = $1, whole_at = COALESCE($2, proof.whole_at), accounts = $3,
    postings = $4, lines = $5, plans = $6, posted = $7
WHERE proof.audited_at <= $1
"""
_PROVED = "SELECT accounts FROM proof"
_LOCK_RUNS = "SELECT pg_advisory_xact_lock(hashtext('voucher.proof_run'))"
_ADVANCE = """
UPDATE proof_run SET after_id = $3, accounts_done = accounts_done + $4, postings_done = postings_done + $5, failures = 0
WHERE id = $1 AND after_id = $2 AND state = 'running'
"""
_FAIL = """
UPDATE proof_run SET failures = failures + 1,
    state = CASE WHEN failures + 1 >= $2 THEN 'failed' ELSE state END,
    ended_at = CASE WHEN failures + 1 >= $2 THEN $3::timestamptz END
WHERE id = $1 AND state = 'running'
"""


async def keep_accounts(work: Work, page: PageProof) -> None:
    """Write what the postings of these accounts come to, and whether everything about them adds up."""
    unsound, rows = page.unsound, page.accounts
    if not rows:
        return
    await work.connection.execute(
        _KEEP_ACCOUNTS,
        *(page.ids, work.now, [row["plan_id"] for row in rows]),
        [row["quota_account_id"] not in unsound for row in rows],
        *([row[name] for row in rows] for name in _NUMBERS),
    )


async def keep_findings(work: Work, findings: Sequence[AccountFinding], *, ids: Collection[UUID]) -> None:
    """Write what was found about these accounts; what was found earlier and is not found now has gone."""
    await work.connection.execute(_GONE_OF_ACCOUNTS, *_named(work, [one.difference for one in findings]), list(ids))
    await _keep(work, [(one.difference, one.quota_account_id) for one in findings])


async def keep_range_findings(work: Work, findings: Sequence[AccountFinding], *, after: UUID, through: UUID) -> None:
    """The same for all accounts with ids behind the first and up to the second, and for postings of none there."""
    named = _named(work, [one.difference for one in findings])
    await work.connection.execute(_GONE_OF_RANGE, *named, after, through)
    await _keep(work, [(one.difference, one.quota_account_id) for one in findings])


async def keep_plan_differences(work: Work, differences: Sequence[Difference]) -> None:
    """Write what differs of plans; what was found earlier and is not found now has gone."""
    await work.connection.execute(_GONE_OF_PLANS, *_named(work, differences))
    await _keep(work, [(one, None) for one in differences])


def _named(work: Work, differences: Sequence[Difference]) -> tuple[object, ...]:
    return (
        work.now,
        [one.check for one in differences],
        [one.subject for one in differences],
        [one.account for one in differences],
    )


async def _keep(work: Work, found: Sequence[tuple[Difference, UUID | None]]) -> None:
    if not found:
        return
    await work.connection.execute(
        _FOUND,
        work.now,
        [work.new_id() for _ in found],
        *([getattr(one, name) for one, _ in found] for name in ("check", "subject", "account")),
        [account_id for _, account_id in found],
        *([getattr(one, name) for one, _ in found] for name in ("stored_fen", "computed_fen")),
        DIFFERENCES_MAX,
    )


async def keep_proof(work: Work, audit: LedgerAudit, *, audited_at: datetime, whole_at: datetime | None) -> None:
    """Write what an audit came to, unless a later one has ended before; `whole_at` where every posting was read."""
    plans, posted = msgspec.to_builtins(audit.plans), msgspec.to_builtins(audit.posted)
    counts = (audit.accounts, audit.postings, audit.lines)
    await work.connection.execute(_KEEP_PROOF, audited_at, whole_at, *counts, plans, posted)


async def count_proved(connection: Connection) -> int:
    """How many quota accounts the last audit saw."""
    return int(await connection.fetchval(_PROVED) or 0)


async def lock_runs(work: Work) -> None:
    """Let no other whole proof begin before this transaction has ended."""
    await work.connection.execute(_LOCK_RUNS)


async def find_running(connection: Connection) -> Record | None:
    """The whole proof that is under way, or None."""
    return await fetch_one(connection, select(PROOF_RUN).where(PROOF_RUN.c.state == ProofState.RUNNING.value))


async def insert_run(work: Work, values: Mapping[str, Any]) -> None:
    """Write a whole proof that begins."""
    await execute(work.connection, insert(PROOF_RUN).values(**values, after_id=FIRST_ID))


async def advance_run(work: Work, run: Mapping[str, Any], *, through: UUID, accounts: int, postings: int) -> bool:
    """Move a whole proof past these accounts; False when another process did it meanwhile."""
    status = await work.connection.execute(_ADVANCE, run["id"], run["after_id"], through, accounts, postings)
    return status == "UPDATE 1"


async def note_failure(work: Work, run_id: UUID, *, failures_max: int) -> None:
    """A step of a whole proof failed; after so many in a row it is given up."""
    await work.connection.execute(_FAIL, run_id, failures_max, work.now)


async def finish_run(work: Work, run_id: UUID, *, differences: int) -> None:
    """A whole proof has ended."""
    running = update(PROOF_RUN).where(PROOF_RUN.c.id == run_id, PROOF_RUN.c.state == ProofState.RUNNING.value)
    values = {"state": ProofState.FINISHED.value, "ended_at": work.now, "differences": differences}
    await execute(work.connection, running.values(**values))


async def lock_difference(connection: Connection, difference_id: UUID) -> Record | None:
    """A difference, locked, or None."""
    found = select(PROOF_DIFFERENCE).where(PROOF_DIFFERENCE.c.id == difference_id)
    return await fetch_one(connection, found.with_for_update())


async def explain_difference(work: Work, difference_id: UUID, values: Mapping[str, Any]) -> None:
    """Write why a locked difference was there."""
    await execute(
        work.connection, update(PROOF_DIFFERENCE).where(PROOF_DIFFERENCE.c.id == difference_id).values(**values)
    )
