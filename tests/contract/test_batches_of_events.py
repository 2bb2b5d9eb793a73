"""A batch of events is one transaction: what comes while it begins belongs to it, and new events cost no question."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import msgspec
import pytest

from shared.contracts.messages.base import Event
from shared.runtime.bus.base import Delivery, fact_queue
from shared.runtime.messaging.consumer import Applier, Consumer
from shared.runtime.unit_of_work.work import Work
from tests.contract.conftest import Wire
from tests.contract.sample_services import POISON, Stage, cut_connections, open_stage


@pytest.fixture
async def stage(wire: Wire, fresh_database: Callable[[], str]) -> AsyncIterator[Stage]:
    """The two toy services; nothing of them runs yet."""
    async with open_stage(wire, fresh_database) as found:
        yield found


@dataclass
class Late:
    """A queue on which more deliveries come while a transaction begins."""

    come: list[Delivery]
    acknowledged: list[Delivery] = field(default_factory=list)
    requeued: list[Delivery] = field(default_factory=list)
    rejected: list[Delivery] = field(default_factory=list)

    async def receive(self, *, bytes_max: int) -> Sequence[Delivery]:
        """Never asked here."""
        raise NotImplementedError

    def take(self, *, bytes_max: int) -> Sequence[Delivery]:
        """All that has come, once."""
        assert bytes_max > 0
        come, self.come = self.come, []
        return come

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remember them."""
        self.acknowledged += deliveries

    async def prefer(self, *, preferred: bool) -> None:
        """Nobody else is there."""

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Remember them."""
        self.requeued += deliveries

    async def reject(self, delivery: Delivery) -> None:
        """Remember it."""
        self.rejected.append(delivery)

    async def close(self) -> None:
        """Nothing to end."""


def delivery(*events: Event) -> Delivery:
    """One envelope of the counter service."""
    return Delivery(msgspec.json.encode(list(events)), "counter", object())


async def consumer_of(stage: Stage) -> tuple[Consumer, Applier, dict[str, int]]:
    """A consumer of the reading service's facts that is driven by hand, its applier and its counts."""
    runtime = await stage.runtime(stage.reading)
    applier = Applier(runtime, runtime.service.subscriptions)
    return Consumer(runtime, applier, fact_queue("reader")), applier, runtime.counts


async def test_what_comes_while_the_transaction_begins_belongs_to_it(stage: Stage) -> None:
    consumer, _, counts = await consumer_of(stage)
    first, second = delivery(stage.counted(uuid4())), delivery(stage.counted(uuid4()), stage.counted(uuid4()))
    receiver = Late([second])
    await consumer._handle(receiver, [first])
    assert (counts["commits"], counts["applied"], await stage.count("seen")) == (1, 3, 3)
    assert receiver.acknowledged == [first, second]


async def test_a_fault_of_the_moment_loses_nothing_of_what_came_meanwhile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, applier, _ = await consumer_of(stage)
    run, cuts = applier._run, iter([True])

    async def cut(work: Work, events: Sequence[Event]) -> None:
        if next(cuts, False):
            await cut_connections(stage, "reader")
        await run(work, events)

    monkeypatch.setattr(applier, "_run", cut)
    first, second = delivery(stage.counted(uuid4())), delivery(stage.counted(uuid4()))
    receiver = Late([second])
    await consumer._handle(receiver, [first])
    assert await stage.count("seen") == await stage.count("inbox") == 2
    assert (receiver.acknowledged, receiver.requeued) == ([first, second], [])
    assert next(cuts, False) is False


async def test_what_is_wrong_among_what_came_meanwhile_hinders_nobody(stage: Stage) -> None:
    consumer, _, _ = await consumer_of(stage)
    first, poison = delivery(stage.counted(uuid4())), delivery(stage.counted(uuid4(), amount=POISON))
    unreadable = Delivery(b"no JSON at all", "counter", object())
    receiver = Late([unreadable, poison, delivery(stage.counted(uuid4()))])
    await consumer._handle(receiver, [first])
    assert (await stage.count("seen"), await stage.count("dead_letter")) == (2, 1)
    assert receiver.rejected == [unreadable]
    assert len(receiver.acknowledged) == 3


async def test_only_a_batch_with_an_event_that_was_received_before_asks_the_inbox(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, applier, counts = await consumer_of(stage)
    asked: list[int] = []
    first_seen = applier._first_seen

    async def ask(work: Work, events: Sequence[Event]) -> list[Event]:
        asked.append(len(events))
        return await first_seen(work, events)

    monkeypatch.setattr(applier, "_first_seen", ask)
    counter_id = uuid4()
    old = [stage.counted(counter_id), stage.counted(counter_id)]
    await applier.settle(old)
    assert asked == []
    await applier.settle([*old, stage.counted(counter_id)])
    assert asked == [3]
    assert await stage.seen() == {counter_id: [1, 2, 3]}
    assert (counts["applied"], counts["duplicates"], await stage.count("inbox")) == (3, 2, 3)
