"""What a stranger's request, an upload and a download cost a running process: memory, not time."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.contracts.permissions import Role
from shared.runtime.validation.body_bounds import USUAL
from tests.factories.databases import DatabasePool, fresh
from tests.factories.serving import Served, serving
from tests.integration.runtime.filing import FILE_BYTES_MAX

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
ANSWER_S = 60.0
MODULES = (
    "services.identity.service",
    "services.order.service",
    "tests.integration.runtime.sample_service",
    "tests.integration.runtime.filing",
)
OBJECTS = b'[{"a":1},' + b'{"a":1},' * (3 * MIB)
DOCUMENTS = "/api/order/v1/orders/01900000-0000-7000-8000-00000000dead/documents/contract"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database_pool: DatabasePool) -> AsyncIterator[Served]:
    with fresh(database_pool) as make:
        async with serving(MODULES, make) as running:
            yield running


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a problem."""
        return str(json.loads(self.body)["code"]) if self.body else ""


class Call:
    """One connection on which a request is sent by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, served: Served) -> "Call":
        """A connection whose answer is buffered by nobody but the kernel."""
        return cls(*await asyncio.open_connection("127.0.0.1", served.port, limit=16 * 1024))

    async def send(self, method: str, path: str, body: bytes = b"", *, length: int | None = None, **given: Any) -> None:
        """Send a head, and as much of the body as is taken."""
        headers = {"host": "a", "content-length": len(body) if length is None else length, **given.get("headers", {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(body), MIB):
                self.writer.write(body[at : at + MIB])
                await asyncio.wait_for(self.writer.drain(), ANSWER_S)

    async def answer(self) -> Answer:
        """The whole answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), ANSWER_S)).decode()
        headers = {name.lower(): value for name, value in re.findall(r"([\w-]+): (.*)\r\n", head)}
        body = await asyncio.wait_for(self.reader.readexactly(int(headers.get("content-length", 0))), ANSWER_S)
        return Answer(int(head.split()[1]), headers, body)

    def close(self) -> None:
        """Go away."""
        self.writer.transport.abort()


async def ask(served: Served, method: str, path: str, body: bytes = b"", **given: Any) -> Answer:
    """One request on a connection of its own."""
    call = await Call.open(served)
    try:
        await call.send(method, path, body, **given)
        return await call.answer()
    finally:
        call.close()


def as_json(**headers: str) -> dict[str, str]:
    return {"content-type": "application/json", **headers}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (DOCUMENTS, 401),
        ("/api/order/v1/orders", 401),
        ("/api/toy/v1/things", 401),
        ("/api/toy/v1/cold-things", 401),
        ("/api/identity/v1/registrations", 413),
        ("/api/identity/v1/sessions", 413),
        ("/api/identity/v1/documents", 404),
        ("/api/identity/v1/documents/registrations", 405),
    ],
)
async def test_a_strangers_twenty_four_megabytes_of_objects_cost_nothing(
    served: Served, path: str, status: int
) -> None:
    method = "PUT" if path == DOCUMENTS else "POST"
    held = served.forget_peak()
    answers = await asyncio.gather(
        *[ask(served, method, path, OBJECTS, headers=as_json(**{"idempotency-key": uuid4().hex})) for _ in range(4)]
    )
    assert {answer.status for answer in answers} == {status}
    assert served.peak_bytes() - held < 20 * MIB


@pytest.mark.parametrize("path", ["/api/toy/v1/things", "/api/toy/v1/cold-things"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (OBJECTS[: USUAL.bytes_max], 413, "request.too_many_elements"),
        (b"[" * 500 + b"]" * 500, 400, "request.too_deep"),
        (b'{"a":' * 200_000, 413, "request.too_large"),
        (b'{"name":"' + b'\\"[{,' * 5_000 + b'"}', 201, ""),
        (b'{"name":' + b"[" * 33 + b"]" * 33 + b"}", 400, "request.too_deep"),
        (('{"name":"' + "[" * 40 + '"}').encode("utf-16"), 400, "request.malformed"),
    ],
)
async def test_what_a_parser_would_make_of_a_body_is_bounded_before_it_runs(
    served: Served, path: str, body: bytes, status: int, code: str
) -> None:
    held = served.forget_peak()
    headers = as_json(**served.headers("toy", Role.ENTERPRISE))
    answers = [await ask(served, "POST", path, body, headers=headers | {"Idempotency-Key": uuid4().hex})]
    answers += await asyncio.gather(*[ask(served, "POST", path, body, headers=headers) for _ in range(8)])
    assert (answers[0].status, answers[0].code if code else "") == (status, code)
    assert served.peak_bytes() - held < 20 * MIB


async def test_a_caller_without_the_permission_is_refused_before_the_body_is_read(served: Served) -> None:
    for path in ("/api/toy/v1/things", "/api/toy/v1/cold-things", "/api/filing/v1/files"):
        service = path.split("/")[2]
        method = "PUT" if service == "filing" else "POST"
        call = await Call.open(served)
        headers = served.headers(service, Role.AUDITOR)
        await call.send(method, path, b"{", length=100_000, headers=as_json(**headers, expect="100-continue"))
        answer = await call.answer()
        assert (answer.status, answer.code) == (403, "auth.permission_missing")
        call.close()


