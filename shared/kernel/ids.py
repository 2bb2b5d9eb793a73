"""Time-ordered identifiers (UUID version 7, RFC 9562) and the NewTypes of the scheme's nouns."""

import itertools
from collections.abc import Callable, Iterator
from typing import NewType
from uuid import UUID

OrganisationId = NewType("OrganisationId", UUID)
AccountId = NewType("AccountId", UUID)
ProductId = NewType("ProductId", UUID)
PlanId = NewType("PlanId", UUID)
ApplicationId = NewType("ApplicationId", UUID)
OrderId = NewType("OrderId", UUID)
ClaimId = NewType("ClaimId", UUID)
SagaId = NewType("SagaId", UUID)


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """The UUIDv7 of a moment in milliseconds since 1970 and 74 random bits. Source: RFC 9562, 5.7."""
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & ((1 << 62) - 1)
    value = (unix_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    return UUID(int=value)


def id_maker(*, unix_ms: Callable[[], int], random_bits: Callable[[int], int]) -> Iterator[UUID]:
    """An endless source of UUIDv7; clock and randomness come in as functions so that tests can fix them."""
    return (uuid7(unix_ms(), random_bits(74)) for _ in itertools.repeat(None))
