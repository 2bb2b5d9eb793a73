"""Every route of identity against every caller who has no business there, and the service's own start."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr, ValidationError

from services.identity.service import SERVICE
from services.identity.settings import IdentitySettings
from shared.contracts.permissions import Role
from shared.documents.blobs import LocalBlobs
from shared.documents.blobs_s3 import S3Blobs
from shared.documents.settings import blobs_of, key_ring
from shared.kernel.refusals import Bug
from tests.factories.harness import Platform, open_platform
from tests.factories.staff import SETTINGS
from tests.integration.identity.conftest import ADMIN, ADMIN_PASSWORD, BASE, Office

PUBLIC = {
    ("POST", "/registrations"),
    ("GET", "/forms/{party}"),
    ("GET", "/directory"),
    ("GET", "/blacklist"),
    ("GET", "/keys"),
    ("POST", "/sessions"),
    ("POST", "/sessions/refresh"),
    ("POST", "/password-resets"),
    ("POST", "/invitations/accept"),
    ("POST", "/token"),
    ("GET", "/oauth-authorization-server"),
}
OF_EVERYBODY_SIGNED_IN = {
    ("DELETE", "/sessions/current"),
    ("GET", "/me"),
    ("PUT", "/me/password"),
    ("POST", "/me/second-factor"),
    ("POST", "/me/second-factor/confirm"),
    ("GET", "/tasks"),
}
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


async def operations(office: Office) -> list[tuple[str, str]]:
    """Identity's own operations, as its OpenAPI document says."""
    document = (await office.client.get(f"{BASE}/openapi.json")).json()
    of_runtime = {"/clock", "/quiet", "/notices"}
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path not in of_runtime
    ]


async def ask(office: Office, method: str, path: str, headers: dict[str, str]) -> int:
    address = BASE + re.sub(r"{\w+}", str(uuid4()), path.replace("{kind}", "licence"))
    response = await office.client.request(method, address, headers=headers)
    return response.status_code


async def test_nobody_gets_in_without_a_token_except_where_all_may(office: Office) -> None:
    found = await operations(office)
    assert set(found) >= PUBLIC | OF_EVERYBODY_SIGNED_IN
    assert len(found) >= 35
    for method, path in set(found) - PUBLIC:
        assert await ask(office, method, path, {}) == 401, (method, path)


async def test_a_role_without_the_right_is_refused_before_anything_is_looked_up(office: Office) -> None:
    for method, path in set(await operations(office)) - PUBLIC - OF_EVERYBODY_SIGNED_IN:
        assert await ask(office, method, path, office.headers(Role.FINANCE)) == 403, (method, path)


async def test_the_auditor_changes_nothing(office: Office) -> None:
    for method, path in set(await operations(office)) - PUBLIC - OF_EVERYBODY_SIGNED_IN:
        if method != "GET":
            assert await ask(office, method, path, office.headers(Role.AUDITOR)) == 403, (method, path)


async def test_a_second_start_makes_no_third_administrator_and_no_second_key(
    fresh_database: Callable[[], str],
) -> None:
    async def rows(platform: Platform) -> list[Any]:
        await platform.settle()
        async with platform.runtime("identity").reading() as connection:
            keys = await connection.fetch("SELECT kid FROM issuing_key")
            return [*keys, *await connection.fetch("SELECT id FROM account")]

    settings = {"identity": SETTINGS}
    async with open_platform([SERVICE], fresh_database, settings=settings) as platform:
        first, databases = await rows(platform), platform.databases
    async with open_platform([SERVICE], fresh_database, settings=settings, databases=databases) as platform:
        assert len(first) == 3
        assert await rows(platform) == first
        body = {"sign_in_name": ADMIN, "password": ADMIN_PASSWORD}
        assert (await platform.client.post(f"{BASE}/sessions", json=body)).status_code == 201


def settings(**changes: Any) -> IdentitySettings:
    given = {"database_url": "postgresql://", "encryption_key": KEY, "index_key": KEY, "first_admin_password": "x"}
    given["second_admin_password"] = "y"
    return IdentitySettings(**{**given, **changes})


def test_documents_lie_in_one_place() -> None:
    assert isinstance(blobs_of(settings(documents_folder="documents")), LocalBlobs)
    bucket = {"s3_endpoint": "https://s3.example", "s3_bucket": "papers", "s3_access_key_id": "a"}
    assert isinstance(blobs_of(settings(**bucket, s3_secret_access_key="b")), S3Blobs)
    for changes in ({}, {**bucket, "documents_folder": "documents"}):
        with pytest.raises(ValidationError):
            settings(**changes)


def test_keys_are_32_bytes_and_older_ones_stay_on_the_ring() -> None:
    former = SecretStr(f"0:{KEY},00:{KEY}")
    ring = key_ring(settings(documents_folder="d", encryption_kid="2", former_encryption_keys=former))
    assert (ring.current, sorted(ring.keys)) == ("2", ["0", "00", "2"])
    for wrong in ("c2hvcnQ=", "not base64!"):
        with pytest.raises(Bug):
            key_ring(settings(documents_folder="d", encryption_key=wrong))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PATCH", "/me", 405), ("POST", "/sessions", 400)],
)
async def test_the_id_of_a_refused_request_is_found_in_the_log(
    office: Office, log_lines: list[Any], method: str, path: str, status: int
) -> None:
    json_type = {"Content-Type": "application/json"}
    answer = await office.client.request(method, BASE + path, content=b"{", headers=json_type)
    quoted = answer.json()["request_id"]
    assert (answer.status_code, answer.headers["request-id"]) == (status, quoted)
    (line,) = [line for line in log_lines if line["event"] == "request.refused" and line["request_id"] == quoted]
    assert (line["status"], line["method"], line["path"]) == (status, method, BASE + path)


async def test_the_id_of_a_denied_request_is_found_in_the_log(office: Office, log_lines: list[Any]) -> None:
    quoted = (await office.client.get(f"{BASE}/me")).json()["request_id"]
    (line,) = [line for line in log_lines if line.get("request_id") == quoted]
    assert (line["event"], line["status"]) == ("request.denied", 401)


async def test_whoever_floods_does_not_fill_the_log_and_what_was_left_out_is_counted(
    office: Office, log_lines: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.http.denials.SparingLog.left_out", iter([0, None, None, 2]).__next__)
    for _ in range(4):
        assert (await office.client.get(f"{BASE}/nowhere")).status_code == 404
    assert [line["left_out"] for line in log_lines if line["event"] == "request.refused"] == [0, 2]
