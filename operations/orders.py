"""Orders with what voucher and settlement say of them, a page of a thousand at a time, in the order of their ids."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

from operations.walks import PAGE, Books, Row, Rows, Walk, read_keys

_ORDER = """
SELECT id, number, state, enterprise_id, year, fee_fen, voucher_fen, refunded_voucher_fen, claim_id, paid_fen,
       refund_state, reason FROM cloud_order
"""
_ORDERS = f"{_ORDER} WHERE id > $1 ORDER BY id LIMIT $2"
_THESE_ORDERS = f"{_ORDER} WHERE id = ANY($1::uuid[]) ORDER BY id"
_LINES = """
SELECT l.order_id, l.line, l.voucher_fen, EXISTS (
    SELECT FROM refund r WHERE r.order_id = l.order_id AND r.state = 'returned' AND l.line = ANY(r.lines) OFFSET 0
) AS refunded FROM order_line l WHERE l.order_id = ANY($1::uuid[]) ORDER BY l.order_id, l.line
"""
_HOLDS = "SELECT order_id, quota_account_id, state, claim_id FROM hold WHERE order_id = ANY($1::uuid[])"
_HELD = "SELECT order_id, line, amount_fen, state, paid_fen FROM hold_line WHERE order_id = ANY($1::uuid[])"
_FLOW = """
SELECT p.order_id,
       sum(CASE WHEN credit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint
     - sum(CASE WHEN debit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint AS open_fen,
       sum(CASE WHEN credit_account = 'redeemed' THEN amount_fen ELSE 0 END)::bigint AS redeemed_fen
FROM posting p
"""
# The ledger has no index of orders, which each purchase would have to write: all of it is read once, sorted by order.
_FLOWS = f"{_FLOW} WHERE p.order_id IS NOT NULL GROUP BY p.order_id ORDER BY p.order_id"
_FLOWS_OF_THESE = f"""{_FLOW} WHERE p.order_id = ANY($1::uuid[])
    AND p.quota_account_id IN (SELECT h.quota_account_id FROM hold h WHERE h.order_id = ANY($1::uuid[]))
GROUP BY p.order_id
"""  # noqa: S608 - our own text
_ITEMS = """
SELECT claim_id, order_id, state, voucher_fen, approved_fen FROM claim_item
WHERE state <> 'draft' AND order_id = ANY($1::uuid[]) ORDER BY claim_id
"""
_HOLDS_PAGE = "SELECT order_id, state FROM hold WHERE order_id > $1 ORDER BY order_id LIMIT $2"
_ITEMS_PAGE = """
SELECT DISTINCT ON (order_id) order_id, claim_id FROM claim_item
WHERE state <> 'draft' AND order_id > $1 ORDER BY order_id, claim_id LIMIT $2
"""
_COPIES = """
SELECT order_id, state, claim_id, voucher_fen, number FROM order_copy WHERE order_id = ANY($1::uuid[])
"""
_KNOWN = "SELECT id FROM cloud_order WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One order, its lines, its hold with lines and ledger flow at voucher, its items and copy at settlement."""

    order: Row
    lines: Rows
    hold: Row | None
    held: Rows
    flow: Row | None
    items: Rows
    copy: Row | None


async def dossiers(books: Mapping[str, Books], *, flows: bool = True) -> AsyncIterator[list[Dossier]]:
    """All orders, in pages; without `flows` the ledger is not read.

    The flows are those of the moment at which the walk began: whoever finds a difference looks at it again (`these`).
    """
    async with AsyncExitStack() as stack:
        ledger: Walk | None = None
        if flows:
            connection = await stack.enter_async_context(books["voucher"].reading())
            ledger = await Walk.open(connection, _FLOWS)
        after = UUID(int=0)
        while orders := await read_keys(books["order"], _ORDERS, after, PAGE):
            ids = [order["id"] for order in orders]
            yield await _page(books, orders, await ledger.of(set(ids), key="order_id") if ledger is not None else {})
            after = ids[-1]
        if ledger is not None:
            await ledger.close()


async def these(books: Mapping[str, Books], ids: Sequence[UUID], *, flows: bool = True) -> AsyncIterator[list[Dossier]]:
    """Some orders as they are now, in pages; without `flows` the ledger is not read."""
    for start in range(0, len(ids), PAGE):
        some = list(ids[start : start + PAGE])
        found = await read_keys(books["voucher"], _FLOWS_OF_THESE, some) if flows else ()
        orders = await read_keys(books["order"], _THESE_ORDERS, some)
        yield await _page(books, orders, {row["order_id"]: row for row in found})


async def _page(books: Mapping[str, Books], orders: Rows, flows: Mapping[UUID, Row]) -> list[Dossier]:
    ids = [order["id"] for order in orders]
    lines = _by_order(await read_keys(books["order"], _LINES, ids))
    holds = {row["order_id"]: row for row in await read_keys(books["voucher"], _HOLDS, ids)}
    held = _by_order(await read_keys(books["voucher"], _HELD, ids))
    items = _by_order(await read_keys(books["settlement"], _ITEMS, ids))
    copies = {row["order_id"]: row for row in await read_keys(books["settlement"], _COPIES, ids)}
    return [
        Dossier(
            order=order,
            lines=lines[order["id"]],
            hold=holds.get(order["id"]),
            held=held[order["id"]],
            flow=flows.get(order["id"]),
            items=items[order["id"]],
            copy=copies.get(order["id"]),
        )
        for order in orders
    ]


def _by_order(rows: Rows) -> Mapping[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


async def strangers(books: Mapping[str, Books], service: str) -> AsyncIterator[Row]:
    """Holds of voucher, or items of settlement, of orders that the order service does not know."""
    statement = {"voucher": _HOLDS_PAGE, "settlement": _ITEMS_PAGE}[service]
    after = UUID(int=0)
    while rows := await read_keys(books[service], statement, after, PAGE):
        known = {row["id"] for row in await read_keys(books["order"], _KNOWN, [row["order_id"] for row in rows])}
        for row in rows:
            if row["order_id"] not in known:
                yield row
        after = rows[-1]["order_id"]
