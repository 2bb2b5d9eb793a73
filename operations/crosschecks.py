"""The checks across services: each keeps its own database, so rows are read from each and compared here.

They hold when the platform is quiet. Source: invariants I3, I5, I8, I9, I11, I13, I14.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from operations.cursors import Reading, own_facts, readings, streams_of
from operations.differences import LISTED_MAX, Check, Difference, Rule, Told, unheard
from operations.orders import Dossier, dossiers, strangers, these
from operations.walks import PAGE, Books, Row, Rows, counted, read, read_keys
from services.order.domain.saga import RESTING
from services.settlement.domain.states import LIVE_ITEMS, ItemState

_BOTH = """
SELECT order_id, line FROM posting WHERE movement IN ('refund', 'redeem', 'short')
GROUP BY order_id, line HAVING count(*) FILTER (WHERE movement = 'refund') > 0
                           AND count(*) FILTER (WHERE movement <> 'refund') > 0
ORDER BY 1, 2 LIMIT $1
"""
_TICKETS = """
SELECT p.year, c.last_ticket_no, p.decided_to, p.last_decision_no,
       (SELECT count(*) FROM application a WHERE a.plan_id = p.id) AS tickets,
       (SELECT COALESCE(max(ticket_no), 0) FROM application a WHERE a.plan_id = p.id) AS highest_ticket,
       (SELECT count(*) FROM allocation d WHERE d.plan_id = p.id) AS decisions,
       (SELECT COALESCE(max(decision_no), 0) FROM allocation d WHERE d.plan_id = p.id) AS highest_decision
FROM plan p JOIN intake_counter c ON c.plan_id = p.id ORDER BY p.year
"""
_LEFTOVERS = """
SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM resend) AS outbox,
       (SELECT count(*) FROM parked) AS parked,
       (SELECT count(*) FROM retry) AS retry,
       (SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL) AS dead_letter,
       (SELECT count(*) FROM inbox) AS received
"""
_SAGAS = """
SELECT id, kind, order_id, state, pending_name FROM saga WHERE state <> ALL($1::text[]) ORDER BY id LIMIT $2
"""
_ACCOUNTS = """
SELECT id, enterprise_id, year, available_fen FROM quota_account
WHERE id > $1 AND version > 0 ORDER BY id LIMIT $2
"""
_BALANCES = """
SELECT b.enterprise_id, b.year, b.available_fen FROM balance b
JOIN unnest($1::uuid[], $2::int[]) AS k(enterprise_id, year)
  ON b.enterprise_id = k.enterprise_id AND b.year = k.year
