"""Commands that look: status, verify, reconcile, export; wrong use; help with examples."""

import hashlib
import json
from pathlib import Path

import pytest

from operations.command_line import main
from tests.integration.operations.seeded_databases import Desk, Told, execute

COMMANDS = (
    "status", "verify", "reconcile", "resend", "backup", "restore", "repair", "export", "keys list", "keys rotate",
    "sagas list", "sagas show", "sagas nudge", "dead-letters list", "dead-letters show", "dead-letters replay",
    "dead-letters skip", "dead-letters collect",
)  # fmt: skip


async def test_status_tells_who_runs_and_whose_schema_is_old(told: Told, desk: Desk) -> None:
    down = await desk.run("status")
    assert (down.code, {row["ready"] for row in down.data["services"]}) == (1, {"no"})
    async with told.running() as world:
        await world.platform.settle()
        up = await desk.run("status")
        assert (up.code, {row["ready"] for row in up.data["services"]}) == (0, {"yes"})
    await execute(
        told.databases["order"], "UPDATE alembic_version SET version_num = '0000' WHERE version_num LIKE '0%'"
    )
    old = await desk.run("status")
    (schema,) = [row["schema"] for row in old.data["services"] if row["service"] == "order"]
    assert (old.code, schema.startswith("0000 and runtime_")) == (1, True)


async def test_verify_and_reconcile_agree_on_a_quiet_platform_and_name_every_forgery(told: Told, desk: Desk) -> None:
    assert (await desk.run("verify")).code == 0
    assert (await desk.run("verify", "--service", "order")).code == 0
    agreed = await desk.run("reconcile")
    assert agreed.code == 0, agreed.data
    assert agreed.data["checks"][0]["examined"] == len(told.orders)
    voucher, order = told.databases["voucher"], told.databases["order"]
    await execute(voucher, "UPDATE quota_account SET available_fen = available_fen + 1")
    forged = await desk.run("verify")
    assert forged.code == 1
    assert {one["check"] for one in forged.data["violations"]} == {"plan_total", "account_balance_equals_postings"}
    await execute(order, "UPDATE cursor SET version = version - 1 WHERE stream = 'voucher.account'")
    await execute(voucher, "UPDATE hold SET state = 'held' WHERE state = 'committed'")
    await execute(voucher, "UPDATE fact SET version = version + 7 WHERE aggregate_type = 'plan' AND version = 2")
    differing = await desk.run("reconcile")
    found = {one["kind"]: one["repair"] for check in differing.data["checks"] for one in check["differences"]}
    assert differing.code == 1
    assert found["hold.state"] == "repair voucher --yes"
    assert found["cursor.behind"] == "resend --to order --yes"
    assert {"copy.balance", "facts.gap"} <= found.keys()


async def test_an_export_is_the_same_bytes_each_time_and_its_manifest_proves_it(
    reading_desk: Desk, tmp_path: Path
) -> None:
    first = await reading_desk.run("export", "--service", "voucher", "--out", str(tmp_path / "one"))
    second = await reading_desk.run("export", "--service", "voucher", "--out", str(tmp_path / "two"))
    assert (first.code, second.code) == (0, 0)
    body = _bytes(tmp_path / "one")
    assert body == _bytes(tmp_path / "two")
    manifest = json.loads(_bytes(tmp_path / "one.manifest.json"))
    assert manifest["sha256"] == hashlib.sha256(body).hexdigest()
    lines = [json.loads(line) for line in body.splitlines()]
    assert {name: known["lines"] for name, known in manifest["sections"].items()} == {
        name: sum(line["section"] == name for line in lines) for name in ("fact", "decision", "posting")
    }
    assert {line.get("ground") for line in lines} == {None}
    assert (await reading_desk.run("export", "--service", "voucher", "--out", str(tmp_path / "one"))).code == 2
    assert _bytes(tmp_path / "one") == body


def _bytes(file: Path) -> bytes:
    return file.read_bytes()


async def test_a_saga_that_waits_is_asked_again_and_only_by_its_own_command(told: Told, desk: Desk) -> None:
    order = told.databases["order"]
    waiting = str(told.orders["waiting"])
    pending = json.dumps({"order_id": waiting})
    # As if the answer to the commit had been lost after the provider's confirmation.
    await execute(
        order,
        "UPDATE saga SET state = 'committing', number = 2, pending_name = 'voucher.commit.v1', pending = $1,"
        " resend_at = clock_timestamp() + interval '1 hour', moved_at = clock_timestamp() - interval '1 hour'"
        " WHERE order_id::text = $2",
        pending.encode(),
        waiting,
    )
    assert (await desk.run("sagas", "nudge", "--yes")).code == 2
    stuck = await desk.run("sagas", "list", "--stuck")
    assert [row["order_id"] for row in stuck.data["sagas"]] == [waiting]
    shown = await desk.run("sagas", "show", waiting)
    assert shown.data["sagas"][0]["pending"] == {"order_id": waiting}
    dry = await desk.run("sagas", "nudge", "--stuck")
    assert (dry.data["acted"], len(dry.data["sagas"])) == (False, 1)
    async with told.running() as world:
        assert (await desk.run("sagas", "nudge", "--stuck", "--yes")).code == 0
        await world.until("order", "SELECT state = 'committed' FROM saga WHERE order_id::text = $1", waiting)
        await world.platform.settle()
    assert (await desk.run("sagas", "show", "00000000-0000-7000-8000-000000000000")).code == 2


@pytest.mark.parametrize("told", ["identity"], indirect=True)
async def test_a_rotated_key_is_published_before_it_signs_and_its_maker_is_on_record(
    told: Told, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = await desk.run("keys", "rotate", "--yes")
    assert (missing.code, "IDENTITY_ENCRYPTION_KEY" in missing.said) == (78, True)
    for name in ("ENCRYPTION_KEY", "INDEX_KEY", "FIRST_ADMIN_PASSWORD", "SECOND_ADMIN_PASSWORD"):
        monkeypatch.setenv(f"IDENTITY_{name}", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    monkeypatch.setenv("IDENTITY_DOCUMENTS_FOLDER", ".")
    before = (await desk.run("keys", "list")).data["signing_keys"]
    assert (await desk.run("keys", "rotate")).data["acted"] is False
    assert (await desk.run("keys", "list")).data["signing_keys"] == before
    rotated = await desk.run("keys", "rotate", "--yes", operator="ben")
    states = [key["state"] for key in rotated.data["signing_keys"]]
    assert (rotated.code, states) == (0, ["signing", "published"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"python -m operations {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["resend", "--service", "order"],
        ["resend", "--service", "order", "--since", "yesterday"],
        ["resend", "--service", "order", "--since", "2026-01-01", "--stream", "voucher.account"],
        ["resend", "--to", "order", "--service", "voucher"],
        ["resend", "--service", "order", "--since", "2026-01-01", "--yes", "--dry-run"],
        ["verify", "--service", "nobody"],
        ["export", "--service", "order", "--out", "/nowhere/at/all"],
        ["backup", "order", "--out", "/nowhere/at/all"],
        ["restore", "order", "--from", "/nowhere/at/all"],
        ["dead-letters", "show", "--service", "order", "00000000-0000-7000-8000-000000000000"],
        ["dead-letters", "replay", "--service", "order", "no-uuid"],
    ],
    ids=" ".join,
)
async def test_wrong_use_ends_with_2(reading_desk: Desk, arguments: list[str]) -> None:
    assert (await reading_desk.run(*arguments)).code == 2
