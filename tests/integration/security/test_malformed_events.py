"""What cannot be read or believed on the bus is kept with its reason; nothing is half done, and others go on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.contracts.messages.base import Event
from shared.contracts.messages.identity import OrganisationRegistered, OrganisationSuspended
from shared.contracts.messages.voucher import HoldVoucher, ReleaseVoucher
from shared.contracts.permissions import Role
from shared.runtime.bus.base import Envelope, command_key, fact_key
from tests.factories.world import a_party
from tests.integration.security.platform_fixture import NAMES, Estate

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Every service but identity itself follows organisations.
FOLLOWERS = ("catalog", "voucher", "order", "settlement")
KEY = fact_key("identity.organisation")


def a_fact(organisation_id: UUID, *, version: int = 1, **changes: Any) -> Event:
    """An organisation's fact as identity tells it, but for what the caller changes on its envelope."""
    kind = OrganisationRegistered if version == 1 else OrganisationSuspended
    fact = kind(version=version, organisation_id=organisation_id, party=a_party("enterprise"))
    return msgspec.structs.replace(an_event(kind.type_name(), organisation_id, fact, version=version), **changes)


def an_event(kind: str, subject: UUID, body: object, *, version: int = 1) -> Event:
    """An event of identity's organisations."""
    return Event(
        id=uuid4(),
        source="identity",
        type=kind,
        subject=subject,
        time="",
        sequence=version,
        data=msgspec.Raw(msgspec.json.encode(body)),
        aggregatetype="organisation",
    )


async def reasons(estate: Estate, event_id: UUID) -> dict[str, str]:
    """Why each service that laid the event aside for good did so."""
    found: dict[str, str] = {}
    for name in NAMES:
        async with estate.platform.runtime(name).reading() as connection:
            row = await connection.fetchrow("SELECT reason FROM dead_letter WHERE event_id = $1", event_id)
        if row is not None:
            found[name] = row["reason"]
    return found


async def cursors(estate: Estate, aggregate_id: UUID) -> dict[str, int]:
    """How far each service has followed an aggregate."""
    found: dict[str, int] = {}
    for name in NAMES:
        async with estate.platform.runtime(name).reading() as connection:
            at = await connection.fetchval("SELECT version FROM cursor WHERE aggregate_id = $1", aggregate_id)
        if at:
            found[name] = at
    return found


async def parked(estate: Estate, aggregate_id: UUID) -> set[str]:
    """Who keeps a fact of the aggregate until an earlier one, or a newer release, comes."""
    found: set[str] = set()
    for name in NAMES:
        async with estate.platform.runtime(name).reading() as connection:
            if await connection.fetchval("SELECT count(*) FROM parked WHERE aggregate_id = $1", aggregate_id):
                found.add(name)
    return found


BODIES: dict[str, Mapping[str, Any] | list[Any] | str | None] = {
    "no fields": {},
    "a list": [],
    "a text": "organisation",
    "null": None,
    "an id that is none": {"organisation_id": "1", "version": 1, "party": {}},
    "a party without its fields": {"organisation_id": str(uuid4()), "version": 1, "party": {"kind": "enterprise"}},
    "a version as text": {"organisation_id": str(uuid4()), "version": "1", "party": {}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_malformed_body_is_dead_lettered_by_each_follower_and_others_in_its_batch_go_on(
    estate: Estate, body: object
) -> None:
    sick, before, after = uuid4(), uuid4(), uuid4()
    broken = an_event(OrganisationRegistered.type_name(), sick, body)
    await estate.platform.publish("identity", KEY, [a_fact(before), broken, a_fact(after)])
    said = await reasons(estate, broken.id)
    assert set(said) == set(FOLLOWERS)
    assert all(reason.startswith("Unreadable: identity.organisation_registered.v1") for reason in said.values())
    assert await cursors(estate, sick) == {}
    for well in (before, after):
        assert await cursors(estate, well) == dict.fromkeys(FOLLOWERS, 1)


FORGERIES: dict[str, dict[str, Any]] = {
    "another service's name": {"source": "order"},
    "another aggregate": {"subject": uuid4()},
    "another version": {"sequence": 2},
    "another kind of aggregate": {"aggregatetype": "account"},
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES.keys())
async def test_an_envelope_that_contradicts_its_fact_is_never_applied(estate: Estate, changes: dict[str, Any]) -> None:
    organisation_id = uuid4()
    forged = a_fact(organisation_id, **changes)
    await estate.platform.publish("identity", KEY, [forged])
    assert await cursors(estate, organisation_id) == {}
    said = await reasons(estate, forged.id)
    assert set(said) == set(FOLLOWERS)
    assert all("contradicts the fact" in reason for reason in said.values())
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id)])
    assert await cursors(estate, organisation_id) == dict.fromkeys(FOLLOWERS, 1), "the true fact is not shut out"


async def test_a_fact_in_another_services_name_is_never_applied_whatever_its_event_says(estate: Estate) -> None:
    """The broker lets a service publish under its own routing keys alone, so these say who speaks."""
    organisation_id = uuid4()
    forged = a_fact(organisation_id)
    await estate.platform.publish("voucher", fact_key("voucher.account"), [forged])
    said = await reasons(estate, forged.id)
    assert said
    assert all("contradicts the fact" in reason for reason in said.values())
    assert await cursors(estate, organisation_id) == {}
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id)])
    assert await cursors(estate, organisation_id) == dict.fromkeys(FOLLOWERS, 1), "the true fact is not shut out"


