"""Fault row 18: one database restored from an older backup, repaired or listed, and nothing doubled."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import msgspec
import pytest

from services.voucher.proof import prove
from shared.contracts.messages.identity import OrganisationSuspended
from tests.factories.world import World, a_party
from tests.integration.operations.seeded_databases import Desk, Told, execute, rows, url_of

_MONEY = """
SELECT granted_fen, available_fen, held_fen, committed_fen, claimed_fen, redeemed_fen, taken_back_fen, enterprise_id
FROM quota_account ORDER BY id
"""
_HOLDS = """
SELECT h.order_id, h.state, h.claim_id, l.line, l.amount_fen, l.state
FROM hold h LEFT JOIN hold_line l USING (order_id) WHERE h.state <> 'released' ORDER BY 1, 4
"""
_POSTINGS = "SELECT business_key, debit_account, credit_account, amount_fen FROM posting ORDER BY 1"
_COPIES = "SELECT enterprise_id, available_fen FROM balance ORDER BY 1"


async def _go_on(world: World, told: Told) -> None:
    """What happens after the backup: a confirmation, a cancellation, a refund, a claim, two new orders."""
    orders = told.orders
    assert (await world.confirm(orders["waiting"])).is_success
    assert (await world.cancel(orders["leaving"])).is_success
    assert (await world.request_refund(orders["refunding"], 1)).is_success
    assert (await world.consent(orders["refunding"])).is_success
    await world.claimed(orders["claiming"])
    await world.confirmed(2_000)
    await world.awaiting(400)
    await world.rest()


async def _books(told: Told) -> list[object]:
    voucher, order = told.databases["voucher"], told.databases["order"]
    books: list[object] = [await rows(voucher, statement) for statement in (_MONEY, _HOLDS, _POSTINGS)]
    return [*books, await rows(order, _COPIES), await rows(order, "SELECT id, state FROM cloud_order ORDER BY 1")]


async def _restored(told: Told, desk: Desk, folder: Path, service: str) -> None:
    answer = await desk.run("restore", service, "--from", str(folder), "--replace", "--yes", "--reason", "disk lost")
    assert answer.code == 0, answer.said


async def test_voucher_restored_from_an_older_backup_is_repaired_to_the_same_books_with_nothing_doubled(
    told: Told, desk: Desk, tmp_path: Path
) -> None:
    async with told.running() as world:
        saved = await desk.run("backup", "voucher", "--out", str(tmp_path))
        assert (saved.code, saved.data["service"]) == (0, "voucher")
        await _go_on(world, told)
        before = await _books(told)
        running = await desk.run("restore", "voucher", "--from", str(tmp_path), "--replace", "--yes")
        assert running.code == 2
        assert "stop voucher first" in running.said
    assert (await desk.run("restore", "voucher", "--from", str(tmp_path), "--yes")).code == 2
    planned = await desk.run("restore", "voucher", "--from", str(tmp_path), "--replace")
    assert (planned.code, planned.data["acted"]) == (0, False)
    assert await _books(told) == before, "a dry run changes nothing"
    await _restored(told, desk, tmp_path, "voucher")
    async with told.running() as world:
        await world.platform.settle()
        assert (await desk.run("reconcile")).code == 1
        lost = await _books(told)
        assert lost != before
        dry = await desk.run("repair", "voucher")
        assert (dry.code, dry.data["acted"]) == (1, False)
        assert dry.data["commands"] == 7, "confirm, release, refund, claim, hold and commit, hold"
        assert await _books(told) == lost, "a dry run changes nothing"
        repaired = await desk.run("repair", "voucher", "--yes", "--reason", "restored")
        assert repaired.code == 0, repaired.data
        assert await _books(told) == before
        again = await desk.run("repair", "voucher", "--yes")
        assert (again.code, again.data["commands"], again.data["said"], again.data["rewound"]) == (0, 0, 0, 0)
        async with world.platform.runtime("voucher").reading() as connection:
            assert (await prove(connection)).holds
        assert (await world.request_refund(told.orders["refunding"], 2)).is_success, "life goes on"
    who = await rows(
        told.databases["order"], "SELECT DISTINCT facts->>'operator' FROM decision WHERE role = 'operator'"
    )
    assert who == [("anna",)]


async def test_what_a_lost_grant_paid_for_is_listed_and_never_refused_for_ever(
    told: Told, desk: Desk, tmp_path: Path
) -> None:
    async with told.running() as world:
        await desk.run("backup", "voucher", "--out", str(tmp_path))
        await world.new_parties(granted_fen=5_000)
        order_id = await world.confirmed(3_000)
        enterprise_id, provider_id, product_id = world.enterprise_id, world.provider_id, world.product_id
        await world.rest()
    await _restored(told, desk, tmp_path, "voucher")
    async with told.running() as world:
        repaired = await desk.run("repair", "voucher", "--yes")
        assert repaired.code == 1
        assert any("needs 3000 fen again" in text for text in repaired.data["left"])
        assert any("does not know any more" in text for text in repaired.data["left"])
        assert await rows(told.databases["voucher"], "SELECT * FROM hold WHERE order_id = $1", order_id) == []
        # People grant again what was lost; then the same repair ends the rest.
        world.enterprise_id, world.provider_id, world.product_id = enterprise_id, provider_id, product_id
        await world.grant(5_000)
        await world.rest()
        await desk.run("repair", "voucher", "--yes")
        held = "SELECT state FROM hold WHERE order_id = $1"
        assert await rows(told.databases["voucher"], held, order_id) == [("committed",)]
        async with world.platform.runtime("voucher").reading() as connection:
            assert (await prove(connection)).holds


async def test_a_confirmation_that_order_lost_is_listed_and_healed_by_confirming_again(
    told: Told, desk: Desk, tmp_path: Path
) -> None:
    waiting = told.orders["waiting"]
    async with told.running() as world:
        await desk.run("backup", "order", "--out", str(tmp_path))
        await world.confirm(waiting)
        await world.rest()
    await _restored(told, desk, tmp_path, "order")
    async with told.running() as world:
        repaired = await desk.run("repair", "order", "--yes")
        assert repaired.code == 1
        kinds = {one["kind"] for check in repaired.data["reconcile"]["checks"] for one in check["differences"]}
        assert kinds == {"hold.state", "hold.line"}, "the cursors and copies of settlement follow the order again"
        copied = "SELECT state FROM order_copy WHERE order_id = $1"
        assert await rows(told.databases["settlement"], copied, waiting) == [("awaiting_confirmation",)]
        assert (await world.confirm(waiting)).is_success
        await world.rest()
        assert (await desk.run("reconcile")).code == 0
        assert await rows(told.databases["settlement"], copied, waiting) == [("confirmed",)]


async def test_copies_forget_what_identity_lost(told: Told, desk: Desk, tmp_path: Path) -> None:
    suspended = "SELECT suspended_since IS NOT NULL FROM party WHERE organisation_id = $1"
    async with told.running() as world:
        await desk.run("backup", "identity", "--out", str(tmp_path))
        await _suspend(world, told.provider_id)
        for service in ("voucher", "settlement", "catalog"):
            await world.until(service, suspended, told.provider_id)
        await world.rest()
    await _restored(told, desk, tmp_path, "identity")
    async with told.running() as world:
        assert (await desk.run("repair", "identity", "--yes")).code == 0
        for service in ("voucher", "settlement", "catalog", "order"):
            assert await rows(told.databases[service], suspended, told.provider_id) == [(False,)], service
        await _suspend(world, told.provider_id)
        await world.until("voucher", suspended, told.provider_id)


async def _suspend(world: World, organisation_id: UUID) -> None:
    async with world.platform.runtime("identity").work() as work:
        party = msgspec.structs.replace(a_party("provider"), suspended_since=work.now)
        work.emit(OrganisationSuspended(version=2, organisation_id=organisation_id, party=party))


def _only(folder: Path) -> Path:
    (dump,) = folder.glob("*.dump")
    return dump


@pytest.mark.parametrize("harm", ["bytes", "service", "manifest"])
async def test_a_dump_that_is_not_what_its_manifest_says_is_refused(
    reading_desk: Desk, tmp_path: Path, harm: str
) -> None:
    await reading_desk.run("backup", "catalog", "--out", str(tmp_path))
    dump = _only(tmp_path)
    service = "catalog"
    if harm == "bytes":
        dump.write_bytes(dump.read_bytes()[:-1] + b"x")
    elif harm == "manifest":
        dump.with_suffix(".json").unlink()
    else:
        service = "identity"
    answer = await reading_desk.run("restore", service, "--from", str(dump), "--replace", "--yes")
    assert answer.code == 2
    aside = "SELECT count(*) FROM pg_database WHERE datname LIKE $1"
    name = reading_desk.databases[service].rpartition("/")[2]
    assert await rows(reading_desk.databases["order"], aside, f"{name}_%") == [(0,)]


async def test_a_missing_program_or_database_is_a_matter_of_configuration(
    reading_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.programs._candidates", lambda _: iter(()))
    answer = await reading_desk.run("backup", "catalog", "--out", str(tmp_path))
    assert answer.code == 78
    assert "postgresql-client-" in answer.said
    monkeypatch.delenv("VOUCHER_DATABASE_URL")
    answer = await reading_desk.run("verify")
    assert (answer.code, "VOUCHER_DATABASE_URL" in answer.said) == (78, True)


@pytest.mark.parametrize("jobs", ["1", "3"])
async def test_a_database_with_an_extension_of_the_administrator_is_restored_with_its_statistics(
    told: Told, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    catalog = told.databases["catalog"]
    server = url_of(catalog, "postgres")
    await execute(catalog, "CREATE EXTENSION vector")
    await execute(catalog, "COMMENT ON EXTENSION vector IS 'of the administrator'")
    owner = f"owner_{uuid4().hex[:8]}"
    await execute(server, f"CREATE ROLE {owner} LOGIN CREATEDB PASSWORD 'x'")
    name = catalog.rpartition("/")[2]
    try:
        await execute(server, f'ALTER DATABASE "{name}" OWNER TO {owner}')
        await execute(catalog, f"ALTER SCHEMA public OWNER TO {owner}")
        await desk.run("backup", "catalog", "--out", str(tmp_path))
        parts = urlsplit(catalog)
        # The owner's role may not make an extension; only the administrator may.
        place = f"{owner}:x@{parts.netloc.rpartition('@')[2]}"
        monkeypatch.setenv("CATALOG_DATABASE_URL", urlunsplit(parts._replace(netloc=place)))
        monkeypatch.setenv("POSTGRES_ADMIN_URL", server)
        answer = await desk.run("restore", "catalog", "--from", str(tmp_path), "--replace", "--yes", "--jobs", jobs)
        assert answer.code == 0, answer.said
        assert await rows(catalog, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == [(1,)]
        analysed = "SELECT count(*) > 0 FROM pg_stats WHERE tablename LIKE 'fact%'"
        assert await rows(catalog, analysed) == [(True,)]
    finally:
        for database in (name, (answer.data or {}).get("aside")):
            await execute(server, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        await execute(server, f"DROP ROLE {owner}")
