"""Identifiers sort by the moment they were made at, and are UUIDs of version 7."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.ids import uuid7

moments_ms = st.integers(0, (1 << 48) - 1)
random_bits = st.integers(0, (1 << 74) - 1)


def test_the_example_of_the_standard_comes_out() -> None:
    # RFC 9562, A.6: 22 February 2022, 14:22:22.00 at UTC-5; rand_a is 0xCC3, rand_b is 0x18C4DC0C0C07398F.
    made = uuid7(0x017F22E279B0, 0xCC3 << 62 | 0x18C4DC0C0C07398F)
    assert made == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(unix_ms=moments_ms, bits=random_bits)
def test_an_id_is_of_version_seven_whatever_the_dice_say(unix_ms: int, bits: int) -> None:
    made = uuid7(unix_ms, bits)
    assert (made.version, made.variant) == (7, RFC_4122)


@given(unix_ms=moments_ms, bits=random_bits)
def test_the_moment_and_all_random_bits_are_kept(unix_ms: int, bits: int) -> None:
    value = uuid7(unix_ms, bits).int
    assert value >> 80 == unix_ms
    assert (value >> 64 & 0xFFF) << 62 | value & ((1 << 62) - 1) == bits


@given(unix_ms=st.integers(0, (1 << 48) - 2), earlier=random_bits, later=random_bits)
def test_a_later_millisecond_sorts_later(unix_ms: int, earlier: int, later: int) -> None:
    assert uuid7(unix_ms, earlier) < uuid7(unix_ms + 1, later)
