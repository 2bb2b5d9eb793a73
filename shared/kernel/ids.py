"""Time-ordered identifiers (UUID version 7, RFC 9562) and the NewTypes of the scheme's nouns."""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

OrganisationId = NewType("OrganisationId", UUID)
AccountId = NewType("AccountId", UUID)
ProductId = NewType("ProductId", UUID)


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """The UUIDv7 of a moment in milliseconds since 1970 and 74 random bits. Source: RFC 9562, 5.7."""
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & ((1 << 62) - 1)
    value = (unix_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    return UUID(int=value)


def made_at(identifier: UUID) -> datetime:
    """The moment in a UUIDv7. Source: RFC 9562, 5.7."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1_000, tz=UTC)
