"""The ledger's tables: accounts, postings and holds, read under the accounts' locks by a few statements."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from services.voucher.domain.accounts import Moved, Posting, QuotaAccount
from services.voucher.domain.holds import Hold, HoldLine
from services.voucher.domain.states import HoldState, LineState
from services.voucher.tables import HOLD, HOLD_LINE, POSTING, QUOTA_ACCOUNT
from shared.contracts.messages.voucher import QuotaMoved
from shared.runtime.sql import Connection, Insert, Record, Rows, Stamp, Update
from shared.runtime.work import Work

ACCOUNT_FIELDS = QuotaAccount.__struct_fields__
_ACCOUNT_COLUMNS = ", ".join(f"a.{name}" for name in ACCOUNT_FIELDS)
_BALANCES = frozenset(name for name in ACCOUNT_FIELDS if name.endswith("_fen") and name != "cap_fen")

_LOCK_BY_OWNER = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a
JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::int[]) AS k(enterprise_id, year)) k
  ON a.enterprise_id = k.enterprise_id AND a.year = k.year
ORDER BY a.id FOR UPDATE OF a
"""  # noqa: S608 - column names of our own struct
_LOCK_FOR_ORDERS = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a
WHERE a.id = ANY(ARRAY(
    SELECT quota_account_id FROM hold WHERE order_id = ANY($1::uuid[])
    UNION SELECT o.id FROM quota_account o JOIN unnest($2::uuid[], $3::int[]) AS k(enterprise_id, year)
        ON o.enterprise_id = k.enterprise_id AND o.year = k.year
))
ORDER BY a.id FOR UPDATE
"""  # noqa: S608 - column names of our own struct
_LOCK_BY_ID = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a WHERE a.id = ANY($1::uuid[]) ORDER BY a.id FOR UPDATE
"""  # noqa: S608 - column names of our own struct
_PLAN_OF_ACCOUNT = "SELECT plan_id FROM quota_account WHERE id = $1"
_UNCLOSED_ACCOUNTS = "SELECT id FROM quota_account WHERE plan_id = $1 AND NOT closed ORDER BY id LIMIT $2"
_CLOSE_ACCOUNTS = "UPDATE quota_account SET closed = true WHERE id = ANY($1::uuid[])"
# The account's row is locked before this is read, and every change of a hold locks its account first: the snapshot
# of this later statement holds the newest lines.
_READ_HOLDS = """
SELECT h.order_id, h.quota_account_id, h.state, h.claim_id, h.ended_claims, h.refusal,
       l.line, l.amount_fen, l.state AS line_state, l.paid_fen, l.short_fen
FROM hold h LEFT JOIN hold_line l ON l.order_id = h.order_id
WHERE h.order_id = ANY($1::uuid[]) ORDER BY h.order_id, l.line
"""

ACCOUNTS: Rows[QuotaAccount] = Rows(QUOTA_ACCOUNT, update=Update(columns=_BALANCES, always=frozenset({"version"})))
"""Balances; their accounts are locked, so no version guards them."""
# A batch is one kind of movement, and most orders have one line.
POSTINGS: Rows[Posting] = Rows(
    POSTING,
    fields={"quota_account_id": "account_id", "debit_account": "debit", "credit_account": "credit"},
    insert=Insert(
        common=frozenset(
            {
                *("plan_id", "movement", "debit_account", "credit_account", "line", "application_id", "reason", "rule"),
                *("pack_version", "at"),
            }
        ),
        stamped={"id": Stamp.NEW_ID, "pack_version": Stamp.PACK_VERSION, "at": Stamp.NOW},
    ),
)
_HOLD_STEP = frozenset({"state", "claim_id", "ended_claims"})
_LINE_STEP = frozenset({"state", "paid_fen", "short_fen"})
# Whoever finds that a parallel transaction has written the same hold runs again, finds it, and answers by its state.
HOLDS: Rows[Hold] = Rows(
    HOLD,
    fields={"quota_account_id": "account_id"},
    insert=Insert(common=_HOLD_STEP | {"refusal"}),
    update=Update(always=_HOLD_STEP, common=_HOLD_STEP),
    retry_on_conflict=True,
)
HOLD_LINES: Rows[HoldLine] = Rows(
    HOLD_LINE,
    insert=Insert(common=_LINE_STEP | {"line"}),
    update=Update(always=_LINE_STEP, common=_LINE_STEP | {"line"}),
    retry_on_conflict=True,
)