"""

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
_ENDED = frozenset({"refused", "cancelled", "refunded"})


async def check_services(books: Mapping[str, Books], *, told: Told = unheard) -> list[Check]:
    """Every check across the services, in the order of the invariants."""
    holds, items = Check(Rule.HOLDS), Check(Rule.ITEMS)
    money, copies = Check(Rule.MONEY_BACK), Check(Rule.COPIES)
    await _check_orders(books, holds=holds, items=items, money=money, copies=copies, told=told)
    both = await _check_refund_or_redeem(books["voucher"])
    await _check_balances(books, copies, told=told)
    return [
        holds,
        items,
        both,
        money,
        await check_facts(books, told=told),
        copies,
        await _check_sagas(books["order"]),
        await _check_tickets(books["voucher"]),
        await _check_leftovers(books),
    ]


async def _check_orders(  # noqa: PLR0913 - four rules look at the same pages
    books: Mapping[str, Books], *, holds: Check, items: Check, money: Check, copies: Check, told: Told
) -> None:
    total = await counted(books["order"], "cloud_order")
    doubtful: list[UUID] = []
    async for page in dossiers(books):
        for one in page:
            found = _differences(one)
            if any(found) and len(doubtful) < LISTED_MAX:
                doubtful.append(one.order["id"])
            else:
                _add(found, holds, items, money, copies)
        holds.examined += len(page)
        items.examined += sum(len(one.items) for one in page)
        money.examined += sum(one.order["state"] in _ENDED for one in page)
        copies.examined += len(page)
        told("orders", holds.examined, total)
    # What moved between two of the reads differed for that moment only.
    async for page in these(books, doubtful):
        for one in page:
            _add(_differences(one), holds, items, money, copies)
    async for row in strangers(books, "voucher"):
        facts = {"order_id": row["order_id"], "hold_state": row["state"]}
        holds.add([Difference(kind="hold.stranger", facts=facts)])
    async for row in strangers(books, "settlement"):
        items.add([Difference(kind="item.order_unknown", facts=dict(row))])


def _differences(one: Dossier) -> tuple[list[Difference], ...]:
    """What differs of one order: its hold, its items, its money, its copy."""
    holds = hold_differences(one.order, hold=one.hold, wanted=one.lines, held=one.held)
    return holds, _item_differences(one), _kept(one), _copy_differences(one)


def _add(found: Sequence[Sequence[Difference]], *checks: Check) -> None:
    for check, differences in zip(checks, found, strict=True):
        check.add(differences)


def hold_differences(order: Row, *, hold: Row | None, wanted: Rows, held: Rows) -> list[Difference]:
    """What does not agree between an order with its lines (`wanted`) and its hold with its lines (`held`)."""

    def differs(kind: str, **facts: object) -> Difference:
        about = {"order_id": order["id"], "number": order["number"], "state": order["state"]}
        return Difference(kind=kind, facts={**about, **facts})

    if order["state"] not in _HOLD_OF_ORDER:
        return [differs("hold.unfinished")]
    states, line_state = _HOLD_OF_ORDER[order["state"]]
    ended = "released" in states
    if hold is None:
        return [] if ended or order["voucher_fen"] == 0 else [differs("hold.missing")]
    found = [] if hold["state"] in states else [differs("hold.state", hold_state=hold["state"])]
    if not ended and hold["claim_id"] != order["claim_id"]:
        found.append(differs("hold.claim"))
    amounts = {row["line"]: row for row in held}
    for line in wanted:
        other = amounts.get(line["line"])
        if other is None:
            if line["voucher_fen"] and not ended:
                found.append(differs("hold.line_missing", line=line["line"]))
            continue
        expected = "refunded" if line["refunded"] else line_state
        if other["amount_fen"] != line["voucher_fen"] or other["state"] != expected:
            amount = {"amount_fen": other["amount_fen"], "expected_fen": line["voucher_fen"]}
            facts = {"line": line["line"], "line_state": other["state"], "expected": expected, **amount}
            found.append(differs("hold.line", **facts))
    return found


def _item_differences(one: Dossier) -> list[Difference]:
    order = one.order
    found = [found for item in one.items if (found := item_difference(item, order, one.flow)) is not None]
    live = any(item["state"] in LIVE_ITEMS for item in one.items)
    if order["state"] in {"claimed", "redeemed"} and not live:
        facts = {name: order[name] for name in ("number", "state", "claim_id")}
        found.append(Difference(kind="item.missing", facts=facts))
    return found


def item_difference(item: Row, order: Row, flow: Row | None) -> Difference | None:
    """What does not agree between a claim's item, its order, and the ledger's movements of that order; or nothing."""
    about = {"claim_id": item["claim_id"], "order_id": order["id"], "state": order["state"]}
    if item["state"] not in LIVE_ITEMS:
        return Difference(kind="item.ended", facts=about) if order["claim_id"] == item["claim_id"] else None
    wanted = "redeemed" if item["state"] == ItemState.PAID else "claimed"
    if order["state"] != wanted or order["claim_id"] != item["claim_id"]:
        return Difference(kind="item.state", facts={**about, "item_state": item["state"]})
    redeemed_fen = flow["redeemed_fen"] if flow is not None else 0
    if item["state"] != ItemState.PAID or item["approved_fen"] == order["paid_fen"] == redeemed_fen:
        return None
    amounts = {"approved_fen": item["approved_fen"], "paid_fen": order["paid_fen"], "redeemed_fen": redeemed_fen}
    return Difference(kind="item.amount", facts={**about, **amounts})


def _kept(one: Dossier) -> list[Difference]:
    """I9: what was refused, cancelled or refunded holds no money any more, and nothing of it was paid."""
    order, flow = one.order, one.flow
    if order["state"] not in _ENDED or flow is None or not (flow["open_fen"] or flow["redeemed_fen"]):
        return []
    facts = {"number": order["number"], "state": order["state"], "open_fen": flow["open_fen"]}
    return [Difference(kind="money.kept", facts=facts)]


def _copy_differences(one: Dossier) -> list[Difference]:
    """Settlement's copy has the order's state, claim and voucher amount."""
    order, copy = one.order, one.copy
    if copy is None:
        return []
    said = (copy["state"], copy["claim_id"], copy["voucher_fen"])
    # A refund that waits for voucher's answer is refunded for settlement already.
    returned = order["refund_state"] == "returning"
    if returned or said == (order["state"], order["claim_id"], order["voucher_fen"] - order["refunded_voucher_fen"]):
        return []
    facts = {"number": order["number"], "state": order["state"], "copied": copy["state"]}
    return [Difference(kind="copy.order", facts=facts)]


async def _check_balances(books: Mapping[str, Books], check: Check, *, told: Told) -> None:
    """Order's copies of the balances, which its quotes are made from, are those of the ledger."""
    after = UUID(int=0)
    while accounts := await read_keys(books["voucher"], _ACCOUNTS, after, PAGE):
        owners = [row["enterprise_id"] for row in accounts], [row["year"] for row in accounts]
        copies = {
            (row["enterprise_id"], row["year"]): row for row in await read_keys(books["order"], _BALANCES, *owners)
        }
        for row in accounts:
            copy = copies.get((row["enterprise_id"], row["year"]))
            if copy is not None and copy["available_fen"] != row["available_fen"]:
                facts = {"aggregate_id": row["id"], "copied_fen": copy["available_fen"], "fen": row["available_fen"]}
                check.add([Difference(kind="copy.balance", facts=facts)])
        check.examined += len(accounts)
        after = accounts[-1]["id"]
        told("copies", check.examined, None)


