"""Carries the proof of the ledger on: seldom for what moved, and page by page for a whole proof that was asked for.

Each page is read in one snapshot through the pool of readers and then written by a short transaction, so a process that
is killed loses one page. Whatever runs here, purchases keep their connections (ADR 0032).
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.voucher import audit as reading
from services.voucher.proof import FIRST_ID, LAST_ID, Difference, check_strays
from services.voucher.store import proofs as store
from services.voucher.views.proofs import standing_differences
from shared.runtime.service import Runtime

PAGES_MAX = 10_000
"""Pages of moved accounts that are written one by one before the audit; what is left is proved in its snapshot."""
STEP_S = 5.0
"""How long a whole proof goes on before its lease is looked at again."""
FAILURES_MAX = 30
WRITTEN_AT_ONCE = 2_000


async def carry_on(runtime: Runtime) -> Sequence[Difference]:
    """Prove every account that has moved and compare all plans; returns what differs now."""
    after = FIRST_ID
    for _ in range(PAGES_MAX):
        async with runtime.reads.audit() as connection:
            ids = await reading.next_page(connection, after=after, whole=False)
            if not ids:
                break
            page = await reading.prove_page(connection, ids)
        async with runtime.work() as work:
            await store.keep_accounts(work, page)
            await store.keep_findings(work, page.findings, ids=ids)
        after = ids[-1]
    await _close(runtime, whole_at=None)
    async with runtime.reading() as connection:
        return await standing_differences(connection)


async def _close(runtime: Runtime, *, whole_at: datetime | None) -> None:
    """Audit the ledger in one snapshot, and write what it came to."""
    audited_at = runtime.clock.now()
    async with runtime.reads.audit() as connection:
        audit = await reading.audit(connection)
    rows, findings = audit.moved
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        some = reading.PageProof(rows[start : start + WRITTEN_AT_ONCE], findings)
        ids = set(some.ids)
        async with runtime.work() as work:
            await store.keep_accounts(work, some)
            await store.keep_findings(work, [one for one in findings if one.quota_account_id in ids], ids=ids)
    async with runtime.work() as work:
        await store.keep_plan_differences(work, audit.differences)
        await store.keep_proof(work, audit, audited_at=audited_at, whole_at=whole_at)


async def go_on_with_whole(runtime: Runtime) -> int:
    """Go on for some seconds with the whole proof that was asked for; returns how many pages were proved."""
    until_s = time.monotonic() + STEP_S
    pages = 0
    while time.monotonic() < until_s:
        async with runtime.reading() as connection:
            run = await store.find_running(connection)
        if run is None:
            break
        try:
            if not await _step(runtime, run):
                break
        except Exception:
            async with runtime.work() as work:
                await store.note_failure(work, run["id"], failures_max=FAILURES_MAX)
            raise
        pages += 1
    return pages


async def _step(runtime: Runtime, run: Mapping[str, Any]) -> bool:
    """Prove the next page of a whole proof, or end it; False when it is at its end or another process goes on."""
    after: UUID = run["after_id"]
    async with runtime.reads.audit() as connection:
        ids = await reading.next_page(connection, after=after, whole=True)
        through = ids[-1] if ids else LAST_ID
        page = await reading.prove_page(connection, ids)
        strays = await check_strays(connection, after=after, through=through)
    async with runtime.work() as work:
        postings = sum(row["postings"] for row in page.accounts)
        if ids and not await store.advance_run(work, run, through=through, accounts=len(ids), postings=postings):
            return False
        await store.keep_accounts(work, page)
        await store.keep_range_findings(work, [*page.findings, *strays], after=after, through=through)
    if ids:
        return True
    await _close(runtime, whole_at=run["begun_at"])
    async with runtime.work() as work:
        found = await standing_differences(work.connection)
        await store.finish_run(work, run["id"], differences=len(found))
    return False
