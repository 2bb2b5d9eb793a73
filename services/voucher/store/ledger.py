"""Write SQL of the ledger: accounts, postings, holds; a few statements for any number of commands."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from uuid import UUID

import asyncpg

from services.voucher.domain.accounts import Moved, Posting, QuotaAccount
from services.voucher.domain.holds import Hold, HoldLine
from services.voucher.domain.states import HoldState, LineState
from shared.contracts.messages.voucher import QuotaMoved
from shared.kernel.refusals import invariant
from shared.runtime.db import Connection, Record
from shared.runtime.work import Work

ACCOUNT_FIELDS = QuotaAccount.__struct_fields__
_ACCOUNT_COLUMNS = ", ".join(f"a.{name}" for name in ACCOUNT_FIELDS)
_CHANGING = [
    name for name in ACCOUNT_FIELDS if name not in {"id", "plan_id", "enterprise_id", "year", "cap_fen", "closed"}
]

_LOCK_BY_OWNER = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a
JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::int[]) AS k(enterprise_id, year)) k
  ON a.enterprise_id = k.enterprise_id AND a.year = k.year
ORDER BY a.id FOR UPDATE OF a
"""  # noqa: S608 - column names of our own struct
_LOCK_BY_ORDER = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a
WHERE a.id IN (SELECT quota_account_id FROM hold WHERE order_id = ANY($1::uuid[]))
ORDER BY a.id FOR UPDATE
"""  # noqa: S608 - column names of our own struct
_LOCK_BY_ID = f"""
SELECT {_ACCOUNT_COLUMNS} FROM quota_account a WHERE a.id = ANY($1::uuid[]) ORDER BY a.id FOR UPDATE
"""  # noqa: S608 - column names of our own struct
# The account's row is locked before this is read, and every change of a hold locks its account first: the snapshot
# of this later statement holds the newest lines.
_READ_HOLDS = """
SELECT h.order_id, h.quota_account_id, h.state, h.claim_id, h.ended_claims, h.refusal,
       l.line, l.amount_fen, l.state AS line_state, l.paid_fen, l.short_fen
