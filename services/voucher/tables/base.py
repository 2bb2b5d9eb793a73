"""What voucher's tables share: their metadata, the runtime's tables, and columns of one kind."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Text, Uuid, text

from shared.runtime.tables import Of, attach, moment, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[Of("subject_id", "application")], facts=[Of("aggregate_id", "application")])


def fen(name: str) -> Column[int]:
    """An amount in fen, 0 at first."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def quoted(words: Iterable[str]) -> str:
    """Words as SQL literals."""
    return ", ".join(f"'{word}'" for word in words)


def one_of(column: str, states: Iterable[str]) -> CheckConstraint:
    """A column that holds one of these words."""
    return CheckConstraint(f"{column} IN ({quoted(states)})", name=f"{column}_known")


def ending() -> tuple[Column[Any], ...]:
    """Who refused or withdrew something proposed, why and when; nobody when its year ended first."""
    reason = Column("ended_reason", Text, nullable=False, server_default=text("''"))
    return Column("ended_by", Uuid), reason, moment("ended_at", nullable=True)
