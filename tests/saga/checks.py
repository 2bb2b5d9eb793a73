"""The invariants as checks over the running services: after each step, and when nothing is under way."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from operations.crosschecks import check_services
from services.order.domain.saga import RESTING
from services.voucher.domain.allocation import Entry, EntryKind, Ticket, canonical
from services.voucher.domain.replay import INPUTS, Rules, replay
from services.voucher.proof import prove
from shared.runtime.service.runtime import Runtime
from tests.factories.people import Acknowledged
from tests.factories.world import World

Findings = Sequence[str]

_GAPS = """
SELECT aggregate_id FROM fact GROUP BY aggregate_id HAVING count(*) <> max(version) OR min(version) <> 1
"""
_TICKETS = """
SELECT p.year FROM plan p JOIN intake_counter c ON c.plan_id = p.id
WHERE (SELECT count(*) FROM application a WHERE a.plan_id = p.id) <> c.last_ticket_no
   OR (SELECT COALESCE(max(ticket_no), 0) FROM application a WHERE a.plan_id = p.id) <> c.last_ticket_no
   OR (SELECT count(*) FROM allocation d WHERE d.plan_id = p.id) <> p.last_decision_no
   OR (SELECT COALESCE(max(decision_no), 0) FROM allocation d WHERE d.plan_id = p.id) <> p.last_decision_no
   OR p.decided_to > c.last_ticket_no
"""
# One statement, so one moment: read before its order, a saga that holds would seem at rest although the order's end,
# a moment later, has set it to release.
_ENDED = """
SELECT o.id FROM cloud_order o WHERE o.state IN ('refused', 'cancelled', 'refunded')
  AND NOT EXISTS (SELECT FROM saga s WHERE s.order_id = o.id AND s.state <> ALL($1::text[]))
