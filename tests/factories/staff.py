"""Staff accounts as two administrators and the new colleague make them over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx

BASE = "/api/identity/v1"
ADMIN = "platform-admin"
ADMIN_PASSWORD = "the first one of all 9"
SECOND_ADMIN = "platform-admin-2"
SECOND_ADMIN_PASSWORD = "the second one of all 7"
PASSWORD = "correct horse 7 battery"
SETTINGS: Mapping[str, Any] = {
    "first_admin_name": ADMIN,
    "first_admin_password": ADMIN_PASSWORD,
    "second_admin_name": SECOND_ADMIN,
    "second_admin_password": SECOND_ADMIN_PASSWORD,
    "key_lead_s": 0,
}
"""Identity's settings in tests: two known administrators, and new signing keys that sign at once."""


async def bearer(client: httpx.AsyncClient, name: str, password: str, *, code: str = "") -> dict[str, str]:
    """Headers of somebody who signs in at identity."""
    body = {"sign_in_name": name, "password": password, "code": code}
    answer = await client.post(f"{BASE}/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_tokens']['identity']}"}


async def command(
    client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> httpx.Response:
    """A command below identity, with a key of its own."""
    sent = {"Idempotency-Key": uuid4().hex, **headers}
    return await client.request(method, BASE + path, json=dict(body), headers=sent)


async def approved(client: httpx.AsyncClient, proposed: httpx.Response) -> dict[str, Any]:
    """The second administrator approves; the answer, with both parts of the code under `code`."""
    assert proposed.status_code == 201, proposed.text
    first = proposed.json()
    second = await bearer(client, SECOND_ADMIN, SECOND_ADMIN_PASSWORD)
    answer = await command(client, "POST", f"/staff-proposals/{first['id']}/approve", {}, second)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {**found, "code": f"{first.get('code_part', '')} {found.get('code_part', '')}"}


async def hire(
    client: httpx.AsyncClient, name: str, *roles: str, region: str | None = None, password: str = PASSWORD
) -> str:
    """A staff account whose holder has set the password; its id."""
    first = await bearer(client, ADMIN, ADMIN_PASSWORD)
    proposed = await command(client, "POST", "/staff", a_colleague(name, roles, region=region), first)
    opened = await approved(client, proposed)
    await set_password(client, name, opened["code"], password)
    return str(opened["account_id"])


async def set_password(client: httpx.AsyncClient, name: str, code: str, password: str) -> None:
    """The holder of a code sets a password."""
    body = {"sign_in_name": name, "code": code, "new": password}
    answer = await client.post(f"{BASE}/password-resets", json=body)
    assert answer.status_code == 204, answer.text


def a_colleague(name: str, roles: Sequence[str], *, region: str | None = None) -> dict[str, Any]:
    """A proposal that is accepted."""
    return {"sign_in_name": name, "display_name": "审核科", "roles": list(roles), "region": region}
