"""Sealed values and their keyed index."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.sealing import ValueUnreadable, Vault
from shared.documents.encryption import KeyRing

ONE, TWO = UUID(int=1), UUID(int=2)
OLD, NEW = bytes(range(32)), bytes(range(1, 33))
VAULT = Vault(KeyRing("a", {"a": OLD}), index_key=bytes(32))


@given(value=st.binary(max_size=300))
def test_a_sealed_value_opens_for_its_own_record_and_field(value: bytes) -> None:
    envelope = VAULT.seal(value, record_id=ONE, field="phone")
    assert VAULT.open(envelope, record_id=ONE, field="phone") == value


def test_an_envelope_that_is_moved_does_not_open() -> None:
    envelope = VAULT.seal(b"13985123477", record_id=ONE, field="phone")
    for record_id, field in ((TWO, "phone"), (ONE, "name")):
        with pytest.raises(ValueUnreadable):
            VAULT.open(envelope, record_id=record_id, field=field)


@given(position=st.integers(0, 200))
def test_an_altered_envelope_does_not_open(position: int) -> None:
    envelope = bytearray(VAULT.seal(b"13985123477", record_id=ONE, field="phone"))
    envelope[position % len(envelope)] ^= 1
    with pytest.raises(ValueUnreadable):
        VAULT.open(bytes(envelope), record_id=ONE, field="phone")


@given(length=st.integers(0, 90))
def test_a_cut_envelope_does_not_open(length: int) -> None:
    envelope = VAULT.seal(b"13985123477", record_id=ONE, field="phone")
    with pytest.raises(ValueUnreadable):
        VAULT.open(envelope[:length], record_id=ONE, field="phone")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = VAULT.seal(b"13985123477", record_id=ONE, field="phone")
    after = Vault(KeyRing("b", {"a": OLD, "b": NEW}), index_key=bytes(32))
    assert after.open(before, record_id=ONE, field="phone") == b"13985123477"
    with pytest.raises(ValueUnreadable):
        VAULT.open(after.seal(b"13985123477", record_id=ONE, field="phone"), record_id=ONE, field="phone")


def test_while_processes_start_again_one_by_one_each_opens_what_another_seals_when_the_key_is_known_first() -> None:
    before, known, after = (
        KeyRing("a", {"a": OLD}),
        KeyRing("a", {"a": OLD, "b": NEW}),
        KeyRing("b", {"a": OLD, "b": NEW}),
    )
    for one, other in ((before, known), (known, after)):
        for sealing, opening in ((one, other), (other, one)):
            envelope = Vault(sealing, index_key=bytes(32)).seal(b"13985123477", record_id=ONE, field="phone")
            opened = Vault(opening, index_key=bytes(32)).open(envelope, record_id=ONE, field="phone")
            assert opened == b"13985123477"


def test_the_index_of_a_value_is_steady_and_keeps_purposes_and_keys_apart() -> None:
    found = VAULT.index(b"11010519491231002X", purpose="id_number")
    assert found == VAULT.index(b"11010519491231002X", purpose="id_number")
    assert found != VAULT.index(b"11010519491231002X", purpose="request")
    assert found != Vault(KeyRing("a", {"a": OLD}), index_key=NEW).index(b"11010519491231002X", purpose="id_number")
