"""The checks across services: each keeps its own database, so rows are read from each and compared here.

They hold when the platform is quiet. Source: invariants I3, I5, I8, I9, I11, I13, I14.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from uuid import UUID

from embedded.findings import Check
from services.order.domain.saga import RESTING
from services.settlement.domain.states import LIVE_ITEMS, ItemState
from shared.runtime.db import Connection
from shared.runtime.service import Service

Rows = Sequence[Mapping[str, Any]]

_ORDERS = """
SELECT id, number, state, year, voucher_fen, refunded_voucher_fen, claim_id, paid_fen, refund_state
FROM cloud_order ORDER BY id
"""
_ORDER_LINES = """
SELECT l.order_id, l.line, l.voucher_fen, EXISTS (
    SELECT FROM refund r WHERE r.order_id = l.order_id AND r.state = 'returned' AND l.line = ANY(r.lines)
) AS refunded FROM order_line l
"""
_HOLDS = "SELECT order_id, state, claim_id FROM hold"
_HOLD_LINES = "SELECT order_id, line, amount_fen, state, paid_fen FROM hold_line"
_ITEMS = """
SELECT claim_id, order_id, state, voucher_fen, approved_fen FROM claim_item WHERE state <> 'draft' ORDER BY claim_id
"""
_ORDER_FLOWS = """
SELECT order_id, sum(CASE WHEN credit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint
     - sum(CASE WHEN debit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint AS open_fen,
       sum(CASE WHEN credit_account = 'redeemed' THEN amount_fen ELSE 0 END)::bigint AS redeemed_fen
FROM posting WHERE order_id IS NOT NULL GROUP BY order_id
"""
_BOTH = """
SELECT order_id, line FROM posting WHERE movement IN ('refund', 'redeem', 'short')
GROUP BY order_id, line HAVING count(*) FILTER (WHERE movement = 'refund') > 0
                           AND count(*) FILTER (WHERE movement <> 'refund') > 0
"""
_NEWEST = """
SELECT aggregate_type, aggregate_id, max(version) AS newest, min(version) AS oldest, count(*) AS facts,
       count(DISTINCT version) AS versions FROM fact GROUP BY aggregate_type, aggregate_id
"""
_CURSORS = "SELECT stream, aggregate_id, version FROM cursor"
_TICKETS = """
SELECT p.year, c.last_ticket_no, p.decided_to, p.last_decision_no,
       (SELECT count(*) FROM application a WHERE a.plan_id = p.id) AS tickets,
       (SELECT COALESCE(max(ticket_no), 0) FROM application a WHERE a.plan_id = p.id) AS highest_ticket,
       (SELECT count(*) FROM allocation d WHERE d.plan_id = p.id) AS decisions,
       (SELECT COALESCE(max(decision_no), 0) FROM allocation d WHERE d.plan_id = p.id) AS highest_decision
FROM plan p JOIN intake_counter c ON c.plan_id = p.id ORDER BY p.year
"""
_LEFTOVERS = """
SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM parked) AS parked,
       (SELECT count(*) FROM retry) AS retry,
       (SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL) AS dead_letter,
       (SELECT count(*) FROM inbox) AS received
"""
_LEFTOVERS_ZH = {"outbox": "待发消息", "parked": "待序消息", "retry": "待重试消息", "dead_letter": "死信"}
_SAGAS = "SELECT id, kind, order_id, state, pending_name FROM saga"

# The state of an order's hold, and of its lines that are not refunded; None where no hold may stand.
_HOLD_OF_ORDER: Mapping[str, tuple[frozenset[str], str]] = {
    "awaiting_confirmation": (frozenset({"held"}), "held"),
    "refused": (frozenset({"refused", "closed", "released"}), "released"),
    "cancelled": (frozenset({"refused", "closed", "released"}), "released"),
    "confirmed": (frozenset({"committed"}), "committed"),
    "refunded": (frozenset({"committed"}), "refunded"),
    "claimed": (frozenset({"claimed"}), "claimed"),
    "redeemed": (frozenset({"redeemed"}), "redeemed"),
}


class Books(Protocol):
    """What one service wrote, wherever it runs."""

    @property
    def service(self) -> Service:
        """The service."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection to its database."""
        ...


async def check_services(runtimes: Mapping[str, Books]) -> list[Check]:
    """Every check across the services, in the order of the invariants."""
    orders = await _read(runtimes["order"], _ORDERS)
    items = await _read(runtimes["settlement"], _ITEMS)
    flows = {row["order_id"]: row for row in await _read(runtimes["voucher"], _ORDER_FLOWS)}
    return [
        await _check_holds(runtimes, orders),
        _check_items(orders, items, flows),
        await _check_refund_or_redeem(runtimes["voucher"]),
        _check_money_back(orders, flows),
        await _check_cursors(runtimes),
        await _check_sagas(runtimes["order"]),
        await _check_tickets(runtimes["voucher"]),
        await _check_leftovers(runtimes),
    ]


async def _read(runtime: Books, statement: str) -> Rows:
    async with runtime.reading() as connection:
        rows: Rows = await connection.fetch(statement)
        return rows


async def _check_holds(runtimes: Mapping[str, Books], orders: Rows) -> Check:
    """I3: each order's voucher state agrees with its hold, line by line."""
    holds = {row["order_id"]: row for row in await _read(runtimes["voucher"], _HOLDS)}
    held_lines = _by_order(await _read(runtimes["voucher"], _HOLD_LINES))
    order_lines = _by_order(await _read(runtimes["order"], _ORDER_LINES))
    differences = [
        f"订单 {order['number']}（{order['state']}）：{problem}"
        for order in orders
        for problem in hold_problems(
            order, hold=holds.get(order["id"]), wanted=order_lines[order["id"]], held=held_lines[order["id"]]
        )
    ]
    strangers = holds.keys() - {order["id"] for order in orders}
    differences += [f"云券服务中的订单 {order_id} 在订单服务中不存在" for order_id in strangers]
    return Check(title="I3 订单与云券冻结一致", examined=len(orders), differences=differences)


def _by_order(rows: Rows) -> Mapping[UUID, list[Mapping[str, Any]]]:
    found: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


def hold_problems(order: Mapping[str, Any], *, hold: Mapping[str, Any] | None, wanted: Rows, held: Rows) -> list[str]:
    """What does not agree between an order with its lines (`wanted`) and its hold with its lines (`held`)."""
    if order["state"] not in _HOLD_OF_ORDER:
        return ["尚未完成"]
    states, line_state = _HOLD_OF_ORDER[order["state"]]
    ended = "released" in states
    if hold is None:
        return [] if ended or order["voucher_fen"] == 0 else ["云券服务没有对应的冻结"]
    problems = [] if hold["state"] in states else [f"冻结状态为 {hold['state']}"]
    if not ended and hold["claim_id"] != order["claim_id"]:
        problems.append("兑现申请编号不一致")
    amounts = {row["line"]: row for row in held}
    for line in wanted:
        other = amounts.get(line["line"])
        if other is None:
            if line["voucher_fen"] and not ended:
                problems.append(f"第 {line['line']} 行没有冻结")
            continue
        expected = "refunded" if line["refunded"] else line_state
        if other["amount_fen"] != line["voucher_fen"] or other["state"] != expected:
            problems.append(f"第 {line['line']} 行为 {other['state']} {other['amount_fen']} 分，应为 {expected}")
    return problems


def _check_items(orders: Rows, items: Rows, flows: Mapping[UUID, Mapping[str, Any]]) -> Check:
    """I3: each claim item agrees with its order, and what was paid with the ledger."""
    by_id = {order["id"]: order for order in orders}
    live = {item["order_id"]: item for item in items if item["state"] in LIVE_ITEMS}
    differences = []
    for item in items:
        order = by_id.get(item["order_id"])
        problem = item_problem(item, order, flows) if order is not None else "订单不存在"
        if problem:
            differences.append(f"兑现申请 {item['claim_id']} 的订单 {item['order_id']}：{problem}")
    differences += [
        f"订单 {order['number']} 为 {order['state']}，但没有对应的兑现申请项"
        for order in orders
        if order["state"] in {"claimed", "redeemed"} and order["id"] not in live
    ]
    return Check(title="I3 兑现申请项与订单、账本一致", examined=len(items), differences=differences)


def item_problem(item: Mapping[str, Any], order: Mapping[str, Any], flows: Mapping[UUID, Mapping[str, Any]]) -> str:
    """What does not agree between a claim's item, its order, and the ledger's movements of that order; or nothing."""
    if item["state"] not in LIVE_ITEMS:
        return "已结束的申请项仍占用订单" if order["claim_id"] == item["claim_id"] else ""
    wanted = "redeemed" if item["state"] == ItemState.PAID else "claimed"
    if order["state"] != wanted or order["claim_id"] != item["claim_id"]:
        return f"申请项为 {item['state']}，订单为 {order['state']}"
    if item["state"] != ItemState.PAID:
        return ""
    redeemed_fen = flows[order["id"]]["redeemed_fen"] if order["id"] in flows else 0
    if not item["approved_fen"] == order["paid_fen"] == redeemed_fen:
        return f"核定 {item['approved_fen']} 分，订单记 {order['paid_fen']} 分，账本记 {redeemed_fen} 分"
    return ""


async def _check_refund_or_redeem(voucher: Books) -> Check:
    """I5: a line is refunded or redeemed, never both."""
    rows = await _read(voucher, _BOTH)
    counted = await _read(voucher, "SELECT count(*) AS lines FROM hold_line")
    differences = [f"订单 {row['order_id']} 第 {row['line']} 行既退款又兑现" for row in rows]
    return Check(title="I5 一行不会既退款又兑现", examined=counted[0]["lines"], differences=differences)


def _check_money_back(orders: Rows, flows: Mapping[UUID, Mapping[str, Any]]) -> Check:
    """I9: what was refused, cancelled or refunded holds no money any more, and nothing of it was paid."""
    ended = [order for order in orders if order["state"] in {"refused", "cancelled", "refunded"}]
    differences = []
    for order in ended:
        flow = flows.get(order["id"])
        if flow is not None and (flow["open_fen"] or flow["redeemed_fen"]):
            differences.append(f"订单 {order['number']}（{order['state']}）仍占用 {flow['open_fen']} 分")
    return Check(title="I9 取消或退款的云券已退回", examined=len(ended), differences=differences)


async def _check_cursors(runtimes: Mapping[str, Books]) -> Check:
    """I8: facts of an aggregate have versions 1, 2, 3 and so on, and every consumer has read to the newest."""
    differences: list[str] = []
    newest: dict[str, dict[UUID, int]] = defaultdict(dict)
    for name, runtime in runtimes.items():
        for row in await _read(runtime, _NEWEST):
            stream = f"{name}.{row['aggregate_type']}"
            newest[stream][row["aggregate_id"]] = row["newest"]
            if row["oldest"] != 1 or not row["newest"] == row["facts"] == row["versions"]:
                differences.append(f"{stream} {row['aggregate_id']} 的版本不连续")
    examined = 0
    for name, runtime in runtimes.items():
        cursors = {(row["stream"], row["aggregate_id"]): row["version"] for row in await _read(runtime, _CURSORS)}
        for stream in runtime.service.wiring().streams:
            for aggregate_id, version in newest[stream].items():
                examined += 1
                at = cursors.get((stream, aggregate_id), 0)
                if at != version:
                    differences.append(f"{name} 读到 {stream} {aggregate_id} 的第 {at} 版，最新为第 {version} 版")
    return Check(title="I8 各服务已按序读完全部事实", examined=examined, differences=differences)


async def _check_sagas(order: Books) -> Check:
    """I11: every saga has ended or waits for people."""
    sagas = await _read(order, _SAGAS)
    differences = [
        f"{row['kind']} {row['order_id']} 停在 {row['state']} {row['pending_name']}"
        for row in sagas
        if row["state"] not in RESTING
    ]
    return Check(title="I11 流程均已结束或在等待人工", examined=len(sagas), differences=differences)


async def _check_tickets(voucher: Books) -> Check:
    """I13: tickets and decisions are numbered without a gap, and every ticket is decided."""
    differences = []
    examined = 0
    for row in await _read(voucher, _TICKETS):
        examined += row["tickets"]
        if not row["tickets"] == row["highest_ticket"] == row["last_ticket_no"] == row["decided_to"]:
            differences.append(f"{row['year']} 年度申领编号不连续或未全部处理")
        if not row["decisions"] == row["highest_decision"] == row["last_decision_no"]:
            differences.append(f"{row['year']} 年度分配决定编号不连续")
    return Check(title="I13 申领编号与分配决定连续", examined=examined, differences=differences)


async def _check_leftovers(runtimes: Mapping[str, Books]) -> Check:
    """I14: every message received was applied; nothing is parked, waits for a retry or is a dead letter."""
    differences: list[str] = []
    examined = 0
    for name, runtime in runtimes.items():
        (row,) = await _read(runtime, _LEFTOVERS)
        examined += row["received"]
        differences += [f"{name}：{title} {row[key]} 条" for key, title in _LEFTOVERS_ZH.items() if row[key]]
    return Check(title="I14 无死信、待序、待重试消息", examined=examined, differences=differences)
