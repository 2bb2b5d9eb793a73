"""Facts said again, dead letters replayed and skipped by two people, the broker's dead letters read into the table."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import msgspec
import pytest

import operations.commands.resend as resending
from operations.commands.base import until
from shared.contracts.messages.base import Event
from shared.contracts.permissions import Role
from shared.runtime.bus.declare import declare
from shared.runtime.bus.rabbitmq_connection import BrokerConnection
from shared.runtime.bus.topology import DEAD_EXCHANGE, dead_queue, topology
from tests.factories.world import SERVICES, World
from tests.integration.operations.seeded_databases import Desk, Told, a_session, execute, rows

SINCE = "2000-01-01T00:00"
_OUTBOX = "SELECT count(*) FROM outbox"
_LANE = "SELECT COALESCE(sum(cardinality(event_ids)), 0) FROM resend"
_ORDER_FACTS = "SELECT count(*) FROM fact WHERE aggregate_type = 'order'"


async def test_facts_said_again_change_nothing_at_consumers_that_have_them(told: Told, desk: Desk) -> None:
    order, settlement = told.databases["order"], told.databases["settlement"]
    ((facts,),) = await rows(order, _ORDER_FACTS)
    dry = await desk.run("resend", "--service", "order", "--since", SINCE, "--stream", "order.order")
    assert (dry.code, dry.data["facts"], dry.data["sent"]) == (0, {"order": facts}, 0)
    assert await rows(order, _LANE) == [(0,)], "a dry run changes nothing"
    sent = await desk.run("resend", "--service", "order", "--since", SINCE, "--stream", "order.order", "--yes")
    assert (sent.code, sent.data["sent"]) == (0, facts)
    assert await rows(order, _LANE) == [(facts,)]
    assert await rows(order, _OUTBOX) == [(0,)], "what is said now does not wait behind them"
    copies = "SELECT * FROM order_copy ORDER BY order_id"
    before, received = await rows(settlement, copies), await rows(settlement, "SELECT count(*) FROM inbox")
    async with told.running() as world:
        await world.platform.settle()
        assert (await desk.run("reconcile")).code == 0
    assert await rows(settlement, "SELECT count(*) FROM inbox") == received
    assert await rows(settlement, copies) == before


async def test_a_copy_that_keeps_more_than_before_is_filled_by_the_newest_facts_once_more(
    told: Told, desk: Desk
) -> None:
    for service, column in (("order", "credit_code"), ("voucher", "size_class")):
        database = told.databases[service]
        kept = await rows(database, f"SELECT organisation_id, {column}, version FROM party ORDER BY 1")  # noqa: S608 - our own names
        await execute(database, f"UPDATE party SET {column} = ''")  # noqa: S608 - as above
        told_anew = ("resend", "--to", service, "--stream", "identity.organisation", "--anew")
        dry = await desk.run(*told_anew)
        assert (dry.code, dry.data["anew"]) == (0, len(kept))
        assert (await desk.run(*told_anew, "--yes")).code == 0
        async with told.running() as world:
            await world.platform.settle()
        assert await rows(database, f"SELECT organisation_id, {column}, version FROM party ORDER BY 1") == kept  # noqa: S608 - as above
    assert (await desk.run("resend", "--to", "settlement", "--stream", "settlement.claim", "--anew")).code != 0


@pytest.mark.parametrize("told", ["order"], indirect=True)
async def test_a_resend_that_was_broken_off_goes_on_behind_its_last_batch(
    told: Told, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = told.databases["order"]
    ((facts,),) = await rows(order, _ORDER_FACTS)
    once = resending.resend_batch
    calls = 0

    async def twice_then_cut_off(connection: object, wanted: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ConnectionError("the line to the database was cut")
        return await once(connection, wanted, limit=3)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(resending, "resend_batch", twice_then_cut_off)
    arguments = ("resend", "--service", "order", "--since", SINCE, "--stream", "order.order", "--yes")
    assert (await desk.run(*arguments)).code == 1
    ((first,),) = await rows(order, _LANE)
    assert 0 < first <= 6
    monkeypatch.setattr(resending, "resend_batch", once)
    assert (await desk.run(*arguments)).data["sent"] == facts - first
    said = await rows(order, "SELECT unnest(event_ids) FROM resend ORDER BY 1")
    stored = await rows(order, "SELECT event_id FROM fact WHERE aggregate_type = 'order' ORDER BY 1")
    assert said == stored, "each fact once"


async def test_a_new_subscription_is_given_every_fact_and_a_full_one_nothing(told: Told, desk: Desk) -> None:
    settlement = told.databases["settlement"]
    assert (await desk.run("resend", "--to", "settlement", "--yes")).data["sent"] == 0
    # As if settlement had begun to follow orders only now.
    for statement in ("DELETE FROM order_copy", "DELETE FROM cursor WHERE stream = 'order.order'", "DELETE FROM inbox"):
        await execute(settlement, statement)
    lacking = await desk.run("resend", "--to", "settlement")
    assert lacking.data["lacking"].keys() == {"order.order"}
    async with told.running() as world:
        assert (await desk.run("resend", "--to", "settlement", "--yes")).code == 0
        await world.until("settlement", "SELECT count(*) = $1 FROM order_copy", len(told.orders))
        await world.platform.settle()
        assert (await desk.run("reconcile")).code == 0


@pytest.mark.parametrize("told", ["order"], indirect=True)
async def test_sigterm_and_ctrl_c_end_a_command_cleanly(told: Told, tmp_path: Path) -> None:
    order = told.databases["order"]
    # A table that is locked makes the command wait where it can be stopped.
    command = [sys.executable, "-m", "operations", "resend", "--service", "order", "--since", SINCE, "--yes"]
    codes = []
    for number in (signal.SIGINT, signal.SIGTERM):
        holder = await _locked(order)
        process = subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE, env=os.environ)  # noqa: ASYNC220, S603
        await _waiting(order)
        process.send_signal(number)
        _, said = await asyncio.to_thread(process.communicate, timeout=20)
        await holder.close()
        codes.append(process.returncode)
        assert b"stopped" in said, said
    assert codes == [130, 143]
    assert await rows(order, _LANE) == [(0,)]


async def _locked(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn)
    await connection.execute("BEGIN; LOCK TABLE decision IN ACCESS EXCLUSIVE MODE")
    return connection


async def _waiting(dsn: str) -> None:
    async def waits() -> bool:
        return await rows(dsn, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)]

    assert await until(waits, timeout_s=20)


async def _die(told: Told, *, service: str, kind: str, subject: UUID, sequence: int, aggregatetype: str) -> UUID:
    """A letter that died because it could not be read."""
    producer = kind.partition(".")[0]
    event = Event(
        id=uuid4(), source=producer, type=kind, subject=subject, time="", sequence=sequence,
        data=msgspec.Raw(b'{"nothing": 1}'), aggregatetype=aggregatetype,
    )  # fmt: skip
    body = msgspec.json.encode(event)
    statement = "INSERT INTO dead_letter (event_id, type, event, attempts, reason) VALUES ($1, $2, $3, 1, 'Unreadable')"
    await execute(told.databases[service], statement, event.id, kind, body)
    return event.id


async def test_money_is_replayed_by_two_people_and_a_letter_that_dies_again_stays_open(
    told: Told, desk: Desk, tmp_path: Path
) -> None:
    event_id = str(
        await _die(
            told, service="settlement", kind="order.confirmed.v1", subject=uuid4(), sequence=1, aggregatetype="order"
        )
    )
    anna = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN)
    ben = a_session(tmp_path / "ben", "ben", Role.OPERATOR_LEAD)
    about = ("dead-letters", "replay", "--service", "settlement", event_id)
    async with told.running():
        assert (await desk.run("dead-letters", "list", "--service", "settlement")).code == 1
        dry = await desk.run(*about)
        assert (dry.code, dry.data) == (0, {"acted": False, "four_eyes": True})
        assert (await desk.run(*about, "--yes", session=anna)).data["proposed"]
        same = await desk.run(*about, "--yes", session=a_session(tmp_path / "anna", "anna", Role.OPERATOR_LEAD))
        assert (same.code, "same_person" in same.said) == (2, True)
        # What was proposed is a replay; a skip is another act and has to be proposed itself.
        about_skip = ("dead-letters", "skip", "--service", "settlement", event_id, "--yes")
        anna = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN)
        assert (await desk.run(*about_skip, session=anna)).data["proposed"]
        assert (await desk.run(*about, "--yes", session=anna)).data["proposed"]
        died = await desk.run(*about, "--yes", session=ben)
        assert (died.code, died.data["applied"]) == (1, False)
        assert "Unreadable" in died.data["reason"]


@pytest.mark.parametrize("told", ["settlement"], indirect=True)
async def test_one_person_under_two_names_is_one_person(told: Told, desk: Desk, tmp_path: Path) -> None:
    event_id = await _die(
        told, service="settlement", kind="order.confirmed.v1", subject=uuid4(), sequence=1, aggregatetype="order"
    )
    about = ("dead-letters", "skip", "--service", "settlement", str(event_id), "--yes")
    named = await desk.run(*about, operator="anna")
    assert (named.code, "sign-in" in named.said) == (2, True), "a name alone proves nothing"
    both = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN, Role.OPERATOR_LEAD)
    assert (await desk.run(*about, session=both)).data["proposed"]
    again = await desk.run(*about, operator="ben", session=both)
    assert (again.code, "same_person" in again.said) == (2, True)
    for name, roles in (("clerk", [Role.OPERATOR_CLERK]), ("admin", [Role.PLATFORM_ADMIN])):
        refused = await desk.run(*about, session=a_session(tmp_path / name, name, *roles))
        assert (refused.code, "permission_missing" in refused.said) == (2, True)
    forged = tmp_path / "forged"
    forged.write_text(both.read_text().replace('"settlement": "', '"settlement": "x'))
    refused = await desk.run(*about, session=forged)
    assert (refused.code, "token_invalid" in refused.said) == (2, True)
    assert await rows(told.databases["settlement"], "SELECT act FROM decision WHERE subject_id = $1", event_id) == [
        ("propose_skip",)
    ]


@pytest.mark.parametrize("told", ["settlement"], indirect=True)
async def test_an_ended_account_approves_nothing_at_the_command_line(told: Told, desk: Desk, tmp_path: Path) -> None:
    settlement = told.databases["settlement"]
    event_id = await _die(
        told, service="settlement", kind="order.confirmed.v1", subject=uuid4(), sequence=1, aggregatetype="order"
    )
    about = ("dead-letters", "skip", "--service", "settlement", str(event_id), "--yes")
    anna = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN)
    assert (await desk.run(*about, session=anna)).data["proposed"]
    ben = a_session(tmp_path / "ben", "ben", Role.OPERATOR_LEAD)
    account_id = json.loads(base64.urlsafe_b64decode(_payload(ben, "settlement")))["sub"]
    await execute(settlement, "INSERT INTO revocation VALUES ($1, clock_timestamp())", UUID(account_id))
    refused = await desk.run(*about, session=ben)
    assert (refused.code, "token_invalid" in refused.said) == (2, True)


@pytest.mark.parametrize("told", ["settlement"], indirect=True)
@pytest.mark.parametrize("act", ["replay", "skip"])
async def test_a_proposal_of_last_week_is_approved_by_nobody_and_may_be_made_again(
    told: Told, desk: Desk, tmp_path: Path, act: str
) -> None:
    settlement = told.databases["settlement"]
    event_id = await _die(
        told, service="settlement", kind="order.confirmed.v1", subject=uuid4(), sequence=1, aggregatetype="order"
    )
    anna = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN)
    ben = a_session(tmp_path / "ben", "ben", Role.OPERATOR_LEAD)
    about = ("dead-letters", act, "--service", "settlement", str(event_id), "--yes")
    assert (await desk.run(*about, session=anna)).data["proposed"]
    await execute(
        settlement, "UPDATE decision SET at = at - interval '7 days 1 second' WHERE subject_id = $1", event_id
    )
    letter = "SELECT l.*, (SELECT count(*) FROM decision) FROM dead_letter l"
    before = await rows(settlement, letter)
    assert (await desk.run(*about, session=ben)).code == 2
    assert (await rows(settlement, letter), await rows(settlement, "SELECT * FROM retry")) == (before, [])
    assert (await desk.run(*about, session=anna)).data["proposed"]
    assert (await desk.run(*about, session=ben)).data["acted"]


def _payload(session: Path, service: str) -> str:
    token: str = json.loads(session.read_text())["access_tokens"][service]
    return token.split(".")[1] + "=="


async def test_what_was_skipped_lets_its_followers_go_on(told: Told, desk: Desk, tmp_path: Path) -> None:
    anna = a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN)
    ben = a_session(tmp_path / "ben", "ben", Role.OPERATOR_LEAD)
    settlement, waiting = told.databases["settlement"], told.orders["waiting"]
    async with told.running() as world:
        bad = await _die(
            told, service="settlement", kind="order.recorded.v1", subject=waiting, sequence=3, aggregatetype="order"
        )
        await _say_third_and_fourth(world, told, bad)
        about = ("dead-letters", "skip", "--service", "settlement", str(bad), "--yes")
        assert (await desk.run(*about, session=anna)).data["proposed"]
        assert (await desk.run(*about, session=ben)).data["skipped"]
        copied = "SELECT state = 'confirmed' FROM order_copy WHERE order_id = $1"
        await world.until("settlement", copied, waiting)
    at = "SELECT version FROM cursor WHERE stream = 'order.order' AND aggregate_id = $1"
    assert await rows(settlement, at, waiting) == [(4,)]
    acts = "SELECT act, facts->>'operator' FROM decision WHERE subject_id = $1 ORDER BY id"
    assert await rows(settlement, acts, bad) == [("propose_skip", "anna"), ("skip", "ben")]


async def _say_third_and_fourth(world: World, told: Told, bad: UUID) -> None:
    """The provider confirms as version 4, while version 3 is the dead letter."""
    waiting = told.orders["waiting"]
    await execute(told.databases["order"], "UPDATE cloud_order SET version = version + 1 WHERE id = $1", waiting)
    body = (await rows(told.databases["settlement"], "SELECT event FROM dead_letter WHERE event_id = $1", bad))[0][0]
    insert = "INSERT INTO fact (event_id, aggregate_type, aggregate_id, version, body) VALUES ($1, 'order', $2, 3, $3)"
    await execute(told.databases["order"], insert, bad, waiting, body)
    assert (await world.confirm(waiting)).is_success
    parked = "SELECT count(*) = 1 FROM parked WHERE aggregate_id = $1"
    await world.until("settlement", parked, waiting)


@pytest.mark.container
@pytest.mark.parametrize("told", ["order"], indirect=True)
async def test_what_the_broker_gave_up_is_read_into_the_table_once(
    told: Told, desk: Desk, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order = told.databases["order"]
    ((applied,),) = await rows(order, "SELECT event_id FROM inbox LIMIT 1")
    await declare(rabbitmq_url, topology([service.wiring() for service in SERVICES]))
    known = Event(
        id=applied,
        source="voucher",
        type="voucher.held.v1",
        subject=uuid4(),
        time="",
        sequence=1,
        data=msgspec.Raw(b"{}"),
    )
    fresh = msgspec.structs.replace(known, id=uuid4())
    line = BrokerConnection(rabbitmq_url, name="test")
    own, forged = (msgspec.structs.replace(known, id=uuid4(), source=source) for source in (line.user, "voucher"))
    bodies = [b"not json", msgspec.json.encode([known, fresh]), b"not json"]
    channel = await line.channel(publisher_confirms=True)
    exchange = await channel.get_exchange(DEAD_EXCHANGE)
    for body in bodies:
        await exchange.publish(aio_pika.Message(body), "order", timeout=5)
    both = msgspec.json.encode([own, forged])
    await exchange.publish(aio_pika.Message(both, user_id=line.user), "order", timeout=5)
    monkeypatch.setenv("BUS_URL", rabbitmq_url)
    about = ("dead-letters", "collect", "--service", "order")
    dry = await desk.run(*about)
    assert (dry.data["envelopes"], dry.data["acted"]) == (4, False)
    assert (await desk.run("dead-letters", "list", "--service", "order")).code == 0
    read = await desk.run(*about, "--yes")
    assert (read.data["envelopes"], read.data["letters"]) == (4, 4), "the same bytes are one letter, the applied none"
    said_by = "SELECT convert_from(event, 'UTF8')::jsonb->>'source' FROM dead_letter WHERE event_id = $1"
    sources = [(await rows(order, said_by, one.id))[0][0] for one in (fresh, own, forged)]
    assert sources == ["nobody as voucher", line.user, f"{line.user} as voucher"], "only the broker's user is believed"
    listed = await desk.run("dead-letters", "list", "--service", "order")
    assert {one["type"] for one in listed.data["dead_letters"]} == {"unreadable", "voucher.held.v1"}
    left = (await channel.declare_queue(dead_queue("order"), passive=True, timeout=5)).declaration_result
    assert left.message_count == 0
    await line.close()
    unreadable = next(one["event_id"] for one in listed.data["dead_letters"] if one["type"] == "unreadable")
    replaying = ("dead-letters", "replay", "--service", "order", unreadable, "--yes")
    await desk.run(*replaying, session=a_session(tmp_path / "anna", "anna", Role.PLATFORM_ADMIN))
    refused = await desk.run(*replaying, session=a_session(tmp_path / "ben", "ben", Role.OPERATOR_LEAD))
    assert (refused.code, "dead_letter.unreadable" in refused.said) == (2, True)
    monkeypatch.setenv("BUS_URL", "memory://")
    assert (await desk.run(*about)).code == 78
