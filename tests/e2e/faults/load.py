"""Steady traffic of people who do not give up: purchases that are cancelled, refunded or kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from tests.e2e.market import Market
from tests.e2e.traffic import Request

ATTEMPT_S = 5.0
BUYERS = 6
ARRIVAL_S = 0.25
ARRIVED_LOOK_S = 0.5
UNDER_WAY_MAX = 100
KEPT_EVERY = 5
LOOK_S = 0.1
SIDE_PAUSE_S = 0.3
END_S = 150.0
SIDE = (
    "/api/catalog/v1/directory",
    "/api/settlement/v1/windows",
    "/api/voucher/v1/plans",
)
REQUESTS = frozenset(
    {
        "place",
        "confirm",
        "cancel",
        "ask for refund",
        "refund",
        "sign in",
        "read catalog",
        "read settlement",
        "read voucher",
    }
)
SAGAS = frozenset({"purchase held", "refund paid back"})
KINDS = REQUESTS | SAGAS
"""Every one of these has to be seen again after a fault: requests answered, and sagas that came to their rest."""

Flow: TypeAlias = Callable[["Load", int], Awaitable[None]]


@dataclass
class Load:
    """The traffic on one market; its log says what became of every request."""

    market: Market
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    orders: int = 0
    _numbers: "count[int]" = field(default_factory=count)
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: int = 0
    _arrived: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self) -> None:
        """Begin."""
        self._open.set()
        flows = [_cancelled, _refunded] * (BUYERS // 2)
        self.tasks = [asyncio.create_task(self._again_and_again(flow)) for flow in (*flows, _beside)]
        self.tasks.append(asyncio.create_task(self._arriving()))

    async def close(self) -> None:
        """Let nobody begin anything, and wait until everything that was begun has ended."""
        self._open.clear()
        async with asyncio.timeout(END_S):
            await self._idle.wait()

    def reopen(self) -> None:
        """Let people begin again."""
        self._open.set()

    async def stop(self) -> None:
        """End the traffic when everything that was begun has ended."""
        await self.close()
        await self.cancel()

    async def cancel(self) -> None:
        """End the traffic at once."""
        everybody = [*self.tasks, *self._arrived]
        for task in everybody:
            task.cancel()
        await asyncio.gather(*everybody, return_exceptions=True)

    def answered(self, kind: str, *, since_s: float) -> float | None:
        """The moment of the first answer to a request of that kind which was sent after `since_s`; None: not yet."""
        ends = (one.ended_s for one in self.market.log if one.kind == kind and one.asked_s >= since_s and _is_good(one))
        return min(ends, default=None)

    async def _again_and_again(self, flow: Flow) -> None:
        while True:
            await self._open.wait()
            await self._once(flow)

    async def _arriving(self) -> None:
        """New buyers come whether or not the ones before them are served, as people do in a fault."""
        while True:
            await self._open.wait()
            await asyncio.sleep(ARRIVAL_S)
            if self._open.is_set() and len(self._arrived) < UNDER_WAY_MAX:
                task = asyncio.create_task(self._once(_arrived))
                self._arrived.add(task)
                task.add_done_callback(self._arrived.discard)

    async def _once(self, flow: Flow) -> None:
        self._busy += 1
        self._idle.clear()
        try:
            await flow(self, next(self._numbers))
        except Exception as error:  # noqa: BLE001 - traffic that ended without a word would prove nothing
            # Somebody's request was refused, never answered or unreadable: it counts as lost, and the next is tried.
            self.failures.append(" ".join(str(error).split())[:300] or repr(error))
            await asyncio.sleep(1)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def placed(self, number: int, *, look_s: float = LOOK_S) -> str:
        """An order that waits for the provider, with its voucher held."""
        began_s = time.monotonic()
        order_id = await self.market.place(number)
        self.orders += 1
        await self.market.reached([order_id], {"awaiting_confirmation"}, look_s=look_s)
        self.note("purchase held", began_s)
        return order_id

    async def reached(self, order_id: str, state: str) -> None:
        """Wait until an order is in a state."""
        await self.market.reached([order_id], {state}, look_s=LOOK_S)

    def note(self, kind: str, began_s: float) -> None:
        """Write down that a saga has come to its rest, as its customer sees it."""
        now_s = time.monotonic()
        one = Request(kind=kind, began_s=began_s, asked_s=began_s, ended_s=now_s, attempts=1, status=200)
        self.market.log.append(one)


def _is_good(one: Request) -> bool:
    return one.status is not None and one.status < 400


async def _cancelled(load: Load, number: int) -> None:
    order_id = await load.placed(number)
    await _do(load, number, order_id, "cancel")
    await load.reached(order_id, "cancelled")


async def _arrived(load: Load, number: int) -> None:
    """As above, of somebody who looks less often, since in a fault there are many of them."""
    order_id = await load.placed(number, look_s=ARRIVED_LOOK_S)
    await _do(load, number, order_id, "cancel")
    await load.market.reached([order_id], {"cancelled"}, look_s=ARRIVED_LOOK_S)


async def _refunded(load: Load, number: int) -> None:
    order_id = await load.placed(number)
    confirmed = await load.market.provider.post(f"/api/order/v1/orders/{order_id}/confirm", {})
    assert confirmed.is_success, confirmed.text
    if number % KEPT_EVERY == 0:
        return
    await _do(load, number, order_id, "refund-requests", lines=[1], reason="不再需要")
    began_s = time.monotonic()
    path = f"/api/order/v1/orders/{order_id}/refund/consent"
    consent = await load.market.provider.post(path, {"reason": "同意"})
    assert consent.is_success, consent.text
    await load.reached(order_id, "refunded")
    load.note("refund paid back", began_s)


async def _do(load: Load, number: int, order_id: str, act: str, **body: object) -> None:
    answer = await load.market.buyer(number).post(f"/api/order/v1/orders/{order_id}/{act}", body)
    assert answer.is_success, answer.text


async def _beside(load: Load, number: int) -> None:
    """What people do beside buying, so that no service stands idle: sign in, look at products, windows and plans."""
    person = load.market.provider
    await person.open()
    for path in SIDE:
        await person.get(path)
    await asyncio.sleep(SIDE_PAUSE_S)
