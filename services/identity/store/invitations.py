"""Invitations of people into an organisation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.runtime.sql import Connection
from shared.runtime.work import NotFound, Work

_ADD = """
INSERT INTO invitation (id, organisation_id, display_name, member_role, state, invited_by, invited_at, expires_at)
VALUES ($1, $2, $3, $4, 'open', $5, clock_timestamp(), clock_timestamp() + $6::interval) RETURNING expires_at
"""
_COUNT = """
SELECT (SELECT count(*) FROM account WHERE organisation_id = $1 AND kind = 'person' AND state = 'active')
     + (SELECT count(*) FROM invitation
        WHERE organisation_id = $1 AND state = 'open' AND expires_at > clock_timestamp())
"""
_LOCK = """
SELECT id, organisation_id, display_name, member_role, state, expires_at > clock_timestamp() AS good
FROM invitation WHERE id = $1 FOR UPDATE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation; `good` while its time is not over."""

    id: UUID
    organisation_id: UUID
    display_name: str
    member_role: str
    state: str
    good: bool

    @property
    def open(self) -> bool:
        """Whether it may be accepted now."""
        return self.state == "open" and self.good


async def count_people(connection: Connection, organisation_id: UUID) -> int:
    """An organisation's active people and open invitations; nobody invites beside until the commit."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('identity.invitation:' || $1::text, 0))", str(organisation_id)
    )
    count: int = await connection.fetchval(_COUNT, organisation_id)
    return count


async def add_invitation(work: Work, invitation: Invitation, *, invited_by: UUID, ttl: timedelta) -> datetime:
    """Store an invitation; machine time until which it is good."""
    values = (invitation.id, invitation.organisation_id, invitation.display_name, invitation.member_role)
    expires_at: datetime = await work.connection.fetchval(_ADD, *values, invited_by, ttl)
    return expires_at


async def load_invitation(connection: Connection, invitation_id: UUID) -> Invitation:
    """An invitation, locked until the commit. Raises: NotFound."""
    row = await connection.fetchrow(_LOCK, invitation_id)
    if row is None:
        raise NotFound
    return Invitation(**dict(row))


async def close_invitation(work: Work, invitation_id: UUID, *, account_id: UUID | None) -> None:
    """An invitation was accepted by an account, or withdrawn."""
    await work.connection.execute(
        "UPDATE invitation SET state = CASE WHEN $2::uuid IS NULL THEN 'withdrawn' ELSE 'accepted' END,"
        " account_id = $2 WHERE id = $1",
        invitation_id,
        account_id,
    )
