"""Delivers events to webhook endpoints: a lane for each endpoint, so that a dead receiver delays nobody else.

Every process of the service runs it, and takes the lanes that no other one has. Within a lane a batch is sent side by
side, or in strict order one after the other. An endpoint that fails rests, and is asked again with one delivery.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.order.domain.events import BODY_BYTES_MAX, FORM_VERSION, body_of
from services.order.sealing import WebhookSeal
from services.order.store import deliveries as store
from services.order.store.deliveries import Due
from services.order.webhooks import lanes
from services.order.webhooks.client import CONNECTIONS_MAX, WebhookClient
from services.order.webhooks.keys import PlatformKeys
from services.order.webhooks.lanes import Attempt, LaneBatch
from services.order.webhooks.signing import signatures
from services.order.webhooks.waiting import FeedNews
from shared.kernel.refusals import invariant
from shared.runtime.service import Runtime

log = structlog.get_logger()

LANES_MAX = 64
LANE_REQUESTS_MAX = 8
"""So many requests an endpoint gets at the same time."""
LOOK_EACH_S = 0.2
FAULT_PAUSE_S = 1.0
USER_AGENT = "Yunquan-Webhooks/1"


class Sender:
    """The lanes that this process has."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._client = runtime.ports.get(WebhookClient)
        self._keys = runtime.ports.get(PlatformKeys)
        self._seal = runtime.ports.get(WebhookSeal)
        self._lanes: dict[UUID, asyncio.Task[None]] = {}
        self._sending = asyncio.Semaphore(CONNECTIONS_MAX)
        self._wake = asyncio.Event()
        runtime.ports.get(FeedNews).listeners.append(self._wake.set)

    async def run(self) -> None:
        """Take lanes until cancelled, then end those that are under way and give them back."""
        try:
            while True:
                try:
                    await self._look()
                except Exception as error:  # noqa: BLE001 - the sender outlives every fault of the database
                    log.warning("webhooks.look_failed", error=type(error).__name__)
                    await asyncio.sleep(FAULT_PAUSE_S)
                await self._pause()
        finally:
            tasks = list(self._lanes.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.close()

    async def _look(self) -> None:
        room = LANES_MAX - len(self._lanes)
        if room <= 0:
            return
        async with self._runtime.reading() as connection:
            found = await store.find_lanes(
                connection,
                owner=self._runtime.owner,
                now=self._runtime.clock.machine_now(),
                busy=list(self._lanes),
                limit=room,
            )
        for endpoint_id in found:
            self._lanes[endpoint_id] = asyncio.create_task(self._serve(endpoint_id))

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EACH_S):
                await self._wake.wait()
        self._wake.clear()

    async def _serve(self, endpoint_id: UUID) -> None:
        """Deliver what is due on one lane, batch by batch, until nothing is."""
        batch: LaneBatch | None = None
        try:
            async with self._runtime.work() as work:
                batch = await lanes.begin_lane(work, endpoint_id, owner=self._runtime.owner)
            while batch is not None:
                attempts = await self._send(batch)
                async with self._runtime.work() as work:
                    following = await lanes.go_on(work, batch, attempts)
                batch = following
        except asyncio.CancelledError:
            if batch is not None:
                await self._give_back(batch)
            raise
        except Exception as error:  # noqa: BLE001 - the lease runs out, and the lane is taken again
            log.warning("webhooks.lane_failed", endpoint_id=str(endpoint_id), error=type(error).__name__)
            await asyncio.sleep(FAULT_PAUSE_S)
        finally:
            self._lanes.pop(endpoint_id, None)

    async def _give_back(self, batch: LaneBatch) -> None:
        with contextlib.suppress(Exception):
            async with self._runtime.work() as work:
                await lanes.give_back(work, batch)

    async def _send(self, batch: LaneBatch) -> Sequence[Attempt]:
        async with self._runtime.reading() as connection:
            keys = await self._keys.live(connection)
        opened = [self._seal.open(sealed, record_id=secret_id) for secret_id, sealed in batch.secrets]
        own = asyncio.Semaphore(LANE_REQUESTS_MAX)

        async def attempt(due: Due) -> Attempt:
            async with own, self._sending:
                return await self._attempt(batch.url, due, keys, opened)

        return await asyncio.gather(*(attempt(due) for due in batch.due))

    async def _attempt(self, url: str, due: Due, keys: Sequence[Ed25519PrivateKey], opened: Sequence[bytes]) -> Attempt:
        body = request_body(due)
        webhook_id = str(due.event_id)
        at = self._runtime.clock.machine_now()
        timestamp_s = int(at.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signatures(webhook_id, timestamp_s, body, keys=keys, endpoint_secrets=opened),
            "yunquan-delivery-id": str(due.id),
        }
        answer = await self._client.post(url, headers=headers, body=body)
        return Attempt(
            due=due,
            at=at,
            url=url,
            request=body.decode(),
            answer=answer,
            spread=random.random(),  # noqa: S311 - it spreads retries and keeps no secret
        )


def request_body(due: Due) -> bytes:
    """The body of a delivery: the event as the feed shows it, and which delivery it is."""
    if due.event is None:
        body = {
            "id": str(due.event_id),
            "type": due.type,
            "version": FORM_VERSION,
            "timestamp": due.made_at.isoformat(),
            "data": {"endpoint_id": str(due.endpoint_id)},
        }
    else:
        body = body_of(due.event)
    encoded = msgspec.json.encode(body | {"delivery_id": str(due.id)})
    invariant(len(encoded) <= BODY_BYTES_MAX, "a body that is signed is thin")
    return encoded


async def run_sender(runtime: Runtime) -> None:
    """Deliver until cancelled."""
    await Sender(runtime).run()