async def _check_refund_or_redeem(voucher: Books) -> Check:
    """I5: a line is refunded or redeemed, never both."""
    check = Check(Rule.REFUND_OR_REDEEM)
    check.examined = await counted(voucher, "hold_line")
    check.add([Difference(kind="line.both", facts=dict(row)) for row in await read(voucher, _BOTH, PAGE)])
    return check


async def check_facts(books: Mapping[str, Books], *, told: Told = unheard) -> Check:
    """I8: facts of an aggregate have versions 1, 2, 3 and so on, and every consumer has read exactly to the newest."""
    check = Check(Rule.FACTS)
    total = sum([await counted(service, "cursor") for service in books.values()])
    for producer in books:
        async for one in own_facts(books, producer):
            if not one.gapless:
                check.add([reading_difference(one, kind="facts.gap")])
    for consumer in books:
        for stream in streams_of(books, consumer):
            async for one in readings(books, consumer=consumer, stream=stream):
                check.examined += 1
                if one.at != one.newest:
                    check.add([reading_difference(one)])
                if check.examined % PAGE == 0:
                    told("facts", check.examined, total)
    return check


def reading_difference(one: Reading, *, kind: str = "") -> Difference:
    """The difference of a consumer that has read too little, or more than its producer knows."""
    facts: dict[str, Any] = {
        name: getattr(one, name) for name in ("stream", "consumer", "aggregate_id", "newest", "at")
    }
    kind = kind or ("cursor.behind" if one.at < one.newest else "cursor.ahead" if one.newest else "cursor.lost")
    return Difference(kind=kind, facts={**facts, "producer": one.producer})


async def _check_sagas(order: Books) -> Check:
    """I11: every saga has ended or waits for people."""
    check = Check(Rule.SAGAS)
    check.examined = await counted(order, "saga")
    for row in await read(order, _SAGAS, sorted(step.value for step in RESTING), PAGE):
        facts = {"saga_kind": row["kind"], "order_id": row["order_id"], "state": row["state"]}
        check.add([Difference(kind="saga.moving", facts={**facts, "pending": row["pending_name"]})])
    return check


async def _check_tickets(voucher: Books) -> Check:
    """I13: tickets and decisions are numbered without a gap, and every ticket is decided."""
    check = Check(Rule.TICKETS)
    for row in await read(voucher, _TICKETS):
        check.examined += row["tickets"]
        if not row["tickets"] == row["highest_ticket"] == row["last_ticket_no"] == row["decided_to"]:
            check.add([Difference(kind="tickets.gap", facts={"year": row["year"]})])
        if not row["decisions"] == row["highest_decision"] == row["last_decision_no"]:
            check.add([Difference(kind="decisions.gap", facts={"year": row["year"]})])
    return check


async def _check_leftovers(books: Mapping[str, Books]) -> Check:
    """I14: every message received was applied; nothing is parked, waits for a retry or is a dead letter."""
    check = Check(Rule.LEFTOVERS)
    for name, service in books.items():
        (row,) = await read(service, _LEFTOVERS)
        check.examined += row["received"]
        for kind in ("outbox", "parked", "retry", "dead_letter"):
            if row[kind]:
                check.add([Difference(kind=f"left.{kind}", facts={"service": name, "count": row[kind]})])
    return check
