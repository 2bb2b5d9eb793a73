"""The client of webhooks against servers that would misuse it: names that move, redirects, answers without an end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.order.webhooks.client import ANSWER_BYTES_MAX, WebhookClient
from tests.factories.receiver import answer, open_receiver

HEADERS = {"content-type": "application/json"}


def resolving(*answers: Sequence[str]) -> tuple[Callable[..., object], list[str]]:
    """A resolver that answers one after the other, and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        del port
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


@asynccontextmanager
async def a_client(**given: object) -> AsyncIterator[WebhookClient]:
    """A client that is closed."""
    client = WebhookClient(**{"local": True, **given})  # type: ignore[arg-type] # what a test gives
    try:
        yield client
    finally:
        await client.close()


async def test_a_name_that_moves_to_an_inner_address_after_its_check_is_not_followed() -> None:
    async with open_receiver() as inner:
        resolve, asked = resolving(["192.0.2.7", "127.0.0.1"], ["127.0.0.1"])
        async with a_client(local=False, resolve=resolve) as client:
            url = f"https://hooks.example.com:{inner.port}/"
            first = await client.post(url, headers=HEADERS, body=b"{}")
            second = await client.post(url, headers=HEADERS, body=b"{}")
        assert (first.status, first.error, second.error) == (None, "target_refused", "target_refused")
        assert asked == ["hooks.example.com"] * 2, "once an attempt, and never a second time for the connection"
        assert inner.received == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    async with open_receiver() as receiver:
        resolve, asked = resolving(["127.0.0.1"], ["10.9.9.9"])
        async with a_client(resolve=resolve) as client:
            found = await client.post(f"http://hooks.example.com:{receiver.port}/", headers=HEADERS, body=b"{}")
        assert (found.status, asked) == (200, ["hooks.example.com"])
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"


async def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    async with open_receiver() as receiver, open_receiver() as inner:
        receiver.answer = lambda _: answer(307, f"Location: {inner.url}")
        async with a_client() as client:
            found = await client.post(receiver.url, headers=HEADERS, body=b"{}")
        assert (found.status, found.delivered) == (307, False)
        assert inner.received == []


@asynccontextmanager
async def _streaming(head: bytes, part: bytes, *, pause_s: float) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that answers without an end; it notes how many bytes it was rid of."""
    sent = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            while True:
                writer.write(part)
                await writer.drain()
                sent[0] += len(part)
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", sent
    finally:
        server.close()


async def test_an_endless_answer_is_read_to_its_bound_and_kept_to_a_kilobyte() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with _streaming(head, b"400\r\n" + b"x" * 1_024 + b"\r\n", pause_s=0) as (url, sent), a_client() as client:
        found = await client.post(url, headers=HEADERS, body=b"{}")
        assert (found.status, len(found.text)) == (200, 1_024)
        assert sent[0] < 100 * ANSWER_BYTES_MAX


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"", b"H"),
    ],
    ids=["a slow body", "slow headers", "a slow status"],
)
async def test_a_slow_answer_ends_with_the_time_of_the_whole_request(head: bytes, part: bytes) -> None:
    async with _streaming(head, part, pause_s=0.05) as (url, _), a_client(total_s=0.5) as client:
        found = await client.post(url, headers=HEADERS, body=b"{}")
    assert found.delivered is False
    assert found.error in {"timeout", "protocol"}


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with open_receiver() as receiver:
        receiver.answer = lambda _: answer(200, "Content-Encoding: gzip", body=b"\x1f\x8bbomb")
        async with a_client() as client:
            found = await client.post(receiver.url, headers=HEADERS, body=b"{}")
    assert (found.status, found.text[-4:]) == (200, "bomb")


def _certificate(folder: Path, name: str) -> Path:
    """A certificate for a name that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    raw = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(raw + built.public_bytes(encoding))
    return file


async def test_tls_is_verified_for_the_name_whatever_address_was_connected_to(tmp_path: Path) -> None:
    file = _certificate(tmp_path, "hooks.example.com")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    resolve, _ = resolving(["127.0.0.1"])
    async with open_receiver(tls=serving) as receiver:
        url, other = (f"https://{host}.example.com:{receiver.port}/" for host in ("hooks", "other"))
        async with a_client(resolve=resolve, tls=trusting) as client:
            named = await client.post(url, headers=HEADERS, body=b"{}")
            misnamed = await client.post(other, headers=HEADERS, body=b"{}")
        async with a_client(resolve=resolve) as client:
            unknown = await client.post(url, headers=HEADERS, body=b"{}")
        assert (named.status, misnamed.error, unknown.error) == (200, "tls", "tls")
        assert len(receiver.received) == 1


async def test_a_receiver_that_is_not_there_is_told_from_one_that_answers() -> None:
    async with open_receiver() as receiver:
        url = receiver.url
    async with a_client() as client:
        gone = await client.post(url, headers=HEADERS, body=b"{}")
    assert (gone.status, gone.error) == (None, "unreachable")


async def test_nothing_of_the_environment_leads_a_request_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_receiver() as receiver, open_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with a_client() as client:
            found = await client.post(receiver.url, headers=HEADERS, body=b"{}")
        assert (found.status, len(receiver.received), proxy.received) == (200, 1, [])


async def test_a_retry_after_is_read_in_both_forms() -> None:
    async with open_receiver() as receiver, a_client() as client:
        for given, least_s in (("120", 120), ("Fri, 31 Dec 2999 23:59:59 GMT", 1e9), ("soon", None), ("-5", None)):
            receiver.answer = lambda _, given=given: answer(429, f"Retry-After: {given}")
            found = await client.post(receiver.url, headers=HEADERS, body=b"{}")
            assert (found.retry_after_s or 0) >= (least_s or 0)
            assert (found.retry_after_s is None) == (least_s is None)
