"""Write SQL of the ledger: accounts, postings, holds; a few statements for any number of commands."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import Moved, Posting, QuotaAccount
from services.voucher.domain.holds import Hold, HoldLine
from services.voucher.domain.states import HoldState, LineState
from shared.contracts.messages.voucher import QuotaMoved
from shared.runtime.batch import Packed, Shape, Source, pack
from shared.runtime.db import Connection, Record
from shared.runtime.said import Part, deferred
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
# The account's row is locked before this is read, and every change of a hold locks its account first: the snapshot
# of this later statement holds the newest lines.
_READ_HOLDS = """
SELECT h.order_id, h.quota_account_id, h.state, h.claim_id, h.ended_claims, h.refusal,
       l.line, l.amount_fen, l.state AS line_state, l.paid_fen, l.short_fen
FROM hold h LEFT JOIN hold_line l ON l.order_id = h.order_id
WHERE h.order_id = ANY($1::uuid[]) ORDER BY h.order_id, l.line
"""
_ACCOUNT_TYPES = {"id": "uuid", **dict.fromkeys(_CHANGING, "bigint"), "version": "int"}
_POSTING_TYPES = {
    "id": "uuid",
    "business_key": "text",
    "plan_id": "uuid",
    "quota_account_id": "uuid",
    "movement": "text",
    "debit_account": "text",
    "credit_account": "text",
    "amount_fen": "bigint",
    "order_id": "uuid",
    "line": "int",
    "application_id": "uuid",
    "reason": "text",
    "rule": "text",
    "pack_version": "text",
    "at": "timestamptz",
}
_HOLD_TYPES = {
    "order_id": "uuid",
    "quota_account_id": "uuid",
    "state": "text",
    "claim_id": "uuid",
    "ended_claims": "jsonb",
    "refusal": "jsonb",
}
_LINE_TYPES = {
    "order_id": "uuid",
    "line": "int",
    "amount_fen": "bigint",
    "state": "text",
    "paid_fen": "bigint",
    "short_fen": "bigint",
}
_HOLD_STEP = ("order_id", "state", "claim_id", "ended_claims")
_LINE_STEP = ("order_id", "line", "state", "paid_fen", "short_fen")
# A batch is one kind of movement, and most orders have one line.
_POSTING_COMMON = frozenset(_POSTING_TYPES) - {"id", "business_key", "quota_account_id", "amount_fen", "order_id"}
_HOLD_COMMON = frozenset({"state", "claim_id", "ended_claims", "refusal"})
_LINE_COMMON = frozenset({"line", "state", "paid_fen", "short_fen"})
_WRITES = (
    ("quota_account", _ACCOUNT_TYPES, ("id",)),
    ("hold", _HOLD_TYPES, ("order_id",)),
    ("hold_line", _LINE_TYPES, ("order_id", "line")),
    ("posting", _POSTING_TYPES, ()),
    ("hold", _HOLD_TYPES, ()),
    ("hold_line", _LINE_TYPES, ()),
)
_NOTHING = Packed((), ())
_BALANCES_OF = attrgetter(*_CHANGING)
_NEW = frozenset({"hold", "hold_line"})


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch of commands leaves: accounts and holds as loaded and as they are, postings, and new holds."""

    accounts: Sequence[tuple[QuotaAccount, QuotaAccount]] = ()
    postings: Sequence[Posting] = ()
    fresh: Sequence[Hold] = ()
    changed: Sequence[tuple[Hold, Hold]] = ()


_Shapes: TypeAlias = tuple[Shape, Shape, Shape, Shape, Shape, Shape]


def _save_parts(shapes: _Shapes, first: int) -> list[Part]:
    """Update accounts, holds and lines, which is counted; add postings, holds and lines; of those that have a shape."""
    parts: list[Part] = []
    for shape, (table, types, keys) in zip(shapes, _WRITES, strict=True):
        if shape:
            n = Source(shape, types, first=first)
            parts.append(Part(_update(table, n, keys=keys), counted=True) if keys else Part(n.insert(table)))
            first = n.after
    return parts