async def test_half_sent_bodies_of_strangers_are_held_up_to_a_bound_over_all(served: Served) -> None:
    held = served.forget_peak()
    calls = [await Call.open(served) for _ in range(300)]
    body = b'{"a":"' + b"x" * (USUAL.bytes_max - 100)
    headers = as_json(**{"idempotency-key": "half"})
    sent = [call.send("POST", "/api/identity/v1/registrations", body, length=len(body) + 50, headers=headers)
            for call in calls]  # fmt: skip
    await asyncio.gather(*sent)
    answers = await asyncio.gather(*[call.answer() for call in calls])
    told = Counter((answer.status, answer.code) for answer in answers)
    # Those that are held are not held for ever either.
    assert set(told) == {(429, "service.overloaded"), (408, "request.timeout")}
    assert all("retry-after" in answer.headers for answer in answers)
    assert served.peak_bytes() - held < 100 * MIB
    for call in calls:
        call.close()
    later = await ask(served, "POST", "/api/identity/v1/registrations", b"{}", headers=headers)
    assert later.status == 400


async def test_forty_uploads_at_once_cost_what_a_few_do_and_some_are_told_to_come_again(served: Served) -> None:
    held = served.forget_peak()
    content = os.urandom(FILE_BYTES_MAX)
    headers = served.headers("filing", Role.ENTERPRISE)
    answers = await asyncio.gather(
        *[ask(served, "PUT", "/api/filing/v1/files", content, headers=headers) for _ in range(40)]
    )
    taken = [json.loads(answer.body)["digest"] for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert set(taken) == {hashlib.sha256(content).hexdigest()}
    told = Counter((answer.status, answer.code) for answer in refused)
    assert told.pop((429, "transfers.account_busy")) == 8
    # On a busy machine the line is longer than who stands in it has patience.
    assert set(told) <= {(503, "transfers.busy")}
    assert all(answer.headers["retry-after"] == "5" for answer in refused)
    assert served.peak_bytes() - held < 90 * MIB


async def test_half_sent_uploads_wait_on_disk_and_do_not_keep_others_out(served: Served) -> None:
    held = served.forget_peak()
    calls = [await Call.open(served) for _ in range(12)]
    headers = served.headers("filing", Role.ENTERPRISE)
    for call in calls:
        await call.send("PUT", "/api/filing/v1/files", b"x" * 60_000, length=FILE_BYTES_MAX, headers=headers)
    other = await ask(served, "GET", "/api/filing/v1/clock")
    assert other.status == 200
    for call in calls:
        call.close()
    whole = await ask(served, "PUT", "/api/filing/v1/files", b"x", headers=headers)
    assert whole.status == 201, "places of callers who have gone are free"
    assert served.peak_bytes() - held < 20 * MIB


async def test_an_upload_that_says_it_is_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    call = await Call.open(served)
    headers = served.headers("filing", Role.ENTERPRISE)
    await call.send("PUT", "/api/filing/v1/files", b"x", length=FILE_BYTES_MAX + 1, headers=headers)
    assert (await call.answer()).code == "request.too_large"
    call.close()


async def test_downloads_that_nobody_reads_cost_what_a_few_do_and_leave_their_places(served: Served) -> None:
    headers = served.headers("filing", Role.ENTERPRISE)
    content = os.urandom(FILE_BYTES_MAX - 1)
    kept = await ask(served, "PUT", "/api/filing/v1/files", content, headers=headers)
    path = f"/api/filing/v1/files/{json.loads(kept.body)['name']}"
    held = served.forget_peak()
    calls = [await Call.open(served) for _ in range(40)]
    for call in calls:
        await call.send("GET", path, headers=headers)
    refused = [answer for answer in await asyncio.gather(*map(_refused, calls)) if answer is not None]
    assert {(answer.status, answer.code) for answer in refused} == {(429, "transfers.account_busy")}
    assert len(refused) == 8
    assert served.peak_bytes() - held < 90 * MIB
    for call in calls:
        call.close()
    await asyncio.sleep(0.2)
    whole = await ask(served, "GET", path, headers=headers)
    assert (whole.status, whole.body == content) == (200, True)
    assert whole.headers["content-disposition"] == "attachment"


async def _refused(call: Call) -> Answer | None:
    """The refusal on a connection, or None where a file is coming that is left unread, or a place is waited for."""
    try:
        head = (await asyncio.wait_for(call.reader.readuntil(b"\r\n\r\n"), 3)).decode()
    except TimeoutError:
        return None
    if " 200 " in head.partition("\r\n")[0]:
        return None
    length = int(re.findall(r"content-length: (\d+)", head)[0])
    return Answer(int(head.split()[1]), {}, await call.reader.readexactly(length))
