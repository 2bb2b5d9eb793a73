"""What a hot route reads of a request, and how long its caller waits for news."""

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from shared.runtime.http.batching.dispatch import body_of
from shared.runtime.service.long_poll import Waiters
from shared.runtime.validation.headers import ONCE, headers_of
from shared.runtime.validation.refusals import BadRequest


def receiving(*messages: Message) -> Receive:
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0)

    return receive


@pytest.mark.parametrize("parts", [[b"{}"], [b"", b"{", b"}"], [b"{}", b""]])
async def test_a_body_arrives_whole_in_however_many_parts(parts: Sequence[bytes]) -> None:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    assert await body_of(receiving(*messages)) == b"{}"


async def test_a_caller_who_goes_away_in_the_middle_of_a_body_is_not_served() -> None:
    with pytest.raises(ClientDisconnect):
        await body_of(receiving({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))


def test_a_preference_is_a_list_over_all_its_headers_and_others_are_not_read() -> None:
    """RFC 7240, 2: several Prefer headers are one list."""
    given = [(b"prefer", b"a"), (b"host", b"a"), (b"host", b"b"), (b"prefer", b"wait=9"), (b"if-match", b"\xe9")]
    assert headers_of({"type": "http", "headers": given}) == {b"prefer": "a,wait=9", b"if-match": "é"}


@pytest.mark.parametrize("name", sorted(ONCE))
def test_a_header_of_which_there_is_one_may_not_come_twice(name: bytes) -> None:
    """RFC 9110, 5.3: of two values neither is the sender's."""
    with pytest.raises(BadRequest) as caught:
        headers_of({"type": "http", "headers": [(name, b"a"), (b"host", b"a"), (name, b"a")]})
    assert caught.value.facts["reason"] == f"请求头 {name.decode().title()} 只能出现一次"


async def test_news_ends_a_wait_and_so_does_its_time() -> None:
    waiters, key = Waiters(), uuid4()
    other = uuid4()
    told, late = waiters.register(key), waiters.register(other)
    assert told is not None
    assert late is not None
    asyncio.get_running_loop().call_soon(waiters.tell, key, {"state": "held"})
    assert await waiters.wait(key, told, timeout_s=10.0) == {"state": "held"}
    assert await waiters.wait(other, late, timeout_s=0.01) is None
    waiters.tell(key, "nobody listens any more")


async def test_a_caller_who_is_cancelled_leaves_nothing_behind() -> None:
    waiters, key = Waiters(), uuid4()
    future = waiters.register(key)
    assert future is not None
    waiting = asyncio.create_task(waiters.wait(key, future, timeout_s=10.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert waiters.waiting_since(time.monotonic() + 3_600) == []
