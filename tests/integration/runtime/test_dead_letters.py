"""What cannot be applied is kept with its reason, blocks only its own aggregate, and is replayed by two people."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Uuid

from shared.contracts.messages.base import Event, Fact
from shared.contracts.permissions import Role
from shared.kernel.refusals import Bug
from shared.runtime.database.tables import attach
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from tests.factories.harness import Platform, open_platform


class Counted(Fact, frozen=True, kw_only=True):
    """A number told about an aggregate."""

    name: ClassVar[str] = "far.counted"
    stream: ClassVar[str] = "far.counter"
    key: ClassVar[str] = "counter_id"

    counter_id: UUID
    amount: int


METADATA = MetaData()
attach(METADATA)
SUM = Table("counter_sum", METADATA, Column("id", Uuid, primary_key=True), Column("total", Integer, nullable=False))
POISON: set[int] = set()
ABSENT: set[int] = set()


async def add(work: Work, facts: Sequence[Counted]) -> None:
    """Add up; amounts in POISON are a permanent fault, amounts in ABSENT one of the moment."""
    for fact in facts:
        if fact.amount in ABSENT:
            raise ConnectionError(f"amount {fact.amount}")
        if fact.amount in POISON:
            raise Bug(f"amount {fact.amount}")
        await work.connection.execute(
            "INSERT INTO counter_sum VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET total = counter_sum.total + $2",
            fact.counter_id,
            fact.amount,
        )


SERVICE = Service(name="near", metadata=METADATA, settings=ServiceSettings, subscriptions={Counted: add})


@pytest.fixture
async def platform(fresh_database: Callable[[], str]) -> AsyncIterator[Platform]:
    POISON.clear()
    async with open_platform([SERVICE], fresh_database) as running:
        yield running
    POISON.clear()


async def totals(platform: Platform) -> dict[UUID, int]:
    async with platform.runtime("near").reading() as connection:
        return {row["id"]: row["total"] for row in await connection.fetch("SELECT id, total FROM counter_sum")}


async def test_a_poisoned_fact_blocks_its_own_aggregate_only_and_an_audited_replay_by_two_heals_it(
    platform: Platform,
) -> None:
    sick, well = uuid4(), uuid4()
    POISON.add(2)
    for amount in (1, 2, 3):
        await platform.feed(Counted(version=0, counter_id=sick, amount=amount))
    await platform.feed(Counted(version=0, counter_id=well, amount=7))
    assert await totals(platform) == {sick: 1, well: 7}

    admin = platform.headers(Role.PLATFORM_ADMIN)
    listed = (await platform.client.get("/api/near/v1/dead-letters", headers=admin)).json()["data"]
    assert [letter["type"] for letter in listed] == ["far.counted.v1"]
    assert "amount 2" in listed[0]["reason"]
    path = f"/api/near/v1/dead-letters/{listed[0]['event_id']}"

    lead, person = platform.headers(Role.OPERATOR_LEAD), uuid4()
    early = await platform.client.post(f"{path}/replay-approvals", headers=lead)
    assert (early.status_code, early.json()["code"]) == (409, "dead_letter.replay_not_proposed")
    assert (await platform.client.post(f"{path}/replay-proposals", headers=admin)).status_code == 204

    again = (await platform.client.post(f"{path}/replay-approvals", headers=lead)).json()
    assert not again["applied"], "the fault is still there"
    POISON.clear()
    proposed = platform.headers(Role.PLATFORM_ADMIN, account_id=person)
    assert (await platform.client.post(f"{path}/replay-proposals", headers=proposed)).status_code == 204
    same = await platform.client.post(
        f"{path}/replay-approvals", headers=platform.headers(Role.OPERATOR_LEAD, account_id=person)
    )
    assert (same.status_code, same.json()["code"]) == (422, "dead_letter.same_person")
    healed = (await platform.client.post(f"{path}/replay-approvals", headers=lead)).json()
    assert healed["applied"]
    assert await totals(platform) == {sick: 6, well: 7}
    async with platform.runtime("near").reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0
        assert await connection.fetchval("SELECT count(*) FROM decision WHERE act = 'replay'") == 2


async def test_a_replay_that_breaks_off_leaves_the_letter_open_to_be_replayed_again(platform: Platform) -> None:
    counter = uuid4()
    POISON.add(5)
    await platform.feed(Counted(version=0, counter_id=counter, amount=5))
    POISON.clear()
    admin, lead = platform.headers(Role.PLATFORM_ADMIN), platform.headers(Role.OPERATOR_LEAD)
    letter = (await platform.client.get("/api/near/v1/dead-letters", headers=admin)).json()["data"][0]
    path = f"/api/near/v1/dead-letters/{letter['event_id']}"
    assert (await platform.client.post(f"{path}/replay-proposals", headers=admin)).status_code == 204
    ABSENT.add(5)
    broken = await platform.client.post(f"{path}/replay-approvals", headers=lead)
    ABSENT.clear()
    assert broken.status_code >= 500
    assert await totals(platform) == {}
    assert (await platform.client.post(f"{path}/replay-approvals", headers=lead)).json()["applied"]
    assert await totals(platform) == {counter: 5}


async def test_a_fact_that_speaks_for_another_service_is_dead_lettered(platform: Platform) -> None:
    counter = uuid4()
    fact = Counted(version=1, counter_id=counter, amount=1)
    event = Event(
        id=uuid4(),
        source="far",
        type=fact.type_name(),
        subject=uuid4(),
        time="",
        sequence=1,
        data=msgspec.Raw(msgspec.json.encode(fact)),
        aggregatetype="counter",
    )
    await platform.publish("far", "far.counter.0", [event], mandatory=False)
    assert await totals(platform) == {}
    assert len(await platform.dead_letters()) == 1


async def test_a_poisoned_fact_that_was_parked_does_not_take_its_good_predecessor_down(platform: Platform) -> None:
    counter = uuid4()
    POISON.add(2)
    await platform.feed(Counted(version=2, counter_id=counter, amount=2))
    await platform.feed(Counted(version=1, counter_id=counter, amount=1))
    assert await totals(platform) == {counter: 1}
    (letter,) = await platform.dead_letters()
    assert "amount 2" in letter
    POISON.clear()
    admin, lead = platform.headers(Role.PLATFORM_ADMIN), platform.headers(Role.OPERATOR_LEAD)
    listed = (await platform.client.get("/api/near/v1/dead-letters", headers=admin)).json()["data"]
    path = f"/api/near/v1/dead-letters/{listed[0]['event_id']}"
    assert (await platform.client.post(f"{path}/replay-proposals", headers=admin)).status_code == 204
    assert (await platform.client.post(f"{path}/replay-approvals", headers=lead)).json()["applied"]
    assert await totals(platform) == {counter: 3}
