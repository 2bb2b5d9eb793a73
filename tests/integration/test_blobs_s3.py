"""The S3 backend against a real HTTP server that speaks S3."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from moto.server import ThreadedMotoServer

from shared.documents.blobs import BlobKeyMalformed, BlobNotFound, BlobsUnavailable, EncryptedBlobs
from shared.documents.blobs_s3 import S3Blobs, S3Settings
from shared.documents.encryption import KeyRing


def settings_for(endpoint: str, *, bucket: str = "documents") -> S3Settings:
    return S3Settings(
        endpoint=endpoint,
        bucket=bucket,
        access_key_id="key",
        secret_access_key="secret",
        timeout=timedelta(seconds=3),
        retries_max=0,
    )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with urlopen(Request(f"{address}/documents", method="PUT"), timeout=5):  # noqa: S310 - loopback
        pass
    yield address
    server.stop()


@pytest.fixture
def blobs(endpoint: str) -> S3Blobs:
    return S3Blobs(settings_for(endpoint))


async def test_an_object_comes_back_as_it_was_put_and_a_second_put_replaces(blobs: S3Blobs) -> None:
    await blobs.put("ab/one", b"first")
    await blobs.put("ab/one", b"second")
    assert await blobs.get("ab/one") == b"second"
    assert await blobs.exists("ab/one")


async def test_a_deleted_object_is_gone_and_deleting_again_is_no_fault(blobs: S3Blobs) -> None:
    await blobs.put("gone", b"1")
    await blobs.delete("gone")
    await blobs.delete("gone")
    assert not await blobs.exists("gone")
    with pytest.raises(BlobNotFound):
        await blobs.get("gone")


async def test_a_malformed_key_is_refused_before_anything_is_asked(blobs: S3Blobs) -> None:
    with pytest.raises(BlobKeyMalformed):
        await blobs.put("../x", b"")


async def test_sealed_objects_lie_in_the_bucket_unreadable(blobs: S3Blobs) -> None:
    sealed = EncryptedBlobs(blobs, KeyRing("2018", {"2018": bytes(32)}))
    await sealed.put("sealed", b"licence of somebody" * 10_000, record_id=UUID(int=1))
    assert b"licence" not in await blobs.get("sealed")
    assert await sealed.get("sealed", record_id=UUID(int=1)) == b"licence of somebody" * 10_000


async def test_a_bucket_that_is_not_there_takes_no_objects(endpoint: str) -> None:
    with pytest.raises(BlobsUnavailable):
        await S3Blobs(settings_for(endpoint, bucket="elsewhere")).put("one", b"1")


async def test_a_store_out_of_reach_is_a_clear_refusal() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        unreachable = S3Blobs(settings_for(f"http://127.0.0.1:{taken.getsockname()[1]}"))
        for act in (unreachable.put("one", b"1"), unreachable.get("one"), unreachable.exists("one")):
            with pytest.raises(BlobsUnavailable):
                await act
        with pytest.raises(BlobsUnavailable):
            await unreachable.delete("one")