"""
_FLOWS = """
SELECT order_id, sum(CASE WHEN credit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint
     - sum(CASE WHEN debit_account IN ('held', 'committed', 'claimed') THEN amount_fen ELSE 0 END)::bigint AS open_fen,
       sum(CASE WHEN credit_account = 'redeemed' THEN amount_fen ELSE 0 END)::bigint AS redeemed_fen
FROM posting WHERE order_id IS NOT NULL GROUP BY order_id
"""
_BOTH = """
SELECT order_id, line FROM posting GROUP BY order_id, line
HAVING bool_or(movement = 'refund') AND bool_or(movement IN ('redeem', 'short'))
"""
_OWNERLESS = """
SELECT order_id FROM hold WHERE state IN ('held', 'committed', 'claimed') AND order_id = ANY($1::uuid[])
"""
# Which aggregate carries what a client was told, by service and first part of the path.
_SUBJECTS = {
    ("order", "orders"): "SELECT id, version FROM cloud_order",
    ("voucher", "applications"): "SELECT id, version FROM application",
    ("voucher", "plans"): "SELECT id, version FROM plan",
    ("settlement", "claims"): "SELECT id, version FROM claim",
    ("settlement", "appropriations"): "SELECT id, version FROM appropriation",
}


async def check_step(world: World) -> Findings:
    """I1, I2, I4 to I9, I12 and I13, at any moment: what differs, in words."""
    runtimes = {runtime.service.name: runtime for runtime in world.platform.host.runtimes}
    checks: list[Awaitable[list[str]]] = [
        _check_ledger(runtimes["voucher"]),
        _check_ended(runtimes),
        _check_replay(runtimes["voucher"], world),
        _check_single(runtimes["order"], world),
        *(_check_versions(name, runtime) for name, runtime in runtimes.items()),
    ]
    return [finding for findings in await asyncio.gather(*checks) for finding in findings]


async def _check_ledger(voucher: Runtime) -> list[str]:
    async with voucher.reading() as connection:
        proof = await prove(connection)
        both = await connection.fetch(_BOTH)
        tickets = await connection.fetch(_TICKETS)
    found = [f"I1/I2/I4 {one.check}: {one.account} {one.stored_fen} {one.computed_fen}" for one in proof.differences]
    found += [f"I5 {row['order_id']} line {row['line']} was refunded and paid" for row in both]
    return found + [f"I13 {row['year']}: tickets or decisions have a gap" for row in tickets]


async def _check_ended(runtimes: Mapping[str, Runtime]) -> list[str]:
    """I9: an order that ended, and whose sagas rest, holds no money and was not paid."""
    async with runtimes["order"].reading() as connection:
        ended = {row["id"] for row in await connection.fetch(_ENDED, sorted(RESTING))}
    async with runtimes["voucher"].reading() as connection:
        flows = await connection.fetch(_FLOWS)
    return [
        f"I9 {row['order_id']} ended and still holds {row['open_fen']} fen"
        for row in flows
        if row["order_id"] in ended and (row["open_fen"] or row["redeemed_fen"])
    ]


async def _check_versions(name: str, runtime: Runtime) -> list[str]:
    """I8: the facts of an aggregate are 1, 2, 3 and so on."""
    async with runtime.reading() as connection:
        return [f"I8 {name}: {row['aggregate_id']} has a gap" for row in await connection.fetch(_GAPS)]


async def _check_single(order: Runtime, world: World) -> list[str]:
    """I6: every accepted order is there, once for each key."""
    told = {one.key: one.subject for one in world.log if (one.service, one.path) == ("order", "orders")}
    async with order.reading() as connection:
        rows = await connection.fetch("SELECT id FROM cloud_order WHERE enterprise_id = $1", world.enterprise_id)
        stored = await connection.fetchval(
            "SELECT count(*) FROM idempotency WHERE key = ANY($1::text[]) AND status = 201", list(told)
        )
    placed = {row["id"] for row in rows}
    if len(set(told.values())) != len(told) or not set(told.values()) >= placed or stored != len(told):
        return [f"I6 {len(told)} accepted, {len(placed)} orders, {stored} answers"]
    return []


async def _check_replay(voucher: Runtime, world: World) -> list[str]:
    """I12: replaying the plan's intake gives the same bytes."""
    async with voucher.reading() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        plan = await connection.fetchrow("SELECT * FROM plan WHERE id = $1", world.plan_id)
        rows = await connection.fetch("SELECT * FROM allocation WHERE plan_id = $1 ORDER BY decision_no", world.plan_id)
        asked = await connection.fetch("SELECT * FROM application WHERE plan_id = $1", world.plan_id)
    if plan is None:
        return []
    names = Entry.__struct_fields__
    recorded = [Entry(**({name: row[name] for name in names} | {"kind": EntryKind(row["kind"])})) for row in rows]
    tickets = [
        Ticket(ticket_no=row["ticket_no"], enterprise_id=row["enterprise_id"], asked_fen=row["requested_fen"],
               listed=row["listed"])
        for row in asked
    ]  # fmt: skip
    inputs = {entry.decision_no: entry for entry in recorded if entry.kind in INPUTS}
    limits = Rules(cap_fen=plan["cap_fen"], lane_share_bp=plan["lane_share_bp"])
    again = replay(tickets, inputs, rules=limits, last_decision_no=len(recorded))
    same = [canonical(entry, pack_version="") for entry in again]
    return [] if same == [canonical(entry, pack_version="") for entry in recorded] else ["I12 the replay differs"]


async def check_quiet(world: World) -> Findings:
    """I3, I8 to the newest fact, I10, I11, I14 and I16, and all of a step: what differs, in words."""
    runtimes = {runtime.service.name: runtime for runtime in world.platform.host.runtimes}
    found = list(await check_step(world))
    for check in await check_services(runtimes):
        found += [f"{check.title}: {difference}" for difference in check.differences]
    found += await _check_owners(runtimes)
    found += await _check_received(runtimes)
    return found + await _check_acknowledged(runtimes, world.log)


async def _check_owners(runtimes: Mapping[str, Runtime]) -> list[str]:
    """I10: no hold or claim stands for an order that ended."""
    async with runtimes["order"].reading() as connection:
        rows = await connection.fetch("SELECT id FROM cloud_order WHERE state IN ('cancelled', 'refused')")
    async with runtimes["voucher"].reading() as connection:
        left = await connection.fetch(_OWNERLESS, [row["id"] for row in rows])
    return [f"I10 {row['order_id']} holds money without a living order" for row in left]


async def _check_received(runtimes: Mapping[str, Runtime]) -> list[str]:
    """I14 and I7: what this process applied is in the inboxes; the rest were duplicates."""
    found = []
    for name, runtime in runtimes.items():
        async with runtime.reading() as connection:
            kept = await connection.fetchval("SELECT count(*) FROM inbox")
        if runtime.counts["applied"] > kept:
            found.append(f"I7 {name} applied {runtime.counts['applied']} events and knows {kept}")
    return found


async def _check_acknowledged(runtimes: Mapping[str, Runtime], log: Sequence[Acknowledged]) -> list[str]:
    """I16: whatever a client was told is still there, at that version or a later one."""
    found = []
    for (service, kind), statement in _SUBJECTS.items():
        async with runtimes[service].reading() as connection:
            stored = {row["id"]: row["version"] for row in await connection.fetch(statement)}
        told = [one for one in log if one.service == service and one.path.split("/")[0] == kind]
        found += [f"I16 {one.path} {one.subject} is gone" for one in told if stored.get(one.subject, -1) < one.version]
    return found


async def assert_step(world: World) -> None:
    """Nothing differs. Raises: AssertionError."""
    found = await check_step(world)
    assert not found, found


async def assert_quiet(world: World) -> None:
    """Nothing is under way and nothing differs. Raises: AssertionError."""
    await world.rest()
    found = await check_quiet(world)
    assert not found, found
