"""Every service's copy of signing keys, ended accounts and sessions, and the moved clock, fed by identity's streams.

A fact reaches one process of a service, which knows at once. The others look into their database each two seconds and
read what changed since (`Looking`), so that a sign-out or a disabled account holds everywhere within seconds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from nacl.signing import VerifyKey

from shared.contracts.messages.identity import AccountEnded, ClockMoved, KeyPublished, KeyRetired, SessionEnded
from shared.kernel.ids import AccountId
from shared.runtime.auth.tokens import OUTLIVED_AFTER_S, TokenVerifier
from shared.runtime.database.sql import Connection
from shared.runtime.service.service import Subscriptions
from shared.runtime.unit_of_work.clock import BusinessClock
from shared.runtime.unit_of_work.work import Work

SESSIONS_LOADED_MAX = 100_000
"""More sessions than this never end within six minutes: identity does not sign out so many."""

# Every row names the transaction that wrote it. What was under way at the last look, or began after it, is read again:
# so nothing is overlooked, however long a transaction took, and what is read twice changes nothing.
_SEEN_TO = "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint"
_CHANGED = """
SELECT 'seen' AS what, NULL::uuid AS id, NULL::timestamptz AS until,
       (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS seen_to
UNION ALL SELECT 'key', NULL, NULL, NULL FROM signing_key WHERE noted_in >= $1
UNION ALL SELECT 'account', account_id, tokens_before, NULL FROM revocation
    WHERE noted_in >= $1 AND tokens_before > clock_timestamp() - interval '10 min'
UNION ALL SELECT 'session', session_id, ended_at, NULL FROM ended_session
    WHERE noted_in >= $1 AND ended_at > clock_timestamp() - make_interval(secs => $2)
"""


async def publish_keys(work: Work, facts: Sequence[KeyPublished]) -> None:
    """Trust newly published keys."""
    for fact in facts:
        await work.connection.execute(
            "INSERT INTO signing_key (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            fact.kid,
            fact.public_key,
        )
    _reload_after(work)


async def retire_keys(work: Work, facts: Sequence[KeyRetired]) -> None:
    """Stop trusting retired keys."""
    for fact in facts:
        await work.connection.execute(
            "UPDATE signing_key SET retired_at = now(), noted_in = DEFAULT WHERE kid = $1", fact.kid
        )
    _reload_after(work)


async def end_accounts(work: Work, facts: Sequence[AccountEnded]) -> None:
    """Refuse every token issued before an account was ended or changed its roles."""
    for fact in facts:
        await work.connection.execute(
            "INSERT INTO revocation (account_id, tokens_before) VALUES ($1, $2)"
            " ON CONFLICT (account_id) DO UPDATE SET"
            " tokens_before = GREATEST(revocation.tokens_before, $2), noted_in = EXCLUDED.noted_in",
            fact.account_id,
            fact.tokens_before,
        )
    verifier = work.ports.get(TokenVerifier)

    def forget() -> None:
        for fact in facts:
            verifier.forget(AccountId(fact.account_id), issued_until=_seconds(fact.tokens_before))

    work.after_commit.append(forget)


async def follow_clock(work: Work, facts: Sequence[ClockMoved]) -> None:
    """Bring the business clock to where the platform's was moved; a clock that may not move stays."""
    clock = work.ports.get(BusinessClock)
    if not clock.movable:
        return
    for fact in facts:
        offset = await clock.follow(work.connection, offset=timedelta(microseconds=fact.offset_us))
        work.after_commit.append(partial(clock.take, offset))


async def end_sessions(work: Work, facts: Sequence[SessionEnded]) -> None:
    """Refuse every token of ended sessions; each is kept until its last token has run out."""
    for fact in facts:
        await work.connection.execute(
            "INSERT INTO ended_session (session_id, ended_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            fact.session_id,
            fact.ended_at,
        )
    verifier = work.ports.get(TokenVerifier)

    def forget() -> None:
        for fact in facts:
            verifier.forget_session(fact.session_id, ended_at=_seconds(fact.ended_at))

    work.after_commit.append(forget)


async def load_keys(connection: Connection, verifier: TokenVerifier) -> None:
    """Give the verifier what this database knows; run at the start, on a schedule and after a change."""
    rows = await connection.fetch("SELECT kid, public_key FROM signing_key WHERE retired_at IS NULL")
    verifier.replace_keys({row["kid"]: VerifyKey(row["public_key"]) for row in rows})
    ended = await connection.fetch(
        "SELECT account_id, tokens_before FROM revocation WHERE tokens_before > clock_timestamp() - interval '10 min'"
    )
    for row in ended:
        verifier.forget(AccountId(row["account_id"]), issued_until=_seconds(row["tokens_before"]))
    sessions = await connection.fetch(
        "SELECT session_id, ended_at FROM ended_session"
        " WHERE ended_at > clock_timestamp() - make_interval(secs => $1) ORDER BY ended_at DESC LIMIT $2",
        float(OUTLIVED_AFTER_S),
        SESSIONS_LOADED_MAX,
    )
    for row in reversed(sessions):
        verifier.forget_session(row["session_id"], ended_at=_seconds(row["ended_at"]))


class Looking:
    """What a process has seen of the keys and endings in its database, and the look at what came since."""

    def __init__(self) -> None:
        self._seen_to = 0

    async def load(self, connection: Connection, verifier: TokenVerifier) -> None:
        """Read everything, as `load_keys`."""
        # First where to go on from: what is committed between the two is read again by the next look.
        seen_to: int = await connection.fetchval(_SEEN_TO)
        await load_keys(connection, verifier)
        self._seen_to = seen_to

    async def look(self, connection: Connection, verifier: TokenVerifier) -> None:
        """Read what changed since the last look or load; one statement, unless there is another key."""
        rows = await connection.fetch(_CHANGED, self._seen_to, float(OUTLIVED_AFTER_S))
        for row in rows:
            match row["what"]:
                case "account":
                    verifier.forget(AccountId(row["id"]), issued_until=_seconds(row["until"]))
                case "session":
                    verifier.forget_session(row["id"], ended_at=_seconds(row["until"]))
        if any(row["what"] == "key" for row in rows):
            await load_keys(connection, verifier)
        self._seen_to = next(row["seen_to"] for row in rows if row["what"] == "seen")


def _reload_after(work: Work) -> None:
    work.after_commit.append(work.ports.get(KeyReload).request)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


class KeyReload:
    """A wish to read the keys again, granted by the host's schedule."""

    def __init__(self) -> None:
        self.wanted = False

    def request(self) -> None:
        """Ask for the keys to be read again soon."""
        self.wanted = True


RUNTIME_SUBSCRIPTIONS: Subscriptions = {
    KeyPublished: publish_keys,
    KeyRetired: retire_keys,
    AccountEnded: end_accounts,
    ClockMoved: follow_clock,
    SessionEnded: end_sessions,
}
