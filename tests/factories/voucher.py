"""A ready quota account for tests of the ledger: a plan, an account with granted quota, and their postings."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.voucher.domain.states import LedgerAccount, Movement
from shared.contracts.messages.identity import Party
from shared.kernel.calendar import year_closes_at
from shared.runtime.database.sql import Connection

_PLAN = """
INSERT INTO plan (id, year, state, total_fen, left_fen, lane_share_bp, cap_fen, opens_at, closes_at, pack_version,
                  version)
VALUES ($1, $2, 'published', $3, $4, 0, $5, $6, $7, '1.0.0', 3)
"""
_ACCOUNT = """
INSERT INTO quota_account (id, plan_id, enterprise_id, year, region, cap_fen, granted_fen, available_fen, version)
VALUES ($1, $2, $3, $4, '520100', $5, $6, $6, 1)
"""
_POSTING = """
INSERT INTO posting (id, business_key, plan_id, quota_account_id, movement, debit_account, credit_account, amount_fen,
                     reason, rule, pack_version, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'test', 'A16', '1.0.0', now())
"""


async def a_plan(connection: Connection, *, year: int, total_fen: int, cap_fen: int = 5_000_000) -> UUID:
    """A published plan whose money is all left, with its opening posting."""
    plan_id = uuid4()
    opens_at = datetime(year, 1, 1, tzinfo=UTC)
    await connection.execute(_PLAN, plan_id, year, total_fen, total_fen, cap_fen, opens_at, year_closes_at(year))
    await connection.execute("INSERT INTO intake_counter (plan_id) VALUES ($1)", plan_id)
    await _post(connection, plan_id, None, Movement.OPEN, LedgerAccount.TOTAL, LedgerAccount.LEFT, total_fen)
    return plan_id


async def a_quota_account(
    connection: Connection, *, plan_id: UUID, enterprise_id: UUID, year: int, granted_fen: int, cap_fen: int = 5_000_000
) -> UUID:
    """An account with `granted_fen` available, taken from the plan's left."""
    account_id = uuid4()
    await connection.execute("UPDATE plan SET left_fen = left_fen - $2 WHERE id = $1", plan_id, granted_fen)
    await connection.execute(_ACCOUNT, account_id, plan_id, enterprise_id, year, cap_fen, granted_fen)
    await _post(
        connection, plan_id, account_id, Movement.EARMARK, LedgerAccount.LEFT, LedgerAccount.EARMARKED, granted_fen
    )
    await _post(
        connection, plan_id, account_id, Movement.GRANT, LedgerAccount.EARMARKED, LedgerAccount.AVAILABLE, granted_fen
    )
    return account_id


async def _post(  # noqa: PLR0917 - the columns of a posting
    connection: Connection,
    plan_id: UUID,
    account_id: UUID | None,
    movement: Movement,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount_fen: int,
) -> None:
    key = f"test/{uuid4()}"
    await connection.execute(_POSTING, uuid4(), key, plan_id, account_id, movement, debit, credit, amount_fen)


def an_enterprise(*, region: str = "520100", listed: bool = False, size_class: str = "small") -> Party:
    """An authenticated legal person, registered in 2010."""
    return Party(
        kind="enterprise",
        name="贵州示例科技有限公司",
        credit_code="91520100MA6DK0X17T",
        region=region,
        authenticated=True,
        recognised=False,
        legal_person=True,
        established_on=datetime(2010, 5, 1, tzinfo=UTC).date(),
        priority_listed=listed,
        size_class=size_class,
    )