class HoldAppeared(asyncpg.SerializationError):  # type: ignore[misc] # asyncpg has no types
    """A hold was written after its account was looked up, so the account is not locked: the transaction runs again."""


def account_of(row: Record) -> QuotaAccount:
    """A row of quota_account as the rules see it."""
    return QuotaAccount(**{name: row[name] for name in ACCOUNT_FIELDS})


async def lock_accounts_of(connection: Connection, owners: Sequence[tuple[UUID, int]]) -> list[QuotaAccount]:
    """The quota accounts of (enterprise, year) pairs, locked in id order."""
    rows = await connection.fetch(_LOCK_BY_OWNER, [owner for owner, _ in owners], [year for _, year in owners])
    return [account_of(row) for row in rows]


async def lock_accounts_for_orders(
    connection: Connection, orders: Sequence[UUID], *, owners: Sequence[tuple[UUID, int]]
) -> list[QuotaAccount]:
    """The quota accounts of these orders' holds and of (enterprise, year) pairs, locked in id order."""
    columns = ([owner for owner, _ in owners], [year for _, year in owners])
    return [account_of(row) for row in await connection.fetch(_LOCK_FOR_ORDERS, orders, *columns)]


async def lock_accounts(connection: Connection, ids: Sequence[UUID]) -> list[QuotaAccount]:
    """These quota accounts, locked in id order."""
    return [account_of(row) for row in await connection.fetch(_LOCK_BY_ID, ids)]


async def find_plan_of(connection: Connection, account_id: UUID) -> UUID | None:
    """The plan of a quota account, or None."""
    plan_id: UUID | None = await connection.fetchval(_PLAN_OF_ACCOUNT, account_id)
    return plan_id


async def lock_unclosed_accounts(connection: Connection, plan_id: UUID, *, limit: int) -> list[QuotaAccount]:
    """Quota accounts of a plan whose unused quota was not taken back yet, locked in id order."""
    rows = await connection.fetch(_UNCLOSED_ACCOUNTS, plan_id, limit)
    return await lock_accounts(connection, [row["id"] for row in rows]) if rows else []


async def close_accounts(work: Work, ids: Sequence[UUID]) -> None:
    """Mark locked quota accounts as closed."""
    await work.connection.execute(_CLOSE_ACCOUNTS, ids)


async def read_holds(connection: Connection, orders: Sequence[UUID]) -> dict[UUID, Hold]:
    """The holds of these orders with their lines; call it after their accounts are locked."""
    lines: dict[UUID, list[HoldLine]] = {}
    heads: dict[UUID, Record] = {}
    for row in await connection.fetch(_READ_HOLDS, orders):
        heads[row["order_id"]] = row
        if row["line"] is not None:
            line = HoldLine(
                order_id=row["order_id"],
                line=row["line"],
                amount_fen=row["amount_fen"],
                state=LineState(row["line_state"]),
                paid_fen=row["paid_fen"],
                short_fen=row["short_fen"],
            )
            lines.setdefault(row["order_id"], []).append(line)
    return {
        order_id: Hold(
            order_id=order_id,
            account_id=row["quota_account_id"],
            state=HoldState(row["state"]),
            lines=tuple(lines.get(order_id, ())),
            claim_id=row["claim_id"],
            ended_claims=row["ended_claims"],
            refusal=row["refusal"],
        )
        for order_id, row in heads.items()
    }


def move(work: Work, accounts: Sequence[tuple[QuotaAccount, QuotaAccount]], postings: Sequence[Posting]) -> None:
    """Write accounts, each as locked and as it is now, and the postings that explain them."""
    work.update(ACCOUNTS, accounts)
    work.insert(POSTINGS, postings)


def tell(work: Work, moves: Iterable[Moved]) -> None:
    """Emit a voucher.quota_moved for each movement, with the balances after it."""
    for moved in moves:
        account = moved.account
        work.emit(
            QuotaMoved(
                version=account.version,
                quota_account_id=account.id,
                enterprise_id=account.enterprise_id,
                year=account.year,
                movement=moved.movement.value,
                amount_fen=moved.amount_fen,
                available_fen=account.available_fen,
                held_fen=account.held_fen,
                committed_fen=account.committed_fen,
                claimed_fen=account.claimed_fen,
                redeemed_fen=account.redeemed_fen,
                taken_back_fen=account.taken_back_fen,
                order_id=moved.order_id,
                reason=moved.reason,
            )
        )
