"""Objects in a folder, and envelopes that open only for their own record."""

import errno
import resource
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.documents.blobs import (
    BlobKeyMalformed,
    BlobNotFound,
    BlobsUnavailable,
    BlobUnreadable,
    EncryptedBlobs,
    LocalBlobs,
)
from shared.documents.blobs_s3 import S3Settings
from shared.documents.encryption import KeyRing, seal, unseal
from shared.kernel.refusals import Bug, RefusalKind

RECORD = UUID(int=1)
OTHER_RECORD = UUID(int=2)
OLD_KEY, NEW_KEY = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
def local(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def sealed(local: LocalBlobs) -> EncryptedBlobs:
    return EncryptedBlobs(local, KeyRing("2018", {"2018": OLD_KEY}))


async def test_an_object_comes_back_as_it_was_put_and_a_second_put_replaces(local: LocalBlobs) -> None:
    await local.put("ab/one", b"first")
    await local.put("ab/one", b"second")
    assert await local.get("ab/one") == b"second"
    assert await local.exists("ab/one")


async def test_a_deleted_object_is_gone_and_deleting_again_is_no_fault(local: LocalBlobs) -> None:
    await local.put("one", b"1")
    await local.delete("one")
    await local.delete("one")
    assert not await local.exists("one")
    with pytest.raises(BlobNotFound):
        await local.get("one")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a.part", "a\x00b", "a\\b", "x" * 201, "a\n"],
)
async def test_a_key_that_could_leave_the_folder_is_refused(local: LocalBlobs, key: str) -> None:
    with pytest.raises(BlobKeyMalformed):
        await local.put(key, b"")
    with pytest.raises(BlobKeyMalformed):
        await local.get(key)
    with pytest.raises(BlobKeyMalformed):
        await local.delete(key)
    with pytest.raises(BlobKeyMalformed):
        await local.exists(key)


async def test_only_the_owner_of_the_process_may_read_the_files(local: LocalBlobs, tmp_path: Path) -> None:
    await local.put("one", b"1")
    assert (tmp_path / "blobs" / "one").stat().st_mode & 0o077 == 0


async def test_a_full_disk_is_a_clear_refusal_that_leaves_the_old_object_and_no_rest(
    local: LocalBlobs, tmp_path: Path
) -> None:
    await local.put("one", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(BlobsUnavailable) as refused:
            await local.put("one", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(refused.value.__cause__, OSError)
    assert refused.value.__cause__.errno == errno.EFBIG
    assert (refused.value.code, refused.value.kind) == ("blobs.unavailable", RefusalKind.UNAVAILABLE)
    assert await local.get("one") == b"old"
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == ["one"]


async def test_a_folder_that_is_no_folder_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BlobsUnavailable):
        await LocalBlobs(tmp_path / "file").put("one", b"1")
    with pytest.raises(BlobsUnavailable):
        await LocalBlobs(tmp_path / "file").get("one")
    with pytest.raises(BlobsUnavailable):
        await LocalBlobs(tmp_path / "file").delete("one")


async def test_a_sealed_object_opens_for_its_record_and_hides_its_content(
    local: LocalBlobs, sealed: EncryptedBlobs
) -> None:
    await sealed.put("one", b"licence of somebody", record_id=RECORD)
    assert await sealed.get("one", record_id=RECORD) == b"licence of somebody"
    assert b"licence" not in await local.get("one")
    assert await sealed.exists("one")
    await sealed.delete("one")
    assert not await sealed.exists("one")


async def test_the_same_object_is_sealed_differently_each_time(local: LocalBlobs, sealed: EncryptedBlobs) -> None:
    await sealed.put("one", b"same", record_id=RECORD)
    first = await local.get("one")
    await sealed.put("one", b"same", record_id=RECORD)
    assert await local.get("one") != first


async def test_swapping_sealed_objects_between_records_fails(local: LocalBlobs, sealed: EncryptedBlobs) -> None:
    await sealed.put("one", b"mine", record_id=RECORD)
    await sealed.put("two", b"yours", record_id=OTHER_RECORD)
    await local.put("two", await local.get("one"))
    for record_id in (RECORD, OTHER_RECORD):
        with pytest.raises(BlobUnreadable):
            await sealed.get("two", record_id=record_id)
    with pytest.raises(BlobUnreadable):
        await sealed.get("one", record_id=OTHER_RECORD)


async def test_after_a_key_rotation_old_envelopes_open_and_new_ones_use_the_new_key(
    local: LocalBlobs, sealed: EncryptedBlobs
) -> None:
    await sealed.put("old", b"old", record_id=RECORD)
    rotated = EncryptedBlobs(local, KeyRing("2019", {"2018": OLD_KEY, "2019": NEW_KEY}))
    await rotated.put("new", b"new", record_id=RECORD)
    assert await rotated.get("old", record_id=RECORD) == b"old"
    assert await rotated.get("new", record_id=RECORD) == b"new"
    assert (await local.get("new")).startswith(b"YQE1\x042019")
    with pytest.raises(BlobUnreadable):
        await sealed.get("new", record_id=RECORD)


async def test_an_envelope_that_says_another_kid_does_not_open(local: LocalBlobs) -> None:
    same_key = EncryptedBlobs(local, KeyRing("2018", {"2018": OLD_KEY, "2019": OLD_KEY}))
    await same_key.put("one", b"1", record_id=RECORD)
    await local.put("one", (await local.get("one")).replace(b"2018", b"2019", 1))
    with pytest.raises(BlobUnreadable):
        await same_key.get("one", record_id=RECORD)


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.booleans())
def test_any_altered_or_torn_envelope_is_refused(at: int, flip: int, cut: bool) -> None:  # noqa: FBT001
    keys, magic, bound_to = KeyRing("2018", {"2018": OLD_KEY}), b"TEST", RECORD.bytes
    envelope = bytearray(seal(keys, b"some content", magic=magic, bound_to=bound_to))
    assert unseal(keys, bytes(envelope), magic=magic, bound_to=bound_to) == b"some content"
    at %= len(envelope)
    if cut:
        del envelope[at:]
    else:
        envelope[at] ^= flip
    assert unseal(keys, bytes(envelope), magic=magic, bound_to=bound_to) is None


@pytest.mark.parametrize(
    ("current", "keys"),
    [("a", {}), ("a", {"a": bytes(16)}), ("甲", {"甲": bytes(32)}), ("", {"": bytes(32)})],
)
def test_a_key_ring_that_could_not_seal_is_a_bug(current: str, keys: dict[str, bytes]) -> None:
    with pytest.raises(Bug):
        KeyRing(current, keys)


def test_keys_and_secrets_are_not_shown() -> None:
    assert "keys" not in repr(KeyRing("2018", {"2018": OLD_KEY}))
    settings = S3Settings(endpoint="https://s3.example", bucket="b", access_key_id="k", secret_access_key="hidden")
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize("endpoint", ["http://s3.example", "http://10.0.0.1:9000", "ftp://127.0.0.1", "s3"])
def test_plain_http_to_another_machine_is_a_bug(endpoint: str) -> None:
    with pytest.raises(Bug):
        S3Settings(endpoint=endpoint, bucket="b", access_key_id="k", secret_access_key="s")