async def test_a_command_in_its_conductors_name_is_dead_lettered_when_another_service_sends_it(estate: Estate) -> None:
    order_id = uuid4()
    command = ReleaseVoucher(order_id=order_id, reason="enterprise")
    event = msgspec.structs.replace(
        an_event(command.type_name(), order_id, msgspec.to_builtins(command)),
        source="order",
        aggregatetype="",
        replyto="order",
    )
    await estate.platform.publish("settlement", command_key("settlement", "voucher"), [event])
    said = await reasons(estate, event.id)
    assert set(said) == {"voucher"}
    async with estate.platform.runtime("voucher").reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0


async def test_a_fact_of_an_unknown_kind_is_passed_over_and_the_next_one_is_applied(estate: Estate) -> None:
    organisation_id = uuid4()
    stranger = an_event("identity.organisation_painted.v1", organisation_id, {"colour": "red"}, version=2)
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id), stranger])
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id, version=3)])
    assert await cursors(estate, organisation_id) == dict.fromkeys(FOLLOWERS, 3)
    assert await reasons(estate, stranger.id) == {}


async def test_a_fact_of_a_newer_release_waits_with_all_that_follow_it(estate: Estate) -> None:
    organisation_id, other = uuid4(), uuid4()
    newer = a_fact(organisation_id, version=2, type="identity.organisation_suspended.v2")
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id), newer])
    await estate.platform.publish("identity", KEY, [a_fact(organisation_id, version=3), a_fact(other)])
    assert await cursors(estate, organisation_id) == dict.fromkeys(FOLLOWERS, 1)
    assert await parked(estate, organisation_id) == set(FOLLOWERS)
    assert await cursors(estate, other) == dict.fromkeys(FOLLOWERS, 1)


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("kind", ["voucher.hold.v99", "nobody.knows.v1", ""])
async def test_a_command_that_a_service_does_not_know_is_dead_lettered(estate: Estate, service: str, kind: str) -> None:
    event = msgspec.structs.replace(
        an_event(kind, uuid4(), {"order_id": str(uuid4())}), source="order", aggregatetype="", replyto="order"
    )
    await estate.platform.publish("order", command_key("order", service), [event])
    assert set(await reasons(estate, event.id)) == {service}


@pytest.mark.parametrize(("source", "replyto"), [("settlement", "order"), ("order", "catalog"), ("order", "")])
async def test_a_command_that_its_conductor_did_not_send_is_dead_lettered_and_nobody_is_answered(
    estate: Estate, source: str, replyto: str
) -> None:
    order_id = uuid4()
    command = ReleaseVoucher(order_id=order_id, reason="enterprise")
    event = msgspec.structs.replace(
        an_event(command.type_name(), order_id, msgspec.to_builtins(command)),
        source=source,
        aggregatetype="",
        replyto=replyto,
    )
    await estate.platform.publish("order", command_key("order", "voucher"), [event])
    assert set(await reasons(estate, event.id)) == {"voucher"}
    async with estate.platform.runtime("voucher").reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM hold WHERE order_id = $1", order_id) == 0
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0


async def test_a_command_with_a_broken_amount_holds_nothing(estate: Estate) -> None:
    order_id = uuid4()
    body = {"order_id": str(order_id), "enterprise_id": str(uuid4()), "year": 2030, "amount_fen": "1000000"}
    event = msgspec.structs.replace(
        an_event(HoldVoucher.type_name(), order_id, body), source="order", aggregatetype="", replyto="order"
    )
    await estate.platform.publish("order", command_key("order", "voucher"), [event])
    assert set(await reasons(estate, event.id)) == {"voucher"}
    async with estate.platform.runtime("voucher").reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM hold WHERE order_id = $1", order_id) == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}]", b"\xff\xfe", b"[" * 5_000, b'[{"id": "1"}]'])
async def test_an_unreadable_envelope_is_put_aside_whole_and_the_queue_goes_on(estate: Estate, body: bytes) -> None:
    exchange, well = estate.platform.exchange, uuid4()
    laid_aside = len(exchange.dead)
    confirmed = await estate.platform._outside.publish([Envelope("identity", KEY, body, mandatory=True)])
    assert confirmed == [True], "a producer must not send it for ever"
    assert len(exchange.dead) - laid_aside == len(FOLLOWERS)
    await estate.platform.publish("identity", KEY, [a_fact(well)])
    assert await cursors(estate, well) == dict.fromkeys(FOLLOWERS, 1)


async def test_two_people_replay_a_dead_letter_and_it_is_applied_once_it_can_be(estate: Estate) -> None:
    """The fact came before a release that knows it; here the stored body is what the release would have made of it."""
    organisation_id = uuid4()
    broken = an_event(OrganisationRegistered.type_name(), organisation_id, {})
    await estate.platform.publish("identity", KEY, [broken])
    path = f"/api/voucher/v1/dead-letters/{broken.id}"
    await estate.done("POST", f"{path}/replay-proposals", role=Role.PLATFORM_ADMIN)
    again = await estate.done("POST", f"{path}/replay-approvals", role=Role.OPERATOR_LEAD)
    assert not again["applied"]
    assert again["reason"].startswith("Unreadable")

    mended = msgspec.structs.replace(a_fact(organisation_id), id=broken.id)
    async with estate.platform.runtime("voucher").pool.acquire() as connection:
        await connection.execute(
            "UPDATE dead_letter SET event = $2 WHERE event_id = $1", broken.id, msgspec.json.encode(mended)
        )
    await estate.done("POST", f"{path}/replay-proposals", role=Role.PLATFORM_ADMIN)
    assert (await estate.done("POST", f"{path}/replay-approvals", role=Role.OPERATOR_LEAD))["applied"]
    assert await cursors(estate, organisation_id) == {"voucher": 1}
