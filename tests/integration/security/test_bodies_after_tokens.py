"""Of every operation of every service, hot or cold: no part of a body is read for somebody who may not send it."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from shared.contracts.permissions import GRANTS, Role
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.test_role_matrix import NOBODY_KNOWS

pytestmark = pytest.mark.asyncio(loop_scope="session")


class BodyRead(Exception):
    """Somebody asked for the body."""


async def ask_without_body(estate: Estate, operation: Operation, role: Role | None) -> tuple[int, bool]:
    """The status of the answer, and whether the body was asked for."""
    asked = False
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        asked = True
        raise BodyRead

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    names = [part.strip("{}").partition(":")[0] for part in operation.path.split("/") if part.startswith("{")]
    path = operation.url({name: {"kind": "invoice", "year": 2030}.get(name, NOBODY_KNOWS) for name in names})
    sent = {"content-type": "application/json", "content-length": "1000000"}
    if role is not None:
        sent |= estate.platform.headers(role, service=operation.service)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": operation.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("platform", 80),
    }
    await estate.platform.host.app(scope, receive, send)
    return status, asked


def changing(estate: Estate) -> list[Operation]:
    """The operations that may take a body and want to know who calls."""
    return [operation for operation in estate.operations if operation.method != "GET" and operation.signed_in]


async def test_a_stranger_is_refused_before_the_first_byte_of_a_body(estate: Estate) -> None:
    told = {operation.title: await ask_without_body(estate, operation, None) for operation in changing(estate)}
    assert {title: said for title, said in told.items() if said != (401, False)} == {}
    assert len(told) > 70


async def test_who_lacks_the_permission_is_refused_before_the_first_byte_of_a_body(estate: Estate) -> None:
    told: dict[str, tuple[int, bool]] = {}
    for operation in changing(estate):
        wrong = next((role for role in Role if not GRANTS[role] & (operation.permissions or frozenset())), None)
        if operation.permissions and wrong is not None:
            told[operation.title] = await ask_without_body(estate, operation, wrong)
    assert {title: said for title, said in told.items() if said != (403, False)} == {}
    assert len(told) > 70