def _update(table: str, n: Source, *, keys: Sequence[str]) -> str:
    assignments = ", ".join(f"{name} = {value}" for name, value in n.of.items() if name not in keys)
    where = " AND ".join(f"t.{name} = {n.of[name]}" for name in keys)
    return f"UPDATE {table} t SET {assignments} FROM {n.rows} WHERE {where}"  # noqa: S608 - names from this module


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
    if accounts or postings:
        rows = [(account.id, *_BALANCES_OF(account)) for account in accounts]
        balances = pack(tuple(_ACCOUNT_TYPES), rows, common=frozenset()) if rows else _NOTHING
        packed = (balances, _NOTHING, _NOTHING, _postings(work, postings), _NOTHING, _NOTHING)
        work.defer(deferred(_save_parts, packed, updates=len(accounts)))
        await work.write_deferred()


def save(work: Work, kept: Kept) -> None:
    """Leave all that a batch of commands changed to be written with what it says.

    When a parallel transaction writes one of the new holds first, this one runs again.
    """
    lines = [
        (after.order_id, line)
        for before, after in kept.changed
        for line, was in zip(after.lines, before.lines, strict=True)
        if line is not was
    ]
    packed = (
        _accounts(kept.accounts),
        _holds([after for _, after in kept.changed], _HOLD_STEP),
        _lines(lines, _LINE_STEP),
        _postings(work, kept.postings),
        _holds(kept.fresh, tuple(_HOLD_TYPES)),
        _lines([(hold.order_id, line) for hold in kept.fresh for line in hold.lines], tuple(_LINE_TYPES)),
    )
    if any(part.shape for part in packed):
        updates = len(kept.accounts) + len(kept.changed) + len(lines)
        work.defer(deferred(_save_parts, packed, updates=updates, conflicts=_NEW))


def _accounts(accounts: Sequence[tuple[QuotaAccount, QuotaAccount]]) -> Packed:
    """The balances that differ in any of the accounts, and always the version."""
    if not accounts:
        return _NOTHING
    pairs = [(_BALANCES_OF(before), _BALANCES_OF(after)) for before, after in accounts]
    places = [
        place
        for place, name in enumerate(_CHANGING)
        if name == "version" or any(before[place] != after[place] for before, after in pairs)
    ]
    rows = [
        (before.id, *(balances[place] for place in places))
        for (before, _), (_, balances) in zip(accounts, pairs, strict=True)
    ]
    return pack(("id", *(_CHANGING[place] for place in places)), rows, common=frozenset())


def _postings(work: Work, postings: Sequence[Posting]) -> Packed:
    if not postings:
        return _NOTHING
    rows = [
        (
            *(work.new_id(), one.business_key, one.plan_id, one.account_id, one.movement, one.debit, one.credit),
            *(one.amount_fen, one.order_id, one.line, one.application_id, one.reason, one.rule),
            *(work.pack.version, work.now),
        )
        for one in postings
    ]
    return pack(tuple(_POSTING_TYPES), rows, common=_POSTING_COMMON)


def _holds(holds: Sequence[Hold], names: Sequence[str]) -> Packed:
    if not holds:
        return _NOTHING
    rows = [tuple(_hold_value(hold, name) for name in names) for hold in holds]
    return pack(names, rows, common=_HOLD_COMMON)


def _hold_value(hold: Hold, name: str) -> object:
    return getattr(hold, "account_id" if name == "quota_account_id" else name)


def _lines(lines: Sequence[tuple[UUID, HoldLine]], names: Sequence[str]) -> Packed:
    if not lines:
        return _NOTHING
    rows = [(order_id, *(getattr(line, name) for name in names[1:])) for order_id, line in lines]
    return pack(names, rows, common=_LINE_COMMON)


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
