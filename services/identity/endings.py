"""The end of sessions: nothing refreshes any more, and every service refuses the access tokens."""

from uuid import UUID

from services.identity.store import accounts as store
from services.identity.store import sessions
from shared.contracts.messages.identity import SessionEnded
from shared.runtime.work import Work


async def end_sessions(work: Work, account_id: UUID, *, but: UUID | None = None) -> None:
    """End every session of an account, but one that may be named. Emits: SessionEnded."""
    for session_id in await sessions.revoke_sessions(work, account_id, but=but):
        await _tell(work, account_id, session_id=session_id)


async def end_session(work: Work, account_id: UUID, *, session_id: UUID) -> None:
    """End one session, unless it has ended. Emits: SessionEnded."""
    if await sessions.revoke_family(work, session_id):
        await _tell(work, account_id, session_id=session_id)


async def _tell(work: Work, account_id: UUID, *, session_id: UUID) -> None:
    account = await store.load_account(work.connection, account_id)
    version = await store.change_account(work, account, {})
    ended_at = await store.machine_now(work.connection)
    work.emit(SessionEnded(version=version, account_id=account_id, session_id=session_id, ended_at=ended_at))
