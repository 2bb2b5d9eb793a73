"""Signing in at the command line: what is asked for, what is kept, and where."""

import io
import json
import stat
from pathlib import Path

import httpx
import pytest

from operations.people import sign_in
from operations.places import NotConfigured, WrongUse

TOKENS = {"order": "a.b.c"}


def identity(request: httpx.Request) -> httpx.Response:
    """An identity that knows Anna, her password and her present code."""
    asked = json.loads(request.content)
    if (asked["sign_in_name"], asked["password"]) != ("anna", "correct horse 7 battery"):
        return httpx.Response(401, json={"code": "identity.sign_in_failed"})
    if asked.get("code") != "123456":
        return httpx.Response(401, json={"code": "identity.second_factor_needed"})
    return httpx.Response(201, json={"access_tokens": TOKENS, "expires_in_s": 300, "enrolment_needed": False})


def nobody(request: httpx.Request) -> httpx.Response:
    """An identity that does not answer."""
    raise httpx.ConnectError("refused", request=request)


async def test_the_code_is_asked_for_when_identity_wants_it_and_only_the_owner_reads_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", "correct horse 7 battery")
    monkeypatch.setenv("OPERATOR_CODE", "123456")
    file = tmp_path / "anna.session"
    transport = httpx.MockTransport(identity)
    assert await sign_in("anna", base_url="http://identity/", save=file, transport=transport) == 300
    assert json.loads(file.read_text()) == {"name": "anna", "access_tokens": TOKENS}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_wrong_password_and_a_silent_identity_are_told_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", "not the password")
    file = tmp_path / "anna.session"
    with pytest.raises(WrongUse, match=r"identity\.sign_in_failed"):
        await sign_in("anna", base_url="http://identity", save=file, transport=httpx.MockTransport(identity))
    with pytest.raises(NotConfigured, match="does not answer"):
        await sign_in("anna", base_url="http://identity", save=file, transport=httpx.MockTransport(nobody))
    assert not file.exists()


async def test_without_a_terminal_and_a_variable_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPERATOR_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(NotConfigured, match="OPERATOR_PASSWORD"):
        await sign_in("anna", base_url="http://identity", save=tmp_path / "file")
