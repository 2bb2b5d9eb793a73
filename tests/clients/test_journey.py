"""The client package against the platform itself, over TCP: its README as it stands, both clients, the command line."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from yunquan_client import (
    Arrival,
    AsyncYunquan,
    Inbox,
    NotAllowed,
    NotFound,
    Refused,
    RuleRefused,
    VersionChanged,
    Yunquan,
)

from tests.clients.platform import Site, open_site

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "clients/python/README.md"


@pytest.fixture
async def site(fresh_database: Callable[[], str], tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(fresh_database, tmp_path) as found:
        yield found


def typed(site: Site, code: str) -> str:
    """What a program prints that somebody types, with the host and the client of this site."""
    text = code.replace("https://yunquan.example.org", site.host).replace("yqc_…", site.client_id)
    done = subprocess.run(  # noqa: S603 - a block of our README
        [sys.executable, "-c", text],
        cwd=site.key_file.parent,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "clients/python/src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def state_of(site: Site, order_id: str) -> str:
    async with site.world.platform.runtime("order").reading() as connection:
        found = await connection.fetchval("SELECT state FROM cloud_order WHERE id::text = $1", order_id)
    return str(found)


async def test_the_lines_of_the_readme_confirm_an_order(site: Site) -> None:
    order_id = await site.sold()
    code = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    said = await asyncio.to_thread(typed, site, code)
    assert said.split() == ["confirmed"]
    assert await state_of(site, order_id) == "confirmed"


async def test_a_command_that_is_sent_again_is_one_act_and_another_version_is_refused(site: Site) -> None:
    order_id, other_id = await site.sold(1_000), await site.sold(1_000)

    def run() -> None:
        with Yunquan(site.host, site.client_id, site.key_file) as client:
            order = client.order(order_id)
            first = client.confirm(order, idempotency_key="our-record-17")
            # As after a crash: the same order as it was read, under the same key.
            again = client.confirm(order, idempotency_key="our-record-17")
            assert (first.state, again.state) == ("confirmed", "confirmed")
            with pytest.raises(VersionChanged):
                client.confirm(order)
            with pytest.raises(RuleRefused) as reused:
                client.confirm(client.order(other_id), idempotency_key="our-record-17")
            assert reused.value.code == "idempotency.key_reused"
            assert client.wait_for(order_id, "confirmed").id == order_id

    await asyncio.to_thread(run)
    async with site.world.platform.runtime("order").reading() as connection:
        acts = await connection.fetchval(
            "SELECT count(*) FROM order_event WHERE order_id::text = $1 AND type = 'order.confirmed'", order_id
        )
    assert acts <= 1


async def test_the_client_for_asyncio_does_the_same(site: Site) -> None:
    order_ids = {await site.sold(1_000) for _ in range(3)}
    async with AsyncYunquan(site.host, site.client_id, site.key_file) as client:
        waiting = [order async for order in client.orders(state="awaiting_confirmation")]
        assert {order.id for order in waiting} == order_ids
        read = await asyncio.gather(*(client.order(order.id) for order in waiting))
        confirmed = await asyncio.gather(*(client.confirm(order) for order in read))
        assert {order.state for order in confirmed} == {"confirmed"}
        with pytest.raises(NotFound) as unknown:
            await client.order("01890000-0000-7000-8000-000000000000")
        assert unknown.value.request_id in str(unknown.value)


async def test_a_client_that_asks_for_less_may_do_less(site: Site) -> None:
    order_id = await site.sold()
    async with AsyncYunquan(site.host, site.client_id, site.key_file, scopes=["order:read"]) as client:
        order = await client.order(order_id)
        with pytest.raises(NotAllowed) as refused:
            await client.confirm(order)
    assert refused.value.status == 403
    assert await state_of(site, order_id) == "awaiting_confirmation"


async def test_an_inbox_deals_with_each_event_of_the_feed_once_whatever_comes_again(site: Site, tmp_path: Path) -> None:
    order_id = await site.sold()
    await site.world.until("order", "SELECT count(*) >= 2 FROM order_event")

    def run() -> list[tuple[str, str]]:
        database, inbox, dealt = sqlite3.connect(tmp_path / "shop.db"), Inbox(), []
        inbox.create(database)
        database.execute("CREATE TABLE seen (type text)")
        with Yunquan(site.host, site.client_id, site.key_file) as client:
            for _ in range(2):
                for event in client.events(follow=False):
                    with inbox.receiving(database, event) as arrival:
                        if arrival is Arrival.NEW:
                            database.execute("INSERT INTO seen VALUES (?)", (event.type,))
                            dealt.append((event.type, event.order_id))
            cursor = event.cursor
            client.confirm(client.order(order_id))
            later = next(client.events(cursor=cursor))
            dealt.append((later.type, later.order_id))
        assert database.execute("SELECT count(*) FROM seen").fetchone() == (2,)
        database.close()
        return dealt

    dealt = await asyncio.to_thread(run)
    assert [kind for kind, _ in dealt] == ["order.placed", "order.awaiting_confirmation", "order.confirmed"]
    assert {each for _, each in dealt} == {order_id}


async def test_a_claim_is_drafted_for_what_was_confirmed_and_says_what_is_missing(site: Site) -> None:
    order_id = await site.sold()
    async with AsyncYunquan(site.host, site.client_id, site.key_file) as client:
        await client.confirm(await client.order(order_id))
        await site.world.platform.settle()
        claim = await client.draft_claim([order_id], idempotency_key="claim-1")
        assert (await client.draft_claim([order_id], idempotency_key="claim-1")).id == claim.id
        read = await client.claim(claim.id)
        assert (read.state, [item["order_id"] for item in read.results]) == ("draft", [order_id])
        with pytest.raises(Refused) as refused:
            await client.submit_claim(read, declaration_version="1.0.0")
        assert (await client.claim(claim.id)).version == read.version
    assert refused.value.code.startswith("settlement.")


async def test_the_command_line_makes_keys_and_speaks_to_the_platform(site: Site, tmp_path: Path) -> None:
    order_id = await site.sold()
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT / "clients/python/src"),
        "YUNQUAN_HOST": site.host,
        "YUNQUAN_CLIENT_ID": site.client_id,
        "YUNQUAN_KEY": str(site.key_file),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "yunquan_client.command_line", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    made = await asyncio.to_thread(run, "new-key", str(tmp_path / "new.pem"))
    assert made.stdout.startswith("-----BEGIN PUBLIC KEY-----")
    assert (tmp_path / "new.pem").stat().st_mode & 0o077 == 0
    again = await asyncio.to_thread(run, "new-key", str(tmp_path / "new.pem"))
    assert (again.returncode, "File exists" in again.stderr) == (1, True)
    listed = await asyncio.to_thread(run, "orders", "--state", "awaiting_confirmation")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [order_id]
    confirmed = await asyncio.to_thread(run, "confirm", order_id)
    assert json.loads(confirmed.stdout)["state"] == "confirmed"
    events = await asyncio.to_thread(run, "events")
    assert json.loads(events.stdout.splitlines()[0])["type"] == "order.placed"
    refused = await asyncio.to_thread(run, "confirm", "01890000-0000-7000-8000-000000000000")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    token = await asyncio.to_thread(run, "token")
    assert token.stdout.count(".") == 2
    assert (await asyncio.to_thread(run, "--help")).returncode == 0
