"""The proof is carried on by what has moved, a whole one reads every posting, and findings stay until explained."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.voucher import audit, proving
from services.voucher.proof import DIFFERENCES_MAX
from services.voucher.store import proofs
from shared.contracts.permissions import Role
from tests.factories.harness import Platform
from tests.integration.voucher.conftest import Voucher

REASON = {"reason": "误操作已更正，见工单"}


async def told_year(voucher: Voucher, *, enterprises: int = 3) -> None:
    """A year with some accounts that were granted money."""
    plan_id = await voucher.plan(50_000_000)
    for _ in range(enterprises):
        ticket = await voucher.ticket(plan_id, 1_000_000)
        answer = await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
        assert answer.status_code == 200, answer.text
    await voucher.platform.settle()


async def as_superuser(platform: Platform, statement: str, *arguments: object) -> None:
    """A statement with the protection of append-only tables off."""
    connection = await asyncpg.connect(platform.databases["voucher"])
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def proof_of(voucher: Voucher) -> dict[str, Any]:
    """What GET /proof answers."""
    answer = await voucher.get("/proof", Role.AUDITOR)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def whole(voucher: Voucher) -> dict[str, Any]:
    """A whole proof from its request to its end."""
    begun = await voucher.post("/proof/runs", {}, Role.BUREAU_LEAD)
    assert begun.status_code == 202, begun.text
    location = begun.headers["Location"].removeprefix("/api/voucher/v1")
    async with asyncio.timeout(30):
        while True:
            run: dict[str, Any] = (await voucher.get(location, Role.AUDITOR)).json()
            if run["state"] != "running":
                return run
            await proving.go_on_with_whole(voucher.runtime)


async def test_the_proof_tells_the_last_audit_with_its_time_and_reads_no_posting(voucher: Voucher) -> None:
    await told_year(voucher)
    await proving.carry_on(voucher.runtime)
    proof = await proof_of(voucher)
    whole_ledger = await voucher.proof()
    assert (proof["balanced"], proof["holds"], proof["differences"], proof["gone"]) == (True, True, [], [])
    assert (proof["accounts"], proof["postings"], proof["lines"]) == (3, whole_ledger.postings, whole_ledger.lines)
    posted = {UUID(plan): sums for plan, sums in proof["posted"].items()}
    for plan, sums in whole_ledger.posted.items():
        assert {name: fen for name, fen in posted[plan].items() if fen or name in sums} == sums
    assert proof["audited_at"] is not None
    assert proof["whole_at"] is None


async def test_an_audit_reads_again_only_the_accounts_that_moved(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told_year(voucher)
    proved: list[int] = []
    prove_page = audit.prove_page

    async def counted(connection: Any, ids: Any) -> Any:
        proved.append(len(ids))
        return await prove_page(connection, ids)

    monkeypatch.setattr(audit, "prove_page", counted)
    await proving.carry_on(voucher.runtime)
    proved.clear()
    await proving.carry_on(voucher.runtime)
    assert sum(proved) == 0
    plan_id = await voucher.value("SELECT id FROM plan")
    await voucher.ticket(plan_id, 1_000_000)
    await proving.carry_on(voucher.runtime)
    assert sum(proved) == 1


async def test_pages_are_bounded_by_postings_and_cover_every_account_once(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told_year(voucher, enterprises=4)
    await proving.carry_on(voucher.runtime)
    monkeypatch.setattr(audit, "PAGE_POSTINGS", 5)
    every = [row["id"] for row in await voucher.rows("SELECT id FROM quota_account ORDER BY id")]
    pages: list[list[UUID]] = []
    after = UUID(int=0)
    async with voucher.runtime.reads.audit() as connection:
        while ids := await audit.next_page(connection, after=after, whole=True):
            pages.append(ids)
            after = ids[-1]
    assert [one for page in pages for one in page] == every
    assert max(len(page) for page in pages) <= 2
    run = await whole(voucher)
    assert (run["state"], run["accounts_done"], run["differences"]) == ("finished", 4, 0)


async def test_a_wrong_balance_is_found_by_the_next_audit_although_the_version_is_the_same(voucher: Voucher) -> None:
    await told_year(voucher)
    await proving.carry_on(voucher.runtime)
    victim = await voucher.value("SELECT id FROM quota_account ORDER BY id LIMIT 1")
    change = "UPDATE quota_account SET available_fen = available_fen {} 7 WHERE id = $1"
    await as_superuser(voucher.platform, change.format("+"), victim)
    await proving.carry_on(voucher.runtime)
    for _ in range(2):
        proof = await proof_of(voucher)
        assert not proof["balanced"]
        found = {(one["check"], one["subject"]) for one in proof["differences"]}
        assert ("account_balance_equals_postings", str(victim)) in found
        assert "plan_total" in {check for check, _ in found}
        # An audit in which nothing moved has not forgotten it.
        await proving.carry_on(voucher.runtime)
    await as_superuser(voucher.platform, change.format("-"), victim)
    await proving.carry_on(voucher.runtime)
    mended = await proof_of(voucher)
    assert (mended["balanced"], mended["holds"], mended["differences"]) == (True, False, [])
    assert mended["gone"], "what was found is told until somebody explains it"


async def test_an_old_posting_that_was_changed_is_found_by_the_whole_proof(voucher: Voucher) -> None:
    await told_year(voucher)
    await proving.carry_on(voucher.runtime)
    posting = (await voucher.rows("SELECT id, quota_account_id FROM posting WHERE movement = 'grant' LIMIT 1"))[0]
    change = "UPDATE posting SET amount_fen = amount_fen {} 3 WHERE id = $1"
    await as_superuser(voucher.platform, change.format("+"), posting["id"])
    await proving.carry_on(voucher.runtime)
    assert (await proof_of(voucher))["balanced"], "nothing has moved: an audit that reads on cannot see it"
    run = await whole(voucher)
    assert run["state"] == "finished"
    assert run["differences"] > 0
    proof = await proof_of(voucher)
    assert str(posting["quota_account_id"]) in {one["subject"] for one in proof["differences"]}
    assert proof["whole_at"] == run["begun_at"]
    await as_superuser(voucher.platform, change.format("-"), posting["id"])
    await proving.carry_on(voucher.runtime)
    assert (await proof_of(voucher))["balanced"], "an account that does not add up is proved again by every audit"


async def test_postings_of_no_account_are_found_and_mended_by_the_whole_proof(voucher: Voucher) -> None:
    await told_year(voucher)
    nobody = UUID(int=2**128 - 2)
    forged = """
        INSERT INTO posting (id, business_key, plan_id, quota_account_id, movement, debit_account, credit_account,
            amount_fen, reason, rule, pack_version, at)
        SELECT gen_random_uuid(), 'forged', id, $1, 'hold', 'available', 'held', 5, '', '', '', now() FROM plan
    """
    await as_superuser(voucher.platform, forged, nobody)
    assert (await whole(voucher))["differences"] == 1
    assert [one["account"] for one in (await proof_of(voucher))["differences"]] == ["no such account"]
    await as_superuser(voucher.platform, "DELETE FROM posting WHERE quota_account_id = $1", nobody)
    assert (await whole(voucher))["differences"] == 0


async def test_only_what_has_gone_is_explained_and_it_is_told_until_then(voucher: Voucher) -> None:
    await told_year(voucher)
    change = """
        UPDATE application SET earmarked_fen = earmarked_fen {0} 1, requested_fen = requested_fen {0} 1
        WHERE ticket_no = 1
    """
    await as_superuser(voucher.platform, change.format("+"))
    await whole(voucher)
    (difference,) = (await proof_of(voucher))["differences"]
    path = f"/proof/differences/{difference['id']}/explain"
    refused = await voucher.post(path, REASON, Role.BUREAU_LEAD)
    assert (refused.status_code, refused.json()["code"]) == (409, "voucher.difference_stands")
    await as_superuser(voucher.platform, change.format("-"))
    await proving.carry_on(voucher.runtime)
    assert (await voucher.post(path, REASON, Role.OPERATOR_LEAD)).status_code == 403
    assert not (await proof_of(voucher))["holds"]
    explained = await voucher.post(path, REASON, Role.BUREAU_LEAD)
    assert (explained.status_code, explained.json()["explanation"]) == (200, REASON["reason"])
    proof = await proof_of(voucher)
    assert (proof["holds"], proof["gone"]) == (True, [])
    again = await voucher.post(path, REASON, Role.BUREAU_LEAD)
    assert again.json()["code"] == "voucher.difference_explained"
    assert await voucher.value("SELECT count(*) FROM decision WHERE act = 'proof.explain'") == 1


async def test_one_whole_proof_is_under_way_at_a_time_and_a_killed_process_is_followed_by_the_next(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE_ACCOUNTS", 1)
    monkeypatch.setattr(proving, "STEP_S", 0.0)
    await told_year(voucher)
    begun = await asyncio.gather(*(voucher.post("/proof/runs", {}, Role.FINANCE) for _ in range(3)))
    assert sorted(answer.status_code for answer in begun) == [202, 409, 409]
    run_id = next(answer.json()["id"] for answer in begun if answer.status_code == 202)
    assert {answer.json()["facts"]["run_id"] for answer in begun if answer.status_code == 409} == {run_id}
    async with voucher.runtime.reading() as connection:
        run = dict(await proofs.find_running(connection) or {})
    await proving._step(voucher.runtime, run)
    there = (await voucher.get(f"/proof/runs/{run_id}", Role.AUDITOR)).json()
    assert there["accounts_done"] >= 1
    assert not await proving._step(voucher.runtime, run), "what was done already is not counted twice"
    monkeypatch.setattr(proving, "STEP_S", 5.0)
    while await proving.go_on_with_whole(voucher.runtime):
        pass
    ended = (await voucher.get(f"/proof/runs/{run_id}", Role.AUDITOR)).json()
    assert (ended["state"], ended["accounts_done"]) == ("finished", 3)


async def test_a_whole_proof_that_fails_again_and_again_is_given_up(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told_year(voucher, enterprises=1)
    monkeypatch.setattr(proving, "FAILURES_MAX", 2)

    async def broken(*_: object, **__: object) -> list[UUID]:
        raise asyncpg.QueryCanceledError("cancelled")

    begun = await voucher.post("/proof/runs", {}, Role.BUREAU_LEAD)
    monkeypatch.setattr(audit, "next_page", broken)
    for _ in range(2):
        async with voucher.runtime.reading() as connection:
            running = await proofs.find_running(connection)
        if running is not None:
            with pytest.raises(asyncpg.QueryCanceledError):
                await proving.go_on_with_whole(voucher.runtime)
    assert (await voucher.get(f"/proof/runs/{begun.json()['id']}", Role.AUDITOR)).json()["state"] == "failed"
    assert await proving.go_on_with_whole(voucher.runtime) == 0


async def test_no_more_differences_are_kept_than_a_proof_lists(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told_year(voucher, enterprises=4)
    monkeypatch.setattr(proofs, "DIFFERENCES_MAX", 2)
    monkeypatch.setattr(audit, "PAGE_ACCOUNTS", 1)
    assert DIFFERENCES_MAX > 2
    await as_superuser(voucher.platform, "UPDATE quota_account SET available_fen = available_fen + 1")
    await proving.carry_on(voucher.runtime)
    kept = "SELECT count(*) FROM proof_difference WHERE check_name = 'account_balance_equals_postings'"
    assert await voucher.value(kept) == 2
    await as_superuser(voucher.platform, "UPDATE quota_account SET available_fen = available_fen - 1")
    await proving.carry_on(voucher.runtime)
    assert (await proof_of(voucher))["balanced"]
