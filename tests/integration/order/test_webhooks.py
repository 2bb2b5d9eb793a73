"""Webhooks: what a receiver is sent, when it is sent again, and what the owner of an endpoint reads."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from shared.contracts.permissions import Role
from tests.factories.hooks import add_endpoint, approve_hosts, deliveries, ended, open_hook_market, skip
from tests.factories.receiver import GOOD, Received, Receiver, answer, open_receiver
from tests.factories.trade import Market


@pytest.fixture
async def hooked(fresh_database: Callable[[], str]) -> AsyncIterator[Market]:
    """A market that may call this machine."""
    async with open_hook_market(fresh_database) as market:
        yield market


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A provider's system."""
    async with open_receiver() as found:
        yield found


async def _endpoint(market: Market, endpoint_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await market.get(f"/webhook-endpoints/{endpoint_id}", Role.PROVIDER)).json()
    return found


def _verify_ed25519(request: Received, public_key: str) -> None:
    """Verify `v1a` by the words of the standard, with nothing of the platform's own code."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    assert len(signed) <= 4_096
    found = [part.removeprefix("v1a,") for part in request.headers["webhook-signature"].split() if part[:4] == "v1a,"]
    for signature in found[:-1]:
        with contextlib.suppress(InvalidSignature):
            return key.verify(base64.b64decode(signature), signed)
    return key.verify(base64.b64decode(found[-1]), signed)


async def test_a_receiver_is_sent_each_event_with_both_signatures_and_both_ids(
    hooked: Market, receiver: Receiver
) -> None:
    endpoint = await add_endpoint(hooked, receiver)
    order_id = (await hooked.place(voucher_fen=0))["id"]
    requests = await receiver.wait_for(2)
    keys = (await hooked.platform.client.get("/api/order/v1/webhook-keys")).json()["keys"]
    for request in requests:
        event = Webhook(endpoint["secret"]).verify(request.body, request.headers)
        _verify_ed25519(request, keys[0]["public_key"])
        assert event["id"] == request.headers["webhook-id"]
        assert event["delivery_id"] == request.headers["yunquan-delivery-id"]
        assert event["data"]["order_id"] == order_id
    assert sorted(request.event["sequence"] for request in requests) == [1, 2]  # type: ignore[type-var] # JSON
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(endpoint["secret"]).verify(request.body.replace(b"order", b"0rder"), request.headers)
    done = await ended(hooked, 2, state="delivered")
    log = (await hooked.get(f"/webhook-deliveries/{done[0]['id']}", Role.PROVIDER)).json()["log"]
    assert (log[0]["status"], log[0]["answer"], log[0]["url"]) == (200, "ok", receiver.url)
    assert log[0]["request"] in [request.body.decode() for request in requests]


async def test_nothing_is_sent_before_the_operator_approves_the_host_and_nothing_after_it_is_taken_back(
    hooked: Market, receiver: Receiver
) -> None:
    await add_endpoint(hooked, receiver, approve=False)
    await hooked.place(voucher_fen=0)
    await asyncio.sleep(0.5)
    assert receiver.received == []
    await approve_hosts(hooked)
    await receiver.wait_for(2)
    host = (await hooked.get("/webhook-hosts", Role.OPERATOR_LEAD)).json()["data"][0]
    refused = await hooked.post(f"/webhook-hosts/{host['id']}/refuse", Role.OPERATOR_LEAD, body={"reason": "不再使用"})
    assert refused.status_code == 200
    await hooked.place(voucher_fen=0)
    await asyncio.sleep(0.5)
    assert len(receiver.received) == 2


async def test_a_failed_delivery_is_sent_again_by_the_plan_with_the_same_id(hooked: Market, receiver: Receiver) -> None:
    receiver.answer = lambda _: answer(500, body=b"broken")
    await add_endpoint(hooked, receiver, types=["order.placed"])
    await hooked.place(voucher_fen=0)
    await receiver.wait_for(1)
    for attempts, pause_s in enumerate((5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400), 1):
        delivery = await _attempted(hooked, attempts)
        due = (await hooked.rows("SELECT due_at - (SELECT max(at) FROM webhook_attempt) AS s FROM webhook_delivery"))[0]
        assert pause_s <= due["s"].total_seconds() <= pause_s * 1.1 + 0.1
        assert delivery["state"] == "pending"
        # The endpoint's own end is another test.
        async with hooked.platform.runtime("order").work() as work:
            await work.connection.execute("UPDATE webhook_endpoint SET failing_since = NULL")
        await skip(hooked, seconds=pause_s * 1.1 + 1)
        await receiver.wait_for(attempts + 1)
    assert (await ended(hooked, 1, state="failed"))[0]["attempts"] == 10
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.headers["yunquan-delivery-id"] for request in receiver.received}) == 1


async def _attempted(market: Market, attempts: int) -> dict[str, Any]:
    for _ in range(200):
        found = await deliveries(market)
        if found and found[0]["attempts"] == attempts:
            return found[0]
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_receiver_that_asks_for_time_gets_it(hooked: Market, receiver: Receiver) -> None:
    receiver.answer = lambda _: answer(429, "Retry-After: 120")
    endpoint = await add_endpoint(hooked, receiver, types=["order.placed"])
    await hooked.place(voucher_fen=0)
    await receiver.wait_for(1)
    delivery = await _attempted(hooked, 1)
    due = (await hooked.rows("SELECT due_at - (SELECT max(at) FROM webhook_attempt) AS s FROM webhook_delivery"))[0]
    assert due["s"].total_seconds() >= 120
    await hooked.place(voucher_fen=0)
    await asyncio.sleep(0.5)
    assert len(receiver.received) == 1, "the whole lane rests"
    assert (await _endpoint(hooked, endpoint["id"]))["paused_until"] is not None
    receiver.answer = lambda _: GOOD
    await skip(hooked, seconds=130)
    await receiver.wait_for(3)
    assert delivery["id"] in [each["id"] for each in await ended(hooked, 2, state="delivered")]


async def test_an_answer_410_disables_the_endpoint_and_its_owner_is_told(hooked: Market, receiver: Receiver) -> None:
    receiver.answer = lambda _: answer(410)
    endpoint = await add_endpoint(hooked, receiver, types=["order.placed"])
    await hooked.place(voucher_fen=0)
    await ended(hooked, 1, state="failed")
    found = await _endpoint(hooked, endpoint["id"])
    assert (found["state"], found["disabled_reason"]) == ("disabled", "gone")
    assert "webhook.disabled" in await _notices(hooked)


async def _notices(market: Market) -> list[str]:
    response = await market.get("/notices", Role.PROVIDER)
    return [notice["event"] for notice in response.json()["data"]]


async def test_an_endpoint_that_fails_is_flagged_after_an_hour_and_disabled_after_76_and_may_be_enabled_again(
    hooked: Market, receiver: Receiver
) -> None:
    receiver.answer = lambda _: answer(503)
    endpoint = await add_endpoint(hooked, receiver, types=["order.placed"])
    await hooked.place(voucher_fen=0)
    await _attempted(hooked, 1)
    found = await _endpoint(hooked, endpoint["id"])
    assert found["failing_since"] is not None
    assert found["disable_due_at"] is not None
    assert (found["flagged_at"], found["state"]) == (None, "active")
    await skip(hooked, seconds=3_700)
    await _attempted(hooked, 2)
    assert (await _endpoint(hooked, endpoint["id"]))["flagged_at"] is not None
    assert "webhook.flagged" in await _notices(hooked)
    await skip(hooked, seconds=76 * 3_600)
    await _attempted(hooked, 3)
    found = await _endpoint(hooked, endpoint["id"])
    assert (found["state"], found["disabled_reason"]) == ("disabled", "failing")
    # What came meanwhile waits, and is delivered when the owner has mended it.
    await hooked.place(voucher_fen=0)
    receiver.answer = lambda _: GOOD
    await skip(hooked, seconds=90_000)
    enabled = await hooked.post(f"/webhook-endpoints/{endpoint['id']}/enable", Role.PROVIDER)
    assert enabled.json()["state"] == "active"
    await ended(hooked, 2, state="delivered")
    found = await _endpoint(hooked, endpoint["id"])
    assert (found["failing_since"], found["flagged_at"]) == (None, None)


async def _attempted_in_order(market: Market, attempts: int) -> None:
    """Wait until the first delivery of the feed has been attempted so often, and it is written."""
    for _ in range(200):
        rows = await market.rows("SELECT attempts FROM webhook_delivery ORDER BY seq LIMIT 1")
        if rows and rows[0]["attempts"] == attempts:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(rows)


async def test_in_strict_order_nothing_overtakes_what_failed(hooked: Market, receiver: Receiver) -> None:
    await add_endpoint(hooked, receiver, ordering="strict")
    receiver.answer = lambda _: answer(500)
    for _ in range(3):
        await hooked.place(voucher_fen=0)
    await receiver.wait_for(1)
    await skip(hooked, seconds=10)
    await receiver.wait_for(2)
    # Its next attempt is minutes away and the lane rests only seconds: what comes behind it is due, and waits.
    await _attempted_in_order(hooked, 2)
    await skip(hooked, seconds=20)
    await asyncio.sleep(0.7)
    assert len(receiver.received) == 2
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    receiver.answer = lambda _: GOOD
    await skip(hooked, seconds=400)
    await ended(hooked, 6, state="delivered")
    seen = list(dict.fromkeys(request.headers["webhook-id"] for request in receiver.received))
    rows = await hooked.rows("SELECT event_id FROM order_event ORDER BY seq")
    assert seen == [str(row["event_id"]) for row in rows]
    assert receiver.at_once_max == 1


async def test_a_dead_receiver_delays_nobody_else(hooked: Market, receiver: Receiver) -> None:
    async with open_receiver() as dead:
        dead.delay_s = 60.0
        await add_endpoint(hooked, dead)
        await add_endpoint(hooked, receiver)
        for _ in range(5):
            await hooked.place(voucher_fen=0)
        await receiver.wait_for(10)
        await dead.wait_for(1)
        assert len(dead.received) <= 8, "its own lane holds what waits for it"


async def test_a_secret_is_changed_without_a_moment_in_which_the_former_one_fails(
    hooked: Market, receiver: Receiver
) -> None:
    endpoint = await add_endpoint(hooked, receiver, types=["order.placed"])
    rotated = (await hooked.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret", Role.PROVIDER)).json()
    assert rotated["secret"] != endpoint["secret"]
    await hooked.place(voucher_fen=0)
    request = (await receiver.wait_for(1))[0]
    for secret in (endpoint["secret"], rotated["secret"]):
        Webhook(secret).verify(request.body, request.headers)
    await skip(hooked, seconds=86_500)
    await hooked.place(voucher_fen=0)
    request = (await receiver.wait_for(2))[1]
    Webhook(rotated["secret"]).verify(request.body, request.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(endpoint["secret"]).verify(request.body, request.headers)


async def _rotate_platform_key(market: Market, *, overlap_hours: int) -> str:
    body = {"reason": "定期轮换", "overlap_hours": overlap_hours}
    rotated = await market.post("/webhook-keys/rotation", Role.PLATFORM_ADMIN, body=body)
    assert rotated.status_code == 201
    key_id: str = rotated.json()["id"]
    return key_id


async def _public_keys(market: Market) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await market.platform.client.get("/api/order/v1/webhook-keys")).json()["keys"]
    return found


async def test_the_platforms_key_is_changed_without_a_moment_in_which_the_former_one_fails(
    hooked: Market, receiver: Receiver
) -> None:
    await add_endpoint(hooked, receiver, types=["order.placed"])
    (former,) = await _public_keys(hooked)
    key_id = await _rotate_platform_key(hooked, overlap_hours=24)
    new, old = await _public_keys(hooked)
    assert (new["id"], new["retires_at"], old["id"]) == (key_id, None, former["id"])
    assert old["retires_at"] is not None
    await hooked.place(voucher_fen=0)
    request = (await receiver.wait_for(1))[0]
    _verify_ed25519(request, new["public_key"])
    _verify_ed25519(request, old["public_key"])
    # In wrong hands: nothing of before signs any more, and nobody finds it in the list.
    last_id = await _rotate_platform_key(hooked, overlap_hours=0)
    (last,) = await _public_keys(hooked)
    assert last["id"] == last_id
    await hooked.place(voucher_fen=0)
    request = (await receiver.wait_for(2))[1]
    _verify_ed25519(request, last["public_key"])
    for gone in (new, old):
        with pytest.raises(InvalidSignature):
            _verify_ed25519(request, gone["public_key"])
    acts = await hooked.rows("SELECT act, ground FROM decision WHERE act = 'webhook_key.rotate'")
    assert [row["ground"] for row in acts] == ["定期轮换", "定期轮换"]


async def test_a_secret_is_shown_once_and_stored_sealed(hooked: Market, receiver: Receiver) -> None:
    key = "once"
    body = {"url": receiver.url}
    first = await hooked.post("/webhook-endpoints", Role.PROVIDER, body=body, key=key)
    again = await hooked.post("/webhook-endpoints", Role.PROVIDER, body=body, key=key)
    assert first.json()["secret"].startswith("whsec_")
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["secret"] != first.json()["secret"]
    raw = base64.b64decode(first.json()["secret"].removeprefix("whsec_"))
    assert all(raw not in bytes(row["sealed"]) for row in await hooked.rows("SELECT sealed FROM webhook_secret"))


async def test_one_delivery_and_all_of_a_time_are_sent_again_with_the_ids_of_their_events(
    hooked: Market, receiver: Receiver
) -> None:
    endpoint = await add_endpoint(hooked, receiver)
    await hooked.place(voucher_fen=0)
    done = await ended(hooked, 2, state="delivered")
    again = await hooked.post(f"/webhook-deliveries/{done[0]['id']}/resend", Role.PROVIDER)
    assert again.status_code == 202
    request = (await receiver.wait_for(3))[2]
    assert request.headers["webhook-id"] == done[0]["event_id"]
    assert request.headers["yunquan-delivery-id"] == again.json()["id"] != done[0]["id"]
    body = {"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}
    everything = await hooked.post(f"/webhook-endpoints/{endpoint['id']}/resend", Role.PROVIDER, body=body)
    assert (everything.json()["count"], everything.json()["has_more"]) == (2, False)
    requests = await receiver.wait_for(5)
    assert {each.headers["webhook-id"] for each in requests[3:]} == {each["event_id"] for each in done}


async def test_a_test_is_delivered_signed_and_logged(hooked: Market, receiver: Receiver) -> None:
    endpoint = await add_endpoint(hooked, receiver)
    asked = await hooked.post(f"/webhook-endpoints/{endpoint['id']}/test", Role.PROVIDER)
    assert asked.status_code == 202, asked.text
    request = (await receiver.wait_for(1))[0]
    event = Webhook(endpoint["secret"]).verify(request.body, request.headers)
    assert (event["type"], event["data"]) == ("webhook.test", {"endpoint_id": endpoint["id"]})
    await ended(hooked, 1, state="delivered")


async def test_an_endpoint_is_changed_by_its_version_disabled_and_deleted(hooked: Market, receiver: Receiver) -> None:
    endpoint = await add_endpoint(hooked, receiver)
    path = f"/webhook-endpoints/{endpoint['id']}"
    headers = hooked.platform.headers(Role.PROVIDER, service="order", organisation_id=hooked.provider_id)
    body = {"url": receiver.url, "types": ["claim.paid"], "ordering": "strict"}
    stale = await hooked.platform.client.put(f"/api/order/v1{path}", json=body, headers={**headers, "If-Match": '"7"'})
    assert stale.status_code == 412
    unread = await hooked.platform.client.put(f"/api/order/v1{path}", json=body, headers=headers)
    assert unread.status_code == 428
    headers = hooked.platform.headers(Role.PROVIDER, service="order", organisation_id=hooked.provider_id)
    changed = await hooked.platform.client.put(
        f"/api/order/v1{path}", json=body, headers={**headers, "If-Match": '"1"'}
    )
    assert (changed.json()["types"], changed.json()["version"]) == (["claim.paid"], 2)
    disabled = await hooked.post(f"{path}/disable", Role.PROVIDER)
    assert disabled.json()["disabled_reason"] == "owner"
    refused = await hooked.post(f"{path}/test", Role.PROVIDER)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook.endpoint_not_active")
    headers = hooked.platform.headers(Role.PROVIDER, service="order", organisation_id=hooked.provider_id)
    assert (await hooked.platform.client.delete(f"/api/order/v1{path}", headers=headers)).status_code == 204
    assert (await hooked.get(path, Role.PROVIDER)).status_code == 404
    assert await hooked.rows("SELECT id FROM webhook_secret") == []