FROM hold h LEFT JOIN hold_line l ON l.order_id = h.order_id
WHERE h.order_id = ANY($1::uuid[]) ORDER BY h.order_id, l.line
"""
_SAVE_ACCOUNTS_AND_POSTINGS = """
WITH changed AS (
    UPDATE quota_account a SET {assignments}
    FROM unnest($1::uuid[], {arrays}, ${version}::int[]) AS c(id, {names}, version) WHERE a.id = c.id
    RETURNING 1
), posted AS (
    INSERT INTO posting (id, business_key, plan_id, quota_account_id, movement, debit_account, credit_account,
                         amount_fen, order_id, line, application_id, reason, rule, pack_version, at)
    SELECT p.id, p.key, p.plan_id, p.account_id, p.movement, p.debit, p.credit, p.amount, p.order_id, p.line,
           p.application_id, p.reason, p.rule, ${pack}, ${at}
    FROM unnest({posting_arrays})
         AS p(id, key, plan_id, account_id, movement, debit, credit, amount, order_id, line, application_id, reason,
              rule)
)
SELECT count(*) FROM changed
"""
_POSTING_TYPES = (
    "uuid", "text", "uuid", "uuid", "text", "text", "text", "bigint", "uuid", "int", "uuid", "text", "text",
)  # fmt: skip
_INSERT_HOLDS = """
WITH kept AS (
    INSERT INTO hold (order_id, quota_account_id, state, claim_id, ended_claims, refusal)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::jsonb[], $6::jsonb[])
)
INSERT INTO hold_line (order_id, line, amount_fen, state, paid_fen, short_fen)
SELECT * FROM unnest($7::uuid[], $8::int[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[])
"""
_UPDATE_HOLDS = """
WITH kept AS (
    UPDATE hold h SET state = c.state, claim_id = c.claim_id, ended_claims = c.ended_claims
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::jsonb[], $6::jsonb[])
         AS c(order_id, account_id, state, claim_id, ended_claims, refusal)
    WHERE h.order_id = c.order_id
)
UPDATE hold_line l SET state = c.state, paid_fen = c.paid_fen, short_fen = c.short_fen
FROM unnest($7::uuid[], $8::int[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[])
     AS c(order_id, line, amount_fen, state, paid_fen, short_fen)
WHERE l.order_id = c.order_id AND l.line = c.line
"""


def _save_statement() -> str:
    balances = [name for name in _CHANGING if name != "version"]
    after_balances = len(balances) + 2
    first_posting = after_balances + 1
    pack = first_posting + len(_POSTING_TYPES)
    return _SAVE_ACCOUNTS_AND_POSTINGS.format(
        assignments=", ".join(f"{name} = c.{name}" for name in _CHANGING),
        arrays=", ".join(f"${place}::bigint[]" for place in range(2, after_balances)),
        names=", ".join(balances),
        version=after_balances,
        posting_arrays=", ".join(f"${first_posting + i}::{kind}[]" for i, kind in enumerate(_POSTING_TYPES)),
        pack=pack,
        at=pack + 1,
    )


_SAVE = _save_statement()
_BALANCES_OF = attrgetter("id", *_CHANGING)


def account_of(row: Record) -> QuotaAccount:
    """A row of quota_account as the rules see it."""
    return QuotaAccount(**{name: row[name] for name in ACCOUNT_FIELDS})


async def lock_accounts_of(connection: Connection, owners: Sequence[tuple[UUID, int]]) -> list[QuotaAccount]:
    """The quota accounts of (enterprise, year) pairs, locked in id order."""
    rows = await connection.fetch(_LOCK_BY_OWNER, [owner for owner, _ in owners], [year for _, year in owners])
    return [account_of(row) for row in rows]


async def lock_accounts_of_orders(connection: Connection, orders: Sequence[UUID]) -> list[QuotaAccount]:
    """The quota accounts that these orders' holds stand on, locked in id order."""
    return [account_of(row) for row in await connection.fetch(_LOCK_BY_ORDER, orders)]


async def lock_accounts(connection: Connection, ids: Sequence[UUID]) -> list[QuotaAccount]:
    """These quota accounts, locked in id order."""
    return [account_of(row) for row in await connection.fetch(_LOCK_BY_ID, ids)]


async def read_holds(connection: Connection, orders: Sequence[UUID]) -> dict[UUID, Hold]:
    """The holds of these orders with their lines; call it after their accounts are locked."""
    lines: dict[UUID, list[HoldLine]] = {}
    heads: dict[UUID, Record] = {}
    for row in await connection.fetch(_READ_HOLDS, orders):
        heads[row["order_id"]] = row
        if row["line"] is not None:
            line = HoldLine(
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


async def save_accounts(work: Work, accounts: Sequence[QuotaAccount], postings: Sequence[Posting]) -> None:
    """Write balances and the postings that explain them, in one statement."""
    if not accounts and not postings:
        return
    values = [_BALANCES_OF(account) for account in accounts]
    columns = (
        [list(column) for column in zip(*values, strict=True)] if values else [[] for _ in range(1 + len(_CHANGING))]
    )
    changed = await work.connection.fetchval(
        _SAVE,
        *columns,
        [work.new_id() for _ in postings],
        [posting.business_key for posting in postings],
        [posting.plan_id for posting in postings],
        [posting.account_id for posting in postings],
        [posting.movement for posting in postings],
        [posting.debit for posting in postings],
        [posting.credit for posting in postings],
        [posting.amount_fen for posting in postings],
        [posting.order_id for posting in postings],
        [posting.line for posting in postings],
        [posting.application_id for posting in postings],
        [posting.reason for posting in postings],
        [posting.rule for posting in postings],
        work.pack.version,
        work.now,
    )
    invariant(changed == len(accounts), "every locked account is saved")


async def insert_holds(connection: Connection, holds: Sequence[Hold]) -> None:
    """Write new holds. Raises: SerializationError when a parallel transaction wrote one of them first."""
    try:
        await connection.execute(_INSERT_HOLDS, *_hold_columns(holds))
    except asyncpg.UniqueViolationError as error:
        # Run again as a whole, the transaction finds the row and answers by its state.
        raise asyncpg.SerializationError(str(error)) from error


async def update_holds(connection: Connection, holds: Sequence[Hold]) -> None:
    """Write the states of known holds and their lines."""
    await connection.execute(_UPDATE_HOLDS, *_hold_columns(holds))


def _hold_columns(holds: Sequence[Hold]) -> list[list[object]]:
    lines = [(hold.order_id, line) for hold in holds for line in hold.lines]
    return [
        [hold.order_id for hold in holds],
        [hold.account_id for hold in holds],
        [hold.state for hold in holds],
        [hold.claim_id for hold in holds],
        [dict(hold.ended_claims) for hold in holds],
        [dict(hold.refusal) for hold in holds],
        [order_id for order_id, _ in lines],
        [line.line for _, line in lines],
        [line.amount_fen for _, line in lines],
        [line.state for _, line in lines],
        [line.paid_fen for _, line in lines],
        [line.short_fen for _, line in lines],
    ]


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
